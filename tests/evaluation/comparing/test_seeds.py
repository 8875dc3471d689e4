"""Several seeds as one answer: shares averaged, clusters drawn and flipped together, seeds not held against each other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.comparing.seeds import compare_seeds, seed_table, seeds_together, verdict_lines
from app.evaluation.comparing.verdict import verdict
from app.evaluation.results.file import Result
from app.evaluation.statistics import cluster_bootstrap, sign_flip_test

QUESTIONS = 12
RUN: dict[str, Any] = {"prompt_version": "1", "plan": {"scoring": "letter"}, "adapter": None, "distrust": []}


@pytest.fixture
def result_of(question_of: Any, outcome_of: Any) -> Any:
    def make(name: str, right: set[int]) -> Result:
        questions = [question_of(number, "abcd"[number % 4]) for number in range(QUESTIONS)]
        outcomes = [
            outcome_of(one, [one.correct if number in right else "abcd"[number % 4 - 1]] * 4)
            for number, one in enumerate(questions)
        ]
        share = len(right) / QUESTIONS
        summary = {"accuracy": share, "correct": len(right), "total": QUESTIONS, "orders": {"accuracy": share}}
        return Result(Path(f"{name}.json"), RUN, summary, tuple(outcomes))

    return make


def test_shares_are_averaged_over_the_seeds(result_of: Any) -> None:
    base, pooled = result_of("base", {0, 1}), [result_of("one", {0, *range(2, 8)}), result_of("two", set(range(12)))]
    found = seeds_together(base, pooled, seed=5, repeats=500)
    steps = [0.0, -0.5, *[1.0] * 6, *[0.5] * 4]
    assert (found.seeds, found.questions, found.clusters) == (2, 12, 12)
    assert found.accuracy == pytest.approx((2 / 12, 9.5 / 12))
    assert found.difference == pytest.approx(sum(steps) / 12)
    assert found.spread == pytest.approx((5 / 12) / 2**0.5)  # the seeds gain 5 and 10 questions
    assert found.ci95 == pytest.approx(cluster_bootstrap(steps, range(12), seed=5, repeats=500))
    assert found.p_value == sign_flip_test(steps, range(12), seed=5, repeats=500).two_sided
    assert found.scores.logprob is not None
    assert found.scores.logprob.change == pytest.approx(math.log(7) * sum(steps) / 12)
    assert "正解の文字の対数確率は +1.216 と上がり" in found.verdict
    assert found.verdict.startswith(
        "seed 2 個をまとめると、調整後は 62.5 ポイント高く、偶然とは考えにくい差です（12 問、16.7 % → 平均 79.2 %、95 % 区間 +"
    )
    assert found.as_json()["difference"] == found.difference
    assert found.as_json()["by_kind"] == {"その他": {"n": 12, "before": 2, "after": 9.5, "won": 8.0, "lost": 0.5}}


def test_more_seeds_that_agree_do_not_make_a_difference_harder_to_see(result_of: Any) -> None:
    base, tuned = result_of("base", {0}), set(range(8))
    for count in (1, 2, 4):
        pooled = [result_of(f"seed{number}", tuned) for number in range(count)]
        pairs = compare_seeds(base, pooled, seed=1)
        assert {(pair.p_value, pair.adjusted_p_value, pair.comparisons) for pair in pairs} == {(2 / 128, 2 / 128, 1)}
        assert seeds_together(base, pooled, seed=1).p_value == pytest.approx(2 / 128, abs=0.004)


def test_seeds_that_contradict_each_other_show_nothing(result_of: Any) -> None:
    base = result_of("base", set(range(6)))
    pooled = [result_of("up", set(range(12))), result_of("down", set())]
    found = seeds_together(base, pooled, seed=1, repeats=300)
    assert (found.difference, found.spread) == (0.0, pytest.approx(0.5 * 2**0.5))
    assert found.verdict.startswith(
        "seed 2 個をまとめると、差があるとは言えません（+0.0 ポイント、12 問、50.0 % → 平均 50.0 %"
    )


def test_the_table_and_the_verdict_lines(result_of: Any) -> None:
    base, pooled = result_of("base", set()), [result_of("one", set(range(6))), result_of("two", set(range(12)))]
    pairs = compare_seeds(base, pooled, seed=1)
    lines = seed_table(base, pooled, pairs, [42, 43])
    assert lines[0] == "調整前: 0.0 %（12 問中 0 問、全並び 0.0 %）"
    assert lines[1].startswith("調整後（seed 42）: 50.0 %（全並び 50.0 %）、差 +50.0 ポイント（95 % 区間 +")
    assert len(lines) == 3
    together = seeds_together(base, pooled, seed=1)
    assert verdict_lines(pairs, together) == [
        "seed 2 個の平均: 差 +75.0 ポイント、標準偏差 35.4 ポイント",
        together.verdict,
        "自信の強さをそれぞれ合わせた、正解の対数確率の変化: +0.708（95 % 区間 +0.572〜+0.844、p < 0.001）。偶然とは考えにくい上がり方です。",
        "正解をほかの選択肢より上に置いた割合（一対ごと、自信の強さによらない）: 33.3 % → 83.3 %、+50.0 ポイント"
        "（95 % 区間 +41.7〜+58.3、p < 0.001）。偶然とは考えにくい上がり方です。",
    ]
    assert [line.split("（")[0].split(": ")[0] for line in verdict_lines(pairs[:1], None)] == [
        verdict(pairs[0]).split("（")[0],
        "自信の強さをそれぞれ合わせた、正解の対数確率の変化",
        "正解をほかの選択肢より上に置いた割合",
    ]
