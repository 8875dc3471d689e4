"""What the exporting program takes for its model card. The export itself is in tests/llm/export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands import export_adapter, import_results
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.core.files import read_json, write_json

CHOICES = {"a": "一週間", "b": "二週間", "c": "三週間", "d": "四週間"}


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    row = {"question": "期間はどれですか。", "choices": CHOICES, "correct_answer": "b", "predicted_answer": "b", "response": "Answer: b"}  # fmt: skip
    (tmp_path / "old.json").write_text(json.dumps({"results": [row]}), encoding="utf-8")
    result = tmp_path / "imported.json"
    assert run_program(import_results.main, [str(tmp_path / "old.json"), "--output", str(result)]) == 0
    return result


def test_an_imported_result_cannot_stand_on_a_card(imported: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        export_adapter._measured(imported, "0" * 64)
    assert str(refused.value) == (
        f"{imported}: 問題ファイルと文脈の記録がない評価結果（import_results.py のものなど）はモデルカードに載せられません。"
        "evaluate_multiple_choice.py の結果を --results に指定してください。"
    )


def test_a_result_that_says_what_was_asked_stands_there(imported: Path) -> None:
    value = read_json(imported)
    value["run"]["data"] = {"path": "data/test.json", "sha256": "a" * 64, "questions": 1}
    value["run"]["plan"]["context"] = "none"
    write_json(imported, value)
    measured = export_adapter._measured(imported, "0" * 64)
    assert (measured.correct, measured.total, measured.tuned, measured.context) == (1, 1, False, "none")
    assert measured.data == "test.json (aaaaaaaaaaaa…)"
