"""The right letters that an answer of somebody's table names: c, Ｃ, 3, ③, ウ, ア・ウ, the choice's own text, ○ or ×."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from ...core.questions import CHOICE_LETTERS, plain
from .columns import KANA

# How answers are written; auto takes any, but numbers from 0 only where the choices are numbered so: else they cannot
# be told from numbers from 1.
AnswerForm = Literal["auto", "letter", "number", "number0", "text"]
ANSWER_FORMS: tuple[AnswerForm, ...] = ("auto", "letter", "number", "number0", "text")

_TRUE = {"○", "〇", "◯", "o", "正", "正しい", "正解", "はい", "true", "t", "yes", "1"}
_FALSE = {"×", "✕", "✗", "✖", "╳", "x", "誤", "誤り", "誤っている", "間違い", "不正解", "いいえ", "false", "f", "no", "0"}  # fmt: skip
_BETWEEN = re.compile(r"[\s、,，・;；/／と&＆]+")
# What people write around a sign: 選択肢3, 3番, (c), c. A point inside a number stays: 1.0 is not 1 and 0.
_FRAME = re.compile(r"選択肢|[()\[\]「」『』【】:番肢]|\.(?!\d)")
_CIRCLED = {chr(0x2460 + number): str(number + 1) for number in range(6)} | {
    chr(0x2776 + number): str(number + 1) for number in range(6)
}


def read_judgement(value: Any) -> tuple[str, str | None]:
    """``a`` for a right statement, empty for a wrong one, and what is wrong with the answer."""
    text = str(value).lower() if isinstance(value, bool | int) else value
    if isinstance(text, str):
        # ○ stays ○ in NFKC, and Ｏ, ｘ and ✕ are what people type for it.
        said = plain(text).lower()
        if said in _TRUE:
            return "a", None
        if said in _FALSE:
            return "", None
    return "", f"正解が {_shown(value)} です（○ か ×）"


def read_answer(
    value: Any, choices: Mapping[str, str], form: AnswerForm = "auto", *, from_zero: bool = False
) -> tuple[str, str | None]:
    """The right letters among ``choices`` (a first) and what is wrong with the answer.

    ``from_zero``: the table numbers its choices from 0, which says what ``auto`` takes a number for, and nothing else.
    With ``auto`` an answer that can be read in two ways that differ (2, where 2 is also the text of the first choice) is
    a fault.
    """
    first_number = 0 if form == "number0" or (form == "auto" and from_zero) else 1
    if isinstance(value, bool) or not isinstance(value, str | int | list):
        return "", f"正解が {_shown(value)} です（{_allowed(choices, form, first_number)}）"
    parts = value if isinstance(value, list) else [value]
    by_sign = _by_sign(parts, choices, form, first_number) if form != "text" else None
    by_text = _by_text(value, choices) if form in ("auto", "text") else None
    if by_sign and by_text and by_sign != by_text:
        first, second = "、".join(by_sign), "、".join(by_text)
        return "", (
            f"正解が {_shown(value)} で、選択肢 {first} の記号とも、選択肢 {second} の本文とも読めます"
            f"（--answer-form letter・{'number' if first_number else 'number0'}・text のどれかを指定してください）"
        )
    letters = by_sign or by_text
    if not letters:
        return "", f"正解が {_shown(value)} です（{_allowed(choices, form, first_number)}）"
    if len(set(letters)) != len(letters):
        return "", f"正解が {_shown(value)} で、同じ選択肢が二度あります"
    if len(letters) == len(choices):
        return "", f"正解が {_shown(value)} で、すべての選択肢が正解です"
    return "".join(sorted(letters)), None


def _by_sign(parts: list[Any], choices: Mapping[str, str], form: AnswerForm, first_number: int) -> str | None:
    letters = ""
    for part in parts:
        for sign in [str(part)] if isinstance(part, int) else _signs(str(part)):
            letter = _letter(sign, form, first_number)
            if letter is None or letter not in choices:
                return None
            letters += letter
    return letters or None


def _signs(text: str) -> list[str]:
    """The single signs of an answer: ``a、c``, ``ac`` and ``①③`` are two, ``13`` is one number, ``bad`` a word."""
    text = "".join(f" {_CIRCLED[char]} " if char in _CIRCLED else char for char in text)
    text = _FRAME.sub(" ", unicodedata.normalize("NFKC", text))
    signs: list[str] = []
    for word in filter(None, _BETWEEN.split(text)):
        ascending = "".join(sorted(set(word))) == word
        signs += list(word) if ascending and not word.isdecimal() else [word]
    return signs


def _letter(sign: str, form: AnswerForm, first_number: int) -> str | None:
    sign = sign.lower()
    if sign.isdecimal():
        # Python reads no number of more than 4,300 digits.
        number = int(sign[:9]) - first_number
        return CHOICE_LETTERS[number] if form != "letter" and 0 <= number < len(CHOICE_LETTERS) else None
    if form in ("number", "number0"):
        return None
    if sign in CHOICE_LETTERS:
        return sign
    return CHOICE_LETTERS[KANA.index(sign)] if sign in KANA else None


def _by_text(value: Any, choices: Mapping[str, str]) -> str | None:
    texts = {plain(text): letter for letter, text in choices.items()}
    parts = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    letters = [texts.get(plain(part)) for part in parts]
    return "".join(letter for letter in letters if letter) if all(letters) else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _allowed(choices: Mapping[str, str], form: AnswerForm, first_number: int) -> str:
    last = CHOICE_LETTERS[len(choices) - 1]
    count = len(choices)
    numbers = f"{first_number}〜{count - 1 + first_number}"
    ways = {
        "letter": f"a〜{last} の文字",
        "number": f"{numbers} の番号",
        "number0": f"{numbers} の番号",
        "text": "選択肢の本文",
        "auto": f"a〜{last}、{numbers}、ア〜{KANA[count - 1]} か、選択肢の本文。複数なら「a、c」のように並べる",
    }
    other = "。0 から数えるなら --answer-form number0" if first_number else "。1 から数えるなら --answer-form number"
    return ways[form] + (other if form in ("auto", "number") else "")
