"""The examples of docs/data-formats.md are what the program accepts, and are made from the sample as it is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.prompts import PROMPT_VERSION
from app.data.context import ContextPlan, no_context
from app.data.finetune import build_records
from app.data.lawqa import load_questions, questions_from
from app.data.records import as_row, record_faults

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "data-formats.md").read_text(encoding="utf-8")


def blocks(heading: str) -> list[Any]:
    section = PAGE.split(f"\n## {heading}")[1].split("\n## ")[0]
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)]


def test_the_question_is_one_of_the_sample() -> None:
    (file,) = blocks("問題ファイル")
    (question,) = questions_from(file, source="selection.json")
    same = next(one for one in load_questions(ROOT / "sample" / "selection.json") if one.id == question.id)
    assert (question.choices, question.correct, question.context) == (same.choices, same.correct, same.context)


@pytest.mark.parametrize("mode", ["direct", "cot"])
def test_the_records_are_valid(mode: str) -> None:
    (record,) = blocks(f"学習レコード（{mode}）")
    assert record_faults(record) == []
    assert record["meta"]["mode"] == mode
    assert record["meta"]["prompt_version"] == PROMPT_VERSION


def test_the_choice_record_is_what_the_program_makes_of_the_sample() -> None:
    (record,) = blocks("学習レコード（choice）")
    questions = load_questions(ROOT / "sample" / "selection.json")
    one = next(question for question in questions if question.id == record["meta"]["group"])
    plan = ContextPlan("none", "none", 0, no_context)
    first = build_records([one], "direct", plan, form="choice", dataset="sample")[0].record
    assert as_row(first) == record


def test_the_manifests_have_their_kinds() -> None:
    assert [block["kind"] for block in (*blocks("分割マニフェスト"), *blocks("レコードのマニフェスト"))] == [
        "split",
        "finetune_records",
    ]


def test_the_generated_question_is_what_the_program_makes_of_the_sample(tmp_path: Path) -> None:
    from app.commands import generate_questions
    from app.core.cli import run_program

    entry, manifest = blocks("作った問題とそのマニフェスト")
    arguments = [
        "--source",
        str(ROOT / "sample" / "laws"),
        "--law-type",
        "all",
        "--count",
        "40",
        "--output",
        str(tmp_path),
    ]
    assert run_program(generate_questions.main, arguments) == 0
    samples = json.loads((tmp_path / "questions.json").read_text(encoding="utf-8"))["samples"]
    assert entry in samples
    made = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    facts, shown = made["files"]["questions.json"], manifest["files"]["questions.json"]
    shortened = ("edits", "gates")
    assert {key: shown[key] for key in shown if key not in shortened} == {
        key: facts[key] for key in facts if key not in shortened
    }
    for key in shortened:
        assert shown[key].items() <= facts[key].items() or all(
            part.items() <= facts[key][name].items() for name, part in shown[key].items()
        )
    assert {key: made[key] for key in ("kind", "excluded", "seed", "reword_model")} == {
        key: manifest[key] for key in ("kind", "excluded", "seed", "reword_model")
    }
    assert made["source"]["sha256"] == manifest["source"]["sha256"]
