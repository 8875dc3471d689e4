"""Questions of an outside examination: JSON lines ``{"id", "year", "question", "choices": [...], "answer": [1, 3]}``.

The answers are numbers of choices from 1. Law is amended after a question was asked, so questions are counted under
their years: the recent ones apart from the older ones. There is no context: articles come from an index, or from nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..core.files import json_reason, parse_json
from ..core.questions import CHOICE_LETTERS, MOST_CHOICES, Question, content_hash, right_texts
from ..core.requests import question_polarity
from .clusters import cluster_ids, cluster_keys
from .folding import fold_text

# Questions from here on are counted apart (the pharmacist licence examination's file: 50 of 105).
RECENT_YEAR = 2020
_FIELDS = ("id", "question", "choices", "answer")


def is_exam(text: str) -> bool:
    """Whether the text is such a file: its first line alone is an object that has these fields or most of them."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    try:
        value = parse_json(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "samples" not in value and sum(name in value for name in _FIELDS) >= 2


def exam_questions(text: str, path: Path) -> list[Question]:
    """The questions in file order; ``law`` is the group of years. Raises DataError that names every fault by its line."""
    faults: list[str] = []
    questions: list[Question] = []
    seen: dict[str, int] = {}
    answered: dict[str, tuple[int, str, frozenset[str]]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except (ValueError, RecursionError) as error:
            faults.append(f"{number} 行目: JSON として読めません（{json_reason(error)}）。")
            continue
        found = _faults(value)
        name = str(value["id"]).strip() if isinstance(value, dict) and _is_name(value.get("id")) else ""
        if name and name in seen:
            found.append(f"id が {seen[name]} 行目と重複しています")
        seen.setdefault(name, number)
        if not found:
            question = _question(value, path.name)
            right = right_texts(question.choices, question.correct)
            first, other, answer = answered.setdefault(
                content_hash(question.question, question.choices), (number, name, right)
            )
            if answer != right:
                found.append(
                    f"{first} 行目（{other}）と同じ問題なのに、正解が違います。どちらかを直すか、除いてください"
                )
            questions.append(question)
        faults += [f"{number} 行目{f'（{name}）' if name else ''}: {fault}。" for fault in found]
    if faults:
        listed = "\n".join(f"({number}) {fault}" for number, fault in enumerate(faults, 1))
        raise DataError(f"{path}: {len(faults)} 件の誤りがあります。\n{listed}")
    return questions


def years(year: int | None) -> str:
    """The group of years that a question is counted under."""
    if year is None:
        return "年の記録なし"
    return f"{RECENT_YEAR} 年以降" if year >= RECENT_YEAR else f"{RECENT_YEAR - 1} 年以前"


def _is_name(value: Any) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or type(value) is int


def _faults(value: Any) -> list[str]:
    """What is wrong with one row, without its line."""
    if not isinstance(value, dict):
        return [f"オブジェクトではありません（{type(value).__name__}）"]
    missing = [f"{name} がありません" for name in _FIELDS if name not in value]
    if missing:
        return missing
    found = []
    if not _is_name(value["id"]):
        found.append(f"id が {value['id']!r} です（空でない文字列か整数）")
    if not isinstance(value["question"], str) or not value["question"].strip():
        found.append(f"question が {value['question']!r} です（空でない文字列）")
    if type(value.get("year")) not in (int, type(None)):
        found.append(f"year が {value['year']!r} です（整数）")
    return found + _choice_faults(value["choices"], value["answer"])


def _choice_faults(choices: Any, answer: Any) -> list[str]:
    if not isinstance(choices, list) or not all(isinstance(text, str) and text.strip() for text in choices):
        return ["choices が空でない文字列の配列ではありません"]
    if not 1 <= len(choices) <= MOST_CHOICES:
        return [f"choices が {len(choices)} 個です（1〜{MOST_CHOICES} 個）"]
    folded = [fold_text(text) for text in choices]
    equal = [
        (folded.index(text) + 1, number) for number, text in enumerate(folded, 1) if folded.index(text) + 1 != number
    ]
    if equal:
        return [f"choices の {first} 番目と {other} 番目が同じです" for first, other in equal]
    if not isinstance(answer, list) or not all(type(one) is int and 1 <= one <= len(choices) for one in answer):
        return [f"answer が {answer!r} です（choices の番号の配列。1〜{len(choices)}）"]
    if len(set(answer)) != len(answer):
        return [f"answer が {answer!r} で、同じ番号があります"]
    if len(choices) > 1 and not 1 <= len(answer) < len(choices):
        return [f"answer が {answer!r} です（正解の番号が 1〜{len(choices) - 1} 個）"]
    return []


def _question(value: dict[str, Any], source: str) -> Question:
    text = value["question"].strip()
    (cluster,) = cluster_ids([cluster_keys((), None, text, value["choices"])])  # by its own text: copies stay together
    return Question(
        id=str(value["id"]).strip(),
        question=text,
        choices={letter: one.strip() for letter, one in zip(CHOICE_LETTERS, value["choices"], strict=False)},
        correct="".join(CHOICE_LETTERS[number - 1] for number in sorted(value["answer"])),
        context=None,
        articles=(),
        cluster=cluster,
        polarity=question_polarity(text),
        source=source,
        law=years(value.get("year")),
    )
