"""From what was found to one order of articles: cited articles first, then what words or vectors found, helped by the citations.

Pure functions over article numbers; every part of a score is kept by name, so that it can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..engines.fusion import reciprocal_rank_fusion

NEIGHBOUR_SHARE = 0.2  # of the best score: what a citation from a seed adds to a candidate (chosen on dev)
NEIGHBOUR_SEEDS = 2  # best articles whose citations count, beside the cited ones
MENTION_SHARE = 0.5  # of the best score: what an article gains that a statement to be judged names (chosen on dev)
ALONE_SHARE = 1.0  # … that is the whole of a statement: which article it is, is what is asked (dev: no difference)
DELEGATION_SHARE = (
    0.3  # of the best score: what an order's article gains that fills in what a seed leaves to it (chosen on dev)
)
DELEGATION_SEEDS = 1  # best articles whose delegations count, beside the named ones
# Of the two rankings where the question's words do not reach, and what words find is mostly wrong: a guess that was not
# measured over the whole book (docs/retrieval.md).
LOW_WEIGHTS = {"vector": 1.0, "bm25": 0.2}


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


def fused(
    hits: Mapping[str, Sequence[tuple[int, int, float]]], wanted: int, weights: Mapping[str, float] | None = None
) -> dict[int, dict[str, float]]:
    """Article → parts of its score, best first: the score itself of one ranking, (weighed) reciprocal ranks of two."""
    best = {
        name: dict(list(best_per_article((article_id, score) for _, article_id, score in rows).items())[:wanted])
        for name, rows in hits.items()
    }
    if len(best) == 1:
        ((name, scores),) = best.items()
        return {article_id: {name: score} for article_id, score in scores.items()}
    return reciprocal_rank_fusion({name: list(scores) for name, scores in best.items()}, weights)


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


def raised(
    articles: Iterable[int], share: float, found: Mapping[int, Mapping[str, float]], *, add: bool = False
) -> dict[int, float]:
    """What each of ``articles`` gains: ``share`` of the best score. Those not found are left out unless ``add``."""
    top = max((sum(parts.values()) for parts in found.values()), default=0.0)
    return {article_id: share * top for article_id in articles if add or article_id in found}


def with_part(
    found: Mapping[int, Mapping[str, float]], name: str, gains: Mapping[int, float]
) -> dict[int, dict[str, float]]:
    """``found`` with one more part of the score, best first; an article that only gains comes in by it alone."""
    out = {article_id: dict(parts) for article_id, parts in found.items()}
    for article_id, gain in gains.items():
        if gain:
            parts = out.setdefault(article_id, {})
            parts[name] = parts.get(name, 0.0) + gain
    # Equal scores keep the order in which they were found.
    return dict(sorted(out.items(), key=lambda item: -sum(item[1].values())))


def ranked(named: Sequence[int], found: Mapping[int, Mapping[str, float]]) -> list[Scored]:
    """Articles best first; ``found`` holds the parts of each article's score.

    An article that the question names comes before all that were only found, in the order named.
    """
    order = dict.fromkeys(named)
    top = max((sum(parts.values()) for parts in found.values()), default=0.0)
    # Above every other score, and above the next one named.
    first = [_scored(one, found.get(one, {}), top + len(order) - place) for place, one in enumerate(order)]
    rest = [_scored(article_id, parts, 0.0) for article_id, parts in found.items() if article_id not in order]
    return _descending(first) + sorted(rest, key=lambda one: -one.score)


def diversified(
    relevance: Sequence[float], tokens: Sequence[frozenset[str]], share: float, wanted: int, first: int = 0
) -> list[int]:
    """Places of ``wanted`` candidates, each the best by share·relevance − (1 − share)·likeness to the most alike one chosen.

    Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998). Relevance is taken as a part of the highest, likeness
    is the Jaccard index of the tokens. The ``first`` candidates are chosen before all others, in their order.
    """
    chosen = list(range(min(first, wanted, len(relevance))))
    rest = list(range(len(chosen), len(relevance)))
    top = max(relevance, default=0.0) or 1.0
    likeness = [
        max((_jaccard(tokens[one], tokens[other]) for other in chosen), default=0.0) for one in range(len(tokens))
    ]
    while rest and len(chosen) < wanted:
        best = max(rest, key=lambda one: (share * relevance[one] / top - (1 - share) * likeness[one], -one))
        chosen.append(best)
        rest.remove(best)
        for one in rest:
            likeness[one] = max(likeness[one], _jaccard(tokens[one], tokens[best]))
    return chosen


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first or second else 0.0


def _scored(article_id: int, found: Mapping[str, float], bonus: float) -> Scored:
    parts = {**found, "citation": bonus} if bonus else dict(found)
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
