"""Questions from lawqa_jp's JSON files (selection.json, selection_randomized.json) and from files in the same format.

Format: https://github.com/digital-go-jp/lawqa_jp. A file is checked whole; all its faults are named at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.answers import reads_as_answer
from ..core.errors import DataError
from ..core.files import read_json, read_text, to_json
from ..core.prompts import build_choice_prompt, build_mc_prompt_direct
from ..core.questions import LETTERS, ORDERS, Question, content_hash
from ..core.quoting import quoted
from ..core.requests import question_polarity
from .choices_field import parse_choices, parse_correct
from .clusters import cluster_ids, cluster_keys
from .exam import exam_questions, is_exam
from .provisions import gold_articles

ORDER_FIELD = "回答オーダーマップ番号"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one entry of a file: its number (from 1), its id where it has one, and what."""

    number: int
    question_id: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.number} 問目{f'（{self.question_id}）' if self.question_id else ''}: {self.text}。"


@dataclass(frozen=True, slots=True)
class _Row:
    """One entry of a file, its fields checked."""

    number: int  # from 1
    id: str
    question: str
    choices: dict[str, str]
    correct: str
    context: str | None
    order_number: str | None


def load_questions(path: Path, *, exams: bool = False) -> list[Question]:
    """The questions of a file in file order; the four orders of a randomized file come back as one question, ``abcd``.

    JSON lines of an outside examination (``app/data/exam.py``) are told by their content; only whoever evaluates says
    ``exams``, since what a verdict rests on is never trained on. Raises DataError that names every fault of the file, each with the entry's number and id.
    """
    if is_exam(text := read_text(path)):
        if not exams:
            raise DataError(
                f"{path}: 外部の試験の問題（JSON Lines）で、評価だけに使えます。"
                "scripts/evaluate_multiple_choice.py の --data に指定してください。"
            )
        return exam_questions(text, path)
    return questions_from(read_json(path), source=path.name, path=path)


def questions_from(value: Any, *, source: str, path: Path | None = None) -> list[Question]:
    """The questions of a parsed file; ``source`` is what ``Question.source`` says. Raises DataError as above."""
    name = str(path or source)
    samples = value.get("samples") if isinstance(value, dict) else None
    if not isinstance(samples, list):
        raise DataError(f'{name}: 最上位に "samples" の配列がありません。lawqa_jp の形式のファイルを指定してください。')
    if not samples:
        raise DataError(f'{name}: "samples" が空です。問題が 1 問以上必要です。')
    rows, faults = _checked(samples)
    if faults:
        listed = "\n".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
        raise DataError(f"{name}: {len(faults)} 件の誤りがあります。\n{listed}")
    return _questions(rows, source)


def sample_faults(samples: Sequence[Any]) -> list[Fault]:
    """What is wrong with the entries of a file that is not written yet."""
    return _checked(samples)[1]


def _checked(samples: Sequence[Any]) -> tuple[list[_Row], list[Fault]]:
    """The rows of the entries that are right, one a question, and every fault."""
    faults: list[Fault] = []
    rows = [row for number, sample in enumerate(samples, 1) if (row := _checked_row(number, sample, faults))]
    if any(isinstance(sample, dict) and ORDER_FIELD in sample for sample in samples):
        rows = _one_per_question(rows, faults, complete=not faults)
    else:
        seen: dict[str, int] = {}
        for row in rows:
            first = seen.setdefault(row.id, row.number)
            if first != row.number:
                faults.append(Fault(row.number, row.id, f"ファイル名が {first} 問目と重複しています"))
    faults += _contradictions(rows)
    faults += [Fault(row.number, row.id, text) for row in rows for text in _answer_lines(row)]
    return rows, faults


def _contradictions(rows: Sequence[_Row]) -> list[Fault]:
    """A fault for each question that stands in the file twice with different answers, whatever its ids and orders."""
    seen: dict[str, tuple[int, frozenset[str]]] = {}
    found = []
    for row in rows:
        right = frozenset("".join(unicodedata.normalize("NFKC", row.choices[letter]).split()) for letter in row.correct)
        first, answer = seen.setdefault(content_hash(row.question, row.choices), (row.number, right))
        if answer != right:
            found.append(Fault(row.number, row.id, f"{first} 問目と同じ問題なのに、正解が違います"))
    return found


def _answer_lines(row: _Row) -> list[str]:
    """What of the question would read as an answer in its prompt, though ``app.core.quoting`` rendered it harmless."""
    parts = [row.question, row.context or "", *row.choices.values()]
    if all(quoted(part) == part for part in parts):
        return []
    prompts = [build_choice_prompt(row.question, text, row.context) for text in row.choices.values()]
    if len(row.choices) > 1:
        prompts.append(build_mc_prompt_direct(row.question, row.choices, row.context, few_shot=False))
    return ["答えと読める行があり、無害な形にできません"] if any(map(reads_as_answer, prompts)) else []


def samples_text(samples: Sequence[dict[str, Any]]) -> str:
    """Entries as the text of a lawqa_jp file."""
    return to_json({"samples": list(samples)}, indent=2) + "\n"


def read_samples(path: Path) -> list[dict[str, Any]]:
    """The entries of a file as they are written, for copying them into splits; ``load_questions`` checks them."""
    samples: list[dict[str, Any]] = read_json(path)["samples"]
    return samples


def question_law(question_id: str, first_law: str | None) -> str:
    """The law a question is counted under: the id's first part (``金商法_第2章_…``), else its first gold law."""
    head, underscore, _ = question_id.partition("_")
    return head if underscore and head else (first_law or "その他")


