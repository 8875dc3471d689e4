"""The reading test: what the law in the prompt adds, and what tuning changes about that.

The same questions are asked with the right articles (``gold``), without any (``none``), and with other articles from
which the right ones were taken out (``removed``). A model that loses nothing without the law does not read it: it answers
from what it knows, or from how the choices are worded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.evaluation.comparability import has_logprobs
from app.evaluation.comparison import Comparison, interval_over
from app.evaluation.logprob_change import NOT_KNOWN, LogprobChange, logprob_change
from app.evaluation.other_contexts import companions
from app.evaluation.outcomes import Outcome
from app.evaluation.plan import WITHOUT
from app.evaluation.result_file import Result
from app.evaluation.statistics import ALPHA, Interval, sign_flip_test

SEED = 42
Conclusion = Literal["reads", "reads by probability", "does not read", "undecided"]


@dataclass(frozen=True, slots=True)
class Gain:
    """A difference in shares of right answers, question by question, and in the log-probability of the right answer."""

    difference: float
    ci95: Interval | None  # whole clusters drawn; None with too few
    p_value: float  # two-sided; signs of whole clusters flipped at random
    p_greater: float  # one-sided: that it is above 0
    logprob: LogprobChange | None  # None for written answers

    @property
    def is_clear(self) -> bool:
        """Whether the test and the interval both put it above 0."""
        return self.ci95 is not None and self.ci95.low > 0 and self.p_value < ALPHA

    def as_json(self) -> dict[str, Any]:
        """As a result file and ``compare_runs.py --json`` hold it."""
        return {
            "difference": self.difference,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "p_value": self.p_value,
            "p_greater": self.p_greater,
            **(NOT_KNOWN if self.logprob is None else self.logprob.as_json()),
        }


@dataclass(frozen=True, slots=True)
class LawAdds:
    """What the right articles add to one model, against one context without them."""

    context: str  # none or removed
    questions: int
    clusters: int
    accuracy: tuple[float, float]  # without the right articles, with them
    gain: Gain

    @property
    def conclusion(self) -> Conclusion:
        """Whether the model reads, as far as these questions show."""
        if self.gain.is_clear:
            return "reads"
        if self.gain.logprob is not None and self.gain.logprob.direction == "up":
            return "reads by probability"
        return "undecided" if self.gain.ci95 is None else "does not read"

    def as_json(self) -> dict[str, Any]:
        """As a result file holds it."""
        return {
            "context": self.context,
            "questions": self.questions,
            "clusters": self.clusters,
            "accuracy": list(self.accuracy),
            **self.gain.as_json(),
            "conclusion": self.conclusion,
        }


@dataclass(frozen=True, slots=True)
class ReadingChange:
    """What the law adds to two models, and how much more it adds to the second."""

    context: str
    before: LawAdds
    after: LawAdds
    gain: Gain  # the second's gain minus the first's, question by question

    def as_json(self) -> dict[str, Any]:
        """As ``compare_runs.py --json`` prints it."""
        return {
            "context": self.context,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "change": self.gain.as_json(),
        }


def law_adds(
    context: str, gold: Sequence[Outcome], without: Sequence[Outcome], *, seed: int = SEED, repeats: int = 10_000
) -> LawAdds:
    """What the right articles add; ``gold`` and ``without`` are of the same questions, in any order."""
    pairs = _paired(without, gold)
    right = [(float(_right(before)), float(_right(after))) for before, after in pairs]
    return LawAdds(
        context=context,
        questions=len(pairs),
        clusters=len({after.cluster for _, after in pairs}),
        accuracy=(sum(one for one, _ in right) / len(right), sum(other for _, other in right) / len(right)),
        gain=_gain([(pair,) for pair in pairs], seed=seed, repeats=repeats),
    )


def reading_of(
    gold: Sequence[Outcome], others: Mapping[str, Sequence[Outcome]], *, seed: int = SEED, repeats: int = 10_000
) -> list[LawAdds]:
    """The reading test of one model, for each context without the right articles that there is a result of."""
    return [law_adds(name, gold, others[name], seed=seed, repeats=repeats) for name in WITHOUT if name in others]


def reading_changes(
    before: Mapping[str, Sequence[Outcome]],
    after: Mapping[str, Sequence[Outcome]],
    *,
    seed: int = SEED,
    repeats: int = 10_000,
) -> tuple[ReadingChange, ...]:
    """The reading tests of two models side by side: outcomes by context, ``gold`` among them, of the same questions."""
    changes = []
    for name in WITHOUT:
        if name in before and name in after:
            first = _paired(before[name], before["gold"])
            second = _paired(after[name], after["gold"], order=[pair[1].id for pair in first])
            changes.append(
                ReadingChange(
                    context=name,
                    before=law_adds(name, before["gold"], before[name], seed=seed, repeats=repeats),
                    after=law_adds(name, after["gold"], after[name], seed=seed, repeats=repeats),
                    gain=_gain(list(zip(first, second, strict=True)), seed=seed, repeats=repeats),
                )
            )
    return tuple(changes)


def with_reading(pairs: Sequence[Comparison], results: Sequence[Result], *, seed: int) -> list[Comparison]:
    """The comparisons with what the law adds to each side, where the results beside the compared ones say so."""
    if any(result.run["plan"].get("context") != "gold" for result in results):
        return list(pairs)
    by_context = [
        {"gold": result.outcomes, **{name: other.outcomes for name, other in companions(result.path, result.run, result.outcomes).items()}}
        for result in results
    ]  # fmt: skip
    return [
        replace(pair, reading=reading_changes(by_context[0], after, seed=seed))
        for pair, after in zip(pairs, by_context[1:], strict=True)
    ]


def _right(outcome: Outcome) -> bool:
    return outcome.status == "correct"


def _paired(
    without: Sequence[Outcome], gold: Sequence[Outcome], order: Sequence[str] | None = None
) -> list[tuple[Outcome, Outcome]]:
    """(without, with the law) of each question."""
    by_id = {outcome.id: outcome for outcome in without}
    having = {outcome.id: outcome for outcome in gold}
    return [(by_id[name], having[name]) for name in (order or having)]


def _gain(rows: Sequence[tuple[tuple[Outcome, Outcome], ...]], *, seed: int, repeats: int) -> Gain:
    """The gain over (without, with) pairs; of two pairs a question the second's gain minus the first's."""
    clusters = [row[0][1].cluster for row in rows]
    steps = [_net([float(_right(after)) - float(_right(before)) for before, after in row]) for row in rows]
    logprobs = [
        _net([(after.gold_logprob or 0.0) - (before.gold_logprob or 0.0) for before, after in row]) for row in rows
    ]
    scored = all(has_logprobs(outcome) for row in rows for pair in row for outcome in pair)
    test = sign_flip_test(steps, clusters, seed=seed, repeats=repeats)
    return Gain(
        difference=sum(steps) / len(steps),
        ci95=interval_over(steps, clusters, seed=seed, repeats=repeats),
        p_value=test.two_sided,
        p_greater=test.greater,
        logprob=logprob_change(logprobs, clusters, seed=seed, repeats=repeats) if scored else None,
    )


def _net(gains: Sequence[float]) -> float:
    return gains[0] if len(gains) == 1 else gains[1] - gains[0]
