"""Old and new spellings of statutes: つ for っ, 漢数字 for digits, a sentence without the brackets that only define."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...law_numbers import kanji_to_int

# A restriction may stand in a candidate; anything longer would make it unreadable, and dropping it would change its truth.
MAX_RESTRICTION_CHARS = 36
_LARGE_TSU = re.compile(r"(?<!か)つ(?=[てぱ])|つ(?=た)")
_KANJI_DIGITS = "[〇一二三四五六七八九十百千]+"
# Only articles and items have branches: 第三条の二; 第一項の一般社団法人 is a word after a paragraph.
_NUMBERED = re.compile(rf"第({_KANJI_DIGITS})(項|章|節|[条号])((?:(?<=[条号])(?:の{_KANJI_DIGITS}(?![般部定切]))*)?)")
_YEN = re.compile(
    r"(?<![第・数〇一二三四五六七八九十百千万億])[一二三四五六七八九十百千][〇一二三四五六七八九十百千万億]*円"
)
_COUNTED = re.compile(
    rf"(?<![第〇一二三四五六七八九十百千万億・数])({_KANJI_DIGITS})(年|月(?=以|を|間|前|未|に満)|日|週間|人|回|倍|歳|時間|箇月|か月)(?![目次])"
)
_DEFINES = re.compile(r"以下|という。|をいう|同じ。|法律第|政令第|条約第|憲法")
_RESTRICTS = re.compile(r"(?:を除く|に限る|を含む|を除き、以下|に限り、以下)")


def modern_kana(text: str) -> str:
    """``あつた`` → ``あった``, ``行つて`` → ``行って``; かつて and いつでも stay."""
    return _LARGE_TSU.sub("っ", text)


def arabic_digits(text: str) -> str:
    """Numbers of provisions and counted things in digits: ``第二十七条の二`` → ``第27条の2``, ``三月`` → ``3か月``, ``三十万円`` → ``30万円``."""

    def numbered(match: re.Match[str]) -> str:
        branches = "".join(f"の{_digits(part)}" for part in match[3].split("の")[1:])
        return f"第{_digits(match[1])}{match[2]}{branches}"

    def counted(match: re.Match[str]) -> str:
        unit = {"月": "か月", "箇月": "か月"}.get(match[2], match[2])
        return _digits(match[1]) + unit

    text = _NUMBERED.sub(numbered, text)
    text = re.sub(
        rf"({_KANJI_DIGITS})分の({_KANJI_DIGITS})(?![〇一二三四五六七八九十百千・])",
        lambda m: f"{_digits(m[1])}分の{_digits(m[2])}",
        text,
    )
    # A day of a month or a year of an era is a date, not a length of time.
    text = re.sub(rf"({_KANJI_DIGITS})月({_KANJI_DIGITS})日", lambda m: f"{_digits(m[1])}月{_digits(m[2])}日", text)
    text = _YEN.sub(lambda match: re.sub(_KANJI_DIGITS, lambda one: _digits(one.group()), match.group()), text)
    return _COUNTED.sub(counted, text)


def _digits(kanji: str) -> str:
    value = kanji_to_int(kanji)
    return kanji if value is None else str(value)


def split_top(text: str, mark: str = "、") -> list[str]:
    """The text cut at ``mark`` where it stands outside brackets and 「」."""
    parts = [""]
    depth = 0
    for character in text:
        if character in "（「":
            depth += 1
        elif character in "）」":
            depth -= 1
        if character == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph's lead, without their 。; a 。 inside brackets ends none."""
    return [part.strip() for part in split_top(text, "。") if part.strip()]


def brackets(text: str) -> Iterator[tuple[int, int]]:
    """The half-open range of every outermost （…）."""
    depth = start = 0
    for place, character in enumerate(text):
        if character == "（":
            if depth == 0:
                start = place
            depth += 1
        elif character == "）" and depth:
            depth -= 1
            if depth == 0:
                yield start, place + 1


def without_brackets(text: str) -> str:
    """The text without any （…）."""
    spans = list(brackets(text))
    starts = [0, *(end for _, end in spans)]
    return "".join(
        text[start:end] for start, end in zip(starts, [*(begin for begin, _ in spans), len(text)], strict=True)
    )


def without_definitions(sentence: str) -> str | None:
    """The sentence without brackets that name, explain or number; those that restrict (を除く) stay when they are short.

    None where a restriction is too long to keep and must not be dropped.
    """
    pieces: list[str] = []
    last = 0
    for start, end in brackets(sentence):
        pieces.append(sentence[last:start])
        last = end
        kept = _kept(sentence[start + 1 : end - 1])
        if kept is None:
            return None
        pieces.append(kept)
    pieces.append(sentence[last:])
    return "".join(pieces)


def _kept(inner: str) -> str | None:
    """What stays of a bracket with its marks, ``""`` for nothing; None where the sentence cannot be used."""
    restricting = [part for part in split_top(inner, "。") if _RESTRICTS.search(part)]
    if restricting:
        part = restricting[0]
        if len(restricting) > 1 or len(part) > MAX_RESTRICTION_CHARS or "（" in part or "以下" in part or "「" in part:
            return None
        return f"（{part}。）"
    if _DEFINES.search(inner):
        return ""
    return f"（{inner}）" if len(inner) <= MAX_RESTRICTION_CHARS and "（" not in inner else None


def hiragana_share(text: str) -> float:
    """Share of hiragana among the kana of a text; prewar statutes are written in katakana."""
    hiragana = len(re.findall("[ぁ-ん]", text))
    katakana = len(re.findall("[ァ-ヶ]", text))
    return hiragana / (hiragana + katakana) if hiragana + katakana else 0.0
