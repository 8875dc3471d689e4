"""A table of 法令標準XML as lines of text: one line a row, cells separated by 　, spanned cells in every row they reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_CELLS = ("TableColumn", "TableHeaderColumn")
_ROWS = ("TableRow", "TableHeaderRow")
_MAX_SPAN = 1000  # rows or columns; a broken number must not fill the memory
_MAX_HEADER_ROWS = 3
_CARRIED_CHARS = 80  # of a long spanned cell that are repeated in the rows below the first


def table_lines(table: Any, text_of: Callable[[Any], str]) -> tuple[list[str], int]:
    """The rows of a ``Table`` element as lines, and how many of the first ones are its header.

    A cell that spans rows or columns stands in each of them, so that every line can be read by itself; one that fills
    its whole row stands there once. The header is the ``TableHeaderRow``s, else the first row with those its cells reach.
    """
    lines: list[str] = []
    carried: dict[int, tuple[int, str]] = {}  # column → (rows still to fill, text)
    headers = 0
    for row in (child for child in table if child.tag in _ROWS):
        # Equal cells beside each other are columns of their own (会計学　会計学); only one cell may stand for the row.
        alone = not carried and sum(child.tag in _CELLS for child in row) == 1
        cells, reach = _row(row, carried, text_of)
        lines.append(cells[0] if alone else "　".join(cells) if any(cells) else "")
        if row.tag == "TableHeaderRow":
            headers = len(lines)
        elif len(lines) == 1:
            headers = reach if reach <= _MAX_HEADER_ROWS else 1
    return lines, min(headers, len(lines))


def _row(row: Any, carried: dict[int, tuple[int, str]], text_of: Callable[[Any], str]) -> tuple[list[str], int]:
    """The texts of a row, column by column, and how many rows its longest cell reaches; updates ``carried``."""
    cells: list[str] = []
    reach = 1

    def fill() -> None:
        while len(cells) in carried:
            left, text = carried.pop(len(cells))
            if left > 1:
                carried[len(cells)] = (left - 1, text)
            cells.append(text)

    spans: list[tuple[int, int, str]] = []
    for cell in (child for child in row if child.tag in _CELLS):
        fill()
        text = "　".join(line.strip("　") for line in text_of(cell).split("\n") if line.strip("　"))
        rows, columns = _span(cell, "rowspan"), _span(cell, "colspan")
        reach = max(reach, rows)
        for _ in range(columns):
            spans.append((len(cells), rows, text))
            cells.append(text)
    fill()
    for column, rows, text in spans:
        if rows > 1:
            carried[column] = (rows - 1, text if len(text) <= _CARRIED_CHARS else f"{text[:_CARRIED_CHARS]}…")
    return cells or [""], reach


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "")
    return min(max(int(value), 1), _MAX_SPAN) if value.isascii() and value.isdigit() else 1
