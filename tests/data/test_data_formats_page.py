"""The examples of docs/data-formats.md are what the program accepts, and are made from the sample as it is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.prompts import PROMPT_VERSION
from app.data.lawqa import load_questions, questions_from
from app.data.records import record_faults

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


def test_the_manifests_have_their_kinds() -> None:
    assert [block["kind"] for block in (*blocks("分割マニフェスト"), *blocks("レコードのマニフェスト"))] == [
        "split",
        "finetune_records",
    ]
