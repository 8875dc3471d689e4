"""Every choice as a statement judged by itself: how often the judgement is right, and how well it tells right from wrong.

Accuracy asks whether the log-odds are above 0, which a small model that says yes to nearly everything fails; the area
under the ROC curve asks only whether a statement that fits gets higher log-odds than one that does not, across all
questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import MIN_CLUSTERS, Interval, clustered_interval
from .outcomes import Outcome

SEED = 42
REPEATS = 1000
_BLOCK = 2_000_000  # numbers held at a time while clusters are drawn


@dataclass(frozen=True, slots=True)
class Statement:
    """One choice of one question, as it was judged."""

    question: int  # its number
    cluster: str
    polarity: str
    law: str
    log_odds: float
    fits: bool  # whether it fits the question's request made positive


def statements_of(outcomes: Sequence[Outcome]) -> list[Statement]:
    """The judged choices of all questions of the choice form, in order."""
    return [
        Statement(
            question=number,
            cluster=outcome.cluster,
            polarity=outcome.polarity,
            law=outcome.law,
            log_odds=value,
            fits=(letter in outcome.correct) == (answer.sign == 1),
        )
        for number, outcome in enumerate(outcomes)
        for answer in outcome.answers
        if answer.log_odds is not None
        for letter, value in zip(outcome.letters, answer.log_odds, strict=True)
    ]


def statements_summary(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """What a result says about single statements; None where no choice was judged by itself."""
    statements = statements_of(outcomes)
    if not statements:
        return None
    answers = [answer for outcome in outcomes for answer in outcome.answers if answer.log_odds is not None]
    untold: dict[str, int] = {}
    for outcome in outcomes:
        untold[outcome.polarity] = untold.get(outcome.polarity, 0) + sum(a.told is False for a in outcome.answers)
    interval = auc_interval(statements)
    return {
        **_counts(statements),
        "ci95": list(_accuracy_interval(statements)),
        "auc_ci95": None if interval is None else list(interval),
        "by_polarity": _groups(statements, lambda one: one.polarity),
        "by_law": _groups(statements, lambda one: one.law),
        "untold": {name: count for name, count in sorted(untold.items()) if count},
        "outside": sum(answer.outside or 0 for answer in answers),
    }


def _groups(statements: Sequence[Statement], key: Callable[[Statement], str]) -> dict[str, Any]:
    names = sorted({key(one) for one in statements})
    return {name: _counts([one for one in statements if key(one) == name]) for name in names}


def _counts(statements: Sequence[Statement]) -> dict[str, Any]:
    correct = sum(is_right(one) for one in statements)
    return {
        "total": len(statements),
        "correct": correct,
        "accuracy": correct / len(statements),
        "said_to_fit": sum(one.log_odds > 0 for one in statements),
        "fitting": sum(one.fits for one in statements),
        "auc": auc([one.log_odds for one in statements], [one.fits for one in statements]),
    }


def is_right(statement: Statement) -> bool:
    """Whether the judgement by even odds is right."""
    return (statement.log_odds > 0) == statement.fits


def _accuracy_interval(statements: Sequence[Statement]) -> Interval:
    """95 % interval of the accuracy, spread by the questions: the judgements of one are not independent."""
    by_question: dict[int, list[bool]] = {}
    for one in statements:
        by_question.setdefault(one.question, []).append(is_right(one))
    shares = [sum(each) / len(each) for each in by_question.values()]
    return clustered_interval(shares, [len(each) for each in by_question.values()])


def auc(scores: Sequence[float], fits: Sequence[bool]) -> float | None:
    """Share of the pairs of a fitting and another statement in which the fitting one scores higher, ties counting half.

    The area under the ROC curve (Hanley & McNeil 1982); None where one of the two kinds is missing.
    """
    if not any(fits) or all(fits):
        return None
    return float(_weighted_auc(np.asarray(scores, dtype=float), np.asarray(fits), np.ones((1, len(scores))))[0])


def auc_interval(statements: Sequence[Statement], *, seed: int = SEED, repeats: int = REPEATS) -> Interval | None:
    """95 % percentile interval of the AUC when whole clusters are drawn with replacement; None with too few clusters."""
    number: dict[str, int] = {}
    index = np.array([number.setdefault(one.cluster, len(number)) for one in statements])
    fits = np.array([one.fits for one in statements])
    if len(number) < MIN_CLUSTERS or not fits.any() or fits.all():
        return None
    scores = np.array([one.log_odds for one in statements])
    generator = np.random.default_rng(seed)
    found: list[NDArray[np.float64]] = []
    block = max(1, _BLOCK // len(statements))
    for start in range(0, repeats, block):
        drawn = generator.multinomial(len(number), [1 / len(number)] * len(number), size=min(block, repeats - start))
        found.append(_weighted_auc(scores, fits, drawn[:, index].astype(float)))
    values = np.concatenate(found)
    low, high = np.quantile(values[~np.isnan(values)], [0.025, 0.975])
    return Interval(float(low), float(high))


def _weighted_auc(
    scores: NDArray[np.float64], fits: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUC (draws,) of statements that count ``weights`` (draws, statements) times; NaN where a kind has no weight."""
    order = np.argsort(scores, kind="stable")
    _, group = np.unique(scores[order], return_inverse=True)  # equal scores are one group
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    up = np.add.reduceat(weights[:, order] * fits[order], starts, axis=1)
    down = np.add.reduceat(weights[:, order] * ~fits[order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down
    pairs = up.sum(axis=1) * down.sum(axis=1)
    wins = (up * (below + down / 2)).sum(axis=1)
    found: NDArray[np.float64] = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return found
