"""What of an evaluation stands in the conversations that an adapter was trained on.

Conversations (Alpaca, ShareGPT) name no questions, so ``run.json`` cannot list them: the file itself is looked into, as
long as it is where it was and unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.files import sha256_file
from ...core.questions import Question
from ...data.conversations import asked_within, read_training_file
from ...data.records import CHAT
from .guards import TrainedOn, trained_questions, with_conversations


def conversation_files(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``train_file`` of every stage of the adapter that learned from conversations, the last stage first."""
    initial = manifest.get("init_adapter") or {}
    stages = [manifest, *([initial] if initial else []), *(initial.get("earlier") or [])]
    return [stage["train_file"] for stage in stages if stage.get("form") == CHAT]


def asked_in_conversations(manifest: Mapping[str, Any], questions: Sequence[Question]) -> tuple[str, ...]:
    """Ids of the questions that stand, with all their choices, in a conversation that the adapter was trained on."""
    seen: dict[str, None] = {}
    asked = {question.id: [question.question, *question.choices.values()] for question in questions}
    for facts in filter(_unchanged, conversation_files(manifest)):
        seen |= dict.fromkeys(asked_within(read_training_file(Path(facts["path"])).records, asked))
    return tuple(seen)


def questions_seen(manifest: Mapping[str, Any], questions: Sequence[Question], where: str) -> TrainedOn:
    """The questions that were trained on, as records or within conversations. Raises DataError when it is not said."""
    return with_conversations(
        trained_questions(manifest, questions, where), asked_in_conversations(manifest, questions)
    )


def conversation_notes(manifest: Mapping[str, Any]) -> list[str]:
    """A remark for each file of conversations that cannot be looked into any more."""
    return [
        f"学習した会話のファイル {facts['path']} が元の場所にないか変わっていて、評価の問題がその中にあったかを確かめられません。"
        for facts in conversation_files(manifest)
        if not _unchanged(facts)
    ]


def _unchanged(facts: Mapping[str, Any]) -> bool:
    path = Path(str(facts["path"]))
    return path.is_file() and sha256_file(path) == facts["sha256"]
