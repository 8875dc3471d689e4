"""--resume after kill -9: the adapter is bit-identical to that of a run which was never interrupted."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.data.records import write_records
from app.training.checkpoints import checkpoint_path, checkpoint_steps, logged
from app.training.dev_eval import best_step
from tests.killing import kill_at_line

ROOT = Path(__file__).resolve().parents[2]


def arguments(model: Path, train: Path, dev: Path, out: Path, *more: str) -> list[str]:
    # Dropout is on and accumulation does not divide the epoch: order, random state and optimiser all matter.
    return [
        "--model-name", str(model), "--train-file", str(train), "--eval-file", str(dev), "--output-dir", str(out),
        "--batch-size", "2", "--gradient-accumulation-steps", "2", "--num-epochs", "4", "--lora-dropout", "0.2",
        "--learning-rate", "0.01", "--save-steps", "2", "--eval-steps", "5", "--logging-steps", "1", "--device", "cpu",
        *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, record_maker: Any) -> tuple[Path, Path]:
    """A training file of 10 records (3 steps an epoch) and a dev file."""
    folder = tmp_path_factory.mktemp("data")
    write_records(folder / "train.jsonl", record_maker(10))
    write_records(folder / "dev.jsonl", record_maker(4, first=10))
    return folder / "train.jsonl", folder / "dev.jsonl"


@pytest.fixture(scope="module")
def uninterrupted(tiny_model_dir: Path, data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was left in peace."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert run_program(train_qwen_law_ft.main, arguments(tiny_model_dir, *data, out)) == 0
    return out


def kill_at(step: int, command: list[str]) -> None:
    """Start the program, and kill it as soon as it has printed the line of ``step``."""
    kill_at_line(["scripts/train_qwen_law_ft.py", *command], f"ステップ {step}/", cwd=ROOT)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
# Killed before the first checkpoint, in the middle of an epoch, and (checkpoint 6) at the end of one.
@pytest.mark.parametrize("step", [1, 5, pytest.param(7, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_to_the_same_bits(
    tiny_model_dir: Path, data: tuple[Path, Path], uninterrupted: Path, tmp_path: Path, step: int
) -> None:
    out = tmp_path / "out"
    command = arguments(tiny_model_dir, *data, out)
    kill_at(step, command)
    assert (out / "run.unfinished.json").exists()
    assert not (out / "run.json").exists()
    assert run_program(train_qwen_law_ft.main, [*command, "--resume"]) == 0
    name = "adapter_model.safetensors"
    assert (out / name).read_bytes() == (uninterrupted / name).read_bytes()
    whole, resumed = (json.loads((folder / "run.json").read_text("utf-8")) for folder in (uninterrupted, out))
    for part in ("loss_history", "dev_history", "best", "steps"):
        assert resumed["training"][part] == whole["training"][part]
    assert resumed["training"]["resumed"] is (step > 1)
    assert sorted(entry.name for entry in out.iterdir()) == sorted(entry.name for entry in uninterrupted.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_a_killed_run_of_the_choice_objective_resumes_to_the_same_bits(
    tiny_model_dir: Path, choice_maker: Any, tmp_path: Path
) -> None:
    files = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    write_records(files[0], choice_maker(10))
    write_records(files[1], choice_maker(4, first=10))
    whole, killed = (
        arguments(tiny_model_dir, *files, tmp_path / name, "--objective", "choice") for name in ("whole", "killed")
    )
    assert run_program(train_qwen_law_ft.main, whole) == 0
    kill_at(5, killed)
    assert run_program(train_qwen_law_ft.main, [*killed, "--resume"]) == 0
    name = "adapter_model.safetensors"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    one, two = (json.loads((tmp_path / folder / "run.json").read_text("utf-8")) for folder in ("whole", "killed"))
    assert two["training"]["resumed"]
    for part in ("loss_history", "dev_history", "best", "steps"):
        assert two["training"][part] == one["training"][part]
    assert (one["form"], one["objective"], one["prompt_version"]) == ("choice", "choice", "choice-1")
    assert one["config"]["share_prefix"] is True
    assert one["trained_question_ids"] == [f"q{number}" for number in range(10)]
    assert len(one["trained_question_hashes"]) == 10
    assert one["train_file"]["records"] == 40
    assert [row["step"] for row in one["training"]["dev_history"]] == [0, 5, 10, 12]
    assert 0 <= one["training"]["dev_history"][0]["statement_auc"] <= 1


@pytest.mark.parametrize(
    ("more", "steps"),
    [
        (("--eval-steps", "1", "--early-stopping-patience", "1", "--learning-rate", "0.3"), 6),
        (("--max-steps", "4"), 4),  # within an epoch, where transformers takes a step before it counts
    ],
)
def test_a_run_that_was_over_when_it_was_killed_takes_no_further_step(
    tiny_model_dir: Path, data: tuple[Path, Path], tmp_path: Path, monkeypatch: Any, more: Any, steps: int
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    whole, stopped = (arguments(tiny_model_dir, *data, tmp_path / name, *more) for name in ("whole", "stopped"))
    assert run_program(train_qwen_law_ft.main, whole) == 0
    with monkeypatch.context() as patch:
        patch.setattr("app.training.training_run.write_adapter_folder", killed)
        assert run_program(train_qwen_law_ft.main, stopped) == 130
    assert run_program(train_qwen_law_ft.main, [*stopped, "--resume"]) == 0
    one, two = (json.loads((tmp_path / name / "run.json").read_text("utf-8")) for name in ("whole", "stopped"))
    assert one["training"]["steps"] == two["training"]["steps"] == steps
    assert two["training"]["best"] == one["training"]["best"]
    name = "adapter_model.safetensors"
    assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_broken_best_checkpoint_is_named_before_anything_goes_on(
    tiny_model_dir: Path, data: tuple[Path, Path], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """Found out after the last step only, it could not be mended by what the line advises."""

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    more = ("--eval-steps", "1", "--early-stopping-patience", "1", "--learning-rate", "0.3")
    command = arguments(tiny_model_dir, *data, tmp_path / "out", *more)
    with monkeypatch.context() as patch:
        patch.setattr("app.training.training_run.write_adapter_folder", killed)
        assert run_program(train_qwen_law_ft.main, command) == 130
    steps = checkpoint_steps(tmp_path / "out/checkpoints")
    kept = best_step(logged(checkpoint_path(tmp_path / "out/checkpoints", steps[-1])))
    assert kept is not None
    assert kept < steps[-1]
    best = checkpoint_path(tmp_path / "out/checkpoints", kept)
    (best / "weights.safetensors").write_bytes(b"cut")
    for damage in (lambda: None, lambda: shutil.rmtree(best)):
        damage()
        assert run_program(train_qwen_law_ft.main, [*command, "--resume"]) == 1
        assert (
            "残すステップのものなので、これと、これより後のチェックポイントのフォルダをすべて消すと"
            in capsys.readouterr().err
        )
    for step in steps:
        if step >= kept:
            shutil.rmtree(checkpoint_path(tmp_path / "out/checkpoints", step), ignore_errors=True)
    assert run_program(train_qwen_law_ft.main, [*command, "--resume"]) == 0
    assert json.loads((tmp_path / "out/run.json").read_text("utf-8"))["training"]["best"]["step"] == kept


def test_a_finished_run_is_left_alone(
    tiny_model_dir: Path, data: tuple[Path, Path], uninterrupted: Path, capsys: Any
) -> None:
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.iterdir()}
    (uninterrupted / "run.unfinished.json").write_text("{}")  # killed right after its run.json
    (uninterrupted / "checkpoints/step_9").mkdir(parents=True)
    time.sleep(0.01)
    assert run_program(train_qwen_law_ft.main, arguments(tiny_model_dir, *data, uninterrupted, "--resume")) == 0
    assert "すでに終わっています" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.iterdir()} == before


def test_resuming_with_other_settings_is_refused(
    tiny_model_dir: Path, data: tuple[Path, Path], uninterrupted: Path, capsys: Any
) -> None:
    more = ("--resume", "--lora-r", "8")
    assert run_program(train_qwen_law_ft.main, arguments(tiny_model_dir, *data, uninterrupted, *more)) == 1
    assert "--lora-r: 16 → 8" in capsys.readouterr().err
