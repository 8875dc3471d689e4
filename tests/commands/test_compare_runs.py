"""The program: files in, verdict out, nothing written when anything is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.commands import compare_runs
from app.core.cli import run_program
from app.core.questions import LETTERS, ORDERS, content_hash
from app.evaluation.results.file import write_result
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome


def outcome(number: int, chosen: str) -> Outcome:
    answers = tuple(
        OrderAnswer(
            order,
            "0" * 64,
            predicted=LETTERS[order.index(chosen)],
            logprobs=tuple(math.log(0.7 if letter == LETTERS[order.index(chosen)] else 0.1) for letter in LETTERS),
            mass=1.0,
        )
        for order in ORDERS
    )
    question, choices = f"問{number}: どれですか。", {letter: f"選択肢{letter}" for letter in LETTERS}
    return Outcome(
        id=f"q{number}", question_sha256=content_hash(question, choices), question=question,
        choices=choices, correct="a", law="港湾条例", polarity="correct",
        cluster=f"c{number}", gold_articles=(("港湾条例", "2"),), context=None, passages=(), answers=answers,
    )  # fmt: skip


def write(path: Path, chosen: str, **run: Any) -> Path:
    outcomes = [outcome(number, letter) for number, letter in enumerate(chosen)]
    header = {"prompt_version": "1", "plan": {"scoring": "letter"}, "adapter": None, "distrust": [], **run}
    correct = chosen.count("a")
    write_result(path, run=header, summary={"total": len(chosen), "correct": correct}, outcomes=outcomes)
    return path


def run(*arguments: Path | str) -> int:
    return run_program(compare_runs.main, [str(argument) for argument in arguments])


def test_two_results_give_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, tuned = write(tmp_path / "base.json", "b" * 10 + "a" * 10), write(tmp_path / "tuned.json", "a" * 20)
    assert run(base, tuned) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "「tuned」は「base」と比べて 50.0 ポイント高く、偶然とは考えにくい差です（20 問、正答 10 → 20 問"
    )


def test_json_goes_to_stdout_and_equal_seeds_give_equal_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned = write(tmp_path / "base.json", "babababa"), write(tmp_path / "tuned.json", "aaababab")
    assert run(base, tuned, "--json") == 0
    first = capsys.readouterr()
    assert first.err == ""
    value = json.loads(first.out)
    (pair,) = value["comparisons"]
    assert (value["n"], pair["flips_up"], pair["flips_down"]) == (8, ["q0", "q2", "q4", "q6"], ["q3", "q5", "q7"])
    assert run(base, tuned, "--json") == 0
    assert capsys.readouterr().out == first.out


def test_a_collapsed_run_ends_with_3_after_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write(tmp_path / "base.json", "abab")
    tuned = write(tmp_path / "tuned.json", "aaab", distrust=["COLLAPSED: 回答が a に偏っています"])
    assert run(base, tuned) == 3
    captured = capsys.readouterr()
    assert "差があるとは言えません" in captured.out
    assert "この比較は信用できません: tuned: COLLAPSED" in captured.err


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "base.json", tmp_path / "a" / "seed_1" / "tuned.json", tmp_path / "a" / "seed_2" / "tuned.json"]
    for path in paths:
        write(path, "abab")
    assert run(*paths, "--json") == 0
    assert json.loads(capsys.readouterr().out)["names"] == ["base", "seed_1/tuned", "seed_2/tuned"]
    deeper = [tmp_path / folder / "x" / "tuned.json" for folder in "bc"]
    for path in deeper:
        write(path, "abab")
    assert run(*deeper, "--json") == 0
    assert json.loads(capsys.readouterr().out)["names"] == ["b/x/tuned", "c/x/tuned"]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def change(path: Path, edit: Any) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    edit(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def duplicate(value: Any) -> None:
    value["results"][1]["id"] = value["results"][0]["id"]


def drop_one(value: Any) -> None:
    del value["results"][0]


def drop_logprobs(value: Any) -> None:
    for answer in value["results"][2]["answers"]:
        answer["logprobs"] = None


def drop_all_logprobs(value: Any) -> None:
    for row in value["results"]:
        for answer, order in zip(row["answers"], ("a", "b", "c", "d"), strict=True):
            answer["logprobs"] = None
            answer["predicted"] = order  # a tie that only probabilities decide


def flip(value: Any) -> None:
    value["results"][2]["predicted"] = "d"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut_off, "途中で切れた結果は使えません"),
        (lambda path: path.unlink(), "ファイルがありません"),
        (lambda path: path.write_text('{"config": {}, "results": []}'), "import_results.py"),
        (lambda path: change(path, duplicate), "重複"),
        (lambda path: change(path, drop_one), "3 問分しかありません"),
        (lambda path: change(path, drop_logprobs), "logprobs"),
        (lambda path: change(path, drop_all_logprobs), "文字の確率（logprobs）のない回答があります"),
        (lambda path: change(path, flip), "食い違っています"),
        (lambda path: change(path, lambda value: value["run"].pop("distrust")), "run の distrust が欠けて"),
        (lambda path: change(path, lambda value: value["run"].update(plan=None)), "run の plan が欠けて"),
        (lambda path: change(path, lambda value: value["run"].update(adapter=3)), "run の adapter が欠けて"),
        (
            lambda path: change(path, lambda value: value["run"].update(adapter={})),
            "run の adapter.trained_on が欠けて",
        ),
        (
            lambda path: change(path, lambda value: value["summary"].update(accuracy=0.99)),
            "accuracy（記録は 0.99、回答から計算すると 0.75）",
        ),
        (lambda path: change(path, lambda value: value.pop("summary")), "欠けています"),
    ],
)
def test_a_bad_file_is_one_line_and_nothing_on_stdout(
    spoil: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned = write(tmp_path / "base.json", "abab"), write(tmp_path / "tuned.json", "aaab")
    spoil(tuned)
    assert run(base, tuned) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert message in captured.err
    assert "tuned.json" in captured.err
