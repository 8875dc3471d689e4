"""What kind a question is: its id says so, in lawqa_jp's files and in those made from statutes."""

from __future__ import annotations

import re

# Of the questions that are made from statutes: the code of a kind, and the word for it in the id.
KIND_NAMES = {
    "statement": "記述",
    "list": "列記",
    "basis": "根拠条文",
    "across": "根拠条文",
    "blank": "空欄",
    "act": "違反行為",
    "delegated": "委任",
}
OTHER = "その他"

_OF_LAWQA = re.compile(r"_選択式_(関連法令|根拠条文)_問題番号\d+$")
_MADE = re.compile(rf"_({'|'.join(dict.fromkeys(KIND_NAMES.values()))})_\d{{5,}}$")


def made_id(law: str, article: str, kind: str, number: int) -> str:
    """The id of a question that is made from statutes; ``kind`` is a key of ``KIND_NAMES``."""
    return f"{law}_{article}_{KIND_NAMES[kind]}_{number:05d}"


def kind_of(question_id: str) -> str:
    """The kind of a question: 根拠条文 asks which article says it, wherever the question comes from; 関連法令 are the
    other ones of lawqa_jp, and what is made from statutes is told apart further. ``OTHER`` where the id does not say."""
    found = _OF_LAWQA.search(question_id) or _MADE.search(question_id)
    return found[1] if found else OTHER
