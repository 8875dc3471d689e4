"""The words of a passage that a question and its choices use too, for marking them in a report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ...data.folding import fold

MATCH_CHARS = 4
# A stretch that two texts share says something by its content; する場合 and なければならない are in every law.
CONTENT_CHARS = 3
_CONTENT = re.compile("[一-龠々〆ァ-ヴー0-9a-zA-Z]")


class Piece(NamedTuple):
    """A run of text, marked or not."""

    text: str
    marked: bool


def runs_of(texts: Iterable[str], size: int = MATCH_CHARS) -> frozenset[str]:
    """Every run of ``size`` characters in the texts, in folded spelling (``二年`` is ``2年``)."""
    folded = [fold(text).text for text in texts]
    return frozenset(text[start : start + size] for text in folded for start in range(len(text) - size + 1))


def mark(text: str, wanted: frozenset[str], size: int = MATCH_CHARS) -> list[Piece]:
    """``text`` cut into pieces; marked are the stretches in which every run of ``size`` characters is ``wanted``.

    Stretches of mere grammar stay unmarked. The pieces joined are exactly ``text``.
    """
    folded = fold(text)
    spans: list[list[int]] = []
    for start in range(len(folded.text) - size + 1):
        if folded.text[start : start + size] in wanted:
            first, last = folded.source_span(start, start + size)
            if spans and first <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], last)
            else:
                spans.append([first, last])
    pieces: list[Piece] = []
    position = 0
    for first, last in spans:
        if len(_CONTENT.findall(text[first:last])) < CONTENT_CHARS:
            continue
        if first > position:
            pieces.append(Piece(text[position:first], False))
        pieces.append(Piece(text[first:last], True))
        position = last
    if position < len(text):
        pieces.append(Piece(text[position:], False))
    return pieces
