"""A table file as it lies there: encoding, delimiter, rows, columns, and whether it has the form of a known data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from .answers import AnswerForm
from .columns import Columns, find_columns
from .encoding import read_any
from .tables import Delimiter, Table, folded_name, is_json_lines, read_json_lines, read_table

JMMLU, JCOMMONSENSEQA = "JMMLU", "JCommonsenseQA"
_JMMLU_HEADER = ("question", "a", "b", "c", "d", "answer")
_JCOMMONSENSEQA_COLUMNS = {"question", "choice0", "choice1", "choice2", "choice3", "choice4", "label"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the user says that the file is to be read; None is found out.

    encoding   a key of ENCODINGS
    delimiter  a key of DELIMITERS
    header     whether the first row names the columns
    columns    part (question, answer, …) → column
    choices    columns of the choices, in order
    answers    how answers are written
    """

    encoding: str | None
    delimiter: Delimiter | None
    header: bool
    columns: Mapping[str, str | None]
    choices: Sequence[str] | None
    answers: AnswerForm | None


@dataclass(frozen=True, slots=True)
class Source:
    """What was read, and how it is to be understood."""

    table: Table
    columns: Columns
    encoding: str
    form: str | None  # JMMLU or JCommonsenseQA, where it is one
    answers: AnswerForm


def read_source(path: Path, reading: Reading) -> Source:
    """The rows of ``path`` and what its columns hold. Raises DataError where nothing can be read at all."""
    decoded = read_any(path, reading.encoding)
    if not decoded.text.strip():
        raise DataError(f"{path}: 空のファイルです。")
    if is_json_lines(decoded.text):
        _refuse_whole_json(decoded.text, path)
        table = read_json_lines(decoded.text)
    else:
        table = read_table(decoded.text, reading.delimiter, header=reading.header)
    form, given, choices = None, dict(reading.columns), reading.choices
    names = tuple(map(folded_name, table.columns))
    if _is_bare_jmmlu(table) and reading.header and not any(given.values()) and choices is None:
        table = read_table(decoded.text, reading.delimiter, header=False)
        form, given, choices = JMMLU, {"question": "1", "answer": "6"}, ["2", "3", "4", "5"]
    elif names == _JMMLU_HEADER:
        form = JMMLU
    elif set(names) >= _JCOMMONSENSEQA_COLUMNS:
        form = JCOMMONSENSEQA
    if not table.rows and not table.columns:
        raise DataError(f"{path}: {_first_fault(table)}")
    # The label of JCommonsenseQA counts from 0.
    answers = reading.answers or ("number0" if form == JCOMMONSENSEQA else "auto")
    return Source(table, find_columns(table.columns, given, choices, str(path)), decoded.encoding, form, answers)


def _is_bare_jmmlu(table: Table) -> bool:
    """Whether the row read as the header is a question of JMMLU's own files, which have none."""
    return len(table.columns) == len(_JMMLU_HEADER) and table.columns[-1] in tuple("ABCD") and len(table.columns[0]) > 1


def _refuse_whole_json(text: str, path: Path) -> None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict) and isinstance(value.get("samples"), list):
        raise DataError(
            f"{path}: すでに lawqa_jp の形式です。取り込まずに、--lawqa-path や --data にそのまま指定できます。"
        )
    if isinstance(value, list):
        raise DataError(f"{path}: JSON の配列です。一行に一問の JSON Lines（.jsonl）にしてください。")


def _first_fault(table: Table) -> str:
    return str(table.faults[0]) if table.faults else "行がありません。"
