"""Retrieval accounted for without a judge: gold articles come from the headings of the gold context.

Everything is counted over (law, article) pairs. A question whose gold context names only guidelines has no article that
a statute index could return; it is left out, and the number of questions that remain is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.questions import Question
from app.data.provisions import law_key, parse_provisions

ArticleKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RetrievalScore:
    """How well the top k of one question covers its gold articles."""

    recall: float  # share of the gold articles found
    hit: bool  # at least one found
    all_found: bool
    reciprocal_rank: float  # 1 / rank of the first gold article; 0 if none is found


@dataclass(frozen=True, slots=True)
class RetrievalSummary:
    """Means over the questions that have a statute article."""

    questions: int  # the denominator
    without_article: int  # questions that cannot be counted
    k: int  # passages looked at
    recall: float
    hit: float
    all_found: float
    mrr: float


@dataclass(frozen=True, slots=True)
class ConditionalAccuracy:
    """Accuracy where retrieval found a gold article and where it did not; None where there is no such question."""

    hits: int
    misses: int
    given_hit: float | None
    given_miss: float | None


def gold_keys(question: Question) -> frozenset[ArticleKey]:
    """(law, article) of every statute article in the gold context; guideline sections are not among them."""
    if not question.context:
        return frozenset()
    return frozenset(
        provision.ref.article_key
        for provision in parse_provisions(question.context)
        if provision.is_article and provision.law
    )


def passage_key(law_title: str, article: str, part: str = "main") -> ArticleKey:
    """The key of a retrieved passage in the spelling of ``gold_keys``; supplementary articles are ``附則1``."""
    return (law_key(law_title), f"附則{article}" if part == "supplement" else article)


def score_retrieval(gold: frozenset[ArticleKey], ranked: Sequence[ArticleKey], k: int) -> RetrievalScore:
    """The score of the first ``k`` of ``ranked``. Raises ValueError without gold articles or for k < 1."""
    if not gold:
        raise ValueError("no gold articles: the question cannot be counted")
    if k < 1:
        raise ValueError(f"k must be positive, got {k}")
    top = ranked[:k]
    found = gold.intersection(top)
    first = next((rank for rank, key in enumerate(top, start=1) if key in gold), None)
    return RetrievalScore(len(found) / len(gold), bool(found), found == gold, 1 / first if first else 0.0)


def summarize_retrieval(
    gold: Mapping[str, frozenset[ArticleKey]], ranked: Mapping[str, Sequence[ArticleKey]], k: int
) -> RetrievalSummary | None:
    """Means over the questions with gold articles; None if there is none. Both mappings are by question id.

    Raises KeyError if a question with gold articles has no ranking: nothing found is an empty ranking, not a missing one.
    """
    scores = [score_retrieval(keys, ranked[question_id], k) for question_id, keys in gold.items() if keys]
    if not scores:
        return None
    count = len(scores)
    return RetrievalSummary(
        questions=count,
        without_article=len(gold) - count,
        k=k,
        recall=sum(score.recall for score in scores) / count,
        hit=sum(score.hit for score in scores) / count,
        all_found=sum(score.all_found for score in scores) / count,
        mrr=sum(score.reciprocal_rank for score in scores) / count,
    )


def accuracy_by_hit(hit: Mapping[str, bool], right: Mapping[str, float]) -> ConditionalAccuracy:
    """Accuracy of the questions in ``hit``, split by whether a gold article was found. ``right`` is by question id."""
    found = [right[question_id] for question_id, is_hit in hit.items() if is_hit]
    missed = [right[question_id] for question_id, is_hit in hit.items() if not is_hit]
    return ConditionalAccuracy(
        hits=len(found),
        misses=len(missed),
        given_hit=sum(found) / len(found) if found else None,
        given_miss=sum(missed) / len(missed) if missed else None,
    )
