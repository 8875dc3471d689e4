"""Does a stated probability of 70 % come true 70 % of the time? Bins for a reliability curve and the calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .outcomes import Outcome

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose stated probability lies in one tenth of the scale."""

    confidence: float  # mean stated probability of the chosen answer
    accuracy: float
    answers: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """The filled bins, lowest first, and the expected calibration error (Naeini et al. 2015)."""

    bins: tuple[Bin, ...]
    error: float  # mean |confidence − accuracy| weighted by answers, 0..1


def stated_and_right(outcomes: Sequence[Outcome]) -> list[tuple[float, bool]]:
    """(probability of the chosen answer among the possible ones, right) of every answer that has scores."""
    return [
        (stated, answer.chosen == outcome.correct)
        for outcome in outcomes
        for answer in outcome.answers
        if (stated := answer.stated()) is not None
    ]


def reliability(pairs: Sequence[tuple[float, bool]]) -> Reliability | None:
    """Bins of equal width over 0..1; None without answers."""
    if not pairs:
        return None
    members: dict[int, list[tuple[float, bool]]] = {}
    for stated, right in pairs:
        members.setdefault(min(int(stated * BINS), BINS - 1), []).append((stated, right))
    bins = [
        Bin(
            sum(stated for stated, _ in inside) / len(inside),
            sum(right for _, right in inside) / len(inside),
            len(inside),
        )
        for _, inside in sorted(members.items())
    ]
    error = sum(abs(each.confidence - each.accuracy) * each.answers for each in bins) / len(pairs)
    return Reliability(tuple(bins), error)
