"""A result says itself where its questions failed or its answers could not be read, and is then not compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.evaluation.comparing.comparability import aligned_outcomes
from app.evaluation.results.doubts import doubts, failed_reason, unread_reason
from app.evaluation.results.file import Result
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome

FINE = {"collapse": {"collapsed": False}}


@pytest.fixture
def written(outcome_of: Any, question_of: Any) -> Any:
    """Outcomes of written answers: a letter, or None with a status, or an error."""

    def make(answers: Sequence[str | tuple[str, str]]) -> list[Outcome]:
        made = []
        for number, one in enumerate(answers):
            answer = OrderAnswer("abcd", "0" * 64)
            if isinstance(one, str):
                answer = replace(answer, predicted=one, text=one, text_letter=one, text_status="ok", text_rule="alone")
            elif one[0] == "error":
                answer = replace(answer, error=one[1])
            else:
                answer = replace(answer, text=one[1], text_status=one[0], text_rule="")
            made.append(replace(outcome_of(question_of(number), ["a"]), answers=(answer,)))
        return made

    return make


def test_readable_answers_are_not_doubted(written: Any) -> None:
    assert doubts(written(["a", "b", "c", "d"]), FINE) == ()


def test_failed_questions_are_counted_with_the_first_error_and_the_way_out(written: Any) -> None:
    outcomes = written(["a", ("error", "HTTP 400: bad。"), "b", ("error", "時間切れ")])
    assert doubts(outcomes, FINE) == (
        "FAILED: 4 問のうち 2 問に答えが得られませんでした（最初は q1: HTTP 400: bad）。"
        "--resume を付けると、その問題だけを尋ね直します",
    )


@pytest.mark.parametrize(
    ("unread", "letters", "doubted"),
    [(1, 4, False), (2, 7, True), (5, 20, False), (30, 0, True), (1, 0, True), (0, 3, False)],
)
def test_a_fifth_of_the_answers_may_stay_unread(written: Any, unread: int, letters: int, doubted: bool) -> None:
    outcomes = written([("truncated", "")] * unread + ["a"] * letters)
    assert (unread_reason(outcomes) is not None) is doubted


def test_what_could_not_be_read_is_named_by_kind(written: Any) -> None:
    reason = unread_reason(written([("truncated", ""), ("truncated", ""), ("empty", ""), "a"]))
    assert reason is not None
    assert reason.startswith("UNREAD: 4 件の回答のうち 3 件から答えを読み取れません（途中で切れた 2、空 1）。")


def test_scored_letters_need_no_reading(outcome_of: Any, question_of: Any) -> None:
    outcome = outcome_of(question_of(0), ["a"])
    scored = replace(outcome.answers[0], text="…", text_status="truncated", text_rule="")
    assert unread_reason([replace(outcome, answers=(scored,))]) is None
    assert failed_reason([outcome]) is None


def test_a_result_that_was_hardly_read_is_not_compared(written: Any) -> None:
    """Two runs of one model, one with a budget that its reasoning used up, would differ by fifty points."""
    run = {"prompt_version": "1", "plan": {"scoring": "text"}, "adapter": None, "distrust": []}
    read = Result(Path("good.json"), run, {}, tuple(written(["a"] * 10)))
    unread = Result(Path("empty.json"), run, {}, tuple(written([("truncated", "")] * 10)))
    with pytest.raises(
        DataError, match=r"^empty\.json: 読み取れない答えが多く、比べても差はモデルの差ではありません（UNREAD: 10 件"
    ) as said:
        aligned_outcomes([unread, read])
    assert "\n" not in str(said.value)
    assert len(aligned_outcomes([read, replace(read, path=Path("other.json"))])) == 10
