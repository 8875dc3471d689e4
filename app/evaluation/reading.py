"""The reading test: what the law in the prompt adds, and what tuning changes about that.

The same questions are asked with the right articles (``gold``), without any (``none``), and with other articles from
which the right ones were taken out (``removed``). A model that loses nothing without the law does not read it: it answers
from what it knows, or from how the choices are worded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .comparing.mean_change import CALIBRATED, ORDER, MeanChange, change_json, mean_change
from .results.calibrated import calibrated_logprobs
from .results.outcomes import Outcome
from .running.plan import WITHOUT
from .statistics import Interval, excludes_chance

SEED = 42
Conclusion = Literal["reads", "reads by probability", "does not read", "undecided"]


# The outcomes of one model by context, of the same questions in each.
ByContext = Mapping[str, Sequence[Outcome]]


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
    runs = [{"gold": gold, context: without}]
    return _law_adds(context, runs, _steps(context, runs, gold), gold, seed=seed, repeats=repeats)


def reading_of(
    gold: Sequence[Outcome], others: Mapping[str, Sequence[Outcome]], *, seed: int = SEED, repeats: int = 10_000
) -> list[LawAdds]:
    """The reading test of one model, for each context without the right articles that there is a result of."""
    return [law_adds(name, gold, others[name], seed=seed, repeats=repeats) for name in WITHOUT if name in others]


def reading_changes(
    before: ByContext, afters: Sequence[ByContext], *, seed: int = SEED, repeats: int = 10_000
) -> tuple[ReadingChange, ...]:
    """The reading tests of two models side by side: outcomes by context, ``gold`` among them, of the same questions.

    Several ``afters`` are one model trained with several seeds: a question's gain is its mean over them.
    """
    questions, changes = before["gold"], []
    for name in WITHOUT:
        if all(name in one for one in (before, *afters)):
            first, second = _steps(name, [before], questions), _steps(name, afters, questions)
            more = Steps(
                _minus(second.right, first.right),
                _minus(second.logprob, first.logprob),
                _minus(second.calibrated, first.calibrated),
                _minus(second.order, first.order),
            )
            changes.append(
                ReadingChange(
                    context=name,
                    before=_law_adds(name, [before], first, questions, seed=seed, repeats=repeats),
                    after=_law_adds(name, afters, second, questions, seed=seed, repeats=repeats),
                    gain=_gain(more, questions, seed=seed, repeats=repeats),
                )
            )
    return tuple(changes)


def _law_adds(
    context: str, runs: Sequence[ByContext], steps: Steps, questions: Sequence[Outcome], *, seed: int, repeats: int
) -> LawAdds:
    return LawAdds(
        context=context,
        questions=len(questions),
        clusters=len({outcome.cluster for outcome in questions}),
        accuracy=(_accuracy(context, runs), _accuracy("gold", runs)),
        gain=_gain(steps, questions, seed=seed, repeats=repeats),
    )


def _accuracy(context: str, runs: Sequence[ByContext]) -> float:
    answers = [_right(outcome) for run in runs for outcome in run[context]]
    return sum(answers) / len(answers)


def _right(outcome: Outcome) -> float:
    return float(outcome.status == "correct")


def _steps(context: str, runs: Sequence[ByContext], questions: Sequence[Outcome]) -> Steps:
    """What the law changes on each question, the mean over the runs."""

    def means(values_of: Callable[[Sequence[Outcome]], Sequence[float | None] | None]) -> list[float | None]:
        pairs = [(_by_id(run[context], values_of), _by_id(run["gold"], values_of)) for run in runs]
        found: list[float | None] = []
        for question in questions:
            each = [(without.get(question.id), having.get(question.id)) for without, having in pairs]
            steps = [having - without for without, having in each if without is not None and having is not None]
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


def _minus(after: Sequence[float | None], before: Sequence[float | None]) -> list[float | None]:
    """``after − before`` value by value; None where one is not known."""
    return [None if one is None or two is None else two - one for one, two in zip(before, after, strict=True)]


def _gain(steps: Steps, questions: Sequence[Outcome], *, seed: int, repeats: int) -> Gain:
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
