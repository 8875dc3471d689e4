"""Old result files: every shape seen, the readings that change, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.commands import compare_runs, import_results
from app.core.cli import run_program
from app.core.errors import DataError
from app.core.questions import Question
from app.data.lawqa import load_questions
from app.evaluation.exchange.legacy_results import as_outcomes, read_legacy, reread_lines
from app.evaluation.results.file import read_result

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"
CHOICES = {"a": "一週間", "b": "二週間", "c": "三週間", "d": "四週間"}


def row(response: str | None, predicted: Any = "a", correct: str = "b", **fields: Any) -> dict[str, Any]:
    return {
        "question": "期間はどれですか。", "choices": CHOICES, "correct_answer": correct, "predicted_answer": predicted,
        "response": response, **fields,
    }  # fmt: skip


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps({"config": {}, "summary": {}, "results": rows}, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("response", "predicted", "after", "effect"),
    [
        ("回答（1文字のみ）: ｂ", "a", "b", "正解になった"),  # the 1 of 1文字 had been read as a
        ("Answer: b", "b", "b", ""),
        ("Answer: c", "b", "c", "不正解になった"),
        ("わかりません。", "unknown", None, ""),
        ("", "a", None, ""),
        (None, None, None, ""),
        ("Answer: a\n…\nAnswer: d", "a", "d", ""),
    ],
)
def test_a_response_is_read_again(
    tmp_path: Path, response: str | None, predicted: Any, after: str | None, effect: str
) -> None:
    (item,) = read_legacy(write(tmp_path / "old.json", [row(response, predicted)]))
    assert (item.after, item.effect) == (after, effect)


@pytest.mark.parametrize(
    "choices",
    [
        CHOICES,
        {letter.upper(): text for letter, text in CHOICES.items()},
        list(CHOICES.values()),
        [f"{letter} {text}" for letter, text in CHOICES.items()],
        "\n".join(f"{letter} {text}" for letter, text in CHOICES.items()),
    ],
    ids=["object", "capitals", "list", "list with letters", "lines"],
)
def test_choices_in_every_shape_seen(tmp_path: Path, choices: Any) -> None:
    (item,) = read_legacy(write(tmp_path / "old.json", [row("Answer: b", choices=choices)]))
    assert item.choices == CHOICES


def test_the_lines_count_before_and_after_and_name_what_changes(tmp_path: Path) -> None:
    rows = [row("回答（1文字のみ）: ｂ", "a"), row("Answer: b", "b"), row("Answer: c", "b"), row("…", "unknown")]
    lines = reread_lines(read_legacy(write(tmp_path / "old.json", rows)))
    assert lines[0] == "4 件: 元の読み取りで正解 2 件（50.0%）、読み直して正解 2 件（50.0%）"
    assert lines[1] == "読み直しの結果: ok 3、unparsed 1"
    assert lines[2] == "読み取りが変わるもの 2 件"
    assert lines[3] == "  1 件目: a → b（正解 b 正解になった、ok explicit）期間はどれですか。"
    assert lines[4].startswith("  3 件目: b → c（正解 b 不正解になった")
    assert len(lines) == 5


def test_known_questions_keep_their_id_and_cluster_in_any_order_of_choices(tmp_path: Path) -> None:
    question = load_questions(SAMPLE)[0]
    turned = {
        "a": question.choices["d"],
        "b": question.choices["c"],
        "c": question.choices["b"],
        "d": question.choices["a"],
    }
    old = row(
        "Answer: a", "a", correct="abcd"["dcba".index(question.correct)], question=question.question, choices=turned
    )
    outcomes, questions = as_outcomes(read_legacy(write(tmp_path / "old.json", [old])), [question])
    assert (outcomes[0].id, outcomes[0].cluster, outcomes[0].law) == (question.id, question.cluster, question.law)
    assert questions[0].correct == outcomes[0].correct == old["correct_answer"]
    outcomes, _ = as_outcomes(read_legacy(write(tmp_path / "old.json", [row("Answer: b")])), [question])
    assert outcomes[0].id == "件0001"


def test_another_right_choice_than_the_known_questions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = load_questions(SAMPLE)[:6]

    def legacy(question: Question, correct: str) -> dict[str, Any]:
        return row(f"Answer: {correct}", correct, correct, question=question.question, choices=dict(question.choices))

    rows = [legacy(one, one.correct) for one in known[:2]]
    rows += [legacy(one, "dabc"["abcd".index(one.correct)]) for one in known[2:]]
    old, out = write(tmp_path / "old.json", rows), tmp_path / "out.json"
    assert run_program(import_results.main, [str(old), "--data", str(SAMPLE), "--output", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"エラー: 4 件の正解が --data の同じ問題と違います: 3 件目（{known[2].id}）は「")
    assert f"5 件目（{known[4].id}）" in error
    assert "6 件目" not in error
    assert error.endswith("、ほか 1 件。誤っているほうのファイルを直すか、--data を外してください。\n")
    assert error.count("\n") == 1
    assert not out.exists()
    # Without --data nothing is known; the same file is a result of its own.
    assert run_program(import_results.main, [str(old), "--output", str(out)]) == 0
    assert [one.id for one in read_result(out).outcomes] == [f"件000{number}" for number in range(1, 7)]


def test_a_refusal_shows_the_two_right_choices(tmp_path: Path) -> None:
    (old,) = read_legacy(write(tmp_path / "old.json", [row("Answer: a", correct="a")]))
    known = replace(load_questions(SAMPLE)[0], id="q1", question=old.question, choices=CHOICES, correct="c")
    with pytest.raises(
        DataError, match=r"^1 件の正解が --data の同じ問題と違います: 1 件目（q1）は「一週間」、--data では「三週間」。"
    ):
        as_outcomes([old], [known])
    with pytest.raises(DataError, match="--data では「一週間」と「三週間」。"):
        as_outcomes([old], [replace(known, correct="ac")])
    spaced = replace(known, choices={**CHOICES, "a": "一 週 間"}, correct="a")
    assert as_outcomes([old], [spaced])[0][0].id == "q1"


def test_one_question_twice_cannot_be_a_result(tmp_path: Path) -> None:
    items = read_legacy(write(tmp_path / "old.json", [row("Answer: b"), row("Answer: c")]))
    with pytest.raises(DataError, match="2 件目は 1 件目と同じ問題"):
        as_outcomes(items, [])


def test_two_imported_files_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, letter in (("before", "a"), ("after", "b")):
        rows = [row(f"Answer: {letter}", question=f"問{number}。") for number in range(12)]
        old = write(tmp_path / f"{name}_old.json", rows)
        assert run_program(import_results.main, [str(old), "--output", str(tmp_path / f"{name}.json")]) == 0
    assert read_result(tmp_path / "after.json").summary["correct"] == 12
    capsys.readouterr()
    paths = [str(tmp_path / "before.json"), str(tmp_path / "after.json")]
    report = tmp_path / "r.html"
    assert run_program(compare_runs.main, [*paths, "--report", str(report)]) == 0
    assert capsys.readouterr().out.startswith("「after」は「before」と比べて 100.0 ポイント高く")
    assert "文脈は不明" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[", "JSON として読めません"),
        ('{"results": []}', "項目がありません"),
        ("[]", "項目がありません"),
        ('{"results": [3]}', "1 件目: オブジェクトではありません"),
        (
            '{"results": [{"question": "?"}]}',
            "1 件目: choices、correct_answer、predicted_answer、response がありません",
        ),
        (json.dumps({"results": [row("x", correct="e")]}), "1 件目: correct_answer が 'e' です"),
        (json.dumps({"results": [row("x"), row("x", choices=["1", "2", "3"])]}), "2 件目: choices から四つ"),
        (json.dumps({"results": [row("x", choices=7)]}), "1 件目: choices から四つ"),
        (json.dumps({"results": [row("x", question=7)]}), "1 件目: question か response が文字列ではありません"),
        (json.dumps({"kind": "evaluation", "results": [1]}), "compare_runs.py"),
    ],
)
def test_a_bad_file_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, message: str
) -> None:
    path = tmp_path / "old.json"
    path.write_text(value, encoding="utf-8")
    assert run_program(import_results.main, [str(path), "--output", str(tmp_path / "out.json")]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
    assert not (tmp_path / "out.json").exists()
