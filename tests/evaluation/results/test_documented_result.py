"""The literal result in docs/data-formats.md is one that the program reads, with every field it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.files import sha256_text
from app.core.prompts import build_choice_prompt
from app.data.lawqa import load_questions
from app.evaluation.report.page import render_report
from app.evaluation.results.file import read_result
from app.evaluation.results.rows import outcome_from
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "selection.json"
PAGE = Path(__file__).resolve().parents[3] / "docs/data-formats.md"


def documented(number: int = 0) -> dict[str, Any]:
    section = PAGE.read_text("utf-8").split("\n## 評価の結果\n")[1]
    value: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)\n```", section, flags=re.DOTALL)[number])
    return value


def test_the_documented_result_is_read(tmp_path: Path) -> None:
    path = tmp_path / "example.json"
    path.write_text(json.dumps(documented()), "utf-8")
    result = read_result(path)
    assert [outcome.status for outcome in result.outcomes] == ["wrong"]
    assert EvaluationPlan(**result.run["plan"]).as_dict() == result.run["plan"]


def test_the_documented_fields_are_those_that_are_written(question_of: Any, outcome_of: Any) -> None:
    question = question_of()
    outcome = outcome_of(question, ["a"])
    value = documented()
    assert list(value["results"][0]) == list(outcome.as_row())
    assert list(value["results"][0]["answers"][0]) == list(outcome.as_row()["answers"][0])
    written = summarize([outcome], [question], EvaluationPlan(context="none", orders=1))
    assert list(value["summary"]) == [*written, "seconds"]


def test_the_documented_row_of_the_choice_form_is_read_and_whole() -> None:
    row = documented(1)
    outcome = outcome_from(row, "docs")
    assert (outcome.form, outcome.predicted, outcome.status) == ("choice", "d", "correct")
    written = outcome.as_row()
    assert list(row) == list(written)
    assert list(row["answers"][0]) == list(written["answers"][0])
    question = next(one for one in load_questions(SAMPLE) if one.id == outcome.id)
    prompts = [build_choice_prompt(question.question, text, outcome.context) for text in question.choices.values()]
    assert row["prompt_sha256"] == sha256_text("\x1f".join(prompts))


def test_a_result_of_0_2_is_read_and_what_it_lacks_is_counted(tmp_path: Path) -> None:
    value = documented()
    for name in ("uniform_logprob", "statements", "by_kind", "by_right_count", "reading"):
        del value["summary"][name]
    del value["run"]["notes"]
    for row in value["results"]:
        del row["form"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(value), "utf-8")
    result = read_result(path)
    assert result.outcomes[0].form == "letter"
    assert result.summary["statements"] is None
    assert result.summary["reading"] == []
    assert result.summary["by_kind"] == {"関連法令": result.summary["by_polarity"]["correct"]}
    assert result.summary["uniform_logprob"] == pytest.approx(-1.386294, abs=1e-6)
    assert "評価の報告" in render_report([result], [], gold_contexts={}, created="2026-01-01")
