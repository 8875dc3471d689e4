"""What of an evaluation stands in the conversations that an adapter was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.questions import Question
from ...data.seen_conversations import asked_in_files, lost_files
from .guards import TrainedOn, trained_questions, with_conversations


def asked_in_conversations(manifest: Mapping[str, Any], questions: Sequence[Question]) -> tuple[str, ...]:
    """Ids of the questions that stand, with all their choices, in a conversation that the adapter was trained on."""
    asked = {question.id: [question.question, *question.choices.values()] for question in questions}
    return tuple(asked_in_files(manifest, asked))


def questions_seen(manifest: Mapping[str, Any], questions: Sequence[Question], where: str) -> TrainedOn:
    """The questions that were trained on, as records or within conversations. Raises DataError when it is not said."""
    return with_conversations(
        trained_questions(manifest, questions, where), asked_in_conversations(manifest, questions)
    )


def conversation_notes(manifest: Mapping[str, Any]) -> list[str]:
    """A remark for each file of conversations that cannot be looked into any more."""
    return [
        f"学習した会話のファイル {path} が元の場所にないか変わっていて、評価の問題がその中にあったかを確かめられません。"
        for path in lost_files(manifest)
    ]
