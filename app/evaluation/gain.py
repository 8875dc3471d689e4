"""A difference between two ways of answering the same questions, question by question: in shares of right answers, and in the
scores that move where no answer flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .comparing.mean_change import CALIBRATED, ORDER, MeanChange, change_json, mean_change
from .results.calibrated import calibrated_logprobs
from .results.outcomes import Outcome
from .statistics import Interval, excludes_chance


@dataclass(frozen=True, slots=True)
class Steps:
    """What a change does on each question: to being right (−1..1), to the log-probability of the right answer, and to the
    share of the other choices that the right one is placed above."""

    right: list[float | None]  # always known
    logprob: list[float | None]  # None where answers were written
    calibrated: list[float | None]  # likewise; each model in each context with its sureness set right
    order: list[float | None]  # None likewise, and where a question has no pair of choices


@dataclass(frozen=True, slots=True)
class Gain:
    """A difference in shares of right answers, question by question, in the log-probability of the right answer, and in how
    often it is placed above another choice."""

    difference: float
    ci95: Interval | None  # whole clusters drawn; None with too few
    p_value: float  # two-sided; signs of whole clusters flipped at random
    p_greater: float  # one-sided: that it is above 0
    logprob: MeanChange | None  # None for written answers
    calibrated: MeanChange | None  # likewise, with every sureness set right
    order: MeanChange | None  # of the questions that have such pairs; None likewise, and where none has

    @property
    def is_clear(self) -> bool:
        """Whether the test and the interval both put it above 0."""
        return excludes_chance(self.ci95, self.p_value) and self.difference > 0

    def as_json(self) -> dict[str, Any]:
        """As a result file and ``compare_runs.py --json`` hold it."""
        return {
            "difference": self.difference,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "p_value": self.p_value,
            "p_greater": self.p_greater,
            **change_json(self.logprob),
            **change_json(self.calibrated, CALIBRATED),
            **change_json(self.order, ORDER),
        }


def steps_of(runs: Sequence[tuple[Sequence[Outcome], Sequence[Outcome]]], questions: Sequence[Outcome]) -> Steps:
    """What changes on each of ``questions`` from the first outcomes to the second, the mean over the runs; the outcomes
    are of these questions in any order."""

    def means(values_of: Callable[[Sequence[Outcome]], Sequence[float | None] | None]) -> list[float | None]:
        pairs = [(_by_id(before, values_of), _by_id(after, values_of)) for before, after in runs]
        found: list[float | None] = []
        for question in questions:
            each = [(before.get(question.id), after.get(question.id)) for before, after in pairs]
            steps = [after - before for before, after in each if before is not None and after is not None]
            found.append(sum(steps) / len(steps) if len(steps) == len(runs) else None)
        return found

    return Steps(
        right=means(lambda run: [_right(one) for one in run]),
        logprob=means(lambda run: [one.gold_logprob for one in run]),
        calibrated=means(calibrated_logprobs),
        order=means(lambda run: [one.pairs_won for one in run]),
    )


def _by_id(
    run: Sequence[Outcome], values_of: Callable[[Sequence[Outcome]], Sequence[float | None] | None]
) -> dict[str, float | None]:
    values = values_of(run)
    return {} if values is None else {one.id: value for one, value in zip(run, values, strict=True)}


def minus(after: Sequence[float | None], before: Sequence[float | None]) -> list[float | None]:
    """``after − before`` value by value; None where one is not known."""
    return [None if one is None or two is None else two - one for one, two in zip(before, after, strict=True)]


def gain_of(steps: Steps, questions: Sequence[Outcome], *, seed: int, repeats: int) -> Gain:
    """What the steps on these questions come to. Raises ValueError without any."""
    clusters = [outcome.cluster for outcome in questions]

    def change(values: Sequence[float | None]) -> MeanChange | None:
        known = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
        if not known:
            return None
        return mean_change([value for value, _ in known], [name for _, name in known], seed=seed, repeats=repeats)

    right = change(steps.right)
    if right is None:
        raise ValueError("no question")
    return Gain(
        difference=right.change,
        ci95=right.ci95,
        p_value=right.p_value,
        p_greater=right.p_greater,
        logprob=None if None in steps.logprob else change(steps.logprob),
        calibrated=None if None in steps.calibrated else change(steps.calibrated),
        order=change(steps.order),
    )


def gain_between(
    before: Sequence[Outcome], afters: Sequence[Sequence[Outcome]], *, seed: int, repeats: int = 10_000
) -> Gain:
    """What the second outcomes of the same questions, in any order, are ahead of the first; several are one training
    repeated, whose mean counts."""
    steps = steps_of([(before, after) for after in afters], before)
    return gain_of(steps, before, seed=seed, repeats=repeats)


def _right(outcome: Outcome) -> float:
    return float(outcome.status == "correct")
