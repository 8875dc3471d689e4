"""Result files of the earlier project, read again: the same responses, read by our parser.

``{"config": …, "summary": …, "results": [{question, choices, correct_answer, predicted_answer, response}]}``. There the
answer was the first letter or digit found; 「回答（1文字のみ）: ｂ」 was read as a.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.answers import Status as Reading
from ...core.answers import parse_answer
from ...core.errors import DataError
from ...core.files import read_json, sha256_text
from ...core.questions import LETTERS, Question, content_hash, right_texts
from ...data.choices_field import parse_choices
from ...data.lawqa import questions_from
from ..results.order_answer import OrderAnswer
from ..results.outcomes import Outcome

_NAMED = 3  # items that a refusal names


@dataclass(frozen=True, slots=True)
class Reread:
    """One item: what the file says was predicted, and what its response says when it is read again."""

    number: int  # from 1
    question: str
    choices: Mapping[str, str]
    correct: str
    before: str | None  # None for "unknown" and the like
    after: str | None
    status: Reading  # of the new reading
    rule: str
    response: str

    @property
    def changed(self) -> bool:
        """Whether the two readings differ."""
        return self.before != self.after

    @property
    def effect(self) -> str:
        """What the new reading does to the score: 正解になった, 不正解になった, or nothing."""
        was, now = self.before == self.correct, self.after == self.correct
        return "正解になった" if now and not was else "不正解になった" if was and not now else ""


def read_legacy(path: Path) -> list[Reread]:
    """The items of a result file. Raises DataError, one line, naming the first item that cannot be read."""
    value = read_json(path)
    rows = value.get("results") if isinstance(value, dict) else None
    if not isinstance(rows, list) or not rows:
        raise DataError(
            f'{path}: "results" に項目がありません。以前のプロジェクトの評価結果（JSON）を指定してください。'
        )
    if value.get("kind") == "evaluation":
        raise DataError(f"{path}: このプログラムの評価結果です。scripts/compare_runs.py にそのまま渡せます。")
    return [_reread(row, number, f"{path}: {number} 件目") for number, row in enumerate(rows, start=1)]


def _reread(row: Any, number: int, where: str) -> Reread:
    if not isinstance(row, dict):
        raise DataError(f"{where}: オブジェクトではありません。ファイルを確かめてください。")
    missing = [
        name for name in ("question", "choices", "correct_answer", "predicted_answer", "response") if name not in row
    ]
    if missing:
        raise DataError(f"{where}: {'、'.join(missing)} がありません。ファイルを確かめてください。")
    if not isinstance(row["question"], str) or not isinstance(row["response"], str | None):
        raise DataError(f"{where}: question か response が文字列ではありません。ファイルを確かめてください。")
    correct = _letter(row["correct_answer"])
    if correct is None:
        raise DataError(f"{where}: correct_answer が {row['correct_answer']!r} です（a、b、c、d のいずれか）。")
    response = row["response"] or ""
    reading = parse_answer(response)
    return Reread(
        number=number,
        question=row["question"].strip(),
        choices=_choices(row["choices"], where),
        correct=correct,
        before=_letter(row["predicted_answer"]),
        after=reading.letter,
        status=reading.status,
        rule=reading.rule,
        response=response,
    )


def _letter(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    letter = unicodedata.normalize("NFKC", value).strip().lower()
    return letter if letter in LETTERS else None


def _choices(value: Any, where: str) -> dict[str, str]:
    """Choices written as an object, as a list of four, or as lawqa_jp's lines."""
    choices: dict[str, str] = {}
    if isinstance(value, dict):
        choices = {str(_letter(key)): text for key, text in value.items() if isinstance(text, str)}
    elif isinstance(value, list) and all(isinstance(text, str) for text in value):
        lines = "\n".join(value)
        parsed, faults = parse_choices(lines)
        choices = dict(zip(LETTERS, value, strict=False)) if faults else parsed
    elif isinstance(value, str):
        choices, _ = parse_choices(value)
    if sorted(choices) != list(LETTERS) or not all(choices.values()):
        raise DataError(f"{where}: choices から四つの選択肢を読めません。ファイルを確かめてください。")
    return {letter: choices[letter] for letter in LETTERS}


