"""How much of a question's words the best article has: whether words reach what is asked.

People ask in other words than statutes are written in. The share of the question's weight (the IDF of its tokens) that
stands in the passage found first tells the cases apart: most of it for a question in statute words, little for others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

LOW = 0.30  # below it words do not reach; chosen on the odd lay questions and dev of lawqa_jp (docs/retrieval.md)


def covered(weights: Mapping[str, float], tokens: Collection[str]) -> float:
    """The share (0 to 1) of ``weights`` (token of the question → its IDF) that ``tokens`` of a text have; 1 of none."""
    total = sum(weights.values())
    return sum(weight for token, weight in weights.items() if token in tokens) / total if total else 1.0
