"""Japanese legal text in one spelling, with the way back to the characters as written.

Statutes write 二年, あつた, 百分の四・五; questions write 2年, あった, ２年. Folding makes the two sides comparable
without touching what is quoted: every folded character knows which characters of the source it stands for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..core.radicals import without_radicals
from .law_numbers import KANJI_RUN, kanji_to_int

# 一般, 一部, 一定 … are words, not the number one; so are 第一種 and 第二種.
_ONE_IN_WORD = re.compile("一[般部定切連括致緒様旦種体方貫元律]")
_UNITS = {"百": 100, "千": 1000, "万": 10**4, "億": 10**8, "兆": 10**12}
_MIXED_NUMBER = re.compile(r"(?:[0-9０-９]+[百千]?[万億兆]|[0-9０-９]+[百千])+(?:[0-9０-９]+)?")
_MIXED_PART = re.compile(r"([0-9]+)([百千]?[万億兆]?)")
_DIGITS = frozenset("〇一二三四五六七八九")
# Old statutes write small kana large (あつた, よつて), so both are folded to the large one.
_SMALL_KANA = str.maketrans("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ", "あいうえおつやゆよわアイウエオツヤユヨワ")
# Everything people write for a dash in a section number (４－17, Ⅳ－３―１); the long vowel mark only between digits.
_DASHES = re.compile("[\u2010-\u2015\u2212\uff0d\uff70\u2500]")


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text and, for each of its characters, the half-open range of source characters it stands for."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Range in the source of the folded characters ``start:end`` (not empty)."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """``text`` in NFKC and lower case, without white space, kana of one size, dashes as ``-`` and numbers in Arabic digits.

    ``二年`` and ``２年`` become ``2年``, ``あつた`` and ``あった`` ``あつた``, ``四・五`` ``4.5``.
    """
    text = without_radicals(text)  # one character for one: the places stay
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(piece: str, start: int, end: int) -> None:
        for character in piece:
            characters.append(character)
            starts.append(start)
            ends.append(end)

    position = 0
    while position < len(text):
        if match := _MIXED_NUMBER.match(text, position):  # 4千万, ２億5000万: digits and kanji units together
            digits = unicodedata.normalize("NFKC", match.group())
            put(str(sum(_part_value(part) for part in _MIXED_PART.findall(digits))), position, match.end())
            position = match.end()
            continue
        if match := KANJI_RUN.match(text, position):
            in_word = _ONE_IN_WORD.match(text, position) or text[match.end() : match.end() + 1] == "種"
            number = None if in_word else kanji_to_int(match.group())
            put(match.group() if number is None else str(number), position, match.end())
            position = match.end()
            continue
        character = text[position]
        if character == "・" and _between_numbers(text, position):
            put(".", position, position + 1)
        elif character == "ー" and characters and characters[-1].isdigit():
            put("-", position, position + 1)
        else:
            plain = _DASHES.sub("-", unicodedata.normalize("NFKC", _DASHES.sub("-", character)))
            put("".join(plain.lower().split()).translate(_SMALL_KANA), position, position + 1)
        position += 1
    return Folded("".join(characters), tuple(starts), tuple(ends))


def _part_value(part: tuple[str, str]) -> int:
    digits, units = part
    value = int(digits)
    for unit in units:
        value *= _UNITS[unit]
    return value


def fold_text(text: str) -> str:
    """Only the text of ``fold``."""
    return fold(text).text


def _between_numbers(text: str, position: int) -> bool:
    def number(index: int) -> bool:
        return 0 <= index < len(text) and (text[index] in _DIGITS or text[index].isdigit())

    return number(position - 1) and number(position + 1)