def reread_lines(items: Sequence[Reread]) -> list[str]:
    """What import_results.py prints: accuracy before and after, then every item whose reading changes."""
    before = sum(item.before == item.correct for item in items)
    after = sum(item.after == item.correct for item in items)
    statuses = Counter(item.status for item in items)
    changed = [item for item in items if item.changed]
    lines = [
        f"{len(items)} 件: 元の読み取りで正解 {before} 件（{before / len(items):.1%}）、"
        f"読み直して正解 {after} 件（{after / len(items):.1%}）",
        "読み直しの結果: " + "、".join(f"{name} {count}" for name, count in sorted(statuses.items())),
        f"読み取りが変わるもの {len(changed)} 件" + ("" if changed else "。"),
    ]
    for item in changed:
        effect = f" {item.effect}" if item.effect else ""
        lines.append(
            f"  {item.number} 件目: {item.before or '不明'} → {item.after or '不明'}（正解 {item.correct}{effect}、"
            f"{item.status} {item.rule}）{item.question[:30]}".rstrip()
        )
    return lines


def as_outcomes(items: Sequence[Reread], known: Sequence[Question]) -> tuple[list[Outcome], list[Question]]:
    """The items as outcomes of one written answer each, and their questions.

    An item that is one of ``known`` (same text and choices) takes its id, law and cluster; others are numbered. Raises
    DataError if an item stands twice, or if another choice is right in it than in the known question.
    """
    by_content = {content_hash(question.question, question.choices): question for question in known}
    _check_right_choices(items, by_content)
    outcomes: list[Outcome] = []
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for item in items:
        digest = content_hash(item.question, item.choices)
        if digest in seen:
            raise DataError(f"{item.number} 件目は {seen[digest]} 件目と同じ問題です。重複を除いてください。")
        seen[digest] = item.number
        # The file may show the choices in another order than the known question.
        question = replace(by_content.get(digest) or _unknown(item), choices=dict(item.choices), correct=item.correct)
        outcomes.append(
            Outcome(
                id=question.id,
                question_sha256=digest,
                question=item.question,
                choices=dict(item.choices),
                correct=item.correct,
                law=question.law,
                polarity=question.polarity,
                cluster=question.cluster,
                gold_articles=tuple(dict.fromkeys(ref.article_key for ref in question.articles)),
                context=None,
                passages=(),
                answers=(
                    OrderAnswer(
                        "abcd",
                        sha256_text(""),
                        predicted=item.after,
                        text=item.response,
                        text_letter=item.after,
                        text_status=item.status,
                        text_rule=item.rule,
                    ),
                ),
            )
        )
        questions.append(question)
    return outcomes, questions


def _check_right_choices(items: Sequence[Reread], by_content: Mapping[str, Question]) -> None:
    """Raises DataError, naming the first items, where the file and a known question call other choices right.

    Compared are the texts: the file may show the choices in another order.
    """
    found = []
    for item in items:
        question = by_content.get(content_hash(item.question, item.choices))
        if question is None:
            continue
        if right_texts(item.choices, item.correct) != right_texts(question.choices, question.correct):
            right = "と".join(f"「{_short(question.choices[letter])}」" for letter in question.correct)
            found.append(
                f"{item.number} 件目（{question.id}）は「{_short(item.choices[item.correct])}」、--data では{right}"
            )
    if found:
        more = f"、ほか {len(found) - _NAMED} 件" if len(found) > _NAMED else ""
        raise DataError(
            f"{len(found)} 件の正解が --data の同じ問題と違います: {'、'.join(found[:_NAMED])}{more}。"
            "誤っているほうのファイルを直すか、--data を外してください。"
        )


def _short(text: str) -> str:
    """The beginning of a choice, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= 30 else f"{line[:30]}…"


def _unknown(item: Reread) -> Question:
    sample = {
        "ファイル名": f"件{item.number:04d}",
        "コンテキスト": "",
        "問題文": item.question,
        "選択肢": "\n".join(f"{letter} {' '.join(item.choices[letter].split())}" for letter in LETTERS),
        "output": item.correct,
    }
    (question,) = questions_from({"samples": [sample]}, source="imported")
    return question
