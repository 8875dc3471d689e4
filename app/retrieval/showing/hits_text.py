"""Search results as a person reads them, and as JSON."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ...data.law_numbers import KANJI_RUN, arabic_numerals
from ..text.tokens import tokenize
from .context_text import RetrievedPassage

_ENDS = re.compile(r"([぀-ゟ]*)(.*?)([぀-ゟ]*)$", re.DOTALL)
_UNIT = re.compile(rf"[0-9０-９]+|{KANJI_RUN.pattern}|[A-Za-zＡ-Ｚａ-ｚ]+|[^\W_]", re.UNICODE)


def bold(text: str) -> str:
    """The text as a terminal shows it bold."""
    return f"\x1b[1;33m{text}\x1b[0m"


def bracketed(text: str) -> str:
    """The text between 【】, where there is no terminal."""
    return f"【{text}】"


def mark(text: str, query: str, style: Callable[[str], str]) -> str:
    """The text with every stretch that the query also has (two units or more) given to ``style``."""
    asked = set(tokenize(query))
    units = [(match.start(), match.end(), _normal(match.group())) for match in _UNIT.finditer(text)]
    marked = [False] * len(text)
    for (start, middle, first), (next_start, end, second) in pairwise(units):
        if middle == next_start and first + second in asked:
            marked[start:end] = [True] * (end - start)
    out: list[str] = []
    for flag, group in _groups(marked):
        piece = text[group[0] : group[1]]
        if flag:
            # A particle at either end only shows where a bigram began, and so does a single character between two.
            matched = _ENDS.match(piece)
            core = matched[2] if matched else ""
            piece = f"{matched[1]}{style(core)}{matched[3]}" if matched and len(core) > 1 else piece
        out.append(piece)
    return "".join(out)


def _normal(unit: str) -> str:
    return arabic_numerals(unicodedata.normalize("NFKC", unit).lower())


def _groups(flags: list[bool]) -> list[tuple[bool, tuple[int, int]]]:
    groups: list[tuple[bool, tuple[int, int]]] = []
    start = 0
    for index in range(1, len(flags) + 1):
        if index == len(flags) or flags[index] != flags[start]:
            groups.append((flags[start], (start, index)))
            start = index
    return groups


def render(
    number: int, passage: RetrievedPassage, query: str, style: Callable[[str], str], *, explain: bool, full: bool
) -> str:
    """One result: where it stands, its link, the deciding sentence or (``full``) its text, with matched words marked."""
    lines = [f"{number}. {passage.name}{passage.caption}"]
    if passage.link:  # none for laws that e-Gov does not have: the sample's are invented
        lines.append(f"   {passage.link}")
    if explain:
        parts = "、".join(f"{name} {value:.3f}" for name, value in passage.components.items())
        lines.append(f"   点数 {passage.score:.3f}（{parts}） 施行日 {passage.valid_from}")
    text = passage.text if full or passage.deciding is None else passage.deciding.text
    lines += [f"   {line}" for line in mark(text, query, style).split("\n")]
    return "\n".join(lines)


def as_json(passage: RetrievedPassage) -> dict[str, Any]:
    """One result with everything known about it."""
    return {
        "id": passage.id,
        "law_id": passage.law_id,
        "law_title": passage.law_title,
        "part": passage.part,
        "article": passage.article,
        "paragraph": passage.paragraph,
        "title": passage.title,
        "caption": passage.caption,
        "score": round(passage.score, 6),
        "components": {name: round(value, 6) for name, value in passage.components.items()},
        "link": passage.link or None,
        "valid_from": passage.valid_from,
        "deciding": None
        if passage.deciding is None
        else {"place": passage.deciding.place, "text": passage.deciding.text},
        "text": passage.text,
        "left_out_chars": passage.left_out_chars,
    }


def as_hit(passage: RetrievedPassage) -> dict[str, Any]:
    """One result of many queries at once: what is needed to score it."""
    keys = ("law_id", "law_title", "article", "paragraph", "score")
    whole = as_json(passage)
    return {key: whole[key] for key in keys}
