"""Predictions from several orders, and rows that come back as they were written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.questions import LETTERS, ORDERS
from app.evaluation.results.order_answer import OrderAnswer, judged
from tests.evaluation.conftest import make_outcome, make_question


@pytest.mark.parametrize(
    ("chosen", "predicted", "status", "share"),
    [
        (["c", "c", "c", "c"], "c", "correct", 1.0),
        (["c", "c", "a", "b"], "c", "correct", 0.5),
        (["a", "a", "a", "c"], "a", "wrong", 0.25),
        ([None, "c", None, None], "c", "correct", 0.25),
        ([None, None, None, None], None, "unparsed", 0.0),
        (["b"], "b", "wrong", 0.0),
    ],
)
def test_the_majority_of_the_orders_counts(
    question_of: Any, outcome_of: Any, chosen: list[str | None], predicted: str | None, status: str, share: float
) -> None:
    outcome = outcome_of(question_of(), chosen)
    assert (outcome.predicted, outcome.status, outcome.share_right) == (predicted, status, share)


def test_a_tie_goes_to_the_higher_mean_probability(question_of: Any, outcome_of: Any, answer_of: Any) -> None:
    answers = tuple(
        answer_of(order, LETTERS[order.index(letter)], sure=sure)
        for order, letter, sure in zip(ORDERS, "ccaa", (0.95, 0.9, 0.5, 0.5), strict=True)
    )
    assert outcome_of(question_of(), [], answers=answers).predicted == "c"
    unsure = tuple(
        answer_of(order, LETTERS[order.index(letter)], sure=None) for order, letter in zip(ORDERS, "ccaa", strict=True)
    )
    outcome = outcome_of(question_of(), [], answers=unsure)
    assert (outcome.predicted, outcome.status) == (None, "tied")


@pytest.mark.parametrize(
    ("chosen", "sure", "ensemble", "leaders", "tied", "status"),
    [
        ("ccaa", (0.9, 0.9, 0.5, 0.5), False, ("a", "c"), True, "correct"),
        ("ccaa", (0.5, 0.5, 0.9, 0.9), False, ("a", "c"), True, "wrong"),
        ("ccaa", None, False, ("a", "c"), True, "tied"),
        ("abcd", None, False, ("a", "b", "c", "d"), True, "tied"),
        (["c", "a", None, None], None, False, ("a", "c"), True, "tied"),
        (["c", "c", None, "a"], None, False, ("c",), False, "correct"),
        ([None] * 4, None, False, (), False, "unparsed"),
        ("ccaa", (0.5, 0.5, 0.9, 0.9), True, ("a", "c"), False, "wrong"),  # no vote is taken
    ],
)
def test_a_tie_is_told_from_an_answer_that_cannot_be_read(
    question_of: Any, outcome_of: Any, answer_of: Any,
    chosen: Any, sure: Any, ensemble: bool, leaders: Any, tied: bool, status: str,
) -> None:  # fmt: skip
    answers = tuple(
        answer_of(order, letter and LETTERS[order.index(letter)], sure=one)
        for order, letter, one in zip(ORDERS, chosen, sure or [None] * 4, strict=True)
    )
    outcome = outcome_of(question_of(), [], answers=answers, ensemble=ensemble)
    assert (outcome.leaders(), outcome.vote_tied, outcome.status) == (leaders, tied, status)


def test_the_ensemble_can_overrule_the_majority(question_of: Any, outcome_of: Any, answer_of: Any) -> None:
    answers = tuple(
        answer_of(order, LETTERS[order.index(letter)], sure=sure)
        for order, letter, sure in zip(ORDERS, "aaac", (0.3, 0.3, 0.3, 0.97), strict=True)
    )
    assert outcome_of(question_of(), [], answers=answers).predicted == "a"
    assert outcome_of(question_of(), [], answers=answers, ensemble=True).predicted == "c"


def test_probabilities_are_mapped_back_to_the_files_letters() -> None:
    answer = OrderAnswer("cadb", "x", "a", tuple(math.log(p) for p in (0.4, 0.2, 0.1, 0.1)), 0.8)
    assert answer.chosen == "c"
    assert answer.probabilities() == pytest.approx({"a": 0.25, "b": 0.125, "c": 0.5, "d": 0.125})


def test_gold_logprob_is_the_mean_over_the_orders(question_of: Any, outcome_of: Any) -> None:
    outcome = outcome_of(question_of(), ["c", "a"], sure=0.7)
    assert outcome.gold_logprob == pytest.approx((math.log(0.7) + math.log(0.1)) / 2)
    assert outcome_of(question_of(), ["c"], sure=None).gold_logprob is None


def test_a_row_holds_what_the_design_names(question_of: Any, outcome_of: Any) -> None:
    row = outcome_of(question_of(), ["c", "c", "a", "c"]).as_row()
    assert row["predicted"] == "c"
    assert row["status"] == "correct"
    assert row["label_mass"] == 1.0
    assert len(row["logprobs"]) == 4
    assert row["prompt_sha256"] == row["answers"][0]["prompt_sha256"]
    assert sum(row["probabilities"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("correct", "sign", "log_odds", "share"),
    [
        ("b", 1, (0.1, 2.0, -1.0, 0.5), 1.0),
        ("b", 1, (3.0, 2.0, -1.0, 0.5), 2 / 3),
        ("b", -1, (3.0, 2.0, -1.0, 0.5), 1 / 3),  # what does not fit is asked for: the order is turned
        ("b", 1, (2.0, 2.0, 2.0, 2.0), 0.5),
        ("ac", 1, (1.0, 2.0, 3.0, 0.0), 3 / 4),  # a above d, c above b and d
        ("abcd", 1, (1.0, 2.0, 3.0, 0.0), None),  # nothing that a right one could be above
    ],
)
def test_how_often_the_right_choice_is_above_another(
    question_of: Any, outcome_of: Any, correct: str, sign: Any, log_odds: tuple[float, ...], share: float | None
) -> None:
    answer = judged(OrderAnswer("abcd", "0" * 64, log_odds=log_odds, masses=(1.0,) * 4, sign=sign, told=True), correct)
    outcome = outcome_of(question_of(correct=correct), [], answers=(answer,), form="choice")
    assert outcome.pairs_won == (None if share is None else pytest.approx(share))
    # However sure the model is, the order is the same.
    surer = replace(answer, log_odds=tuple(7 * value for value in log_odds))
    assert replace(outcome, answers=(surer,)).pairs_won == outcome.pairs_won


def test_letters_are_ordered_within_each_order(question_of: Any, outcome_of: Any) -> None:
    one = question_of(correct="a")
    assert outcome_of(one, ["a"]).pairs_won == 1.0
    assert outcome_of(one, ["b"]).pairs_won == pytest.approx(1 / 3)  # below one, a tie with two
    assert outcome_of(one, ["a", "b", "b", "c"]).pairs_won == pytest.approx((1 + 3 * 1 / 3) / 4)
    assert outcome_of(one, ["a"], sure=None).pairs_won is None


@given(
    st.lists(st.lists(st.integers(-40, 0), min_size=4, max_size=4), min_size=1, max_size=4),
    st.floats(0.05, 20),
    st.sampled_from("abcd"),
)
def test_no_change_of_sureness_moves_the_order_of_letters(
    logits: list[list[int]], sharper: float, correct: str
) -> None:
    def share(scale: float) -> float | None:
        answers = tuple(
            OrderAnswer(order, "0" * 64, "a", tuple(float(scale * value) for value in each), 1.0)
            for order, each in zip(ORDERS, logits, strict=False)
        )
        return make_outcome(make_question(1, correct), [], answers=answers).pairs_won

    assert share(sharper) == share(1.0)
