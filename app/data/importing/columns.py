"""Which columns of a table hold what: by their usual names, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...core.errors import DataError
from ...core.questions import CHOICE_LETTERS, MOST_CHOICES
from .tables import folded_name

KANA = "アイウエオカ"
# What a column is usually called, the most telling first; compared by ``folded_name``.
NAMES: dict[str, tuple[str, ...]] = {
    "question": ("問題文", "設問文", "設問", "問題", "質問文", "質問", "問い", "問", "question", "stem"),
    "statement": ("記述", "文", "肢", "命題", "statement", "sentence"),
    "choices": ("選択肢", "choices", "options"),
    "answer": ("正解", "正答", "答え", "解答", "答", "正誤", "○×", "〇×", "answer", "correct", "answerkey", "label", "gold"),
    "id": ("id", "qid", "questionid", "問題id", "問題番号", "番号", "ファイル名", "no", "no."),
    "context": ("コンテキスト", "条文", "根拠条文", "参照条文", "context", "passage"),
    "law": ("法令", "法令名", "法律", "科目", "分野", "章", "category", "subject", "law"),
}  # fmt: skip
_CHOICE_COLUMN = re.compile(r"(?:選択肢|選択|肢|choice|option|答え?の?候補|候補)?(?P<key>[a-f]|[0-6]|[ア-カ])")


@dataclass(frozen=True, slots=True)
class Columns:
    """The column of each part; None or empty where there is none.

    A row with ``choices`` is a question; one without is a ○× statement, which then stands in ``statement``.
    """

    question: str | None
    statement: str | None
    choices: tuple[str, ...]  # one a choice, or a single one that holds them all
    answer: str
    id: str | None
    context: str | None
    law: str | None

    @property
    def used(self) -> set[str]:
        """Every column that is read."""
        single = (self.question, self.statement, self.answer, self.id, self.context, self.law)
        return {*self.choices, *(name for name in single if name is not None)}

    @property
    def choices_in_one(self) -> bool:
        """Whether one column holds all choices of a question."""
        return len(self.choices) == 1

    @property
    def from_zero(self) -> bool:
        """Whether the columns of the choices are numbered from 0: then so are the answers."""
        keys = [match["key"] for name in self.choices if (match := _CHOICE_COLUMN.fullmatch(folded_name(name)))]
        return len(self.choices) > 1 and keys == [str(number) for number in range(len(self.choices))]


def find_columns(
    columns: Sequence[str], given: Mapping[str, str | None], given_choices: Sequence[str] | None, place: str
) -> Columns:
    """The columns by ``given`` (part → name, None where the user says nothing), the rest by their usual names.

    Raises DataError naming a column that does not exist, or what is missing and the columns that there are.
    """
    named = {part: name for part, name in given.items() if name is not None}
    wanted = [*named.values(), *(given_choices or ())]
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise DataError(f"{place}: 「{unknown[0]}」という列はありません（あるのは {'、'.join(columns)}）。")
    twice = next((name for name in wanted if wanted.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{place}: 列「{twice}」を二つの役に指定しています。")
    free = [name for name in columns if name not in wanted]
    choices = tuple(given_choices) if given_choices else _choice_columns(free, place)
    free = [name for name in free if name not in choices]
    found = dict(named)
    for part, names in NAMES.items():
        if part in found or (part == "choices" and choices):
            continue
        match = next((name for usual in names for name in free if folded_name(name) == usual), None)
        if match is not None:
            found[part] = match
            free.remove(match)
    if "choices" in found:
        choices = (found.pop("choices"),)
    return _complete(found, choices, columns, place)


def _complete(found: Mapping[str, str], choices: tuple[str, ...], columns: Sequence[str], place: str) -> Columns:
    question, statement = found.get("question"), found.get("statement")
    if not choices and statement is None:  # one column of texts and one of answers: the texts are judged
        question, statement = None, question
    missing = []
    if choices and question is None:
        missing.append("問題文（--question）")
    if not choices and statement is None:
        missing.append("問題文（--question）か ○× で答える文（--statement）")
    if "answer" not in found:
        missing.append("正解（--answer）")
    if missing:
        raise DataError(
            f"{place}: {'と'.join(missing)}の列がわかりません（あるのは {'、'.join(name or '（名前なし）' for name in columns)}）。"
            "括弧の中のオプションで列の名前を指定してください。見出しの行がなければ --no-header を付けます。"
        )
    if len(choices) > MOST_CHOICES:
        raise DataError(f"{place}: 選択肢の列が {len(choices)} 個あります（{MOST_CHOICES} 個まで）。")
    return Columns(
        question, None if choices else statement, choices, found["answer"],
        found.get("id"), found.get("context"), found.get("law"),
    )  # fmt: skip


def _choice_columns(columns: Sequence[str], place: str) -> tuple[str, ...]:
    """Columns named a, b, c…, 選択肢1, 選択肢2…, choice0… or ア, イ…: two or more of one naming, without a gap.

    Raises DataError where two namings are there: of statements ア〜オ and their combinations 1〜5 the answers name one.
    """
    groups: dict[str, dict[int, str]] = {}
    for name in columns:
        match = _CHOICE_COLUMN.fullmatch(folded_name(name))
        if match is None:
            continue
        key = match["key"]
        naming = folded_name(name).removesuffix(key) + ("a" if key in CHOICE_LETTERS else "ア" if key in KANA else "1")
        number = CHOICE_LETTERS.index(key) if key in CHOICE_LETTERS else KANA.index(key) if key in KANA else int(key)
        groups.setdefault(naming, {})[number] = name
    found: list[tuple[str, ...]] = []
    for places in groups.values():
        numbers = sorted(places)
        if numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > 1:
            found.append(tuple(places[number] for number in numbers))
    if len(found) > 1:
        named = "と".join(f"「{one[0]}」〜「{one[-1]}」" for one in found)
        raise DataError(
            f"{place}: 選択肢の列が {named} のどれかわかりません。--choices で選択肢の列を順に指定してください。"
        )
    return found[0] if found else ()
