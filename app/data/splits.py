"""Splits by article cluster: sides of given sizes, or k folds, none sharing an article with another.

Clusters are dealt out whole, the largest first, each to the side that is then nearest to its share of every law and
every answer letter. Ties are broken by a seeded shuffle, so a seed gives one split.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from ..core.errors import ConfigError, DataError
from ..core.questions import LETTERS, Question, content_hash
from .clusters import natural_order, question_keys


def split_by_cluster(
    questions: Sequence[Question], shares: Mapping[str, float], seed: int
) -> dict[str, list[Question]]:
    """The questions of each named side, in file order; ``shares`` are positive and need not sum to 1.

    Raises ConfigError for shares that are not positive, DataError when a side would stay empty (fewer clusters than
    sides, or one cluster with nearly everything).
    """
    if not shares or any(not share > 0 for share in shares.values()):
        raise ConfigError(f"分割の割合は正の数にしてください（{dict(shares)}）。")
    whole = sum(shares.values())
    clusters: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        clusters[question.cluster].append(question)
    if len(clusters) < len(shares):
        raise DataError(
            f"条文クラスタが {len(clusters)} 個しかなく、{len(shares)} 組に分けられません。"
            "問題を増やすか、組の数を減らしてください。"
        )
    wanted = {
        side: {stratum: count * share / whole for stratum, count in _strata(questions).items()}
        for side, share in shares.items()
    }
    dealt: dict[str, Counter[str]] = {side: Counter() for side in shares}
    side_of: dict[str, str] = {}
    for cluster in _dealing_order(clusters, seed):
        strata = _strata(clusters[cluster])
        gain = {side: _gain(dealt[side], strata, wanted[side]) for side in shares}
        side_of[cluster] = max(shares, key=lambda side: gain[side])
        dealt[side_of[cluster]].update(strata)
    _fill_empty_sides(side_of, clusters, shares)
    sides: dict[str, list[Question]] = {side: [] for side in shares}
    for question in questions:
        sides[side_of[question.cluster]].append(question)
    return sides


def fold_by_cluster(questions: Sequence[Question], folds: int, seed: int) -> list[list[Question]]:
    """``folds`` lists of questions: every question in exactly one, no article in two."""
    if folds < 2:
        raise ConfigError(f"--folds {folds}: 2 以上にしてください。")
    return list(split_by_cluster(questions, {f"fold_{n}": 1.0 for n in range(1, folds + 1)}, seed).values())


def check_disjoint(sides: Mapping[str, Iterable[Question]]) -> None:
    """Raises DataError when two sides share an article, a context or the text of a question: training would leak."""
    held: dict[str, dict[str, str]] = {}
    for side, questions in sides.items():
        held[side] = {}
        for question in questions:
            for key in question_keys(question):
                held[side][key] = question.id
            held[side][content_hash(question.question, question.choices)] = question.id
    faults = [
        f"{first} の {held[first][key]} と {second} の {held[second][key]}（{key if ' ' in key else '同じ問題文'}）"
        for first, second in combinations(held, 2)
        for key in sorted(held[first].keys() & held[second].keys(), key=natural_order)
    ]
    if faults:
        raise DataError(
            f"分割の二つの組が同じ条文を含むので、書き出しません（{len(faults)} 件）: " + "、".join(faults)
            + "。条文クラスタごとに分け直してください。"
        )  # fmt: skip


def side_statistics(questions: Sequence[Question]) -> dict[str, object]:
    """Counts of a side: questions, clusters, answers by letter, questions by law."""
    letters = Counter(question.correct for question in questions)
    return {
        "questions": len(questions),
        "clusters": len({question.cluster for question in questions}),
        "letters": {letter: letters[letter] for letter in LETTERS},
        "laws": dict(sorted(Counter(question.law for question in questions).items())),
    }


def overlap_statistics(questions: Sequence[Question]) -> dict[str, int]:
    """How much a split that ignores clusters would leak: pairs with one context, questions sharing an article."""
    contexts = Counter("".join(question.context.split()) for question in questions if question.context)
    holders = Counter(article for question in questions for article in {ref.article_key for ref in question.articles})
    return {
        "questions": len(questions),
        "clusters": len({question.cluster for question in questions}),
        "largest_cluster": max(Counter(question.cluster for question in questions).values(), default=0),
        "pairs_sharing_context": sum(count * (count - 1) // 2 for count in contexts.values()),
        "questions_sharing_article": sum(
            any(holders[ref.article_key] > 1 for ref in question.articles) for question in questions
        ),
    }


def _strata(questions: Sequence[Question]) -> Counter[str]:
    """What is balanced: the number of questions, of each law, of each letter."""
    strata: Counter[str] = Counter({"questions": len(questions)})
    for question in questions:
        strata[f"law {question.law}"] += 1
        strata[f"letter {question.correct}"] += 1
    return strata


def _dealing_order(clusters: Mapping[str, Sequence[Question]], seed: int) -> list[str]:
    names = sorted(clusters, key=natural_order)
    random.Random(seed).shuffle(names)  # noqa: S311  # a reproducible shuffle, no secret
    return sorted(names, key=lambda name: -len(clusters[name]))


def _gain(dealt: Counter[str], strata: Counter[str], wanted: Mapping[str, float]) -> float:
    """By how much the side's squared distance to its share shrinks, each stratum relative to its share."""
    return sum(
        ((wanted[key] - dealt[key]) ** 2 - (wanted[key] - dealt[key] - count) ** 2) / wanted[key]
        for key, count in strata.items()
    )


def _fill_empty_sides(
    side_of: dict[str, str], clusters: Mapping[str, Sequence[Question]], shares: Iterable[str]
) -> None:
    # A small share can lose every cluster to larger sides; it then gets the smallest cluster of the largest side.
    for side in shares:
        if side in side_of.values():
            continue
        counts = Counter(dict.fromkeys(side_of.values(), 0))
        for cluster, owner in side_of.items():
            counts[owner] += len(clusters[cluster])
        givers = [name for name in counts if sum(owner == name for owner in side_of.values()) > 1]
        giver = max(givers, key=lambda name: counts[name])
        given = min((name for name, owner in side_of.items() if owner == giver), key=lambda name: len(clusters[name]))
        side_of[given] = side
