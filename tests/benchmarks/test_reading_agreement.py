"""Blind readers against the key: counted by hand, and the readings that are kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.files import read_json
from benchmarks.reading_agreement import agreement, main

KEPT = Path(__file__).resolve().parents[2] / "benchmarks/results/reading_320.json"


def sample(number: int, key: str, truths: str) -> dict[str, Any]:
    candidates = {letter: {"true": truth == "T"} for letter, truth in zip("abcd", truths, strict=False)}
    return {"ファイル名": f"灯台法_第1条_記述_{number:05}", "output": key, "generated": {"candidates": candidates}}


def answer(number: int, given: str, judged: str, second: str = "", odd: int = 0) -> dict[str, Any]:
    return {"id": f"{number:05}", "answer": given, "judged": judged, "second": second, "odd": odd}


def test_what_is_counted() -> None:
    samples = [sample(1, "a", "TFFF"), sample(2, "b", "FTF"), sample(3, "c", "TTFT")]
    found = agreement(samples, [answer(1, "a", "TFUF", "c", 1), answer(2, "a", "TTF", odd=2)])
    assert (found["questions"], found["choices"]) == (2, 7)
    assert found["answers_otherwise"] == {"count": 1, "percent": 50.0, "ci95": [1.26, 98.74], "ids": ["00002"]}
    assert (found["choices_otherwise"]["ids"], found["choices_undecided"]["ids"]) == (["00002 a"], ["00001 c"])
    assert found["two_answers_possible"]["ids"] == ["00001"]
    assert [each["count"] for each in found["wording"].values()] == [0, 1, 1]


@pytest.mark.parametrize("given", [answer(9, "a", "TFFF"), answer(1, "a", "TFF")])
def test_an_answer_to_another_question_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="この番号の、選択肢が"):
        agreement([sample(1, "a", "TFFF")], [given])


def test_another_set_is_refused_with_the_way_to_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "questions.json").write_text(json.dumps({"samples": []}), "utf-8")
    assert main([str(tmp_path / "questions.json"), str(KEPT)]) == 1
    said = capsys.readouterr().err
    assert (
        "読んだ組ではありません（SHA-256 db6761554f19…）。コミット b1d95eb で作り直してください: python scripts/"
        in said
    )


@pytest.mark.parametrize(
    ("name", "questions"),
    [("reading_120", 120), ("reading_160_a", 160), ("reading_160_b", 160), ("reading_200", 200), ("reading_320", 320)],
)
def test_the_kept_readings_are_whole(name: str, questions: int) -> None:
    kept = read_json(KEPT.with_name(f"{name}.json"))
    answers = kept["answers"]
    assert (len(answers), len({one["id"] for one in answers})) == (questions, questions)
    assert {"T", "F"} <= {letter for one in answers for letter in one["judged"]} <= {"T", "F", "U"}
    assert all(one["answer"] in "abcde"[: len(one["judged"])] for one in answers)
    assert re.fullmatch("[0-9a-f]{64}", kept["set"]["sha256"])
