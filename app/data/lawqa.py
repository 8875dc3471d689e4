"""Questions from lawqa_jp's JSON files (selection.json, selection_randomized.json) and from files in the same format.

Format: https://github.com/digital-go-jp/lawqa_jp. A file is checked whole; all its faults are named at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import DataError
from app.core.files import read_json, write_json
from app.core.questions import LETTERS, ORDERS, Polarity, Question
from app.data.clusters import cluster_ids, cluster_keys
from app.data.provisions import gold_articles

ORDER_FIELD = "回答オーダーマップ番号"
_CHOICE = re.compile(r"([a-zａ-ｚ])\s(.*)")
# Looked for from the end of the question, where it says what it wants. 「行ってはならない」 tells what a rule forbids
# and 「該当しないものとして正しいもの」 asks for the right one, so a bare 「ない」 decides nothing.
_POLARITIES: tuple[tuple[Polarity, re.Pattern[str]], ...] = (
    ("incorrect", re.compile(r"誤って|誤り|誤つて|間違|正しくない|適切でない|不適切|適当でない|不正確")),
    (
        "not_applicable",
        re.compile(
            r"(?:該当|当ては?ま(?:ら|る)|あては?ま(?:ら|る)|含ま(?:れ|ない)|記載されてい)(?:し?ない)"
            r"|(?:権利と|対象と|根拠と)(?:は)?ならない|無関係|関係(?:の|が)ない|(?:必要(?:の|が)|ことができ)ない(?=もの|場合)"
        ),
    ),
    ("correct", re.compile(r"正しい|適切な|適当な|(?:該当|違反|抵触)する(?!こと|場合に|として)|当てはまる|あてはまる")),
)


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


def load_questions(path: Path) -> list[Question]:
    """The questions of a file in file order; the four orders of a randomized file come back as one question, ``abcd``.

    Raises DataError that names every fault of the file, each with the entry's number and id.
    """
    return questions_from(read_json(path), source=path.name, path=path)


def questions_from(value: Any, *, source: str, path: Path | None = None) -> list[Question]:
    """The questions of a parsed file; ``source`` is what ``Question.source`` says. Raises DataError as above."""
    name = str(path or source)
    samples = value.get("samples") if isinstance(value, dict) else None
    if not isinstance(samples, list):
        raise DataError(f'{name}: 最上位に "samples" の配列がありません。lawqa_jp の形式のファイルを指定してください。')
    if not samples:
        raise DataError(f'{name}: "samples" が空です。問題が 1 問以上必要です。')
    faults: list[str] = []
    rows = [row for number, sample in enumerate(samples, 1) if (row := _checked_row(number, sample, faults))]
    if any(isinstance(sample, dict) and ORDER_FIELD in sample for sample in samples):
        rows = _one_per_question(rows, faults, complete=not faults)
    else:
        seen: dict[str, int] = {}
        for row in rows:
            first = seen.setdefault(row.id, row.number)
            if first != row.number:
                faults.append(_fault(row.number, row.id, f"ファイル名が {first} 問目と重複しています"))
    if faults:
        listed = "\n".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
        raise DataError(f"{name}: {len(faults)} 件の誤りがあります。\n{listed}")
    return _questions(rows, source)


def write_samples(path: Path, samples: Sequence[dict[str, Any]]) -> None:
    """Write entries as a lawqa_jp file, in one step."""
    write_json(path, {"samples": list(samples)})


def read_samples(path: Path) -> list[dict[str, Any]]:
    """The entries of a file as they are written, for copying them into splits; ``load_questions`` checks them."""
    samples: list[dict[str, Any]] = read_json(path)["samples"]
    return samples


def question_polarity(question: str) -> Polarity:
    """What the question asks for, by the last such word in it: the statement that is right (``correct``), that is wrong
    (``incorrect``), the thing that does not fall under a rule (``not_applicable``), or anything else (``other``)."""
    text = unicodedata.normalize("NFKC", question)
    last = [(match.end(), -match.start(), name) for name, pattern in _POLARITIES for match in pattern.finditer(text)]
    return max(last)[2] if last else "other"


def question_law(question_id: str, first_law: str | None) -> str:
    """The law a question is counted under: the id's first part (``金商法_第2章_…``), else its first gold law."""
    head, underscore, _ = question_id.partition("_")
    return head if underscore and head else (first_law or "その他")


