"""A training repeated with other seeds, as cross_fit.py and ``compare_runs.py --pool-seeds`` show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..number_text import interval_text, p_text, points
from ..results.file import Result
from ..results.result_words import auc_text, percent
from .comparability import distrust
from .comparison import Comparison, compare_results
from .comparison_json import as_json
from .comparison_text import both_change_lines, reading_change_lines
from .forms_beside import both_of_seeds, pools_beside, with_both_forms
from .mean_change import logprob_label
from .neighbours import companions_of
from .reading_beside import check_reading, contexts_beside, reading_of_seeds, with_reading
from .seeds import SeedsTogether, seeds_together
from .verdict import distrust_sentence, sureness_lines, verdict


@dataclass(frozen=True, slots=True)
class SeedStudy:
    """The untuned model, what was trained with each seed, and what they show one by one and together."""

    base: Result
    tuned: tuple[Result, ...]  # one per seed
    seeds: tuple[int, ...]
    pairs: tuple[Comparison, ...]  # each seed against the untuned model
    together: SeedsTogether | None  # None with one seed

    @property
    def results(self) -> list[Result]:
        """All of them, the untuned model's in front."""
        return [self.base, *self.tuned]

    @property
    def distrust(self) -> list[str]:
        """Why a result said of itself that it must not be trusted; empty when none did."""
        return [reason for result in self.results for reason in distrust(result)]

    @property
    def _doubts(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(one for pair in self.pairs for one in pair.distrust))

    def as_json(self) -> dict[str, Any]:
        """For cross_fit.json and ``compare_runs.py --pool-seeds --json``."""
        value = as_json(self.pairs)
        return value if self.together is None else {**value, "together": self.together.as_json()}

    def lines(self) -> list[str]:
        """For a terminal: each seed, where it stands, and the verdict, of the one seed or of all together."""
        return [*self._table(), *self._levels(), *self._verdict()]

    def _table(self) -> list[str]:
        base = self.base.summary
        lines = [
            f"調整前: {percent(base['accuracy'])}（{base['total']} 問中 {base['correct']} 問、"
            f"全並び {percent(base['orders']['accuracy'])}）"
        ]
        lines += [
            f"調整後（seed {seed}）: {percent(result.summary['accuracy'])}"
            f"（全並び {percent(result.summary['orders']['accuracy'])}）、差 {points(pair.difference)} ポイント"
            f"（{interval_text(pair.ci95)}、{p_text(pair.adjusted_p_value)}）"
            for seed, result, pair in zip(self.seeds, self.tuned, self.pairs, strict=True)
        ]
        return lines

    def _levels(self) -> list[str]:
        """Log-probability of the right answer, and the AUC of choices judged by themselves; nothing of what the answers do
        not have."""
        names, summaries = ["調整前", *(f"seed {seed}" for seed in self.seeds)], [one.summary for one in self.results]
        lines = []
        if all(summary["gold_logprob"] is not None for summary in summaries):
            cells = "、".join(f"{name} {one['gold_logprob']:.3f}" for name, one in zip(names, summaries, strict=True))
            uniform = summaries[0]["uniform_logprob"]
            lines.append(f"{logprob_label(self.pairs[0].form)}の平均: {cells}（一様なら {uniform:.3f}）")
        if all(summary["statements"] is not None for summary in summaries):
            cells = "、".join(
                f"{name} {auc_text(one['statements'])}" for name, one in zip(names, summaries, strict=True)
            )
            # Every fold's adapter has an offset of its own, which the untuned model has not.
            folds = "（組の違う問題も比べるので、調整後は低めに出ます）" if self.tuned[0].run.get("folds") else ""
            lines.append(f"選択肢を一つずつ数えた判断の AUC: {cells}{folds}")
        return lines

    def _verdict(self) -> list[str]:
        """The verdict, the right answers by kind, and what the law adds."""
        if self.together is None:
            (pair,) = self.pairs
            return [
                verdict(pair),
                *sureness_lines(pair.scores, pair.questions),
                *pair.breakdowns.lines(),
                *both_change_lines(pair.both_forms, ("調整前", "調整後")),
                *reading_change_lines(pair.reading, ("調整前", "調整後")),
            ]
        found = self.together
        names = ("調整前", f"調整後（seed {found.seeds} 個の平均）")
        return [
            f"seed {found.seeds} 個の平均: 差 {points(found.difference)} ポイント、"
            f"標準偏差 {points(found.spread, signed=False)} ポイント",
            found.verdict + (f"ただし、{doubt}" if (doubt := distrust_sentence(self._doubts)) else ""),
            *sureness_lines(found.scores, found.questions),
            *found.breakdowns.lines(),
            *both_change_lines(found.both_forms, names),
            *reading_change_lines(found.reading, names),
        ]


def study_seeds(
    base: Result, tuned: Sequence[Result], seeds: Sequence[int], *, seed: int, reading_test: bool = False
) -> SeedStudy:
    """What the results of ``seeds`` show against the untuned model, with the reading test where results in other contexts
    lie beside all of them. Raises DataError when they may not be compared, or lack a ``reading_test`` that was asked for."""
    results = [base, *tuned]
    # Seeds repeat one question, so nothing is adjusted for their number.
    alone = [pair for one in tuned for pair in compare_results([base, one], seed=seed)]
    around = companions_of(results)
    found, pools = contexts_beside(results, around), pools_beside(results, around)
    pairs = with_both_forms(with_reading(alone, found, seed=seed), pools, seed=seed)
    if reading_test:
        check_reading(pairs)
    together = None
    if len(tuned) > 1:
        reading, both = reading_of_seeds(results, found, seed=seed), both_of_seeds(results, pools, seed=seed)
        together = seeds_together(base, tuned, reading=reading, both_forms=both, seed=seed)
    return SeedStudy(base, tuple(tuned), tuple(seeds), tuple(pairs), together)
