"""Entries of a lawqa_jp file from the rows of somebody's table, and everything that is wrong with the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.questions import content_hash, plain
from ..lawqa import sample_faults
from .answers import AnswerForm, read_answer, read_judgement
from .choices import (
    cells_of_columns,
    cells_of_one,
    keyed_from_zero,
    labelled_from_zero,
    lettered,
    misplaced_labels,
    rendered,
    without_labels,
)
from .columns import Columns
from .tables import Fault, TableRow

# What a statement is asked with when its row asks nothing itself.
STATEMENT_QUESTION = "次の記述は正しいですか。"


@dataclass(frozen=True, slots=True)
class Naming:
    """How questions are called.

    stem  of rows without a law
    law   of every question, before the row's own column; None to go by that
    """

    stem: str
    law: str | None = None


@dataclass(slots=True)
class Imported:
    """What came of a table: entries in the order of its rows, its faults, and how often choices lost their labels."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unlabelled: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question of one row."""

    line: int
    id: str
    question: str
    choices: dict[str, str]
    correct: str
    context: str


def import_rows(rows: Sequence[TableRow], columns: Columns, naming: Naming, form: AnswerForm = "auto") -> Imported:
    """The entries of ``rows``; a row with a fault gives none. Equal questions and equal ids are faults of the later row."""
    result = Imported()
    asked = [one for row in rows if (one := _asked(row, columns, naming, form, result)) is not None]
    asked = _told_apart(asked, result.faults)
    result.samples = [_sample(one) for one in asked]
    for fault in sample_faults(result.samples):
        result.faults.append(Fault(asked[fault.number - 1].line, fault.text))
    result.faults.sort(key=lambda fault: fault.line)
    return result


def _asked(row: TableRow, columns: Columns, naming: Naming, form: AnswerForm, result: Imported) -> _Asked | None:
    found: list[str] = []
    if columns.choices:
        question = _text(row, columns.question, found)
        texts, fault = _texts(row, columns)
        bare = without_labels(texts)
        result.unlabelled += bare != texts
        choices, faults = ({}, [fault]) if fault else lettered(bare)
        if form != "text" and (misplaced := misplaced_labels(texts)):
            faults = [*faults, misplaced]
        found += faults
        correct, fault = "", None
        if choices and not faults:
            from_zero = _from_zero(row, columns) or labelled_from_zero(texts)
            correct, fault = read_answer(row.values.get(columns.answer), choices, form, from_zero=from_zero)
    else:
        question = _text(row, columns.question, found) if columns.question else STATEMENT_QUESTION
        statement = _text(row, columns.statement, found)
        choices, faults = lettered([statement], least=1) if statement else ({}, [])
        found += faults
        correct, fault = read_judgement(row.values.get(columns.answer))
    found += [fault] if fault else []
    context = _text(row, columns.context, found, empty=True) if columns.context else ""
    name = _name(row, columns, naming, found)
    if any("\ufffd" in text for text in (question, context, *choices.values())):
        found.append("文字化けした文字（\ufffd）があります")
    result.faults += [Fault(row.line, text) for text in found]
    return None if found else _Asked(row.line, name, question, choices, correct, context)


def _texts(row: TableRow, columns: Columns) -> tuple[list[str], str | None]:
    """The row's choices as they are written, and what is wrong with them."""
    if columns.choices_in_one:
        return cells_of_one(row.values.get(columns.choices[0]))
    return cells_of_columns(row.values, columns.choices)


def _from_zero(row: TableRow, columns: Columns) -> bool:
    """Whether the row's choices are numbered from 0."""
    return keyed_from_zero(row.values.get(columns.choices[0])) if columns.choices_in_one else columns.from_zero


def _text(row: TableRow, column: str | None, found: list[str], *, empty: bool = False) -> str:
    value = row.values.get(column or "")
    if value is None or value == "":
        if not empty:
            found.append(f"列「{column}」が空です")
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        found.append(f"列「{column}」が文字列ではありません（{str(value)[:20]!r}）")
        return ""
    text = str(value).strip()
    if not text and not empty:
        found.append(f"列「{column}」が空です")
    return text


def _name(row: TableRow, columns: Columns, naming: Naming, found: list[str]) -> str:
    """``law_id``: what stands before the first _ is what results are counted under, and tells files numbered alike apart."""
    law = naming.law or (_text(row, columns.law, found, empty=True) if columns.law else "")
    number = _text(row, columns.id, found) if columns.id else f"行{row.line}"
    return f"{' '.join((law or naming.stem).replace('_', '-').split())}_{' '.join(number.split())}"


def _told_apart(asked: Sequence[_Asked], faults: list[Fault]) -> list[_Asked]:
    """``asked`` without repetitions; a fault for each, which says whether the answers agree."""
    ids: dict[str, int] = {}
    seen: dict[str, tuple[int, frozenset[str]]] = {}
    kept = []
    for one in asked:
        right = frozenset(plain(one.choices[letter]) for letter in one.correct)
        digest = content_hash(one.question, one.choices)
        line, answer = seen.setdefault(digest, (one.line, right))
        named = ids.setdefault(one.id, one.line)
        if line != one.line:
            agrees = "です" if answer == right else "なのに、正解が違います"
            faults.append(Fault(one.line, f"{line} 行目と同じ問題{agrees}"))
        elif named != one.line:
            faults.append(Fault(one.line, f"ID「{one.id}」が {named} 行目と重複しています"))
        else:
            kept.append(one)
    return kept


def _sample(one: _Asked) -> dict[str, Any]:
    statement = len(one.choices) == 1
    judged = "○" if one.correct else "×"
    return {
        "ファイル名": one.id,
        "コンテキスト": one.context,
        "問題文": one.question,
        "選択肢": rendered(one.choices),
        "output": judged if statement else "、".join(one.correct),
        "references": [],
        "imported": {"line": one.line},
    }
