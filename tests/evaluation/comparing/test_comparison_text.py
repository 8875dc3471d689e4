"""What stands under a verdict in the terminal so that its numbers can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.comparison_text import comparison_lines
from app.evaluation.results.file import Result
from app.evaluation.running.plan import EvaluationPlan


@pytest.fixture
def result_of(question_of: Any, outcome_of: Any) -> Any:
    def make(name: str, votes: Sequence[str], **values: Any) -> Result:
        questions = [question_of(number) for number in range(len(votes))]
        found = [outcome_of(one, list(vote), **values) for one, vote in zip(questions, votes, strict=True)]
        scoring = "text" if values.get("sure", 0.7) is None else "letter"
        plan = EvaluationPlan(context="none", scoring=scoring, orders=len(votes[0]))
        run = {"prompt_version": "1", "plan": plan.as_dict(), "adapter": None, "distrust": []}
        return Result(Path(f"{name}.json"), run, {}, tuple(found))

    return make


def lines(*results: Result) -> list[str]:
    return comparison_lines(compare_results(results, seed=1, repeats=50), results)


def test_ties_and_mean_logprobs_of_both_runs_stand_under_the_verdict(result_of: Any) -> None:
    found = lines(result_of("base", ["abcd", "cccc", "aaaa"]), result_of("tuned", ["cccc", "cccc", "ccca"]))
    right, wrong = math.log(0.7), math.log(0.1)
    (ties,) = [line for line in found if line.startswith("  うち同数で決まった問題:")]
    assert ties.split(": ")[1] in ("1 問（正解 0） → 0 問（正解 0）", "1 問（正解 1） → 0 問（正解 0）")
    before, after = (right + 3 * wrong + 4 * right + 4 * wrong) / 12, (11 * right + wrong) / 12
    assert f"  正解の文字の対数確率の平均: {before:.3f} → {after:.3f}（一様なら -1.386）" in found


def test_each_comparison_has_the_levels_of_its_own_runs(result_of: Any) -> None:
    found = lines(*(result_of(name, [vote, vote]) for name, vote in (("x", "cccc"), ("y", "aaaa"), ("z", "ccaa"))))
    means = [line.split(": ")[1] for line in found if line.startswith("  正解の文字の対数確率の平均:")]
    assert means == ["-0.357 → -2.303（一様なら -1.386）", "-0.357 → -1.330（一様なら -1.386）"]


def test_what_there_is_not_is_not_spoken_of(result_of: Any) -> None:
    for found in (
        lines(result_of("base", ["a", "c"]), result_of("tuned", ["c", "c"])),
        lines(result_of("base", ["c", "c"], sure=None), result_of("tuned", ["c", "c"], sure=None)),
    ):
        assert not any("同数" in line for line in found)
    assert not any("対数確率の平均" in line for line in found)
