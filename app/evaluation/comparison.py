"""Two runs on the same questions: how far apart they are, and whether chance could have done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.evaluation.comparability import adapter, aligned_outcomes, has_logprobs
from app.evaluation.outcomes import Outcome
from app.evaluation.result_file import Result
from app.evaluation.statistics import Interval, cluster_bootstrap, detectable_gain, holm, mcnemar_exact

ALPHA = 0.05
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
    subject: str  # how the verdict calls the second run
    questions: int
    orders: int  # in which each was asked
    ensemble: bool  # a question's answer is the mean probability's, not the majority's
    clusters: int
    correct: tuple[int, int]
    difference: float  # of accuracy; right is what most orders choose
    ci95: Interval  # of the difference, whole clusters drawn
    p_value: float  # exact McNemar
    adjusted_p_value: float  # after Holm; the same as p_value for two runs
    comparisons: int  # that Holm counts
    flips_up: tuple[Flip, ...]
    flips_down: tuple[Flip, ...]
    order_difference: float  # of accuracy over all orders
    order_ci95: Interval
    logprob_change: float | None  # mean change of the right letter's log-probability among the four, in nats
    logprob_ci95: Interval | None
    detectable_gain: float | None  # smallest difference that so many questions show with 80 % power

    @property
    def accuracy(self) -> tuple[float, float]:
        """Of both runs."""
        return self.correct[0] / self.questions, self.correct[1] / self.questions

    @property
    def conclusion(self) -> Conclusion:
        """A difference counts when the test and the interval over clusters both exclude chance."""
        if self.adjusted_p_value >= ALPHA or self.ci95.low <= 0 <= self.ci95.high:
            return "undecided"
        return "better" if self.difference > 0 else "worse"

    @property
    def verdict(self) -> str:
        """The result in one or two Japanese sentences."""
        return verdict_text(self)


def compare_results(results: Sequence[Result], *, seed: int, repeats: int = 10_000) -> list[Comparison]:
    """Every further result against the first. With several, p-values are adjusted by Holm's method.

    Raises DataError when the results may not be compared (``comparability.aligned_outcomes``).
    """
    rows = aligned_outcomes(results)
    pairs = [
        _compare([(row[0], row[index]) for row in rows], results[0], results[index], seed=seed, repeats=repeats)
        for index in range(1, len(results))
    ]
    adjusted = holm([pair.p_value for pair in pairs])
    several = len(pairs) > 1  # then "the tuned run" would not say which
    return [
        replace(
            pair,
            adjusted_p_value=p_value,
            comparisons=len(pairs),
            subject=_by_name(pair.names) if several else pair.subject,
        )
        for pair, p_value in zip(pairs, adjusted, strict=True)
    ]


def _compare(
    pairs: Sequence[tuple[Outcome, Outcome]], first: Result, second: Result, *, seed: int, repeats: int
) -> Comparison:
    clusters = [before.cluster for before, _ in pairs]
    right = [(before.predicted == before.correct, after.predicted == after.correct) for before, after in pairs]
    steps = [float(after) - float(before) for before, after in right]
    order_steps = [after.share_right - before.share_right for before, after in pairs]
    flips = [Flip(before.id, before.correct, before.predicted, after.predicted) for before, after in pairs]
    up = tuple(flip for flip, step in zip(flips, steps, strict=True) if step > 0)
    down = tuple(flip for flip, step in zip(flips, steps, strict=True) if step < 0)
    changes = [
        after.gold_logprob - before.gold_logprob
        for before, after in pairs
        if before.gold_logprob is not None and after.gold_logprob is not None
    ]
    scored = all(has_logprobs(outcome) for pair in pairs for outcome in pair)
    p_value = mcnemar_exact(len(up), len(down))
    return Comparison(
        names=(first.name, second.name),
        subject=_subject(first, second),
        questions=len(pairs),
        orders=len(pairs[0][0].answers),
        ensemble=pairs[0][0].ensemble,
        clusters=len(set(clusters)),
        correct=(sum(before for before, _ in right), sum(after for _, after in right)),
        difference=sum(steps) / len(steps),
        ci95=cluster_bootstrap(steps, clusters, seed=seed, repeats=repeats),
        p_value=p_value,
        adjusted_p_value=p_value,
        comparisons=1,
        flips_up=up,
        flips_down=down,
        order_difference=sum(order_steps) / len(order_steps),
        order_ci95=cluster_bootstrap(order_steps, clusters, seed=seed, repeats=repeats),
        logprob_change=sum(changes) / len(changes) if scored else None,
        logprob_ci95=cluster_bootstrap(changes, clusters, seed=seed, repeats=repeats) if scored else None,
        detectable_gain=detectable_gain(len(pairs), (len(up) + len(down)) / len(pairs)),
    )


def _subject(first: Result, second: Result) -> str:
    if adapter(second) is not None and adapter(first) is None:
        return "調整後"
    return _by_name((first.name, second.name))


def _by_name(names: tuple[str, str]) -> str:
    return f"「{names[1]}」は「{names[0]}」と比べて"


def points(share: float, *, signed: bool = True) -> str:
    """A share as percentage points with one decimal."""
    value = round(share * 100, 1) + 0.0  # no "-0.0"
    return f"{value:+.1f}" if signed else f"{value:.1f}"


def p_text(p_value: float) -> str:
    """``p = 0.012``; very small ones as ``p < 0.001``."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def verdict_text(pair: Comparison) -> str:
    """The verdict sentences of a comparison."""
    subject = pair.subject + ("は " if pair.subject == "調整後" else " ")
    test = ("Holm 補正後の " if pair.comparisons > 1 else "") + p_text(pair.adjusted_p_value)
    facts = (
        f"{pair.questions} 問、正答 {pair.correct[0]} → {pair.correct[1]} 問、"
        f"95 % 区間 {points(pair.ci95.low)}〜{points(pair.ci95.high)} ポイント、{test}"
    )
    if pair.conclusion != "undecided":
        word = "高く" if pair.conclusion == "better" else "低く"
        verdict = f"{subject}{points(abs(pair.difference), signed=False)} ポイント{word}、偶然とは考えにくい差です（{facts}）。"
        return verdict + _only_in_ties(pair)
    if pair.detectable_gain is None:
        limit = "この問題数では、どれほど大きな差も見分けられません。"
    else:
        limit = f"この問題数で見分けられるのは約 {points(pair.detectable_gain, signed=False)} ポイント以上の差です。"
    reason = ""
    if pair.adjusted_p_value < ALPHA:
        reason = "検定だけなら差がありますが、同じ条文の問題をまとめて数えると区間が 0 を含みます。"
    between = f"「{pair.names[1]}」と「{pair.names[0]}」に" if pair.comparisons > 1 else ""
    return f"{between}差があるとは言えません（{points(pair.difference)} ポイント、{facts}）。{reason}{limit}"


