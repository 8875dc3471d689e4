"""One training with several seeds: one verdict for all of them together, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core.prompts import Form
from ..both_forms import BothChange
from ..number_text import interval_text, p_text, points
from ..reading import ReadingChange
from ..results.file import Result
from ..results.result_words import percent
from ..statistics import Interval, excludes_chance
from .breakdown import Breakdowns, breakdowns
from .comparability import aligned_outcomes
from .mean_change import ScoreChanges, mean_change, score_changes
from .verdict import TUNED, logprob_sentence


@dataclass(frozen=True, slots=True)
class SeedsTogether:
    """The tuned models of all seeds against the untuned one; a question's share is its mean over the seeds."""

    seeds: int
    questions: int
    clusters: int
    accuracy: tuple[float, float]  # untuned, mean of the tuned
    difference: float
    ci95: Interval | None  # over clusters, of these seeds; None with too few clusters
    p_value: float  # signs of whole clusters flipped at random
    spread: float  # standard deviation of the difference between the seeds
    scores: ScoreChanges  # a question's change averaged over the seeds
    form: Form
    breakdowns: Breakdowns
    reading: tuple[ReadingChange, ...]  # what the law adds, where the results in other contexts lie beside these
    both_forms: BothChange | None  # both forms of asking together, where the results in the other form lie beside all

    @property
    def verdict(self) -> str:
        """The result in one Japanese sentence."""
        facts = (
            f"{self.questions} 問、{percent(self.accuracy[0])} → 平均 {percent(self.accuracy[1])}、"
            f"{interval_text(self.ci95, unit=' ポイント')}、{p_text(self.p_value)}"
        )
        begin = (
            f"seed {self.seeds} 個をまとめると（学習したこれらのモデルについて。別の種の学習についてではありません）、"
        )
        change = self.scores.logprob
        logprob = "" if change is None else logprob_sentence(change, self.form)
        if not excludes_chance(self.ci95, self.p_value):
            return f"{begin}差があるとは言えません（{points(self.difference)} ポイント、{facts}）。{logprob}"
        word = "高く" if self.difference > 0 else "低く"
        size = points(abs(self.difference), signed=False)
        return f"{begin}{TUNED}は {size} ポイント{word}、偶然とは考えにくい差です（{facts}）。{logprob}"

    def as_json(self) -> dict[str, Any]:
        """For cross_fit.json."""
        return {
            "seeds": self.seeds,
            "n": self.questions,
            "clusters": self.clusters,
            "accuracy": list(self.accuracy),
            "difference": self.difference,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "p_value": self.p_value,
            "spread": self.spread,
            **self.scores.as_json(),
            **self.breakdowns.as_json(),
            "reading": [change.as_json() for change in self.reading],
            "both_forms": None if self.both_forms is None else self.both_forms.as_json(),
            "verdict": self.verdict,
        }


def seeds_together(
    base: Result,
    pooled: Sequence[Result],
    *,
    reading: Sequence[ReadingChange] = (),
    both_forms: BothChange | None = None,
    seed: int,
    repeats: int = 10_000,
) -> SeedsTogether:
    """All seeds' results against the untuned model; raises DataError when they may not be compared."""
    rows = aligned_outcomes([base, *pooled])
    clusters = [row[0].cluster for row in rows]
    right = [[float(outcome.predicted == outcome.correct) for outcome in row] for row in rows]
    steps = [sum(after) / len(after) - before for before, *after in right]
    by_seed = [sum(row[index] - row[0] for row in right) / len(right) for index in range(1, len(pooled) + 1)]
    moved = mean_change(steps, clusters, seed=seed, repeats=repeats)
    difference = moved.change
    accuracy = sum(row[0] for row in right) / len(right)
    return SeedsTogether(
        seeds=len(pooled),
        questions=len(rows),
        clusters=len(set(clusters)),
        accuracy=(accuracy, accuracy + difference),
        difference=difference,
        ci95=moved.ci95,
        p_value=moved.p_value,
        spread=math.sqrt(sum((value - difference) ** 2 for value in by_seed) / max(len(by_seed) - 1, 1)),
        scores=score_changes(rows, seed=seed, repeats=repeats),
        form=rows[0][0].form,
        breakdowns=breakdowns(rows),
        reading=tuple(reading),
        both_forms=both_forms,
    )
