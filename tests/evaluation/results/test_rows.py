"""Rows that come back as they were written, and what of a changed one is refused, at which place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.questions import LETTERS, ORDERS
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.rows import outcome_from


def written(question: Any, chosen: str) -> tuple[OrderAnswer, ...]:
    """Answers of written letters without scores."""
    return tuple(
        OrderAnswer(order, "0" * 64, shown, text=shown, text_letter=shown, text_status="ok", text_rule="x")
        for order, shown in ((order, LETTERS[order.index(one)]) for order, one in zip(ORDERS, chosen, strict=False))
    )


def test_a_tie_that_an_earlier_version_called_unparsed_is_read(question_of: Any, outcome_of: Any) -> None:
    outcome = outcome_of(question_of(), list("ccaa"), sure=None, answers=written(question_of(), "ccaa"))
    row = outcome.as_row()
    assert row["status"] == "tied"
    assert outcome_from({**row, "status": "unparsed"}, "x") == outcome
    with pytest.raises(DataError, match="食い違っています"):
        outcome_from({**row, "status": "wrong"}, "x")


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass": "much"}, r"answers\[0\]\.mass 'much'）"),
        ({"mass": True}, r"answers\[0\]\.mass True）"),
        ({"logprobs": [-1.0, "x", -2.0, -3.0]}, r"answers\[0\]\.logprobs\[1\] 'x'）"),
        ({"text": "c", "text_status": "odd"}, r"answers\[0\]\.text_status 'odd'）"),
        ({"more": 1}, r"answers\[0\]\.more という項目はありません）"),
        ({"order": None}, r"answers\[0\]\.order None）"),
    ],
)
def test_the_place_of_a_wrong_value_is_named(
    question_of: Any, outcome_of: Any, change: dict[str, Any], message: str
) -> None:
    row = outcome_of(question_of(), ["c"]).as_row()
    row["answers"] = [{**row["answers"][0], **change}]
    with pytest.raises(
        DataError, match=rf"^r\.json: 1 問目: 結果の行として読めません（{message}。評価をやり直してください。$"
    ):
        outcome_from(row, "r.json: 1 問目")


def test_a_row_that_is_no_object_or_lacks_a_field_says_so(question_of: Any, outcome_of: Any) -> None:
    row = outcome_of(question_of(), ["c"]).as_row()
    with pytest.raises(DataError, match=r"（\[\]）"):
        outcome_from([], "x")
    with pytest.raises(DataError, match="（question がありません）"):
        outcome_from({name: value for name, value in row.items() if name != "question"}, "x")