def _checked_row(number: int, sample: Any, faults: list[Fault]) -> _Row | None:
    """The row of one entry, or None after its faults were added."""
    if not isinstance(sample, dict):
        faults.append(Fault(number, None, f"オブジェクトではありません（{type(sample).__name__}）"))
        return None
    question_id = sample.get("ファイル名")
    shown = question_id if isinstance(question_id, str) else None
    found: list[str] = []
    for field in ("ファイル名", "問題文", "選択肢", "output"):
        if field not in sample:
            found.append(f"{field} がありません")
        elif not isinstance(sample[field], str):
            found.append(f"{field} が文字列ではありません（{sample[field]!r}）")
        elif not sample[field].strip():
            found.append(f"{field} が空です")
    if "コンテキスト" not in sample:
        found.append('コンテキスト がありません（条文のない問題では "" を書いてください）')
    elif not isinstance(sample["コンテキスト"], str | None):
        found.append(f"コンテキスト が文字列ではありません（{sample['コンテキスト']!r}）")
    if not isinstance(sample.get("指示", ""), str):
        found.append(f"指示 が文字列ではありません（{sample['指示']!r}）")
    references = sample.get("references", [])
    if not isinstance(references, list) or not all(isinstance(reference, str) for reference in references):
        found.append("references が文字列の配列ではありません")
    order_number = sample.get(ORDER_FIELD)
    if order_number is not None:
        order_number = str(order_number)
        if order_number not in ("1", "2", "3", "4"):
            found.append(f"{ORDER_FIELD} が {order_number!r} です（1、2、3、4 のいずれか）")
    choices: dict[str, str] = {}
    choice_faults: list[str] = []
    if isinstance(sample.get("選択肢"), str) and sample["選択肢"].strip():
        choices, choice_faults = parse_choices(sample["選択肢"])
        found += choice_faults
        if order_number is not None and not choice_faults and len(choices) != len(LETTERS):
            found.append(f"{ORDER_FIELD} がありますが、選択肢が {len(choices)} 個です（四択の問題だけに使えます）")
    correct = ""
    if isinstance(sample.get("output"), str) and sample["output"].strip() and choices and not choice_faults:
        correct, fault = parse_correct(sample["output"], choices)
        found += [fault] if fault else []
    faults += [Fault(number, shown, text) for text in found]
    if found:
        return None
    context = sample["コンテキスト"]
    return _Row(number, str(question_id).strip(), sample["問題文"].strip(), choices, correct,
                context if context and context.strip() else None, order_number)  # fmt: skip


def _one_per_question(rows: Sequence[_Row], faults: list[Fault], *, complete: bool) -> list[_Row]:
    """The rows in order abcd, after the other orders of each were checked against them. Faults are added.

    ``complete`` is False when rows were dropped for other faults: then missing orders are not reported again.
    """
    groups: dict[str, dict[int, _Row]] = {}
    for row in rows:
        if row.order_number is None:
            faults.append(Fault(row.number, row.id, f"{ORDER_FIELD} がありません（ほかの問にはあります）"))
            continue
        orders = groups.setdefault(row.id, {})
        number = int(row.order_number)
        if number in orders:
            faults.append(
                Fault(row.number, row.id, f"{ORDER_FIELD} {number} が {orders[number].number} 問目と重複しています")
            )
        orders.setdefault(number, row)
    kept: list[_Row] = []
    for question_id, orders in groups.items():
        missing = [number for number in range(1, len(ORDERS) + 1) if number not in orders]
        if missing and complete:
            first = min(orders.values(), key=lambda row: row.number)
            listed = "、".join(map(str, missing))
            faults.append(Fault(first.number, question_id, f"{ORDER_FIELD} {listed} の行がありません"))
        if 1 not in orders:
            continue
        base = orders[1]
        for number, row in sorted(orders.items()):
            faults += [Fault(row.number, question_id, text) for text in _disagreements(base, row, ORDERS[number - 1])]
        kept.append(base)
    return kept


def _disagreements(base: _Row, row: _Row, order: str) -> list[str]:
    """What in ``row`` is not ``base`` shown in ``order``."""
    found = []
    if row.question != base.question:
        found.append(f"問題文が {base.number} 問目（順序 1）と違います")
    if row.context != base.context:
        found.append(f"コンテキストが {base.number} 問目（順序 1）と違います")
    for shown, original in zip(LETTERS, order, strict=True):
        if row.choices[shown] != base.choices[original]:
            found.append(f"選択肢{shown}が、順序 {order} で置かれるはずの元の選択肢{original}と違います")
    expected = "".join(shown for shown, original in zip(LETTERS, order, strict=True) if original in base.correct)
    if row.correct != expected:
        found.append(f"output が {row.correct!r} です（順序 {order} では {expected!r}）")
    return found


def _questions(rows: Sequence[_Row], source: str) -> list[Question]:
    articles = [gold_articles(row.context) for row in rows]
    keys = [
        cluster_keys(refs, row.context, row.question, row.choices.values())
        for refs, row in zip(articles, rows, strict=True)
    ]
    contents = [content_hash(row.question, row.choices) for row in rows]
    return [
        Question(
            id=row.id,
            question=row.question,
            choices=row.choices,
            correct=row.correct,
            context=row.context,
            articles=refs,
            cluster=cluster,
            polarity=question_polarity(row.question),
            source=source,
            law=question_law(row.id, refs[0].law if refs else None),
        )
        for row, refs, cluster in zip(rows, articles, cluster_ids(keys, contents), strict=True)
    ]
