"""The paired test that sees small gains: how the log-probability of the right answer changed, question by question.

Accuracy moves only where an answer flips; the probability of the right answer moves on every question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...core.prompts import Form
from ..statistics import Interval, excludes_chance, interval_over, sign_flip_test

Direction = Literal["up", "down", "undecided"]


@dataclass(frozen=True, slots=True)
class LogprobChange:
    """The second run against the first; in nats, questions weighted equally."""

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

    def as_json(self) -> dict[str, Any]:
        """For ``compare_runs.py --json`` and cross_fit.json."""
        return {
            "logprob_change": self.change,
            "logprob_ci95": None if self.ci95 is None else list(self.ci95),
            "logprob_p_value": self.p_value,
            "logprob_p_greater": self.p_greater,
            "logprob_p_value_holm": self.adjusted_p_value,
            "logprob_direction": self.direction,
        }


NOT_KNOWN = dict.fromkeys(
    ("logprob_change", "logprob_ci95", "logprob_p_value", "logprob_p_greater", "logprob_p_value_holm", "logprob_direction")
)  # fmt: skip


def logprob_change(
    changes: Sequence[float], clusters: Sequence[str], *, seed: int, repeats: int = 10_000
) -> LogprobChange:
    """The change whose values per question are ``changes``."""
    test = sign_flip_test(changes, clusters, seed=seed, repeats=repeats)
    return LogprobChange(
        change=sum(changes) / len(changes),
        ci95=interval_over(changes, clusters, seed=seed, repeats=repeats),
        p_value=test.two_sided,
        p_greater=test.greater,
        adjusted_p_value=test.two_sided,
    )


def logprob_label(form: Form) -> str:
    """What the log-probability of the right answer is called."""
    return "正解の対数確率" if form == "choice" else "正解の文字の対数確率"
