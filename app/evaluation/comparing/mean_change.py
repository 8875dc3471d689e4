"""Paired tests that see small gains: what changed on every question, where accuracy moves only when an answer flips.

Of three kinds of values: the log-probability of the right answer, which also rises when a model merely becomes less sure;
the same after each run's sureness was set right (``results/calibrated.py``); and the share of the other choices that the
right one is placed above, which no change of sureness moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...core.prompts import Form
from ..results.calibrated import calibrated_logprobs
from ..results.outcomes import Outcome
from ..statistics import FLIPS, Interval, excludes_chance, holm, interval_over, sign_flip_test

Direction = Literal["up", "down", "undecided"]
LOGPROB, CALIBRATED, ORDER = "logprob", "calibrated", "pair_order"  # how the values of a comparison's object begin


@dataclass(frozen=True, slots=True)
class MeanChange:
    """The second run against the first, questions weighted equally; nats, or shares of 0..1."""

    change: float  # mean over the questions
    ci95: Interval | None  # whole clusters drawn; None with fewer than MIN_CLUSTERS
    p_value: float  # two-sided; signs of whole clusters flipped at random
    p_greater: float  # one-sided: that it rose
    adjusted_p_value: float  # two-sided, after Holm; the same as p_value for two runs

    @property
    def direction(self) -> Direction:
        """A change counts when the test and the interval over clusters both exclude chance."""
        if not excludes_chance(self.ci95, self.adjusted_p_value):
            return "undecided"
        return "up" if self.change > 0 else "down"


def change_json(change: MeanChange | None, name: str = LOGPROB) -> dict[str, Any]:
    """For ``compare_runs.py --json`` and cross_fit.json, each key beginning with ``name``; all None for no change."""
    value = None if change is None else {
        "change": change.change,
        "ci95": None if change.ci95 is None else list(change.ci95),
        "p_value": change.p_value,
        "p_greater": change.p_greater,
        "p_value_holm": change.adjusted_p_value,
        "direction": change.direction,
    }  # fmt: skip
    keys = ("change", "ci95", "p_value", "p_greater", "p_value_holm", "direction")
    return {f"{name}_{key}": None if value is None else value[key] for key in keys}


def mean_change(changes: Sequence[float], clusters: Sequence[str], *, seed: int, repeats: int = 10_000) -> MeanChange:
    """The change whose values per question are ``changes``."""
    test = sign_flip_test(changes, clusters, seed=seed, repeats=FLIPS * repeats)
    return MeanChange(
        change=sum(changes) / len(changes),
        ci95=interval_over(changes, clusters, seed=seed, repeats=repeats),
        p_value=test.two_sided,
        p_greater=test.greater,
        adjusted_p_value=test.two_sided,
    )


def calibrated_change(rows: Sequence[Sequence[Outcome]], *, seed: int, repeats: int = 10_000) -> MeanChange | None:
    """Of rows of a question's outcome in the first run and in those after it, whose mean counts: the change of the
    log-probability after each run's sureness was set right; None without scores or with one cluster."""
    runs = [calibrated_logprobs(run) for run in zip(*rows, strict=True)]
    known = [run for run in runs if run is not None]
    if len(known) < len(runs):
        return None
    steps = [sum(after) / len(after) - before for before, *after in zip(*known, strict=True)]
    return mean_change(steps, [row[0].cluster for row in rows], seed=seed, repeats=repeats)


@dataclass(frozen=True, slots=True)
class PairOrder:
    """How often the right choice is placed above another, before and after, over the questions that have such pairs."""

    questions: int
    shares: tuple[float, float]  # mean over the questions
    change: MeanChange

    def as_json(self) -> dict[str, Any]:
        """For ``compare_runs.py --json`` and cross_fit.json."""
        return {"pair_order": list(self.shares), "pair_order_n": self.questions, **change_json(self.change, ORDER)}


NO_ORDER = {"pair_order": None, "pair_order_n": None, **change_json(None, ORDER)}


def pair_order(rows: Sequence[Sequence[Outcome]], *, seed: int, repeats: int = 10_000) -> PairOrder | None:
    """Of rows of a question's outcome in the first run and in those after it, whose mean counts; None without scores."""
    shares = [[outcome.pairs_won for outcome in row] for row in rows]
    known = [
        (row[0].cluster, [value for value in each if value is not None])
        for row, each in zip(rows, shares, strict=True)
        if None not in each
    ]
    if not known:
        return None
    before = [each[0] for _, each in known]
    after = [sum(each[1:]) / (len(each) - 1) for _, each in known]
    steps = [second - first for first, second in zip(before, after, strict=True)]
    return PairOrder(
        questions=len(known),
        shares=(sum(before) / len(before), sum(after) / len(after)),
        change=mean_change(steps, [cluster for cluster, _ in known], seed=seed, repeats=repeats),
    )


@dataclass(frozen=True, slots=True)
class ScoreChanges:
    """The three together; each None where answers were written."""

    logprob: MeanChange | None  # of the right answer
    calibrated: MeanChange | None  # the same after each run's sureness was set right; None with one cluster too
    order: PairOrder | None  # of the right choice among the others; None too where no question has such a pair

    def as_json(self) -> dict[str, Any]:
        """For ``compare_runs.py --json`` and cross_fit.json."""
        return {
            **change_json(self.logprob),
            **change_json(self.calibrated, CALIBRATED),
            **(NO_ORDER if self.order is None else self.order.as_json()),
        }


def score_changes(rows: Sequence[Sequence[Outcome]], *, seed: int, repeats: int = 10_000) -> ScoreChanges:
    """Of rows of a question's outcome in the first run and in those after it, whose mean counts."""
    logprobs = [[outcome.gold_logprob for outcome in row] for row in rows]
    known = [[value for value in each if value is not None] for each in logprobs if None not in each]
    if len(known) < len(rows):
        return ScoreChanges(None, None, None)
    steps = [sum(after) / len(after) - before for before, *after in known]
    return ScoreChanges(
        logprob=mean_change(steps, [row[0].cluster for row in rows], seed=seed, repeats=repeats),
        calibrated=calibrated_change(rows, seed=seed, repeats=repeats),
        order=pair_order(rows, seed=seed, repeats=repeats),
    )


def with_holm(each: Sequence[ScoreChanges]) -> list[ScoreChanges]:
    """The changes of several comparisons with their p-values adjusted, each of the three kinds by itself."""
    logprobs = _holm_of([one.logprob for one in each])
    calibrated = _holm_of([one.calibrated for one in each])
    orders = _holm_of([None if one.order is None else one.order.change for one in each])
    return [
        ScoreChanges(
            logprob=logprob,
            calibrated=level,
            order=None if one.order is None or order is None else replace(one.order, change=order),
        )
        for one, logprob, level, order in zip(each, logprobs, calibrated, orders, strict=True)
    ]


def _holm_of(changes: Sequence[MeanChange | None]) -> list[MeanChange | None]:
    """The changes with their adjusted p-values; all are there or none is, since the runs are asked alike."""
    known = [change for change in changes if change is not None]
    if len(known) < len(changes):
        return [None] * len(changes)
    return [
        replace(one, adjusted_p_value=p_value)
        for one, p_value in zip(known, holm([one.p_value for one in known]), strict=True)
    ]


def logprob_label(form: Form) -> str:
    """What the log-probability of the right answer is called."""
    return "正解の対数確率" if form == "choice" else "正解の文字の対数確率"
