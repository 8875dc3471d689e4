"""The rows of a CSV, TSV or JSON Lines file, each with the line it begins on, and what is wrong with the file as such."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...core.files import half_character, json_reason, parse_json

Delimiter = Literal["comma", "tab", "semicolon"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "tab": "\t", "semicolon": ";"}
DELIMITER_NAMES = {",": "コンマ区切り", "\t": "タブ区切り", ";": "セミコロン区切り"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the line (from 1) that it is in."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.line} 行目: {self.text}。"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One record: the line it begins on and its values by column; a table's values are texts, stripped."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, the columns in the file's order, how it is written (for the user), and its faults."""

    rows: tuple[TableRow, ...]
    columns: tuple[str, ...]
    kind: str
    faults: tuple[Fault, ...]


def is_json_lines(text: str) -> bool:
    """Whether the first line that is not empty begins an object or an array."""
    return text.lstrip().startswith(("{", "["))


def read_json_lines(text: str) -> Table:
    """The objects of JSON lines; the columns are all keys in the order in which they first appear."""
    rows, faults = [], []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(number, f"JSON として読めません（{json_reason(error)}）"))
            continue
        if not isinstance(value, dict):
            faults.append(Fault(number, f"オブジェクトではありません（{type(value).__name__}）"))
        elif half := half_character(line, value):
            faults.append(Fault(number, f"文字の半分だけが残っています（{half}）"))
        else:
            columns |= dict.fromkeys(value)
            rows.append(TableRow(number, value))
    return Table(tuple(rows), tuple(columns), "JSON Lines", tuple(faults))


def read_table(text: str, delimiter: Delimiter | None = None, *, header: bool = True) -> Table:
    """The rows of a table whose first row names the columns; without ``header`` they are named 1, 2, 3 and so on.

    The delimiter is the one that gives the first row most columns, unless it is named.
    """
    mark = DELIMITERS[delimiter] if delimiter else _delimiter(text)
    records, faults = _records(text, mark)
    kind = DELIMITER_NAMES[mark]
    if not records:
        return Table((), (), kind, tuple(faults))
    if header:
        (line, columns), *records = records
        faults += _header_faults(line, columns)
    else:
        columns = [str(number) for number in range(1, len(records[0][1]) + 1)]
    rows = []
    for line, cells in records:
        if len(cells) != len(columns):
            why = "値の中の区切り文字や改行は \" で囲んでください" if len(cells) > len(columns) else "足りない列があります"  # fmt: skip
            faults.append(Fault(line, f"列が {len(cells)} つあります（見出しは {len(columns)} つ）。{why}"))
        else:
            rows.append(TableRow(line, dict(zip(columns, cells, strict=True))))
    return Table(tuple(rows), tuple(columns), kind, tuple(faults))


def _delimiter(text: str) -> str:
    first = next((line for line in text.split("\n") if line.strip()), "")
    counts = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in DELIMITERS.values()}
    return max(counts, key=lambda mark: counts[mark])


def _records(text: str, mark: str) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """(line, cells) of every row that is not empty; a fault where the quotes of one go wrong ends the reading."""
    # The library's limit of 128 KiB is less than a long context; nothing else here reads CSV.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    records: list[tuple[int, list[str]]] = []
    for line, cells in _numbered(reader):
        if isinstance(cells, Exception):
            reason = (
                "\" で始まる値が閉じていません"
                if "end of data" in str(cells)
                else "\" で囲んだ値の後に余分な文字があります（値の中の \" は \"\" と書きます）"
            )  # fmt: skip
            return records, [Fault(line, f"{reason}。この行から先は読めていません")]
        cells = [cell.strip() for cell in cells]
        if any(cells):
            records.append((line, cells))
    return records, []


def _numbered(reader: Any) -> Iterator[tuple[int, list[str] | Exception]]:
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, error
            return
        yield begins, cells


def _header_faults(line: int, columns: Sequence[str]) -> list[Fault]:
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    faults = [Fault(line, f"見出し「{name}」が二つあります") for name in twice]
    if len(columns) == 1 and any(mark in columns[0] for mark in "，、；"):
        faults.append(Fault(line, f"見出し「{columns[0][:40]}」の区切りが全角です。半角のコンマにしてください"))
    return faults


def folded_name(name: str) -> str:
    """A column's name without widths, case, spaces and underscores, for comparing."""
    return "".join(unicodedata.normalize("NFKC", name).lower().split()).replace("_", "").replace("-", "")
