"""The log-probability with the sureness set right: against the definition, and what training for sureness alone gains."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.results.calibrated import SCALES, calibrated_logprobs
from app.evaluation.results.order_answer import OrderAnswer, judged
from app.evaluation.results.outcomes import Outcome
from tests.evaluation.conftest import make_outcome, make_question

ODDS = [(4.0, 1.0, 2.0, 3.0), (3.0, 1.0, 2.0, 4.0), (0.0, 1.0, 2.0, 4.0), (1.0, -2.0, 0.5, 0.0), (2.5, 1.0, -1.0, 0.0)]


def choice(number: int, log_odds: tuple[float, ...], correct: str = "a", sign: Any = 1) -> Outcome:
    answer = judged(OrderAnswer("abcd", "0" * 64, log_odds=log_odds, masses=(1.0,) * 4, sign=sign, told=True), correct)
    return make_outcome(make_question(number, correct), [], answers=(answer,), form="choice")


def softmax_logprob(scores: tuple[float, ...], index: int) -> float:
    return scores[index] - math.log(sum(math.exp(one) for one in scores))


def test_each_cluster_is_judged_with_what_fits_the_others_best() -> None:
    outcomes = [choice(number, odds) for number, odds in enumerate(ODDS)]
    # Two questions on one article: neither helps to fit the number that is used on the other.
    outcomes[1] = replace(outcomes[1], cluster=outcomes[0].cluster)
    found = calibrated_logprobs(outcomes)
    assert found is not None
    for number, value in enumerate(found):
        others = [odds for odds, one in zip(ODDS, outcomes, strict=True) if one.cluster != outcomes[number].cluster]
        best = max(SCALES, key=lambda k: sum(softmax_logprob(tuple(k * v for v in odds), 0) for odds in others))
        assert value == pytest.approx(softmax_logprob(tuple(best * v for v in ODDS[number]), 0))


@given(st.integers(-20, 20))
def test_a_model_that_is_only_more_or_less_sure_has_the_same_values(steps: int) -> None:
    # A factor of the grid of scales itself, so that the same fit is among those that are tried.
    factor = float(SCALES[2] / SCALES[1]) ** steps
    first = calibrated_logprobs([choice(number, odds) for number, odds in enumerate(ODDS)])
    second = calibrated_logprobs([
        choice(number, tuple(factor * value for value in odds)) for number, odds in enumerate(ODDS)
    ])  # fmt: skip
    assert first is not None
    assert second is not None
    inside = np.exp(-4 + 2.5) < factor < np.exp(4 - 2.5)
    assert not inside or second == pytest.approx(first)


def test_several_right_answers_and_a_turned_request_and_letters(question_of: Any, outcome_of: Any) -> None:
    turned = calibrated_logprobs([choice(number, tuple(-v for v in odds), sign=-1) for number, odds in enumerate(ODDS)])
    assert turned == calibrated_logprobs([choice(number, odds) for number, odds in enumerate(ODDS)])
    even = [choice(number, (0.0, 0.0, 0.0, 0.0), "ac") for number in range(3)]
    assert calibrated_logprobs(even) == pytest.approx([math.log(1 / 6)] * 3)
    # Letters that are always right are best believed: the largest scale.
    letters = calibrated_logprobs([outcome_of(question_of(number, "a"), ["a", "a"]) for number in range(3)])
    sure = [math.log(0.7) * SCALES[-1], *[math.log(0.1) * SCALES[-1]] * 3]
    assert letters == pytest.approx([softmax_logprob(tuple(sure), 0)] * 3)


def test_scores_that_mislead_are_worth_an_even_spread() -> None:
    wrong = [choice(number, (-3.0, 1.0, 2.0, 0.0)) for number in range(4)]
    assert calibrated_logprobs(wrong) == pytest.approx([math.log(1 / 4)] * 4)


def test_without_scores_or_with_one_cluster_there_is_nothing(question_of: Any, outcome_of: Any) -> None:
    outcomes = [choice(number, odds) for number, odds in enumerate(ODDS)]
    assert calibrated_logprobs([replace(one, cluster="x") for one in outcomes]) is None
    assert calibrated_logprobs([outcome_of(question_of(number), ["a"], sure=None) for number in range(3)]) is None
