"""Orders of the choices, and the hash a leak is recognised by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.questions import (
    LETTERS,
    ORDERS,
    ArticleRef,
    Question,
    content_hash,
    original_letter,
    reorder,
    right_texts,
)

QUESTION = Question(
    id="q", question="どれですか。", choices={"a": "甲", "b": "乙", "c": "丙", "d": "丁"}, correct="c", context=None,
    articles=(ArticleRef("架空法", "27_2", "1"),), cluster="x", polarity="correct", source="s.json", law="架空法",
)  # fmt: skip


def test_the_orders_form_a_latin_square() -> None:
    for position in range(4):
        assert sorted(order[position] for order in ORDERS) == list(LETTERS)


@pytest.mark.parametrize(
    ("order", "choices", "correct"),
    [
        ("abcd", "甲乙丙丁", "c"),
        ("cadb", "丙甲丁乙", "a"),
        ("bdac", "乙丁甲丙", "d"),
        ("dcba", "丁丙乙甲", "b"),
    ],
)
def test_reorder_shows_the_choices_and_moves_the_answer(order: str, choices: str, correct: str) -> None:
    shown = reorder(QUESTION, order)
    assert "".join(shown.choices.values()) == choices
    assert list(shown.choices) == list(LETTERS)
    assert (shown.correct, shown.order) == (correct, order)
    assert original_letter(shown.correct, order) == "c"
    assert shown.choices[shown.correct] == "丙"


@pytest.mark.parametrize("order", ["abc", "abcc", "abcde", "", "ABCD"])
def test_only_permutations_are_orders(order: str) -> None:
    with pytest.raises(ValueError, match="not a permutation"):
        reorder(QUESTION, order)


def test_a_question_is_reordered_once() -> None:
    with pytest.raises(ValueError, match="already in order cadb"):
        reorder(reorder(QUESTION, "cadb"), "abcd")


@given(st.permutations(LETTERS), st.sampled_from(LETTERS))
def test_original_letter_undoes_the_order(order: list[str], shown: str) -> None:
    name = "".join(order)
    assert QUESTION.choices[original_letter(shown, name)] == reorder(QUESTION, name).choices[shown]


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        ("どれですか。", {"a": "丁", "b": "丙", "c": "乙", "d": "甲"}),
        (" どれ ですか。\n", {"a": "甲 ", "b": "乙", "c": "　丙", "d": "丁"}),
    ],
)
def test_the_hash_ignores_order_and_spaces(question: str, choices: dict[str, str]) -> None:
    assert content_hash(question, choices) == content_hash(QUESTION.question, QUESTION.choices)


def test_the_hash_ignores_widths_also_where_they_change_the_sorting() -> None:
    narrow = {"a": "A社", "b": "b", "c": "3日", "d": "丁"}
    wide = {"a": "Ａ社", "b": "ｂ", "c": "３日", "d": "丁"}
    assert content_hash("q", narrow) == content_hash("q", wide)


@pytest.mark.parametrize(
    ("question", "choices"), [("どれですか", QUESTION.choices), ("どれですか。", {**QUESTION.choices, "d": "戊"})]
)
def test_the_hash_sees_the_text(question: str, choices: dict[str, str]) -> None:
    assert content_hash(question, choices) != content_hash(QUESTION.question, QUESTION.choices)


def test_an_article_is_compared_by_law_and_article() -> None:
    assert ArticleRef("民法", "5", "1", "2").article_key == ("民法", "5")
    assert ArticleRef("民法", "5") < ArticleRef("民法", "6")


def test_every_sample_question_has_its_own_hash() -> None:
    path = Path(__file__).resolve().parents[2] / "sample/selection.json"
    samples = json.loads(path.read_text("utf-8"))["samples"]
    hashes = {content_hash(sample["問題文"], dict(enumerate(sample["選択肢"].split("\n")))) for sample in samples}  # type: ignore[arg-type]  # any keys will do
    assert len(hashes) == len(samples)


def test_the_right_texts_are_the_same_in_any_order_and_width() -> None:
    assert (
        right_texts({"a": "届出　１号", "b": "許可"}, "a")
        == right_texts({"a": "許可", "b": "届出1号"}, "b")
        == {"届出1号"}
    )
    assert right_texts({"a": "甲", "b": "乙"}, "ab") == {"甲", "乙"}
    assert right_texts({"a": "甲"}, "") == frozenset()
