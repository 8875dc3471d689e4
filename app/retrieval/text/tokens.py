"""Text → search tokens: NFKC, numbers in plain digits, character bigrams.

Documents and queries go through ``tokenize`` alike. Bigrams need no dictionary and find a word inside any compound;
a number is one unit, so 第27条 and 第127条 share no number token, and 三月 in a statute meets 3月 in a question.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from operator import add

from ...core.radicals import without_radicals
from ...data.law_numbers import arabic_numerals

# Stored in the manifest: an index made by another version of these rules is refused.
TOKENIZER = "nfkc-number-bigram/2"

_RUN = re.compile(r"[0-9a-z぀-ヿ㐀-鿿豈-﫿々〆ー〇]+")
_UNIT = re.compile(r"[0-9]+|[a-z]+|[^0-9a-z]")
_LONG_UNIT = re.compile(r"[0-9]{2}|[a-z]{2}")


@lru_cache(maxsize=32768)  # the lines of a law are read once for search and once for their citations
def normalize(text: str) -> str:
    """The text as it is compared: NFKC, radicals as characters, lower case, numbers in plain digits."""
    return arabic_numerals(unicodedata.normalize("NFKC", without_radicals(text)).lower())


def tokenize(text: str) -> list[str]:
    """Bigrams over units (a character, a whole number or a Latin word) of every run between punctuation.

    A run of one unit gives that unit. Bigrams of two hiragana are kept: leaving them out cost recall when it was tried
    (ておく, とみなす and the like tell provisions apart); a query drops those that stand nearly everywhere by itself.
    """
    tokens: list[str] = []
    for piece in text.split():  # no run crosses a space
        tokens.extend(_piece(piece))
    return tokens


@lru_cache(maxsize=8192)  # an item stands in its paragraph and in a group of items, a chapter's name in many headers
def _piece(text: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(_bigrams, _RUN.findall(normalize(text)))))


@lru_cache(maxsize=65536)
def _bigrams(run: str) -> tuple[str, ...]:
    # Nearly every run is of single characters.
    units = _UNIT.findall(run) if _LONG_UNIT.search(run) else run
    if len(units) == 1:
        return (run,)
    return tuple(map(add, units, units[1:]))
