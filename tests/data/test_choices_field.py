"""Choices and right letters as a person types them."""

from __future__ import annotations

import pytest

from app.data.choices_field import parse_choices, parse_correct


def test_full_width_letters_and_continued_lines() -> None:
    choices, faults = parse_choices("ａ　一つ目\nの続き\nb 二\nc 三\nd 四\n  なお、続く")
    assert (choices, faults) == ({"a": "一つ目\nの続き", "b": "二", "c": "三", "d": "四\nなお、続く"}, [])
    assert parse_choices("一\n二")[1][0] == "選択肢が「a 」で始まっていません（'一'）"


@pytest.mark.parametrize(
    ("output", "choices", "right", "fault"),
    [
        ("b", 4, "b", None),
        ("b・d", 4, "bd", None),
        ("e", 4, "", "output が 'e' です（a、b、c、d のいずれか。正解が複数なら「a、c」のように並べる）"),
        ("bb", 4, "", "output が 'bb' です（a、b、c、d のいずれか。正解が複数なら「a、c」のように並べる）"),
        ("ab", 2, "", "output が 'ab' で、すべての選択肢が正解です"),
        ("a", 1, "", "output が 'a' です（選択肢が一つの問題では ○ か ×）"),
        ("○", 4, "", "output が '○' です（a、b、c、d のいずれか。正解が複数なら「a、c」のように並べる）"),
    ],
)
def test_right_letters(output: str, choices: int, right: str, fault: str | None) -> None:
    assert parse_correct(output, {letter: letter for letter in "abcdef"[:choices]}) == (right, fault)