def parse_choices(text: str) -> tuple[dict[str, str], list[str]]:
    """The four choices of a 選択肢 field and what is wrong with it. A line without a letter continues the one before."""
    choices: dict[str, str] = {}
    faults: list[str] = []
    current: str | None = None
    for line in text.split("\n"):
        match = _CHOICE.fullmatch(line.strip())
        letter = unicodedata.normalize("NFKC", match.group(1)).lower() if match else ""
        if match and (letter in LETTERS or (current == "d" and letter == "e")):
            if letter not in LETTERS:
                faults.append(f"選択肢に「{letter}」で始まる行があります（使えるのは a、b、c、d の四つ）")
            elif letter in choices:
                faults.append(f"選択肢に「{letter}」で始まる行が二つあります")
            current = letter
            choices.setdefault(letter, match.group(2).strip())
        elif line.strip() and current is None:
            faults.append(f"選択肢が「a 」で始まっていません（{line.strip()[:20]!r}）")
            current = ""
        elif line.strip() and current:
            choices[current] += "\n" + line.strip()
    for letter in LETTERS:
        if letter not in choices:
            faults.append(f"選択肢に「{letter}」で始まる行がありません")
        elif not choices[letter]:
            faults.append(f"選択肢「{letter}」の本文が空です")
    if not faults and list(choices) != list(LETTERS):
        faults.append(f"選択肢の順が {''.join(choices)} です（a、b、c、d の順に書いてください）")
    return choices, faults


def _fault(number: int, question_id: str | None, text: str) -> str:
    return f"{number} 問目{f'（{question_id}）' if question_id else ''}: {text}。"


def _checked_row(number: int, sample: Any, faults: list[str]) -> _Row | None:
    """The row of one entry, or None after its faults were added."""
    if not isinstance(sample, dict):
        faults.append(_fault(number, None, f"オブジェクトではありません（{type(sample).__name__}）"))
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
    if isinstance(sample.get("選択肢"), str) and sample["選択肢"].strip():
        choices, choice_faults = parse_choices(sample["選択肢"])
        found += choice_faults
    correct = ""
    if isinstance(sample.get("output"), str) and sample["output"].strip():
        correct = unicodedata.normalize("NFKC", sample["output"]).strip().lower()
        if correct not in LETTERS:
            found.append(f"output が {sample['output']!r} です（a、b、c、d のいずれか）")
    faults += [_fault(number, shown, text) for text in found]
    if found:
        return None
    context = sample["コンテキスト"]
    return _Row(number, str(question_id).strip(), sample["問題文"].strip(), choices, correct,
                context if context and context.strip() else None, order_number)  # fmt: skip


def _one_per_question(rows: Sequence[_Row], faults: list[str], *, complete: bool) -> list[_Row]:
    """The rows in order abcd, after the other orders of each were checked against them. Faults are added.

    ``complete`` is False when rows were dropped for other faults: then missing orders are not reported again.
    """
    groups: dict[str, dict[int, _Row]] = {}
    for row in rows:
        if row.order_number is None:
            faults.append(_fault(row.number, row.id, f"{ORDER_FIELD} がありません（ほかの問にはあります）"))
            continue
        orders = groups.setdefault(row.id, {})
        number = int(row.order_number)
        if number in orders:
            faults.append(
                _fault(row.number, row.id, f"{ORDER_FIELD} {number} が {orders[number].number} 問目と重複しています")
            )
        orders.setdefault(number, row)
    kept: list[_Row] = []
    for question_id, orders in groups.items():
        missing = [number for number in range(1, len(ORDERS) + 1) if number not in orders]
        if missing and complete:
            first = min(orders.values(), key=lambda row: row.number)
            listed = "、".join(map(str, missing))
            faults.append(_fault(first.number, question_id, f"{ORDER_FIELD} {listed} の行がありません"))
        if 1 not in orders:
            continue
        base = orders[1]
        for number, row in sorted(orders.items()):
            faults += [_fault(row.number, question_id, text) for text in _disagreements(base, row, ORDERS[number - 1])]
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
    expected = LETTERS[order.index(base.correct)]
    if row.correct != expected:
        found.append(f"output が {row.correct!r} です（順序 {order} では {expected!r}）")
    return found


def _questions(rows: Sequence[_Row], source: str) -> list[Question]:
    articles = [gold_articles(row.context) for row in rows]
    keys = [cluster_keys(refs, row.context, row.question) for refs, row in zip(articles, rows, strict=True)]
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
        for row, refs, cluster in zip(rows, articles, cluster_ids(keys), strict=True)
    ]
