"""An article cut to a budget of characters around what was asked; what is left out is said in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...data.law_numbers import item_label
from ..store.rows import PassageRow
from ..text.tokens import tokenize

# Printed titles of items: 一, 十二の三, イ, （１）. Where the source lost them, the number is written instead.
_TITLED = re.compile(r"[一二三四五六七八九十百〇の]+　|[ァ-ヿ]　|[（(][^（()）]{1,4}[）)]　")
_GAP = 24  # characters kept free for each mark of omission


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text of an article within a budget."""

    text: str
    left_out_chars: int  # characters of the article that are not in the text


@dataclass(frozen=True, slots=True)
class _Line:
    passage: int
    path: str
    text: str


def article_lines(passages: Sequence[PassageRow]) -> list[_Line]:
    """Every line of the article as it is shown: paragraphs named where there is more than one, items indented."""
    rows: list[_Line] = []
    for number, passage in enumerate(passages):
        for position, (path, text) in enumerate(passage.lines):
            depth = path.count(".") + 1 if path else 0
            if depth and not _TITLED.match(text):
                last = path.rsplit(".", 1)[-1]
                text = f"{item_label(last) if depth == 1 else f'（{last}）'}　{text}"
            if position == 0 and passage.paragraph.isdigit() and len(passages) > 1:
                text = f"第{passage.paragraph}項　{text}"
            rows.append(_Line(number, path, "　" * depth + text))
    return rows


def excerpt(passages: Sequence[PassageRow], hits: Sequence[int], query: str, budget_chars: int) -> Excerpt:
    """The article whole if it fits, otherwise the lines that say most about ``query``, in order.

    ``hits`` are passage numbers, best first. The lead sentence 柱書 of a paragraph stands with every item of it that is
    kept. A single line longer than the budget is cut at its end, which is said too.
    """
    rows = article_lines(passages)
    total = sum(len(row.text) for row in rows)
    if total + len(rows) <= budget_chars:
        return Excerpt("\n".join(row.text for row in rows), 0)
    asked = set(tokenize(query))
    rank = {passage_id: place for place, passage_id in enumerate(hits)}
    places = [rank.get(passage.passage_id, len(hits) + 1) for passage in passages]
    leads = {row.passage: index for index, row in reversed(list(enumerate(rows)))}

    def worth(index: int) -> tuple[int, int, float, int]:
        row = rows[index]
        tokens = set(tokenize(row.text))
        overlap = len(tokens & asked) / (len(tokens) + 20) ** 0.5
        return (places[row.passage], index != leads[row.passage], -overlap, index)

    kept: set[int] = set()
    used = 0
    for index in sorted(range(len(rows)), key=worth):
        wanted = {index, leads[rows[index].passage]} - kept
        cost = sum(len(rows[number].text) + 1 for number in wanted) + _GAP
        if used + cost <= budget_chars:
            kept |= wanted
            used += cost
    if not kept:
        first = min(range(len(rows)), key=worth)
        text = rows[first].text[: max(1, budget_chars - _GAP)]
        return Excerpt(f"{text}\n{_omission(total - len(text))}", total - len(text))
    return Excerpt(_render(rows, kept), total - sum(len(rows[index].text) for index in kept))


def _render(rows: Sequence[_Line], kept: set[int]) -> str:
    out: list[str] = []
    gap = 0
    for index, row in enumerate(rows):
        if index in kept:
            if gap:
                out.append(_omission(gap))
                gap = 0
            out.append(row.text)
        else:
            gap += len(row.text)
    if gap:
        out.append(_omission(gap))
    return "\n".join(out)


def _omission(chars: int) -> str:
    return f"（{chars:,}字省略）"
