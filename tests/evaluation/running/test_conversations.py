"""An adapter that learned conversations: its file is looked into for the questions, and what cannot be told is said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.files import sha256_file
from app.core.questions import Question
from app.evaluation.running.conversations import asked_in_conversations, conversation_notes
from app.evaluation.running.evaluate import Job, check_adapter
from app.evaluation.running.guards import TrainedOn, adapter_form, adapter_notes, with_conversations
from app.evaluation.running.plan import EvaluationPlan


@pytest.fixture
def questions(question_of: Any) -> list[Question]:
    return [question_of(number) for number in range(6)]


@pytest.fixture
def talk(tmp_path: Path, questions: list[Question]) -> Path:
    """Conversations of which the second asks question q2 whole."""
    question = questions[2]
    asked = question.question + "\n" + "\n".join(question.choices.values())
    rows = [{"instruction": "港とは。", "output": "船の着く所。"}, {"instruction": asked, "output": "a"}]
    path = tmp_path / "talk.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def trained_on(path: Path, **more: Any) -> dict[str, Any]:
    facts = {"path": str(path), "sha256": sha256_file(path)}
    return {
        "kind": "adapter", "form": "chat", "prompt_version": "chat", "train_file": facts, "few_shot": False,
        "trained_question_ids": ["talk:1"], "trained_question_hashes": ["x"], "train_mode": "direct", **more,
    }  # fmt: skip


def test_a_question_of_the_conversations_is_refused(tmp_path: Path, questions: list[Question], talk: Path) -> None:
    manifest = trained_on(talk)
    assert asked_in_conversations(manifest, questions) == ("q2",)
    plan = EvaluationPlan(context="none")
    job = Job(tmp_path / "q.json", questions, tmp_path / "out.json", plan, {}, adapter=(tmp_path, manifest))
    with pytest.raises(DataError, match=r"6 問のうち 1 問は.*学習に使われています（例 q2、本文が同じ）"):
        check_adapter(job)
    assert check_adapter(replace(job, allow_trained=True)).by_content == ("q2",)


def test_a_file_that_changed_is_not_looked_into_but_remarked_on(questions: list[Question], talk: Path) -> None:
    manifest = trained_on(talk)
    assert conversation_notes(manifest) == []
    talk.write_text(talk.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert asked_in_conversations(manifest, questions) == ()
    assert conversation_notes(manifest) == [
        f"学習した会話のファイル {talk} が元の場所にないか変わっていて、評価の問題がその中にあったかを確かめられません。"
    ]


def test_it_has_no_form_and_a_remark_says_so(talk: Path) -> None:
    manifest = trained_on(talk)
    assert adapter_form(manifest, "x") is None
    notes = adapter_notes(manifest, EvaluationPlan(context="none"))
    assert notes == ["アダプタは会話のデータで学習したもので、問題の問い方は学んでいません。"]


def test_a_question_known_already_is_not_counted_twice() -> None:
    seen = with_conversations(TrainedOn(("q1",), (), ("q2", "q3")), ["q1", "q2"])
    assert seen == TrainedOn(("q1",), ("q2",), ("q3",))
