"""The gates and the blind word count."""

from __future__ import annotations

import random

import pytest

from app.core.errors import DataError
from app.core.questions import Question
from app.data.generation.blind import Judged, blind_accuracy
from app.data.generation.gates import check_gates, gates
from app.evaluation.results.floors import lexical_overlap, longest_choice


def question(number: int, correct: str, *, long: bool = False, words: bool = False) -> Question:
    choices = {letter: f"第{number}号の{letter * 3}" for letter in "abcd"}
    if long:
        choices[correct] += "である灯台"
    context = f"## 灯台法\n### 第1条\n{choices[correct]}" if words else "## 灯台法\n### 第1条\n水路"
    return Question(
        f"q{number}", "正しいものはどれですか。", choices, correct, context, (), "", "correct", "t", "灯台法"
    )


def even(**habits: bool) -> list[Question]:
    return [question(number, "abcd"[number % 4], **habits) for number in range(200)]


def test_an_even_set_passes() -> None:
    measured = gates(even(), lexical_overlap, longest_choice)
    check_gates(measured)
    assert [gate.value for gate in measured] == [0.25] * 6


@pytest.mark.parametrize(
    ("questions", "name"),
    [
        (even(long=True), "最も長い選択肢を選んだ正答率 100.0%（0%〜27% のはず）"),
        (even(words=True), "語の重なりだけで選んだ正答率 100.0%（0%〜40% のはず）"),
        ([question(number, "c") for number in range(200)], "正解が c の割合 100.0%（23%〜27% のはず）"),
    ],
)
def test_a_gate_that_fails_is_named_with_its_value(questions: list[Question], name: str) -> None:
    with pytest.raises(DataError) as error:
        check_gates(gates(questions, lexical_overlap, longest_choice))
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_a_word_that_stands_in_true_candidates_only_gives_them_away() -> None:
    def judged(number: int, *, sign: bool) -> Judged:
        random_ = random.Random(number)
        letters = random_.sample("abcd", 4)
        texts = {letter: f"灯台{random_.choice('甲乙丙')}の届出" for letter in "abcd"}
        if sign:
            texts[letters[0]] = "灯台丁の届出"
        return Judged(f"{number}", texts, {letter: letter == letters[0] for letter in "abcd"}, letters[0])

    plain = blind_accuracy([judged(number, sign=False) for number in range(300)])
    given_away = blind_accuracy([judged(number, sign=True) for number in range(300)])
    assert plain is not None
    assert plain < 0.32
    assert given_away == 1.0
    assert blind_accuracy([judged(1, sign=False)]) is None
