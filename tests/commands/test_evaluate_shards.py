"""Three parts of an evaluation are the evaluation: the same answers and counts; gaps, overlaps and strangers are refused."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.commands import evaluate_multiple_choice
from app.core.cli import run_program
from app.evaluation.results.file import read_result
from app.evaluation.running.shard import Shard, shard_argument

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
QUESTIONS = 7


@pytest.fixture(scope="module")
def parts(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data.json``, ``whole.json`` and ``1.json`` … ``3.json``."""
    folder = tmp_path_factory.mktemp("parts")
    samples = json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"][:QUESTIONS]
    (folder / "data.json").write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    for name, more in {"whole": [], **{str(number): ["--shard", f"{number}/3"] for number in (1, 2, 3)}}.items():
        assert run(folder, name, "--hf-model-name", tiny_model_dir, "--no-hf-load-in-4bit", "--context", "gold",
                   "--scoring", "choice", *more) in (0, 3)  # fmt: skip
    return folder


def run(folder: Path, name: str, *more: object) -> int:
    fixed = ["--data", folder / "data.json", "--output", folder / f"{name}.json"]
    return run_program(evaluate_multiple_choice.main, [str(argument) for argument in (*fixed, *more)])


def test_the_parts_are_the_whole(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [parts / f"{number}.json" for number in (3, 1, 2)]
    code = run(parts, "merged", "--merge", *files)
    out = capsys.readouterr().out
    merged, whole = read_result(parts / "merged.json"), read_result(parts / "whole.json")
    assert code == (3 if whole.run["distrust"] else 0)
    assert [one.id for one in merged.outcomes] == [one.id for one in whole.outcomes]
    for one, other in zip(merged.outcomes, whole.outcomes, strict=True):
        assert (one.predicted, one.question_sha256) == (other.predicted, other.question_sha256)
        assert one.answers[0].log_odds == pytest.approx(other.answers[0].log_odds, abs=1e-4)
    for name in ("accuracy", "correct", "total", "label_histogram", "floors", "by_law", "by_polarity"):
        assert merged.summary[name] == whole.summary[name], name
    for name in ("plan", "prompt_version", "index", "adapter", "distrust"):
        assert merged.run[name] == whole.run[name], name
    assert merged.run["data"]["questions"] == QUESTIONS
    assert "shard" not in merged.run
    assert merged.run["shards"] == [str(path) for path in files]
    assert out.startswith("正解率")


def test_every_question_is_in_one_part(parts: Path) -> None:
    asked = [[outcome.id for outcome in read_result(parts / f"{number}.json").outcomes] for number in (1, 2, 3)]
    whole = [outcome.id for outcome in read_result(parts / "whole.json").outcomes]
    assert asked == [whole[0::3], whole[1::3], whole[2::3]]
    assert read_result(parts / "2.json").run["shard"] == {"number": 2, "of": 3, "questions": QUESTIONS}


def _plan(value: Any) -> None:
    value["run"]["plan"]["budget_tokens"] = 99


def _model(value: Any) -> None:
    value["run"]["model"]["dtype"] = "float16"


def _device(value: Any) -> None:
    value["run"]["model"]["device"] = "cuda:0"


def _data(value: Any) -> None:
    value["run"]["data"]["sha256"] = "0" * 64


def _count(value: Any) -> None:
    value["run"]["shard"]["questions"] = 70


def _other_number(value: Any) -> None:
    value["run"]["shard"]["number"] = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_plan, "plan が違います"),
        (_model, "モデルの dtype が違います"),
        (_data, "問題ファイルかアダプタが違います"),
        (_count, "--shard の個数か、全体の問題数が違います"),
        (_other_number, "問題が --data（と --samples・--seed）の 3/3 と違います"),
    ],
)
def test_strangers_are_refused(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Any], None], message: str
) -> None:
    value = json.loads((parts / "2.json").read_text("utf-8"))
    change(value)
    (tmp_path / "other.json").write_text(json.dumps(value), "utf-8")
    others = [parts / "1.json", *([parts / "2.json"] if change is _other_number else [parts / "3.json"])]
    assert run(parts, "refused", "--merge", *others, tmp_path / "other.json") == 1
    assert message in capsys.readouterr().err
    assert not (parts / "refused.json").exists()


def test_parts_from_several_cards(parts: Path, tmp_path: Path) -> None:
    value = json.loads((parts / "2.json").read_text("utf-8"))
    _device(value)
    value["run"]["plan"]["batch_size"] = 2  # a smaller card
    (tmp_path / "card.json").write_text(json.dumps(value), "utf-8")
    assert run(parts, "cards", "--merge", parts / "1.json", tmp_path / "card.json", parts / "3.json") in (0, 3)


@pytest.mark.parametrize(("peaks", "merged"), [((None, 5, 7), 7), ((None, None, None), None)])
def test_parts_of_systems_that_tell_no_memory(
    parts: Path, tmp_path: Path, peaks: tuple[int | None, ...], merged: int | None
) -> None:
    for number, peak in enumerate(peaks, start=1):
        value = json.loads((parts / f"{number}.json").read_text("utf-8"))
        value["run"]["peak_rss_bytes"] = peak
        (tmp_path / f"{number}.json").write_text(json.dumps(value), "utf-8")
    assert run(parts, "windows", "--merge", *(tmp_path / f"{number}.json" for number in (1, 2, 3))) in (0, 3)
    assert read_result(parts / "windows.json").run["peak_rss_bytes"] == merged


