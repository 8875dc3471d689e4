"""Predictions from several orders, and rows that come back as they were written."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.questions import LETTERS, ORDERS
from app.evaluation.results.outcomes import OrderAnswer, outcome_from


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


def test_a_tie_that_an_earlier_version_called_unparsed_is_read(question_of: Any, outcome_of: Any) -> None:
    outcome = outcome_of(question_of(), list("ccaa"), sure=None, answers=written(question_of(), "ccaa"))
    row = outcome.as_row()
    assert row["status"] == "tied"
    assert outcome_from({**row, "status": "unparsed"}, "x") == outcome
    with pytest.raises(DataError, match="食い違っています"):
        outcome_from({**row, "status": "wrong"}, "x")


def written(question: Any, chosen: str) -> tuple[OrderAnswer, ...]:
    """Answers of written letters without scores."""
    return tuple(
        OrderAnswer(order, "0" * 64, shown, text=shown, text_letter=shown, text_status="ok", text_rule="x")
        for order, shown in ((order, LETTERS[order.index(one)]) for order, one in zip(ORDERS, chosen, strict=False))
    )


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixtures are functions without state
@given(
    chosen=st.lists(st.sampled_from([*LETTERS, None]), min_size=1, max_size=4),
    sure=st.none() | st.floats(0.26, 0.99),
)
def test_a_row_comes_back_as_it_was_written(
    question_of: Any, outcome_of: Any, chosen: list[str | None], sure: float | None
) -> None:
    if sure is None:
        chosen = [letter or "a" for letter in chosen]
        outcome = outcome_of(question_of(), [], answers=written(question_of(), "".join(chosen)))
    else:
        outcome = outcome_of(question_of(), chosen, sure=sure)
    assert outcome_from(json.loads(json.dumps(outcome.as_row())), "x") == outcome


def test_a_row_holds_what_the_design_names(question_of: Any, outcome_of: Any) -> None:
    row = outcome_of(question_of(), ["c", "c", "a", "c"]).as_row()
    assert row["predicted"] == "c"
    assert row["status"] == "correct"
    assert row["label_mass"] == 1.0
    assert len(row["logprobs"]) == 4
    assert row["prompt_sha256"] == row["answers"][0]["prompt_sha256"]
    assert sum(row["probabilities"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": "e"}, "正解か回答が欠けています"),
        ({"answers": []}, "正解か回答が欠けています"),
        ({"predicted": "a"}, "食い違っています"),
        ({"status": "wrong"}, "食い違っています"),
        ({"question": "別の問題ですか。"}, "ハッシュ（question_sha256）と合いません"),
        ({"choices": {**dict.fromkeys("abc", "x"), "d": "y"}}, "ハッシュ（question_sha256）と合いません"),
        ({"cluster": None}, "cluster"),
        ({"law": 3}, "law"),
        ({"context": []}, "context"),
        ({"ensemble": "no"}, "ensemble"),
        ({"probabilities": {"a": 0.0, "b": 0.0, "c": 0.9, "d": 0.1}}, r"probabilities\.a（記録は 0、.*0\.1）"),
        ({"label_mass": 0.5}, r"label_mass（記録は 0\.5、回答から計算すると 1）"),
        (
            {
                "passages": [
                    {
                        "id": "p",
                        "law_title": "l",
                        "article": "1",
                        "paragraph": None,
                        "score": "x",
                        "text": "t",
                        "gold": True,
                        "shown": True,
                    }
                ]
            },
            "score",
        ),
        ({"choices": {"a": "x"}}, "正解か回答が欠けています"),
        ({"answers": [{"order": "abcd"}]}, "がありません"),
        ({"gold_articles": ["x"]}, "読めません"),
        ({"passages": [{"id": 1}]}, "読めません"),
    ],
)
def test_a_row_that_was_changed_is_refused(
    question_of: Any, outcome_of: Any, change: dict[str, Any], message: str
) -> None:
    row = outcome_of(question_of(), ["c"]).as_row()
    with pytest.raises(DataError, match=message):
        outcome_from({**row, **change}, "r.json: 1 問目")


@pytest.mark.parametrize(
    "change",
    [
        {"order": "abcc"},
        {"predicted": "e"},
        {"logprobs": [0.0]},
        {"logprobs": [float("nan")] * 4},
        {"logprobs": [-1.0, -2.0, -3.0, -4.0]},
        {"logprobs": None},  # then nothing says why c was predicted
        {"mass": 1.5},
        {"mass": "much"},
        {"text": "c"},  # without how it was read
        {"text": "c", "text_status": "odd"},
        {"text": "c", "text_status": "ok"},
        {"text": "c", "text_status": "empty", "text_letter": "c"},
        {"prompt_tokens": 1.5},
        {"prompt_sha256": None},
        {"error": "refused"},  # and yet an answer
        {"more": 1},
    ],
)
def test_an_answer_that_cannot_be_is_refused(question_of: Any, outcome_of: Any, change: dict[str, Any]) -> None:
    row = outcome_of(question_of(), ["c"]).as_row()
    row["answers"] = [{**row["answers"][0], **change}]
    with pytest.raises(DataError, match="結果の行として読めません"):
        outcome_from(row, "r.json: 1 問目")
