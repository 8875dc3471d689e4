"""The choices of one row: from a column each, or from one cell that holds them all, without the labels they carry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.questions import CHOICE_LETTERS, MOST_CHOICES, plain
from ..choices_field import parse_choices
from .columns import KANA

IROHA = "イロハニホヘ"
_LABEL = re.compile(r"\s*[(（]?(?P<sign>[A-Fa-fＡ-Ｆａ-ｆア-カロハニホヘ0-6０-６①-⑥])(?P<end>[)）.．:：、]|\s)\s*(?=\S)(?P<rest>.*)", re.DOTALL)  # fmt: skip


def cells_of_columns(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[list[str], str | None]:
    """The texts of the columns up to the last that is filled, and a fault for one that is left out in between."""
    cells = [values.get(name) for name in columns]
    while cells and (cells[-1] is None or str(cells[-1]).strip() == ""):
        cells.pop()
    empty = next((name for name, cell in zip(columns, cells, strict=False) if str(_or_empty(cell)).strip() == ""), None)
    if empty is not None:
        return [], f"列「{empty}」が空です（後ろの選択肢は埋まっています）"
    return _texts(cells)


def cells_of_one(value: Any) -> tuple[list[str], str | None]:
    """The choices of a cell: a list, an object by letters or numbers in their order, or one choice a line."""
    if isinstance(value, list):
        return _texts(value)
    if isinstance(value, dict) and value:
        keys = _keys_in_order(value)
        if keys is None and len(value) <= MOST_CHOICES:
            return [], (
                f"選択肢のキーが {'、'.join(value)[:40]!r} です（a〜f、1〜6、0〜5、ア〜カのどれかを、先頭から抜かさずに使うか、"
                "正解の番号の順に並べた配列にしてください）"
            )
        return _texts([value[key] for key in keys or value])
    if not isinstance(value, str) or not value.strip():
        return [], "選択肢が空です"
    lines = [line.strip() for line in value.split("\n") if line.strip()]
    if len(lines) < 2:
        return [], f"選択肢が一行です（{value.strip()[:20]!r}）。一行に一つずつ書くか、列を分けてください"
    return lines, None


def keyed_from_zero(value: Any) -> bool:
    """Whether a cell is an object whose keys are the numbers from 0: then its answer counts from 0 too."""
    return isinstance(value, dict) and (_keys_in_order(value) or [""])[0] in ("0", "０")


def without_labels(texts: Sequence[str]) -> list[str]:
    """``texts`` without the labels they carry (``ア．``, ``(1)``, ``a ``), if all carry the one of their place, or if they
    are numbered from 0.

    A number before a space is no label (1 日, 2 日), nor is anything whose rest would not tell the choices apart (A 社).
    """
    labels = _labels(texts)
    if labels is None:
        return list(texts)
    own = all(
        sign in (CHOICE_LETTERS[place], KANA[place], str(place + 1)) for place, sign in enumerate(labels)
    )  # fmt: skip
    return list(labels.values()) if own or _from_zero(labels) else list(texts)


def labelled_from_zero(texts: Sequence[str]) -> bool:
    """Whether the texts carry the numbers from 0 as labels: then the answer counts from 0 too."""
    return _from_zero(_labels(texts) or {})


def misplaced_labels(texts: Sequence[str]) -> str | None:
    """What is wrong where all texts carry labels of one naming that are not those of their places; None where nothing is.

    Read by its place, an answer 1 or イ would then be another choice than the one so labelled.
    """
    labels = _labels(texts)
    if labels is None or without_labels(texts) != list(texts):
        return None
    signs = set(labels)
    if not any(
        signs == set(list(naming)[: len(signs)]) for naming in (CHOICE_LETTERS, KANA, "123456", "012345", IROHA)
    ):
        return None
    return (
        f"選択肢に付いた記号（{'、'.join(labels)}）が並び順の記号ではないので、正解がどれか決まりません"
        "（a〜f、1〜6、ア〜カのどれかを先頭から順に付けるか、記号を外してください）"
    )


def _labels(texts: Sequence[str]) -> dict[str, str] | None:
    """The texts by the labels they carry; None unless all carry one, and labels and rests tell them apart."""
    found: dict[str, str] = {}
    for text in texts:
        match = _LABEL.fullmatch(text)
        if match is None:
            return None
        sign, rest = plain(match["sign"]).lower(), match["rest"]
        if sign.isdecimal() and match["sign"] not in "①②③④⑤⑥" and (match["end"].isspace() or rest[:1].isdecimal()):
            return None
        found[sign] = rest.strip()
    whole = 0 < len(found) == len(texts) <= MOST_CHOICES and len({plain(rest) for rest in found.values()}) == len(texts)
    return found if whole else None


def _from_zero(labels: Mapping[str, str]) -> bool:
    return len(labels) > 1 and list(labels) == [str(number) for number in range(len(labels))]


def lettered(texts: Sequence[str], *, least: int = 2) -> tuple[dict[str, str], list[str]]:
    """The choices by letter and what is wrong with them: their number, equal ones, what lawqa_jp's format cannot hold."""
    if not least <= len(texts) <= MOST_CHOICES:
        return {}, [f"選択肢が {len(texts)} 個です（{least}〜{MOST_CHOICES} 個）"]
    choices = dict(zip(CHOICE_LETTERS, texts, strict=False))
    read, faults = parse_choices(rendered(choices))
    if not faults and read != choices:
        faults = ["選択肢の中の行が、次の選択肢の始まり（「b 」など）に読めます。改行を除いてください"]
    return choices, faults


def rendered(choices: Mapping[str, str]) -> str:
    """The field 選択肢 of lawqa_jp's format."""
    return "\n".join(f"{letter} {text}" for letter, text in choices.items())


def _keys_in_order(value: Mapping[str, Any]) -> list[str] | None:
    """The keys of an object of choices, a, 1, 0 or ア first, whatever order they stand in; None if they are others."""
    by_sign = {plain(key).lower(): key for key in value}
    if len(by_sign) == len(value):
        for signs in (CHOICE_LETTERS, "123456", "012345", KANA):
            first = list(signs)[: len(by_sign)]
            if set(first) == set(by_sign):
                return [by_sign[sign] for sign in first]
    return None


def _texts(values: Sequence[Any]) -> tuple[list[str], str | None]:
    wrong = next((value for value in values if isinstance(value, bool) or not isinstance(value, str | int | float)), "")
    if wrong != "":
        return [], f"選択肢に文字列でないものがあります（{wrong!r}）"
    texts = ["\n".join(line.strip() for line in str(value).strip().split("\n") if line.strip()) for value in values]
    return texts, "空の選択肢があります" if not all(texts) else None


def _or_empty(value: Any) -> Any:
    return "" if value is None else value
