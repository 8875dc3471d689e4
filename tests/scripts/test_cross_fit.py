"""Cross-fitting on a part of the sample with a random tiny model: each question once, resumable, refused when changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.core.cli import run_program
from app.evaluation.result_file import read_result
from scripts import cross_fit, train_qwen_law_ft

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
QUESTIONS = 16


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples = json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"][:QUESTIONS]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def options(data: Path, model: Path, *more: object) -> list[str]:
    fixed = [
        "--data",
        data,
        "--model-name",
        model,
        "--output-dir",
        "out",
        "--folds",
        2,
        "--dev",
        0,
        "--context",
        "gold",
    ]
    training = ["--objective", "letter", "--rslora", "--lora-dtype", "bf16", "--max-steps", "1", "--batch-size", "2"]
    training += ["--gradient-accumulation-steps", "1", "--lora-r", "2"]
    return [str(option) for option in (*fixed, *training, *more)]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The output folders of the trainings that were started; the second one of the first run is interrupted."""
    started: list[str] = []
    real: Callable[[Sequence[str]], int] = train_qwen_law_ft.main

    def main(argv: Sequence[str]) -> int:
        started.append(argv[argv.index("--output-dir") + 1])
        if len(started) == 2:
            raise KeyboardInterrupt
        return real(argv)

    monkeypatch.setattr(train_qwen_law_ft, "main", main)
    return started


def test_an_interrupted_run_goes_on_and_tests_every_question_once(
    data: Path, tiny_model_dir: Path, trainings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(cross_fit.main, options(data, tiny_model_dir)) == 130
    assert not Path("out/seed_42/tuned.json").exists()
    first = Path("out/seed_42/fold_1/tuned.json").read_bytes()
    capsys.readouterr()
    code = run_program(cross_fit.main, options(data, tiny_model_dir, "--report", "out.html"))
    assert trainings == [
        "out/seed_42/fold_1/adapter", "out/seed_42/fold_2/adapter", "out/seed_42/fold_2/adapter"
    ]  # fmt: skip
    assert Path("out/seed_42/fold_1/tuned.json").read_bytes() == first
    pooled, base = read_result(Path("out/seed_42/tuned.json")), read_result(Path("out/base.json"))
    assert code == (3 if pooled.run["distrust"] else 0)
    assert [outcome.id for outcome in pooled.outcomes] == [outcome.id for outcome in base.outcomes]
    assert len(pooled.outcomes) == QUESTIONS
    for number in (1, 2):
        manifest = json.loads(Path(f"out/seed_42/fold_{number}/adapter/run.json").read_text("utf-8"))
        tested = {outcome.id for outcome in read_result(Path(f"out/seed_42/fold_{number}/tuned.json")).outcomes}
        assert not tested & set(manifest["trained_question_ids"])
        assert len(tested) + len(manifest["trained_question_ids"]) == QUESTIONS
    stored = json.loads(Path("out/cross_fit.json").read_text("utf-8"))
    assert (stored["kind"], stored["n"], stored["seeds"]) == ("cross_fit", QUESTIONS, [42])
    out = capsys.readouterr().out
    assert out.startswith("調整前: ")
    assert "調整後（seed 42）" in out
    assert Path("out.html").is_file()
    # a finished run trains nothing more, and the folder is for these settings only
    run_program(cross_fit.main, options(data, tiny_model_dir))
    assert len(trainings) == 3
    assert run_program(cross_fit.main, options(data, tiny_model_dir, "--learning-rate", "1e-3")) == 1
    assert "別の設定で始めた結果があります（違い: training）" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--train-file", "x.jsonl"], "--train-file は cross_fit が自分で決める"),
        (["--resume"], "--resume は cross_fit が自分で決める"),
        (["--seeds", "0"], "--seeds は 1 以上"),
        (["--folds", "1"], "--folds は 2 以上"),
        (["--learning-rate", "-1"], "learning-rate"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert run_program(cross_fit.main, options(data, tiny_model_dir, *more)) == 1
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_an_unknown_training_option_is_wrong_usage(data: Path, tiny_model_dir: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        run_program(cross_fit.main, options(data, tiny_model_dir, "--no-such-option"))
    assert stop.value.code == 2
    assert not Path("out").exists()


def test_a_folder_with_other_files_is_left_alone(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out/letter.txt").write_text("mine", "utf-8")
    assert run_program(cross_fit.main, options(data, tiny_model_dir)) == 1
    assert "別のファイルがあります" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_sample_with_the_shipped_tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", SAMPLE / "selection.json", "--model-name", SAMPLE / "tiny-qwen3", "--output-dir", "out"]
    training = ["--folds", 5, "--num-epochs", 1, "--batch-size", 16, "--gradient-accumulation-steps", 1]
    assert run_program(cross_fit.main, [str(option) for option in (*arguments, *training)]) in (0, 3)
    value: Any = json.loads(Path("out/cross_fit.json").read_text("utf-8"))
    assert value["n"] == len(json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"])
