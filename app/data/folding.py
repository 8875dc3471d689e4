"""Japanese legal text in one spelling, with the way back to the characters as written.

Statutes write 二年, あつた, 百分の四・五; questions write 2年, あった, ２年. Folding makes the two sides comparable
without touching what is quoted: every folded character knows which characters of the source it stands for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from ..core.radicals import without_radicals
from .law_numbers import KANJI_RUN, kanji_to_int

# 一般, 一部, 一定 … are words, not the number one; so are 第一種 and 第二種.
_ONE_IN_WORD = re.compile("一[般部定切連括致緒様旦種体方貫元律]")
_UNITS = {"": 1, "十": 10, "百": 100, "千": 1000, "万": 10**4, "億": 10**8, "兆": 10**12}
# A comma before three digits is a separator (2,500万円), but in 709,710条 it stands between two names.
_DIGIT = "[0-9０-９]"
_GROUPED = rf"(?<![第0-9０-９])(?<!{_DIGIT}[,，.．]){_DIGIT}{{1,3}}(?:[,，]{_DIGIT}{{3}}){{1,5}}+(?!{_DIGIT}|[,，]{_DIGIT}|[条項号])"
_WRITTEN = rf"(?:{_GROUPED}|{_DIGIT}{{1,18}}(?!{_DIGIT}))"
_WITH_UNITS = rf"{_WRITTEN}(?:[.．]{_DIGIT}{{1,18}})?(?:[十百千][万億兆]?|[万億兆])"
# Not from within a number: 1234567 is read digit by digit, and the 5 of 1.2.5億 is no 5億.
_MIXED_NUMBER = re.compile(rf"(?<!{_DIGIT})(?<!{_DIGIT}[.．])(?:(?:{_WITH_UNITS})+(?:{_WRITTEN})?|{_GROUPED})")
_MIXED_PART = re.compile(r"([0-9,]+(?:\.[0-9]+)?)([十百千]?)([万億兆]?)")
_DIGITS = frozenset("〇一二三四五六七八九")
# Old statutes write small kana large (あつた, よつて), so both are folded to the large one.
_SMALL_KANA = str.maketrans("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ", "あいうえおつやゆよわアイウエオツヤユヨワ")
_KANA = re.compile("[ぁ-ゖァ-ヺー]")
# Everything people write for a dash in a section number (４－17, Ⅳ－３―１); the long vowel mark only after a digit, the
# half-width one (U+FF70) wherever it does not lengthen a kana.
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

    ``二年`` and ``２年`` become ``2年``, ``あつた`` and ``あった`` ``あつた``, ``四・五`` ``4.5``, ``2,500万`` ``25000000``.
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
        if match := _MIXED_NUMBER.match(text, position):  # 4千万, ２億5000万, 2千5百万, 2,500, 1.5億
            put(_in_digits(unicodedata.normalize("NFKC", match.group())), position, match.end())
            position = match.end()
            continue
        if match := KANJI_RUN.match(text, position):
            in_word = _ONE_IN_WORD.match(text, position) or text[match.end() : match.end() + 1] == "種"
            number = None if in_word else kanji_to_int(match.group())
            put(match.group() if number is None else str(number), position, match.end())
            position = match.end()
            continue
        character, end = text[position], position + 1
        if character in "・･" and _between_numbers(text, position):
            put(".", position, position + 1)
        elif character == "ー" and characters and characters[-1].isdigit():
            put("-", position, position + 1)
        elif character == "ｰ" and characters and _KANA.match(characters[-1]):
            put("ー", position, position + 1)
        else:
            while end < len(text) and _is_mark(text[end]):  # か and its ゛ are one character
                end += 1
            plain = _DASHES.sub("-", unicodedata.normalize("NFKC", _DASHES.sub("-", text[position:end])))
            put("".join(plain.lower().split()).translate(_SMALL_KANA), position, end)
        position = end
    return Folded("".join(characters), tuple(starts), tuple(ends))


def _is_mark(character: str) -> bool:
    """Whether it is written upon the character before it: a combining mark, or the half-width ﾞ or ﾟ."""
    return character in "ﾞﾟ" or unicodedata.combining(character) != 0


def _in_digits(number: str) -> str:
    """Value of digits with separators and kanji units: what stands before 万, 億 or 兆 is counted by it as a whole."""
    total = below = Fraction(0)
    for digits, small, large in _MIXED_PART.findall(number):
        below += Fraction(digits.replace(",", "")) * _UNITS[small]
        if large:
            total, below = total + below * _UNITS[large], Fraction(0)
    value = total + below
    return str(value.numerator) if value.denominator == 1 else number  # 1.23456千 is no number that people write


def fold_text(text: str) -> str:
    """Only the text of ``fold``."""
    return fold(text).text


def _between_numbers(text: str, position: int) -> bool:
    def number(index: int) -> bool:
        return 0 <= index < len(text) and (text[index] in _DIGITS or text[index].isdigit())

    return number(position - 1) and number(position + 1)
