"""The choices of each question as one unit of training: complete, in one sequence, never split."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import DataError
from ...data.records import Record
from .examples import BuiltExamples, check_too_long
from .prefix import PrefixGroup, make_group


def question_rows(records: Sequence[Record], path: object) -> list[list[int]]:
    """Numbers of the records of each question, the choices in the order of their letters.

    A question that stands in the file several times (repeated, or with other contexts) is a question each time: the
    second record of a choice belongs to the second. Raises DataError for a question that lacks a choice, or whose
    records do not ask the same question.
    """
    seen: dict[tuple[str, str], int] = {}
    rows: dict[tuple[str, int], dict[str, int]] = {}
    for row, record in enumerate(records):
        name, letter = str(record.meta["group"]), str(record.meta["choice"])
        time = seen.get((name, letter), 0)
        seen[name, letter] = time + 1
        rows.setdefault((name, time), {})[letter] = row
    lacking = [
        (name, [letter for letter in records[next(iter(here.values()))].meta["choices"] if letter not in here])
        for (name, _), here in rows.items()
    ]
    lacking = [(name, letters) for name, letters in lacking if letters]
    if lacking:
        name, letters = lacking[0]
        raise DataError(
            f"{path}: 選択肢のレコードがそろわない問題が {len(lacking)} 問あります（最初は {name} の {'、'.join(letters)}）。"
            "一つの問題の選択肢は全部入れて、build_finetune_dataset.py --form choice で作り直してください。"
        )
    for (name, _), here in rows.items():
        asked = [(records[row].meta["question"], records[row].meta["choices"]) for row in here.values()]
        if any(one != asked[0] for one in asked):
            raise DataError(
                f"{path}: meta.group {name} のレコードが、別の問題や選択肢を示しています。"
                "問題ごとに違う ID にして、build_finetune_dataset.py --form choice で作り直してください。"
            )
    return [[here[letter] for letter in sorted(here)] for here in rows.values()]


def build_groups(
    built: BuiltExamples, path: object, *, max_tokens: int, skip_long: bool
) -> tuple[BuiltExamples, list[PrefixGroup]]:
    """The rows of whole questions within ``max_tokens`` tokens together, and a group a question.

    Raises DataError when a question lacks a choice, or does not fit and ``skip_long`` is off, or none fits.
    """
    groups: list[PrefixGroup] = []
    kept: list[int] = []
    too_long: list[tuple[str, int]] = []
    for rows in question_rows(built.records, path):
        first = len(kept)
        group = make_group([built.examples[row] for row in rows], range(first, first + len(rows)))
        if group.tokens > max_tokens:
            too_long.append((str(built.records[rows[0]].meta["group"]), group.tokens))
        else:
            groups.append(group)
            kept += rows
    check_too_long(too_long, max_tokens, "問の選択肢を並べた列", skip=skip_long and bool(groups))
    examples, records = [built.examples[row] for row in kept], [built.records[row] for row in kept]
    return BuiltExamples(examples, records, too_long), groups


def fitting_choices(records: Sequence[Record], groups: Sequence[PrefixGroup], fits: str) -> list[list[bool]]:
    """For each group whether each of its choices fits: whether the record's answer is ``fits``."""
    return [[records[row].output == fits for row in group.rows] for group in groups]