def _only_in_ties(pair: Comparison) -> str:
    """A caution where the orders counted one by one do not show the difference.

    A model that answers one letter has every choice in one order each: its majority is decided by tiny probabilities.
    """
    low, high = pair.order_ci95
    if pair.orders == 1 or (low > 0 if pair.conclusion == "better" else high < 0):
        return ""
    word = "良く" if pair.conclusion == "better" else "悪く"
    return (
        f"ただし、並びを別々に数えた差は {points(pair.order_difference)} ポイント"
        f"（95 % 区間 {points(low)}〜{points(high)}）で、並びごとの答えが{word}なったとは言えません。"
    )


def as_json(pairs: Sequence[Comparison]) -> dict[str, Any]:
    """What ``compare_runs.py --json`` prints: one comparison's object, or all of them under ``comparisons``."""
    objects = [_object(pair) for pair in pairs]
    if len(objects) == 1:
        return objects[0]
    return {
        "n": pairs[0].questions,
        "names": [pairs[0].names[0], *(pair.names[1] for pair in pairs)],
        "accuracy": [pairs[0].accuracy[0], *(pair.accuracy[1] for pair in pairs)],
        "comparisons": objects,
    }


def _object(pair: Comparison) -> dict[str, Any]:
    return {
        "n": pair.questions,
        "clusters": pair.clusters,
        "names": list(pair.names),
        "accuracy": list(pair.accuracy),
        "difference": pair.difference,
        "ci95": list(pair.ci95),
        "p_value": pair.p_value,
        "p_value_holm": pair.adjusted_p_value,
        "order_difference": pair.order_difference,
        "order_ci95": list(pair.order_ci95),
        "logprob_change": pair.logprob_change,
        "logprob_ci95": None if pair.logprob_ci95 is None else list(pair.logprob_ci95),
        "detectable_gain": pair.detectable_gain,
        "flips_up": [flip.id for flip in pair.flips_up],
        "flips_down": [flip.id for flip in pair.flips_down],
        "conclusion": pair.conclusion,
        "verdict": pair.verdict,
    }
