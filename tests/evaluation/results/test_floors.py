"""Scores without a model."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.evaluation.results.floors import (
    always_one_letter,
    bigrams,
    chance,
    floors,
    lexical_overlap,
    longest_choice,
    overlap,
    uniform_logprob,
)


def test_always_one_letter_is_the_most_frequent(question_of: Any) -> None:
    questions = [question_of(number, letter) for number, letter in enumerate("ccdab")]
    assert always_one_letter(questions) == ("c", 0.4)
    assert always_one_letter(questions[1:]) == ("a", 0.25)


def test_the_longest_choice_shares_its_point_on_a_tie(question_of: Any) -> None:
    choices = {"a": "短い", "b": "とても長い", "c": "とても長く", "d": "中くらい"}
    assert longest_choice([question_of(correct="b", choices=choices)]) == 0.5
    assert longest_choice([question_of(correct="a", choices=choices)]) == 0.0
    assert longest_choice([question_of(correct="b", choices={**choices, "c": "短い"})]) == 1.0


def test_bigrams_ignore_width_spaces_and_marks() -> None:
    assert bigrams("Ａ１ 日。") == {"A1", "1日"}
    assert bigrams("。") == frozenset()


@pytest.mark.parametrize(("choice", "share"), [("二週間", 1.0), ("三週間", 0.5), ("届出", 0.0), ("", 0.0)])
def test_overlap_is_the_share_of_pairs_in_the_context(choice: str, share: float) -> None:
    assert overlap(choice, "期間は二週間とする。") == share


@pytest.mark.parametrize(
    ("asked", "correct"),
    [
        ("正しいものはどれか。", "a"),
        ("期間を答えよ。", "a"),
        ("誤っているものはどれか。", "d"),
        ("該当しないものはどれか。", "d"),
    ],
)
def test_the_lexical_rule_follows_what_is_asked_for(question_of: Any, asked: str, correct: str) -> None:
    choices = {"a": "二週間とする", "b": "二週間とした", "c": "二週間である", "d": "四か月以内"}
    question = question_of(correct=correct, question=asked, choices=choices, context="期間は二週間とする。")
    assert lexical_overlap([question]) == (1.0, 1)


def test_questions_without_context_are_not_counted(question_of: Any) -> None:
    assert lexical_overlap([question_of(context=None)]) is None
    values = floors([question_of(context=None)])
    assert values["lexical_overlap"] is None
    assert values["chance"] == 0.25
    assert values["always_one_letter"] == {"letter": "c", "accuracy": 1.0}
    assert values["longest_choice"] == 0.25


def test_floors_of_questions_with_other_numbers_of_choices(question_of: Any) -> None:
    three = question_of(1, "b", choices={"a": "短い", "b": "とても長い", "c": "中くらい"})
    two_of_five = question_of(2, "bd", choices={"a": "一", "b": "一二三", "c": "一二", "d": "一二", "e": "一"})
    statement = question_of(3, "", choices={"a": "期間は二週間である。"})
    assert chance([three]) == pytest.approx(1 / 3)
    assert chance([two_of_five]) == pytest.approx(1 / 10)
    assert chance([three, two_of_five, statement]) == pytest.approx((1 / 3 + 1 / 10 + 1 / 2) / 3)
    assert uniform_logprob([two_of_five, statement]) == pytest.approx((math.log(1 / 10) + math.log(1 / 2)) / 2)
    assert longest_choice([three]) == 1.0
    assert longest_choice([two_of_five]) == 0.5  # b for certain, then c or d
    assert longest_choice([statement]) == 0.5
    assert always_one_letter([two_of_five, two_of_five, three]) == ("bd", pytest.approx(2 / 3))
    assert always_one_letter([statement, statement, three]) == ("", pytest.approx(2 / 3))
