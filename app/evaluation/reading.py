"""The reading test: what the law in the prompt adds, and what tuning changes about that.

The same questions are asked with the right articles (``gold``), without any (``none``), and with other articles from
which the right ones were taken out (``removed``). A model that loses nothing without the law does not read it: it answers
from what it knows, or from how the choices are worded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .gain import Gain, Steps, gain_of, minus, steps_of
from .results.outcomes import Outcome
from .running.plan import WITHOUT

SEED = 42
Conclusion = Literal["reads", "reads by probability", "does not read", "undecided"]


# The outcomes of one model by context, of the same questions in each.
ByContext = Mapping[str, Sequence[Outcome]]


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
    doubtful: tuple[str, ...] = ()  # results without the right articles that say that they must not be trusted

    def as_json(self) -> dict[str, Any]:
        """As ``compare_runs.py --json`` prints it."""
        return {
            "context": self.context,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "change": self.gain.as_json(),
            "doubtful": list(self.doubtful),
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
                minus(second.right, first.right),
                minus(second.logprob, first.logprob),
                minus(second.calibrated, first.calibrated),
                minus(second.order, first.order),
            )
            changes.append(
                ReadingChange(
                    context=name,
                    before=_law_adds(name, [before], first, questions, seed=seed, repeats=repeats),
                    after=_law_adds(name, afters, second, questions, seed=seed, repeats=repeats),
                    gain=gain_of(more, questions, seed=seed, repeats=repeats),
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
        gain=gain_of(steps, questions, seed=seed, repeats=repeats),
    )


def _accuracy(context: str, runs: Sequence[ByContext]) -> float:
    answers = [outcome.status == "correct" for run in runs for outcome in run[context]]
    return sum(answers) / len(answers)


def _steps(context: str, runs: Sequence[ByContext], questions: Sequence[Outcome]) -> Steps:
    """What the law changes on each question, the mean over the runs."""
    return steps_of([(run[context], run["gold"]) for run in runs], questions)
