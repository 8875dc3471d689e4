"""Several seeds as one answer: shares averaged, clusters drawn and flipped together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.evaluation.comparing.seeds import seeds_together
from app.evaluation.statistics import cluster_bootstrap, sign_flip_test


def test_shares_are_averaged_over_the_seeds(result_of: Any) -> None:
    base, pooled = result_of("base", {0, 1}), [result_of("one", {0, *range(2, 8)}), result_of("two", set(range(12)))]
    found = seeds_together(base, pooled, seed=5, repeats=500)
    steps = [0.0, -0.5, *[1.0] * 6, *[0.5] * 4]
    assert (found.seeds, found.questions, found.clusters) == (2, 12, 12)
    assert found.accuracy == pytest.approx((2 / 12, 9.5 / 12))
    assert found.difference == pytest.approx(sum(steps) / 12)
    assert found.spread == pytest.approx((5 / 12) / 2**0.5)  # the seeds gain 5 and 10 questions
    assert found.ci95 == pytest.approx(cluster_bootstrap(steps, range(12), seed=5, repeats=500))
    assert found.p_value == sign_flip_test(steps, range(12), seed=5, repeats=5000).two_sided
    assert found.scores.logprob is not None
    assert found.scores.logprob.change == pytest.approx(math.log(7) * sum(steps) / 12)
    assert "正解の文字の対数確率は +1.216 と上がり" in found.verdict
    assert found.verdict.startswith(
        "seed 2 個をまとめると（学習したこれらのモデルについて。別の種の学習についてではありません）、調整後は 62.5 ポイント高く、偶然とは考えにくい差です（12 問、16.7 % → 平均 79.2 %、95 % 区間 +"
    )
    assert found.as_json()["difference"] == found.difference
    assert found.as_json()["by_kind"] == {"その他": {"n": 12, "before": 2, "after": 9.5, "won": 8.0, "lost": 0.5}}


def test_seeds_that_contradict_each_other_show_nothing(result_of: Any) -> None:
    base = result_of("base", set(range(6)))
    pooled = [result_of("up", set(range(12))), result_of("down", set())]
    found = seeds_together(base, pooled, seed=1, repeats=300)
    assert (found.difference, found.spread) == (0.0, pytest.approx(0.5 * 2**0.5))
    assert found.verdict.startswith(
        "seed 2 個をまとめると（学習したこれらのモデルについて。別の種の学習についてではありません）、差があるとは言えません（+0.0 ポイント、12 問、50.0 % → 平均 50.0 %"
    )
