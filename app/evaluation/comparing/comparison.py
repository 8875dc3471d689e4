"""Two runs on the same questions: how far apart they are, and whether chance could have done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...core.prompts import Form
from ..both_forms import BothChange
from ..reading import ReadingChange
from ..results.answers import answer_name
from ..results.file import Result
from ..results.outcomes import Outcome
from ..statistics import (
    ALPHA,
    PLANNED_DISCORDANT,
    Interval,
    detectable_gain,
    excludes_chance,
    holm,
    interval_over,
    mcnemar_exact,
)
from .breakdown import Breakdowns, breakdowns
from .comparability import aligned_outcomes
from .mean_change import ScoreChanges, mean_change, score_changes, with_holm
from .run_differences import ADAPTER, differences

Conclusion = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one run has right and the other wrong."""

    id: str
    correct: str
    before: str | None  # what the first run chose
    after: str | None  # what the second chose


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second run against the first, question by question; shares are 0..1, differences second minus first."""

    names: tuple[str, str]
    is_tuning: bool  # the second run is the first with an adapter, and there is no third
    questions: int
    orders: int  # in which each was asked
    ensemble: bool  # a question's answer is the mean probability's, not the majority's
    form: Form  # how the questions were put
    clusters: int
    correct: tuple[int, int]
    difference: float  # of accuracy; right is what most orders choose
    ci95: Interval | None  # of the difference, whole clusters drawn; None with fewer than MIN_CLUSTERS
    p_value: float  # exact McNemar
    cluster_p_value: float  # signs of whole clusters flipped; McNemar's own where each has one question
    adjusted_p_value: float  # the larger of the two, after Holm
    comparisons: int  # that Holm counts
    flips_up: tuple[Flip, ...]
    flips_down: tuple[Flip, ...]
    order_difference: float  # of accuracy over all orders
    order_ci95: Interval | None
    scores: ScoreChanges  # what moves where no answer flips
    detectable_gain: float | None  # smallest difference that so many questions show with 80 % power
    differs: tuple[str, ...]  # what the two runs differ in (``run_differences.differences``)
    distrust: tuple[tuple[str, str], ...]  # result and why it says itself that it must not be trusted
    breakdowns: Breakdowns  # the right answers by kind of question and by what it asks for
    reading: tuple[ReadingChange, ...] = ()  # what the law adds to each run (``reading_beside.with_reading``)
    both_forms: BothChange | None = None  # both forms of asking together (``forms_beside.with_both_forms``)

    @property
    def accuracy(self) -> tuple[float, float]:
        """Of both runs."""
        return self.correct[0] / self.questions, self.correct[1] / self.questions

    @property
    def conclusion(self) -> Conclusion:
        """A difference counts when both tests and the interval over clusters exclude chance."""
        if not excludes_chance(self.ci95, self.adjusted_p_value):
            return "undecided"
        return "better" if self.difference > 0 else "worse"


def compare_results(results: Sequence[Result], *, seed: int, repeats: int = 10_000) -> list[Comparison]:
    """Every further result against the first. With several, p-values are adjusted by Holm's method.

    Raises DataError when the results may not be compared (``comparability.aligned_outcomes``).
    """
    rows = aligned_outcomes(results)
    pairs = [
        _compare([(row[0], row[index]) for row in rows], results[0], results[index], seed=seed, repeats=repeats)
        for index in range(1, len(results))
    ]
    adjusted = holm([max(pair.p_value, pair.cluster_p_value) for pair in pairs])
    scores = with_holm([pair.scores for pair in pairs])
    return [
        replace(
            pair,
            adjusted_p_value=p_value,
            scores=changes,
            comparisons=len(pairs),
            # "The tuned run" would not say which of several.
            is_tuning=pair.is_tuning and len(pairs) == 1,
            detectable_gain=_detectable(pair, len(pairs)),
        )
        for pair, p_value, changes in zip(pairs, adjusted, scores, strict=True)
    ]


def _detectable(pair: Comparison, comparisons: int) -> float | None:
    # Two runs that hardly differ would promise to see the smallest gain: the next ones may differ as runs do.
    discordant = (len(pair.flips_up) + len(pair.flips_down)) / pair.questions
    return detectable_gain(pair.questions, max(discordant, PLANNED_DISCORDANT), alpha=ALPHA / comparisons)


def _compare(
    pairs: Sequence[tuple[Outcome, Outcome]], first: Result, second: Result, *, seed: int, repeats: int
) -> Comparison:
    clusters = [before.cluster for before, _ in pairs]
    right = [(before.predicted == before.correct, after.predicted == after.correct) for before, after in pairs]
    steps = [float(after) - float(before) for before, after in right]
    order_steps = [after.share_right - before.share_right for before, after in pairs]
    flips = [
        Flip(before.id, *_named(before, before.correct, before.predicted, after.predicted)) for before, after in pairs
    ]
    up = tuple(flip for flip, step in zip(flips, steps, strict=True) if step > 0)
    down = tuple(flip for flip, step in zip(flips, steps, strict=True) if step < 0)
    p_value, moved = mcnemar_exact(len(up), len(down)), mean_change(steps, clusters, seed=seed, repeats=repeats)
    by_cluster = moved.p_value if len(set(clusters)) < len(clusters) else p_value
    return Comparison(
        names=(first.name, second.name),
        is_tuning=_is_tuning(first, second),
        questions=len(pairs),
        orders=max(len(before.answers) for before, _ in pairs),
        ensemble=pairs[0][0].ensemble,
        form=pairs[0][0].form,
        clusters=len(set(clusters)),
        correct=(sum(before for before, _ in right), sum(after for _, after in right)),
        difference=moved.change,
        ci95=moved.ci95,
        p_value=p_value,
        cluster_p_value=by_cluster,
        adjusted_p_value=max(p_value, by_cluster),
        comparisons=1,
        flips_up=up,
        flips_down=down,
        order_difference=sum(order_steps) / len(order_steps),
        order_ci95=interval_over(order_steps, clusters, seed=seed, repeats=repeats),
        scores=score_changes(pairs, seed=seed, repeats=repeats),
        detectable_gain=None,  # depends on how many comparisons there are
        differs=differences(first.facts, second.facts),
        distrust=tuple((one.name, reason) for one in (first, second) for reason in one.facts.distrust),
        breakdowns=breakdowns(pairs),
    )


def _named(outcome: Outcome, correct: str, *answers: str | None) -> tuple[str, str | None, str | None]:
    before, after = (None if answer is None else answer_name(outcome, answer) for answer in answers)
    return answer_name(outcome, correct), before, after


def _is_tuning(first: Result, second: Result) -> bool:
    tuned = second.facts.adapter is not None and first.facts.adapter is None
    return tuned and differences(first.facts, second.facts) == (ADAPTER,)
