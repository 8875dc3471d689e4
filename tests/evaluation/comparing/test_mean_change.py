"""Changes on every question: against the definitions, and what of them no change of sureness moves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from app.evaluation.comparing.mean_change import (
    NO_ORDER,
    ScoreChanges,
    calibrated_change,
    change_json,
    mean_change,
    pair_order,
)
from app.evaluation.comparing.verdict import sureness_lines
from app.evaluation.results.calibrated import calibrated_logprobs
from app.evaluation.results.order_answer import OrderAnswer, judged
from app.evaluation.results.outcomes import Outcome
from app.evaluation.statistics import cluster_bootstrap, sign_flip_test


@pytest.fixture
def choices_of(question_of: Any, outcome_of: Any) -> Any:
    """Questions of the choice form, right choice a, with the log-odds given."""

    def make(*log_odds: tuple[float, ...]) -> list[Outcome]:
        return [
            outcome_of(
                question_of(number, "a"),
                [],
                form="choice",
                answers=(
                    judged(OrderAnswer("abcd", "0" * 64, log_odds=odds, masses=(1.0,) * 4, sign=1, told=True), "a"),
                ),
            )
            for number, odds in enumerate(log_odds)
        ]

    return make


RIGHT, SECOND, LAST = (4.0, 1.0, 2.0, 3.0), (3.0, 1.0, 2.0, 4.0), (0.0, 1.0, 2.0, 4.0)


def test_the_order_is_the_mean_over_the_questions_and_over_the_later_runs(choices_of: Any) -> None:
    before = choices_of(*[LAST] * 6, *[SECOND] * 6)
    after = choices_of(*[RIGHT] * 12), choices_of(*[SECOND] * 6, *[LAST] * 6)
    rows = list(zip(before, *after, strict=True))
    found = pair_order(rows, seed=5, repeats=400)
    assert found is not None
    assert (found.questions, found.shares) == (12, (pytest.approx(1 / 3), pytest.approx(2 / 3)))
    steps = [(1 + 2 / 3) / 2] * 6 + [1 / 2 - 2 / 3] * 6
    clusters = [one.cluster for one in before]
    assert found.change.change == pytest.approx(1 / 3)
    assert found.change.ci95 == pytest.approx(cluster_bootstrap(steps, clusters, seed=5, repeats=400))
    assert found.change.p_value == sign_flip_test(steps, clusters, seed=5, repeats=4000).two_sided
    assert found.as_json()["pair_order"] == list(found.shares)


def test_a_model_that_only_becomes_less_sure_changes_the_probability_and_not_the_order(choices_of: Any) -> None:
    before = choices_of(*[SECOND] * 12)
    after = choices_of(*[tuple(value / 4 for value in SECOND)] * 12)
    assert all(second.gold_logprob > first.gold_logprob for first, second in zip(before, after, strict=True))
    found = pair_order(list(zip(before, after, strict=True)), seed=1, repeats=100)
    assert found is not None
    assert (found.change.change, found.change.direction) == (0.0, "undecided")
    level = calibrated_change(list(zip(before, after, strict=True)), seed=1, repeats=100)
    assert level is not None
    assert level.change == pytest.approx(0.0, abs=1e-3)


def test_the_calibrated_change_is_the_mean_over_the_later_runs(choices_of: Any) -> None:
    before, after = choices_of(*[LAST] * 6, *[SECOND] * 6), [choices_of(*[RIGHT] * 12), choices_of(*[SECOND] * 12)]
    found = calibrated_change(list(zip(before, *after, strict=True)), seed=5, repeats=400)
    levels = [calibrated_logprobs(run) for run in (before, *after)]
    steps = [(one + two) / 2 - zero for zero, one, two in zip(*(level or [] for level in levels), strict=True)]
    assert found == mean_change(steps, [one.cluster for one in before], seed=5, repeats=400)
    assert calibrated_change([(before[0], before[0])], seed=1) is None


def test_questions_without_a_pair_are_left_out(choices_of: Any) -> None:
    outcomes = choices_of(*[SECOND] * 12)
    alone = replace(outcomes[0], correct="abcd")
    rows = [(one, one) for one in [alone, *outcomes[1:]]]
    found = pair_order(rows, seed=1, repeats=100)
    assert found is not None
    assert found.questions == 11
    assert "、選択肢を比べられる 11 問）: 66.7 % → 66.7 %" in sureness_lines(ScoreChanges(None, None, found), 12)[0]
    assert "比べられる" not in sureness_lines(ScoreChanges(None, None, found), 11)[0]
    assert pair_order([(alone, alone)], seed=1) is None


def test_what_is_not_there_has_the_same_keys() -> None:
    values = [math.log(2)] * 12
    change = mean_change(values, [str(number) for number in range(12)], seed=1, repeats=100)
    assert change_json(change).keys() == change_json(None).keys()
    assert change_json(change)["logprob_change"] == pytest.approx(math.log(2))
    assert set(change_json(None).values()) == set(NO_ORDER.values()) == {None}
