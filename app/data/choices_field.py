"""The fields 選択肢 and output of lawqa_jp's format, as a person types them: lettered lines, and the letters that are right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from ..core.questions import CHOICE_LETTERS, LETTERS

_CHOICE = re.compile(r"([a-zａ-ｚ])\s(.*)")
# What a single statement may have as its answer.
_JUDGED = {"○": "a", "〇": "a", "◯": "a", "正": "a", "×": "", "✕": "", "誤": ""}


def parse_choices(text: str) -> tuple[dict[str, str], list[str]]:
    """The choices of a 選択肢 field, one to six, and what is wrong with it. A line without a letter continues the one before."""
    choices: dict[str, str] = {}
    faults: list[str] = []
    current: str | None = None
    for line in text.split("\n"):
        match = _CHOICE.fullmatch(line.strip())
        letter = unicodedata.normalize("NFKC", match.group(1)).lower() if match else ""
        if match and (letter in LETTERS or _follows(current, letter)):
            if letter not in CHOICE_LETTERS:
                faults.append(
                    f"選択肢に「{letter}」で始まる行があります（使えるのは {CHOICE_LETTERS[0]} から {CHOICE_LETTERS[-1]} まで）"
                )
            elif letter in choices:
                faults.append(f"選択肢に「{letter}」で始まる行が二つあります")
            current = letter
            choices.setdefault(letter, match.group(2).strip())
        elif line.strip() and current is None:
            faults.append(f"選択肢が「a 」で始まっていません（{line.strip()[:20]!r}）")
            current = ""
        elif line.strip() and current:
            choices[current] += "\n" + line.strip()
    expected = CHOICE_LETTERS[
        : max((CHOICE_LETTERS.index(letter) for letter in choices if letter in CHOICE_LETTERS), default=0) + 1
    ]
    for letter in expected:
        if letter not in choices:
            faults.append(f"選択肢に「{letter}」で始まる行がありません")
        elif not choices[letter]:
            faults.append(f"選択肢「{letter}」の本文が空です")
    if not faults and list(choices) != list(expected):
        faults.append(f"選択肢の順が {''.join(choices)} です（{'、'.join(expected)} の順に書いてください）")
    if not faults:
        faults += _equal_choices(choices)
    return choices, faults


def _follows(current: str | None, letter: str) -> bool:
    """Whether ``letter`` is the one after ``current``: then its line is a choice, not the end of the one before."""
    return bool(current) and ord(letter) == ord(str(current)) + 1


def _equal_choices(choices: Mapping[str, str]) -> list[str]:
    """A fault for each choice that says the same as one before it, whatever its widths and spaces."""
    seen: dict[str, str] = {}
    found = []
    for letter, text in choices.items():
        first = seen.setdefault("".join(unicodedata.normalize("NFKC", text).split()), letter)
        if first != letter:
            found.append(f"選択肢 {first} と {letter} が同じです")
    return found


def parse_correct(output: str, choices: Mapping[str, str]) -> tuple[str, str | None]:
    """The right letters of an output field (``c``, ``b、d``; ○ or × for a single statement) and what is wrong with it."""
    text = unicodedata.normalize("NFKC", output).strip().lower()
    if len(choices) == 1:
        if text in _JUDGED:
            return _JUDGED[text], None
        return "", f"output が {output!r} です（選択肢が一つの問題では ○ か ×）"
    letters = re.sub(r"[\s、,・]+", "", text)
    listed = "、".join(choices)
    if not letters or not set(letters) <= set(choices) or len(set(letters)) != len(letters):
        return "", f"output が {output!r} です（{listed} のいずれか。正解が複数なら「a、c」のように並べる）"
    if len(letters) == len(choices):
        return "", f"output が {output!r} で、すべての選択肢が正解です"
    return "".join(sorted(letters)), None
