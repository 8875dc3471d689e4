"""From what was found to one order of articles: cited articles first, then what words or vectors found, helped by the citations.

Pure functions over article numbers; every part of a score is kept by name, so that it can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NEIGHBOUR_SHARE = 0.2  # of the best score: what a citation from a seed adds to a candidate (chosen on dev)
NEIGHBOUR_SEEDS = 2  # best articles whose citations count, beside the cited ones


@dataclass(frozen=True, slots=True)
class Scored:
    """An article with its score and the parts of it."""

    article_id: int
    score: float
    components: dict[str, float] = field(default_factory=dict)


def best_per_article(hits: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Article → score of its best passage, best first; ``hits`` are (article, score) of passages, best first.

    Adding the scores of an article's passages up favoured long articles when it was tried.
    """
    best: dict[int, float] = {}
    for article_id, score in hits:
        best.setdefault(article_id, score)
    return best


def neighbour_boosts(
    seeds: Sequence[int], cited_by: Mapping[int, Iterable[int]], candidates: Mapping[int, float]
) -> dict[int, float]:
    """What each candidate gains when a seed cites it (``cited_by[seed]`` are the articles that the seed cites)."""
    share = NEIGHBOUR_SHARE * max(candidates.values(), default=0.0)
    boosts: dict[int, float] = {}
    for seed in seeds:
        for article_id in set(cited_by.get(seed, ())):
            if article_id in candidates and article_id != seed:
                boosts[article_id] = boosts.get(article_id, 0.0) + share
    return boosts


def ranked(cited: Sequence[int], found: Mapping[int, Mapping[str, float]], boosts: Mapping[int, float]) -> list[Scored]:
    """Articles best first; ``found`` holds the parts of each article's score.

    An article the question names comes before all that were only found, in the order named.
    """
    sums = {article_id: sum(parts.values()) + boosts.get(article_id, 0.0) for article_id, parts in found.items()}
    top = max(sums.values(), default=0.0)
    named: list[Scored] = []
    for place, article_id in enumerate(dict.fromkeys(cited)):
        # Above every other score, and above the next one named.
        bonus = top + len(cited) - place
        named.append(_scored(article_id, found.get(article_id, {}), boosts, bonus))
    known = {one.article_id for one in named}
    rest = [_scored(article_id, parts, boosts, 0.0) for article_id, parts in found.items() if article_id not in known]
    # Equal scores keep the order in which they were found.
    return _descending(named) + sorted(rest, key=lambda one: -one.score)


def _scored(article_id: int, found: Mapping[str, float], boosts: Mapping[int, float], bonus: float) -> Scored:
    parts = {**found, "graph": boosts.get(article_id, 0.0), "citation": bonus}
    return Scored(article_id, sum(parts.values()), {name: value for name, value in parts.items() if value})


def _descending(named: Sequence[Scored]) -> list[Scored]:
    """The named articles in their order, with scores that say the same."""
    out: list[Scored] = []
    floor = 0.0
    for one in reversed(named):
        lift = max(0.0, floor - one.score)
        parts = one.components | {"citation": one.components.get("citation", 0.0) + lift}
        out.append(Scored(one.article_id, one.score + lift, parts))
        floor = out[-1].score + 1.0
    return out[::-1]
