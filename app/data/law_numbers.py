"""Numbers as statutes write them: 漢数字, full-width and plain digits, and the keys of articles, paragraphs and items.

A key is what 法令標準XML puts into ``Num``: ``27_2`` is 第二十七条の二, ``19:21`` is 第十九条から第二十一条まで.
"""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {
    "零": 0, "壱": 1, "弐": 2, "参": 3,
}  # fmt: skip
_SMALL = {"十": 10, "拾": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12}
_FULL_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")
# Formal 壱弐参拾 are left out of running text: 参 and 拾 are parts of ordinary words.
KANJI_RUN = re.compile("[〇一二三四五六七八九十百千万億兆]+")

NUMBER = r"(?:[0-9０-９]+|[〇零一二三四五六七八九十百千万億壱弐参拾]+)"
BRANCH = rf"(?:(?:の|ノ|之){NUMBER})*"

# What references are made of in folded text (app/data/folding.py), where every number is plain digits.
ERA = "(?:明治|大正|昭和|平成|令和)"
YEAR = rf"{ERA}(?:\d+|元)年"
FOLDED_BRANCH = r"(?:[のノ之]\d+)*"
# What does not follow a unit: 条件, 項目, 号室.
ARTICLE_END, PARAGRAPH_END, ITEM_END = "(?![件例約文項理数])", "(?!目)", "(?![室車棟機線])"
IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
SUBITEM = f"[{IROHA.replace('ノ', '')}]"  # ノ is の where a law is written in katakana


def kanji_to_int(text: str) -> int | None:
    """Value of a 漢数字 (``二十七``, ``百五``, ``一〇三``, ``三億二千万``), None if the characters form no number."""
    if not text:
        return None
    if all(character in _DIGITS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text)) if len(text) < 19 else None
    total = part = 0
    digit: int | None = None
    smallest, last_large = 10**4, 10**16
    for character in text:
        if character in _DIGITS:
            if digit is not None:
                return None
            digit = _DIGITS[character]
        elif character in _SMALL:
            unit = _SMALL[character]
            if unit >= smallest:
                return None
            part += (1 if digit is None else digit) * unit
            smallest, digit = unit, None
        elif character in _LARGE:
            unit = _LARGE[character]
            if unit >= last_large or (part == 0 and digit is None):
                return None
            total += (part + (digit or 0)) * unit
            part, digit, smallest, last_large = 0, None, 10**4, unit
        else:
            return None
    return total + part + (digit or 0)


def to_int(text: str) -> int | None:
    """Value of plain, full-width or kanji digits; None if it is no number."""
    plain = text.translate(_FULL_WIDTH)
    if plain.isascii() and plain.isdigit():
        return int(plain) if len(plain) < 19 else None
    return kanji_to_int(plain)


def arabic_numerals(text: str) -> str:
    """The text with every 漢数字 that forms a number written in plain digits (``三月以内`` → ``3月以内``).

    Words that merely contain such characters change too (一般 → 1般): harmless for search, where documents and queries
    go through the same function.
    """
    return KANJI_RUN.sub(lambda match: _plain(match.group()), text)


@lru_cache(maxsize=16384)  # a law writes the same few hundred numbers thousands of times
def _plain(run: str) -> str:
    value = kanji_to_int(run)
    return run if value is None else str(value)


def number_key(first: str, branches: str) -> str | None:
    """``("二十七", "の二の三")`` → ``27_2_3``; None if a part is no number."""
    parts = [first, *(part for part in re.split("[のノ之]", branches) if part)]
    values = [to_int(part) for part in parts]
    return None if None in values else "_".join(map(str, values))


def folded_key(first: str, branches: str | None) -> str:
    """``("27", "の2")`` of folded text → ``27_2``."""
    return first + re.sub("[のノ之]", "_", branches or "")


_ARTICLE = re.compile(rf"第({NUMBER})条({BRANCH})")


def article_key(text: str) -> str | None:
    """Key of the first 第N条のM in the text (``第二十七条の二`` → ``27_2``; a range gives ``19:21``), None without one."""
    keys = [number_key(match[1], match[2]) for match in _ARTICLE.finditer(text)]
    if not keys or keys[0] is None:
        return None
    if len(keys) > 1 and keys[1] and "まで" in text:
        return f"{keys[0]}:{keys[1]}"
    return keys[0]


def _label(key: str, unit: str) -> str:
    first, *rest = key.split("_")
    return f"第{first}{unit}" + "".join(f"の{part}" for part in rest)


def article_label(key: str) -> str:
    """``27_2`` → ``第27条の2``, ``19:21`` → ``第19条から第21条まで``, the empty key of a law without articles → ``""``."""
    if not key:
        return ""
    if ":" in key:
        first, last = key.split(":", 1)
        return f"{_label(first, '条')}から{_label(last, '条')}まで"
    return _label(key, "条")


def paragraph_label(key: str | None) -> str:
    """``3`` → ``第3項``, None → ``""``."""
    return _label(key, "項") if key else ""


def item_label(key: str | None) -> str:
    """``2_2`` → ``第2号の2``, None → ``""``."""
    return _label(key, "号") if key else ""


def article_sort_key(key: str) -> tuple[tuple[int, ...], ...]:
    """Order of articles within a law: ``2 < 2_2 < 3``; parts that are no numbers come last."""
    return tuple(
        tuple(int(part) if part.isdigit() else 10**9 for part in side.split("_")) for side in key.split(":") if side
    )


def in_range(key: str, spanned: str) -> bool:
    """Whether ``spanned`` (such as ``19:21``) covers the article ``key`` (such as ``20`` or ``20_2``)."""
    if ":" not in spanned:
        return key == spanned
    (first, last), here = article_sort_key(spanned), article_sort_key(key)
    return bool(here) and first <= here[0] and (here[0] <= last or here[0][: len(last)] == last)
