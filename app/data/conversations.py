"""Conversations in the two forms in which they are passed around, as training records of one prompt and one answer.

Alpaca (https://github.com/tatsu-lab/stanford_alpaca): ``{"instruction", "input", "output"}``, where ``input`` may be empty
or left out. ShareGPT: ``{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}``, also written as
``{"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}``. Of both the prompt is what the
user says, given to the model's own chat template, and only the answer is learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.errors import DataError
from ..core.files import half_character, json_reason, parse_json, read_text, sha256_text
from ..core.questions import plain
from .records import CHAT, Record, read_records

Shape = Literal["records", "alpaca", "sharegpt"]
SHAPE_NAMES: dict[Shape, str] = {
    "records": "学習レコード",
    "alpaca": "Alpaca 形式（instruction・input・output）",
    "sharegpt": "ShareGPT 形式（conversations か messages）",
}
_USER, _ASSISTANT, _SYSTEM = {"user", "human"}, {"assistant", "gpt", "model", "chatgpt"}, {"system"}


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """The records of a file and the form in which it holds them; ``with_system`` counts rows that had a system message."""

    records: list[Record]
    shape: Shape
    with_system: int = 0


def read_training_file(path: Path) -> TrainingFile:
    """The records of ``path``, whichever of the three forms it has.

    Raises DataError, one line, for the first row that has none of them or another one than the rows before it.
    """
    text = read_text(path)
    shape: Shape | None = None
    records: list[Record] = []
    with_system = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}: {number} 行目"
        try:
            value = parse_json(line)
        except (ValueError, RecursionError) as error:
            if shape is None:  # the reader of our own records knows best what is wrong with such a file
                return TrainingFile(read_records(path), "records")
            raise DataError(f"{place}が JSON として読めません（{json_reason(error)}）。") from None
        found = _shape_of(value, place)
        if shape is not None and found != shape:
            raise DataError(
                f"{place}: ここまでの行は{SHAPE_NAMES[shape]}なのに、この行は{SHAPE_NAMES[found]}です。ファイルを分けてください。"
            )
        shape = found
        if shape == "records":
            continue
        if half := half_character(line, value):
            raise DataError(f"{place}に文字の半分だけが残っています（{half}）。元のデータから作り直してください。")
        system, prompt, answer = _alpaca(value, place) if shape == "alpaca" else _sharegpt(value, place)
        with_system += bool(system)
        whole = f"{system}\n\n{prompt}" if system else prompt
        records.append(_record(whole, answer, number, path))
    if shape in (None, "records"):
        return TrainingFile(read_records(path), "records")
    return TrainingFile(records, shape, with_system)


def _shape_of(value: Any, place: str) -> Shape:
    if not isinstance(value, dict):
        raise DataError(f"{place}: オブジェクトではありません（{type(value).__name__}）。一行に一件の JSON Lines にしてください。")  # fmt: skip
    found: list[Shape] = []
    if "meta" in value or ({"input", "output"} <= set(value) and "instruction" not in value):
        found.append("records")
    if "instruction" in value:
        found.append("alpaca")
    if "conversations" in value or "messages" in value:
        found.append("sharegpt")
    if len(found) == 1:
        return found[0]
    keys = "、".join(map(str, list(value)[:8])) or "なし"
    known = "、".join(SHAPE_NAMES.values())
    why = "どの形でもありません" if not found else f"{'と'.join(SHAPE_NAMES[one] for one in found)}のどちらともとれます"
    raise DataError(f"{place}: {why}（キーは {keys}）。読めるのは{known}です。")


def _alpaca(value: Mapping[str, Any], place: str) -> tuple[str, str, str]:
    if value.get("history"):
        raise DataError(f"{place}: history に前の会話があります。一問一答の行だけを学習できます。")
    instruction = _text(value, "instruction", place)
    more = _text(value, "input", place, empty=True)
    system = _text(value, "system", place, empty=True)
    return system, f"{instruction}\n\n{more}" if more else instruction, _text(value, "output", place)


def _sharegpt(value: Mapping[str, Any], place: str) -> tuple[str, str, str]:
    turns = value.get("conversations", value.get("messages"))
    if "conversations" in value and "messages" in value:
        raise DataError(f"{place}: conversations と messages の両方があります。どちらかにしてください。")
    if not isinstance(turns, list) or not turns:
        raise DataError(f"{place}: 会話が空でない配列ではありません。")
    said = [_turn(turn, number, place) for number, turn in enumerate(turns, start=1)]
    system = said.pop(0)[1] if said[0][0] == "system" else ""
    roles = [role for role, _ in said]
    if roles != ["user", "assistant"]:
        raise DataError(
            f"{place}: 発言の並びが {'→'.join(roles) or 'なし'} です。利用者が一度尋ね、モデルが一度答える会話だけを学習できます。"
        )
    return system, said[0][1], said[1][1]


def _turn(turn: Any, number: int, place: str) -> tuple[str, str]:
    if not isinstance(turn, dict):
        raise DataError(f"{place}: {number} 番目の発言がオブジェクトではありません（{type(turn).__name__}）。")
    role = str(turn.get("from", turn.get("role")))
    names: tuple[tuple[str, set[str]], ...] = (("user", _USER), ("assistant", _ASSISTANT), ("system", _SYSTEM))
    known = next((name for name, spellings in names if role.lower() in spellings), None)
    if known is None:
        raise DataError(
            f"{place}: {number} 番目の発言の話し手が {role!r} です（human・user、gpt・assistant、system）。"
        )
    return known, _text(turn, "value" if "value" in turn else "content", f"{place}: {number} 番目の発言")


def _text(value: Mapping[str, Any], key: str, place: str, *, empty: bool = False) -> str:
    text = value.get(key)
    if empty and (text is None or text == ""):
        return ""
    if not isinstance(text, str):
        raise DataError(f"{place}: {key} が文字列ではありません（{text!r}）。")
    if not text.strip() and not empty:
        raise DataError(f"{place}: {key} が空です。")
    return text.strip()


def _record(prompt: str, answer: str, line: int, path: Path) -> Record:
    # No question of ours: nothing is right among choices, and the prompt is worded by somebody else.
    meta = {
        "id": f"{path.stem}:{line}", "dataset": path.stem, "mode": "direct", "correct": "", "use_context": False,
        "context_present": False, "top_k": 0, "retriever_type": "none", "question": prompt, "choices": {},
        "source_file": path.name, "few_shot": False, "order": "", "cluster": f"chat {sha256_text(prompt)[:12]}",
        "doc_ids": [], "scores": [], "prompt_version": CHAT, "context_source": "none", "gold_in_context": False,
        "few_shot_source": None, "form": CHAT,
    }  # fmt: skip
    return Record(prompt, answer, meta)


def asked_within(records: Sequence[Record], asked: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of ``asked`` (name → the texts of a question and its choices) whose every text stands in one conversation.

    Widths and white space do not count.
    """
    parts = {name: [plain(text) for text in texts if plain(text)] for name, texts in asked.items()}
    found: dict[str, None] = {}
    for record in records:
        whole = plain(f"{record.input}\n{record.output}")
        for name, texts in parts.items():
            if name not in found and texts and all(text in whole for text in texts):
                found[name] = None
    return list(found)
