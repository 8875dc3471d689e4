"""The reading test: what the law in the prompt adds, and what tuning changes about that.

The same questions are asked with the right articles (``gold``), without any (``none``), and with other articles from
which the right ones were taken out (``removed``). A model that loses nothing without the law does not read it: it answers
from what it knows, or from how the choices are worded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..core.cli import log
from ..core.errors import DataError
from .comparing.comparability import has_logprobs
from .comparing.comparison import Comparison
from .comparing.logprob_change import NOT_KNOWN, LogprobChange, logprob_change
from .results.file import Result
from .results.outcomes import Outcome
from .running.other_contexts import companions
from .running.plan import WITHOUT
from .statistics import Interval, excludes_chance, interval_over, sign_flip_test

SEED = 42
Conclusion = Literal["reads", "reads by probability", "does not read", "undecided"]


# The outcomes of one model by context, of the same questions in each.
ByContext = Mapping[str, Sequence[Outcome]]


@dataclass(frozen=True, slots=True)
class Steps:
    """What a change does on each question: to being right (−1..1), and to the log-probability of the right answer."""

    right: list[float]
    logprob: list[float] | None  # None where answers were written


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
        return excludes_chance(self.ci95, self.p_value) and self.difference > 0

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
    return _law_adds(context, [{"gold": gold, context: without}], gold, seed=seed, repeats=repeats)


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
                right=[after - one for one, after in zip(first.right, second.right, strict=True)],
                logprob=None
                if first.logprob is None or second.logprob is None
                else [after - one for one, after in zip(first.logprob, second.logprob, strict=True)],
            )
            changes.append(
                ReadingChange(
                    context=name,
                    before=_law_adds(name, [before], questions, seed=seed, repeats=repeats),
                    after=_law_adds(name, afters, questions, seed=seed, repeats=repeats),
                    gain=_gain(more, questions, seed=seed, repeats=repeats),
                )
            )
    return tuple(changes)


def with_reading(pairs: Sequence[Comparison], results: Sequence[Result], *, seed: int) -> list[Comparison]:
    """The comparisons with what the law adds to each side, where the results beside the compared ones say so."""
    found = _by_context(results)
    if not found:
        return list(pairs)
    return [
        replace(pair, reading=reading_changes(found[0], [after], seed=seed))
        for pair, after in zip(pairs, found[1:], strict=True)
    ]


def check_reading(pairs: Sequence[Comparison]) -> None:
    """Raise DataError when a comparison lacks what the law adds against one of the contexts without the right articles."""
    for pair in pairs:
        found = {change.context for change in pair.reading}
        if missing := [name for name in WITHOUT if name not in found]:
            raise DataError(
                f"{pair.names[0]} と {pair.names[1]}: 文脈 {'、'.join(missing)} の結果が、正解の条文ありの結果と"
                "モデル・尋ね方・問題・索引のどれかで違い、比べられません。その文脈の結果を消して、もう一度実行してください。"
            )


def reading_of_seeds(
    base: Result, tuned: Sequence[Result], *, seed: int, repeats: int = 10_000
) -> tuple[ReadingChange, ...]:
    """What the law adds to the untuned model and, on the mean over the seeds, to the tuned ones, as far as the results
    beside these say so."""
    found = _by_context([base, *tuned])
    return reading_changes(found[0], found[1:], seed=seed, repeats=repeats) if found else ()


def _by_context(results: Sequence[Result]) -> list[ByContext]:
    """The outcomes of each result and of those beside it that differ by the context alone; nothing unless all were asked
    with the right articles."""
    if any((result.run.get("plan") or {}).get("context") != "gold" for result in results):
        return []
    found: list[ByContext] = []
    indexes: dict[str, Any] = {}  # what the first result searched: another index takes out and fills up with others
    for result in results:
        others = companions(result.path, result.run, result.outcomes)
        outcomes: dict[str, Sequence[Outcome]] = {"gold": result.outcomes}
        for name, other in others.items():
            if indexes.setdefault(name, other.run.get("index")) == other.run.get("index"):
                outcomes[name] = other.outcomes
            else:
                log(
                    f"注意: {other.path} は別の索引か検索の設定で尋ねた結果なので、条文を読んでいるかの比較に使いません。"
                )
        found.append(outcomes)
    return found


def _law_adds(
    context: str, runs: Sequence[ByContext], questions: Sequence[Outcome], *, seed: int, repeats: int
) -> LawAdds:
    return LawAdds(
        context=context,
        questions=len(questions),
        clusters=len({outcome.cluster for outcome in questions}),
        accuracy=(_accuracy(context, runs), _accuracy("gold", runs)),
        gain=_gain(_steps(context, runs, questions), questions, seed=seed, repeats=repeats),
    )


def _accuracy(context: str, runs: Sequence[ByContext]) -> float:
    answers = [_right(outcome) for run in runs for outcome in run[context]]
    return sum(answers) / len(answers)


def _right(outcome: Outcome) -> float:
    return float(outcome.status == "correct")


def _steps(context: str, runs: Sequence[ByContext], questions: Sequence[Outcome]) -> Steps:
    """What the law changes on each question, the mean over the runs."""
    right, logprob = [], []
    pairs_of = [({one.id: one for one in run[context]}, {one.id: one for one in run["gold"]}) for run in runs]
    for question in questions:
        pairs = [(without[question.id], having[question.id]) for without, having in pairs_of]
        right.append(sum(_right(having) - _right(without) for without, having in pairs) / len(pairs))
        if all(has_logprobs(outcome) for pair in pairs for outcome in pair):
            changes = [(having.gold_logprob or 0.0) - (without.gold_logprob or 0.0) for without, having in pairs]
            logprob.append(sum(changes) / len(changes))
    return Steps(right, logprob if len(logprob) == len(right) else None)


def _gain(steps: Steps, questions: Sequence[Outcome], *, seed: int, repeats: int) -> Gain:
    clusters = [outcome.cluster for outcome in questions]
    test = sign_flip_test(steps.right, clusters, seed=seed, repeats=repeats)
    return Gain(
        difference=sum(steps.right) / len(steps.right),
        ci95=interval_over(steps.right, clusters, seed=seed, repeats=repeats),
        p_value=test.two_sided,
        p_greater=test.greater,
        logprob=None if steps.logprob is None else logprob_change(steps.logprob, clusters, seed=seed, repeats=repeats),
    )
