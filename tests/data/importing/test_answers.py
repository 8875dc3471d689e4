"""Every way in which people write a right answer, and those that cannot be told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.questions import CHOICE_LETTERS
from app.data.importing.answers import AnswerForm, read_answer, read_judgement

CHOICES = {"a": "朝出す", "b": "夜出す", "c": "網をかける", "d": "出さない"}


@pytest.mark.parametrize(
    ("value", "letters"),
    [
        ("c", "c"), ("C", "c"), ("ｃ", "c"), ("(c)", "c"), ("ｃ．", "c"), ("3", "c"), ("３", "c"), ("③", "c"), ("❸", "c"), (3, "c"),
        ("03", "c"), ("ウ", "c"), ("ｳ", "c"), ("選択肢3", "c"), ("3番", "c"), ("肢ウ", "c"), ("「ウ」", "c"), ("網をかける", "c"), ("網を かける ", "c"),
        ("a、c", "ac"), ("c,a", "ac"), ("ac", "ac"), ("アウ", "ac"), ("①③", "ac"), ("1と3", "ac"), ("1・3", "ac"), ("a/c", "ac"),
        ([1, 3], "ac"), (["a", "c"], "ac"), (["朝出す", "網をかける"], "ac"),
    ],
)  # fmt: skip
def test_an_answer_is_read(value: Any, letters: str) -> None:
    assert read_answer(value, CHOICES) == (letters, None)


ALLOWED = "a〜d、1〜4、ア〜エ か、選択肢の本文。複数なら「a、c」のように並べる。0 から数えるなら --answer-form number0"


@pytest.mark.parametrize(
    ("value", "form", "fault"),
    [
        ("e", "auto", f"正解が 'e' です（{ALLOWED}）"),
        ("0", "auto", f"正解が '0' です（{ALLOWED}）"),
        ("13", "auto", f"正解が '13' です（{ALLOWED}）"),
        ("9" * 5000, "number", f"正解が '{'9' * 39}… です（1〜4 の番号。0 から数えるなら --answer-form number0）"),
        ("bad", "auto", f"正解が 'bad' です（{ALLOWED}）"),
        ("1.0", "auto", f"正解が '1.0' です（{ALLOWED}）"),
        ("1.0", "number0", "正解が '1.0' です（0〜3 の番号）"),
        ("", "auto", f"正解が '' です（{ALLOWED}）"),
        (None, "auto", f"正解が None です（{ALLOWED}）"),
        (True, "auto", f"正解が True です（{ALLOWED}）"),
        (1.0, "auto", f"正解が 1.0 です（{ALLOWED}）"),
        ("○", "auto", f"正解が '○' です（{ALLOWED}）"),
        ("4", "number0", "正解が '4' です（0〜3 の番号）"),
        ("a", "number", "正解が 'a' です（1〜4 の番号。0 から数えるなら --answer-form number0）"),
        ("1", "letter", "正解が '1' です（a〜d の文字）"),
        ("a", "text", "正解が 'a' です（選択肢の本文）"),
        ("a,a", "auto", "正解が 'a,a' で、同じ選択肢が二度あります"),
        ("abcd", "auto", "正解が 'abcd' で、すべての選択肢が正解です"),
        ([], "auto", f"正解が [] です（{ALLOWED}）"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_told_is_a_fault(value: Any, form: AnswerForm, fault: str) -> None:
    assert read_answer(value, CHOICES, form) == ("", fault)


def test_a_number_that_is_also_a_choice_is_never_guessed() -> None:
    choices = {"a": "2", "b": "3", "c": "上記以外"}
    letters, fault = read_answer("2", choices)
    assert letters == ""
    assert fault == (
        "正解が '2' で、選択肢 b の記号とも、選択肢 a の本文とも読めます（--answer-form letter・number・text のどれかを指定してください）"
    )
    assert read_answer("2", choices, "text") == ("a", None)
    assert read_answer("2", choices, "number") == ("b", None)
    assert read_answer("2", {"a": "1", "b": "2", "c": "3"}) == ("b", None)  # both ways say the same


@pytest.mark.parametrize(
    ("value", "form", "letters"),
    [
        ("0", "auto", "a"), (3, "auto", "d"), ([0, 2], "auto", "ac"), ("b", "auto", "b"), ("ウ", "auto", "c"), ("夜出す", "auto", "b"),
        ("1", "number", "a"), ("1", "number0", "b"), ("c", "letter", "c"), ("朝出す", "text", "a"),
    ],
)  # fmt: skip
def test_choices_numbered_from_zero_say_how_auto_takes_a_number(value: Any, form: AnswerForm, letters: str) -> None:
    assert read_answer(value, CHOICES, form, from_zero=True) == (letters, None)


def test_faults_of_choices_numbered_from_zero() -> None:
    assert read_answer("4", CHOICES, from_zero=True) == (
        "",
        "正解が '4' です（a〜d、0〜3、ア〜エ か、選択肢の本文。複数なら「a、c」のように並べる。1 から数えるなら --answer-form number）",
    )
    assert read_answer("5", CHOICES, "number", from_zero=True) == (
        "", "正解が '5' です（1〜4 の番号。0 から数えるなら --answer-form number0）"
    )  # fmt: skip
    assert read_answer("2", {"a": "2", "b": "3", "c": "上記以外"}, from_zero=True) == (
        "",
        "正解が '2' で、選択肢 c の記号とも、選択肢 a の本文とも読めます（--answer-form letter・number0・text のどれかを指定してください）",
    )


@given(st.sets(st.sampled_from(range(6)), min_size=1, max_size=5), st.sampled_from(["letter", "number", "number0"]))
def test_what_is_written_is_read_back(places: set[int], form: AnswerForm) -> None:
    choices = {letter: f"選択肢の{letter}" for letter in CHOICE_LETTERS}
    first = 0 if form == "number0" else 1
    written = "、".join(CHOICE_LETTERS[place] if form == "letter" else str(place + first) for place in sorted(places))
    assert read_answer(written, choices, form) == ("".join(CHOICE_LETTERS[place] for place in sorted(places)), None)


@pytest.mark.parametrize("value", ["○", "〇", "◯", "o", "Ｏ", "正", "正しい", "はい", "True", "TRUE", True, 1, "1"])
def test_a_right_statement(value: Any) -> None:
    assert read_judgement(value) == ("a", None)


@pytest.mark.parametrize("value", ["×", "✕", "x", "ｘ", "誤", "誤り", "いいえ", "false", False, 0, "0"])
def test_a_wrong_statement(value: Any) -> None:
    assert read_judgement(value) == ("", None)


@pytest.mark.parametrize("value", ["a", "", None, "△", 2, [1]])
def test_no_judgement(value: Any) -> None:
    assert read_judgement(value) == ("", f"正解が {value!r} です（○ か ×）")