SERVER = {"root": "/data/models/qwen3", "parent": None, "max_model_len": 4096, "version": "0.11"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"host": "http://b:8000", "server": SERVER | {"root": "/mnt/b/qwen3"}, "tokenizer": "/mnt/b/tok"}, None),
        ({"server": SERVER | {"root": "/data/models/qwen2"}}, "モデルの server.root が違います"),
        ({"server": SERVER | {"parent": "/data/models/qwen3"}}, "モデルの server.parent が違います"),
        ({"server": SERVER | {"version": "0.12", "max_model_len": 8192}}, "モデルの server.max_model_len、server.version が違います"),
        ({"tokenizer": "/mnt/b/tok", "tokenizer_sha256": "2"}, "モデルの tokenizer_sha256 が違います"),
        ({"tokenizer": "/mnt/b/tok", "tokenizer_sha256": None}, "モデルの tokenizer_sha256 が違います"),
    ],
)  # fmt: skip
def test_parts_from_several_servers(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: dict[str, Any], message: str | None
) -> None:
    served = {
        "backend": "vllm",
        "model": "q",
        "host": "http://a:8000",
        "tokenizer": "/data/tok",
        "tokenizer_sha256": "1",
    }
    for number in (1, 2, 3):
        value = json.loads((parts / f"{number}.json").read_text("utf-8"))
        value["run"]["model"] = {**served, "server": SERVER, **(model if number == 2 else {})}
        (tmp_path / f"{number}.json").write_text(json.dumps(value), "utf-8")
    code = run(parts, "served", "--merge", *(tmp_path / f"{number}.json" for number in (1, 2, 3)))
    error = capsys.readouterr().err
    assert code in ((0, 3) if message is None else (1,)), error
    assert message is None or message in error


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (["1", "3"], [], "1 個の結果が足りません: --shard 2/3"),
        (["2"], [], "2 個の結果が足りません: --shard 1/3、3/3"),
        (["1", "2", "3", "2"], [], "どちらも --shard 2/3 です"),
        (["1", "2", "whole"], [], "whole.json: --shard で評価した結果ではありません"),
        (["1", "2", "3"], ["--samples", "3"], "と違います。評価したときと同じ引数を指定してください"),
    ],
)
def test_gaps_and_overlaps_are_refused(
    parts: Path, capsys: pytest.CaptureFixture[str], names: list[str], more: list[str], message: str
) -> None:
    assert run(parts, "refused", *more, "--merge", *(parts / f"{name}.json" for name in names)) == 1
    assert message in capsys.readouterr().err
    assert not (parts / "refused.json").exists()


def test_another_question_file_is_refused(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = parts / "data.json"
    kept = data.read_bytes()
    data.write_bytes(kept + b"\n")
    try:
        assert run(parts, "refused", "--merge", *(parts / f"{number}.json" for number in (1, 2, 3))) == 1
    finally:
        data.write_bytes(kept)
    assert "評価したときと内容が違います" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "shard"), [("1/1", Shard(1, 1)), ("8/8", Shard(8, 8)), ("003/10", Shard(3, 10))])
def test_a_shard_as_it_is_written(text: str, shard: Shard) -> None:
    assert shard_argument(text) == shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "/2", "a/b", "1/2/3", "-1/2", "１/２", " 1/2"])
def test_no_shard(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="番号/個数"):
        shard_argument(text)


@pytest.mark.parametrize("more", [["--reading-test"], ["--report", "x.html"]])
def test_what_needs_the_whole_is_refused(parts: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(parts, "refused", "--shard", "1/3", *more)
    assert stopped.value.code == 2
    assert "--shard は一部だけの結果" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--shard", "1/3"], "--shard"),
        (["--scoring", "choice", "--hf-model-name", "x", "--no-few-shot"], "--hf-model-name、--scoring、--few-shot"),
        (["--batch-size", "8"], "--batch-size"),  # its default
        (["--resume"], "--resume"),
        (["--config", "whole.run.yaml"], "--config"),
    ],
)
def test_options_that_say_nothing_to_a_merge_are_refused(
    parts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str], named: str
) -> None:
    monkeypatch.chdir(parts)
    with pytest.raises(SystemExit) as stopped:
        run(parts, "refused", "--merge", *(parts / f"{number}.json" for number in (1, 2, 3)), *more)
    assert stopped.value.code == 2
    assert f"--report だけです。{named} を外してください" in capsys.readouterr().err
    assert not (parts / "refused.json").exists()


def test_a_merge_leaves_no_settings_of_what_stood_there(parts: Path) -> None:
    kept = (parts / "1.run.yaml").read_text("utf-8")
    assert run(parts, "again", "--merge", *(parts / f"{number}.json" for number in (1, 2, 3))) in (0, 3)
    (parts / "again.run.yaml").write_text(kept, "utf-8")
    # A merge that fails takes nothing away.
    assert run(parts, "again", "--merge", parts / "1.json") == 1
    assert (parts / "again.run.yaml").read_text("utf-8") == kept
    assert run(parts, "again", "--merge", *(parts / f"{number}.json" for number in (1, 2, 3))) in (0, 3)
    assert not (parts / "again.run.yaml").exists()


def test_more_parts_than_questions(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parts, "refused", "--shard", f"{QUESTIONS + 1}/{QUESTIONS + 1}") == 1
    assert "7 問を 8 個には分けられません" in capsys.readouterr().err
