from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data.law_numbers import (
    arabic_numerals,
    article_key,
    article_label,
    article_sort_key,
    in_range,
    item_label,
    kanji_to_int,
    to_int,
)

_DIGITS = "〇一二三四五六七八九"


def _kanji(number: int) -> str:
    """The naive way: by thousands, hundreds, tens, with 一 left out before 十百千."""
    out = ""
    for unit, name in ((10**8, "億"), (10**4, "万")):
        if number >= unit:
            out += _kanji(number // unit) + name
            number %= unit
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        if number >= unit:
            out += ("" if number // unit == 1 else _DIGITS[number // unit]) + name
            number %= unit
    return out + (_DIGITS[number] if number else "")


@given(st.integers(1, 10**12 - 1))
def test_kanji_numbers_read_back(number):
    assert kanji_to_int(_kanji(number)) == number


@pytest.mark.parametrize(
    ("text", "value"),
    [("十", 10), ("百五", 105), ("一〇三", 103), ("二千二十六", 2026), ("一万", 10000), ("三億二千万", 320_000_000), ("弐拾", 20),
     ("", None), ("万", None), ("十千", None), ("一二十", None), ("猫", None)],
)  # fmt: skip
def test_kanji_table(text, value):
    assert kanji_to_int(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("２７", 27), ("27", 27), ("二十七", 27), ("a", None), ("", None), ("²", None)]
)
def test_any_digits(text, value):
    assert to_int(text) == value


@pytest.mark.parametrize(
    ("text", "key"),
    [("第二十七条の二", "27_2"), ("第27条の2の3", "27_2_3"), ("第２７条ノ２", "27_2"), ("第十九条から第二十一条まで", "19:21"),
     ("第一条及び第二条", "1"), ("別表第一", None), ("第五条の二 第六項", "5_2")],
)  # fmt: skip
def test_article_keys(text, key):
    assert article_key(text) == key


@pytest.mark.parametrize(
    ("key", "label"), [("27_2", "第27条の2"), ("1", "第1条"), ("19:21", "第19条から第21条まで"), ("", "")]
)
def test_article_labels_read_back(key, label):
    assert article_label(key) == label
    assert (article_key(label) or "") == key


def test_other_labels_and_order():
    assert item_label("2_2") == "第2号の2"
    assert sorted(["10", "2_2", "2", "3"], key=article_sort_key) == ["2", "2_2", "3", "10"]


@pytest.mark.parametrize(
    ("key", "spanned", "inside"),
    [
        ("20", "19:21", True),
        ("21_2", "19:21", True),
        ("22", "19:21", False),
        ("18_9", "19:21", False),
        ("5", "5", True),
        ("5", "6", False),
    ],
)
def test_ranges(key, spanned, inside):
    assert in_range(key, spanned) is inside


def test_numbers_in_running_text():
    assert arabic_numerals("三月以内に第二十七条の二第一項") == "3月以内に第27条の2第1項"
    assert arabic_numerals("千万人") == "10000000人"
