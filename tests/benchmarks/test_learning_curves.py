"""The curves of a benchmark are those of the settings it was asked for, whatever lies in its folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import learning_curves

# The training program as far as the benchmark looks at it: what it was told, and the way it ends.
PROGRAM = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
(here / "told.json").write_text(json.dumps(sys.argv[1:]))
if "9" in sys.argv:
    sys.exit("エラー: --max-steps: 2 → 9")
"""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(learning_curves, "TRAIN", tmp_path / "train.py")
    (tmp_path / "bf16_1").mkdir()
    history = [{"loss": 2.0}, {"loss": 1.5}]
    (tmp_path / "bf16_1" / "run.json").write_text(json.dumps({"training": {"loss_history": history}}), encoding="utf-8")
    return argparse.Namespace(
        work_dir=tmp_path, model_name="m", train_file=tmp_path / "t.jsonl", options="--max-steps 2"
    )


def test_a_finished_folder_is_asked_of_the_training_program(options: argparse.Namespace, tmp_path: Path) -> None:
    assert learning_curves.run(options, "bf16", ["--lora-dtype", "bf16"], 1) == [2.0, 1.5]
    assert json.loads((tmp_path / "told.json").read_text(encoding="utf-8")) == [
        "--model-name", "m", "--train-file", str(tmp_path / "t.jsonl"), "--output-dir", str(tmp_path / "bf16_1"),
        "--seed", "1", "--resume", "--max-steps", "2", "--lora-dtype", "bf16",
    ]  # fmt: skip


def test_a_folder_of_other_settings_ends_the_benchmark(options: argparse.Namespace) -> None:
    options.options = "--max-steps 9"
    with pytest.raises(SystemExit) as ended:
        learning_curves.run(options, "bf16", [], 1)
    assert ended.value.code == "bf16, seed 1: エラー: --max-steps: 2 → 9\n"
