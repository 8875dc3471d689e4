"""How well retrieval found the gold articles, without a judge: they are named in the question's own context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...data.context import ShownPassage
from .outcomes import Outcome

# An article of a law (27_2, 附則1), not a section of a guideline (4-2, 問12), which e-Gov does not have.
_LAW_ARTICLE = re.compile(r"(?:附則)?\d+(?:_\d+)*")


def is_found(passage: ShownPassage) -> bool:
    """Whether a passage is a gold article: a gold appendix, which is counted nowhere else, is none."""
    return passage.gold and _LAW_ARTICLE.fullmatch(passage.article) is not None


def countable(outcome: Outcome) -> bool:
    """Whether the question has a gold article that a statute index can hold."""
    return any(_LAW_ARTICLE.fullmatch(article) for _, article in outcome.gold_articles)


def gold_ranks(outcome: Outcome) -> list[int]:
    """Ranks, from 1, of the retrieved passages that are gold; several passages of one article count once."""
    ranks: list[int] = []
    seen: set[tuple[str, str]] = set()
    for rank, passage in enumerate(outcome.passages, start=1):
        key = (passage.law_title, passage.article)
        if is_found(passage) and key not in seen:
            ranks.append(rank)
            seen.add(key)
    return ranks


def retrieval_summary(outcomes: Sequence[Outcome], top_k: int) -> dict[str, Any]:
    """recall@k, Hit@k, all-gold@k and MRR over the countable questions, and accuracy where gold was shown or missed.

    recall@k is the mean share of a question's law articles that were retrieved; MRR the mean of one over the first
    gold rank, 0 for none (Voorhees 1999).
    """
    counted = [outcome for outcome in outcomes if countable(outcome)]
    recalls: list[float] = []
    first: list[float] = []
    for outcome in counted:
        gold = sum(bool(_LAW_ARTICLE.fullmatch(article)) for _, article in outcome.gold_articles)
        ranks = gold_ranks(outcome)
        recalls.append(min(1.0, len(ranks) / gold))
        first.append(1 / ranks[0] if ranks else 0.0)
    hit = [outcome for outcome in counted if any(is_found(passage) and passage.shown for passage in outcome.passages)]
    missed = [outcome for outcome in counted if outcome not in hit]
    return {
        "k": top_k,
        "questions": len(counted),
        "without_law_article": len(outcomes) - len(counted),
        "recall_at_k": _mean(recalls),
        "hit_at_k": _mean([float(share > 0) for share in recalls]),
        "all_gold_at_k": _mean([float(share >= 1) for share in recalls]),
        "mrr": _mean(first),
        "passages_left_out": sum(not passage.shown for outcome in outcomes for passage in outcome.passages),
        "accuracy_given_hit": _accuracy(hit),
        "accuracy_given_miss": _accuracy(missed),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _accuracy(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    correct = sum(outcome.status == "correct" for outcome in outcomes)
    return {"correct": correct, "total": len(outcomes), "accuracy": correct / len(outcomes) if outcomes else None}
