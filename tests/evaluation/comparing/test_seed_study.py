"""One training with several seeds, as it is shown: seeds not held against each other, and the lines for a terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.evaluation.comparing.seed_study import SeedStudy, study_seeds
from app.evaluation.comparing.verdict import verdict
from app.evaluation.results.file import Result
from app.evaluation.results.result_words import auc_text


def test_more_seeds_that_agree_do_not_make_a_difference_harder_to_see(result_of: Any) -> None:
    base, tuned = result_of("base", {0}), set(range(8))
    for count in (1, 2, 4):
        study = study_seeds(base, [result_of(f"seed{number}", tuned) for number in range(count)], range(count), seed=1)
        found = {(pair.p_value, pair.adjusted_p_value, pair.comparisons) for pair in study.pairs}
        assert found == {(2 / 128, 2 / 128, 1)}
        together = study.together
        assert (together is None) == (count == 1) == ("together" not in study.as_json())
        assert together is None or together.p_value == pytest.approx(2 / 128, abs=0.004)


def test_the_lines_of_several_seeds_and_of_one(result_of: Any) -> None:
    base, pooled = result_of("base", set()), [result_of("one", set(range(6))), result_of("two", set(range(12)))]
    study = study_seeds(base, pooled, [42, 43], seed=1)
    lines = study.lines()
    assert lines[0] == "調整前: 0.0 %（12 問中 0 問、全並び 0.0 %）"
    assert lines[1].startswith("調整後（seed 42）: 50.0 %（全並び 50.0 %）、差 +50.0 ポイント（95 % 区間 +")
    assert study.together is not None
    assert lines[3:] == [
        "seed 2 個の平均: 差 +75.0 ポイント、標準偏差 35.4 ポイント",
        study.together.verdict,
        "自信の強さをそれぞれ合わせた、正解の対数確率の変化: +0.708（95 % 区間 +0.572〜+0.844、p < 0.001）。偶然とは考えにくい上がり方です。",
        "正解をほかの選択肢より上に置いた割合（一対ごと、自信の強さによらない）: 33.3 % → 83.3 %、+50.0 ポイント"
        "（95 % 区間 +41.7〜+58.3、p < 0.001）。偶然とは考えにくい上がり方です。",
    ]
    alone = SeedStudy(base, study.tuned[:1], (42,), study.pairs[:1], None).lines()
    assert alone[:2] == lines[:2]
    assert [line.split("（")[0].split(": ")[0] for line in alone[2:]] == [
        verdict(study.pairs[0]).split("（")[0],
        "自信の強さをそれぞれ合わせた、正解の対数確率の変化",
        "正解をほかの選択肢より上に置いた割合",
    ]


def test_the_verdict_of_several_seeds_names_the_results_that_are_not_to_be_trusted(result_of: Any) -> None:
    base, one, two = result_of("base", set()), result_of("one", set(range(6))), result_of("two", set(range(12)))
    two = replace(two, run={**two.run, "distrust": ["COLLAPSED: 回答が a に偏っています"]})
    study = study_seeds(base, [one, two], [42, 43], seed=1)
    assert study.together is not None
    caution = f"ただし、「{two.name}」は信用できない結果です（COLLAPSED）。"
    assert study.lines()[4] == study.together.verdict + caution
    assert "ただし" not in "".join(study_seeds(base, [one, result_of("two", set(range(12)))], [42, 43], seed=1).lines())


def test_where_the_runs_stand_is_said_where_all_are_known(result_of: Any) -> None:
    def at(result: Result, logprob: float, auc: float) -> Result:
        levels = {
            "gold_logprob": logprob,
            "uniform_logprob": -1.386,
            "statements": {"auc": auc, "auc_ci95": [0.5, 0.9]},
        }
        return replace(result, summary={**result.summary, **levels})

    base, tuned = at(result_of("base", {0}), -1.5, 0.6), at(result_of("one", {0}), -1.25, 0.7)
    study = study_seeds(base, [tuned], [42], seed=1)
    assert study.lines()[2:4] == [
        "正解の文字の対数確率の平均: 調整前 -1.500、seed 42 -1.250（一様なら -1.386）",
        f"選択肢を一つずつ数えた判断の AUC: 調整前 {auc_text(base.summary['statements'])}"
        f"、seed 42 {auc_text(tuned.summary['statements'])}",
    ]
    assert "AUC" not in "".join(study_seeds(base, [result_of("two", {0})], [42], seed=1).lines())
