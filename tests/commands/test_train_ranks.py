"""Two processes train the model that one trains with the same effective batch; one writes and speaks; both resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.data.records import write_records
from tests.real_server import free_port

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = "adapter_model.safetensors"
# Several trainings one after the other: starting torch and transformers twice is what takes the time.
WORKER = """
import json, os, sys
from app.commands.train_qwen_law_ft import main
from app.core.cli import run_program
for port, arguments in json.loads(sys.argv[1]):
    os.environ["MASTER_PORT"] = str(port)
    code = run_program(main, arguments)
    if code:
        sys.exit(code)
"""


def started(jobs: Sequence[list[str]], **environ: str) -> list[subprocess.Popen[str]]:
    """The two processes of the trainings ``jobs``, as torchrun starts them (without its own seconds)."""
    said = json.dumps([[free_port(), job] for job in jobs])
    return [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, said], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                 "MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test", **environ},
        )
        for rank in range(2)
    ]  # fmt: skip


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each."""
    said = []
    try:
        said = [process.communicate(timeout=1200) for process in processes]
    finally:
        for process in processes[len(said) :]:
            process.kill()
            process.communicate()
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def arguments(model: Path, folder: Path, kind: str, out: str, accumulation: int, *more: str) -> list[str]:
    """Five batches an epoch: neither two nor four of them fill the last step, and one rank has none of its batches."""
    return [
        "--model-name", str(model), "--train-file", str(folder / f"{kind}.jsonl"), "--output-dir", str(folder / out),
        "--eval-file", str(folder / f"{kind}_dev.jsonl"), "--batch-size", "2", "--device", "cpu",
        "--gradient-accumulation-steps", str(accumulation), "--num-epochs", "2", "--lora-dropout", "0",
        "--learning-rate", "0.01", "--logging-steps", "1", "--eval-steps", "2", *more,
    ]  # fmt: skip


OBJECTIVES = {
    "text": ("direct", ()),
    "letter": ("direct", ("--objective", "letter", "--share-prefix")),
    "choice": ("choice", ("--objective", "choice")),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, record_maker: Any, choice_maker: Any) -> Path:
    """A folder with nine questions to train on and three to watch, as letters and in the choice form."""
    folder = tmp_path_factory.mktemp("data")
    for kind, maker in (("direct", record_maker), ("choice", choice_maker)):
        write_records(folder / f"{kind}.jsonl", maker(9))
        write_records(folder / f"{kind}_dev.jsonl", maker(3, first=9))
    return folder


@pytest.fixture(scope="module")
def both(tiny_model_dir: Path, data: Path) -> list[tuple[int, str, str]]:
    """What two processes said of a training with each objective, into the folders ``two_…``."""
    jobs = [arguments(tiny_model_dir, data, kind, f"two_{name}", 2, *more) for name, (kind, more) in OBJECTIVES.items()]
    return ended(started(jobs))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_processes_train_the_model_of_one(
    tiny_model_dir: Path, data: Path, both: list[tuple[int, str, str]], name: str
) -> None:
    assert [code for code, _, _ in both] == [0, 0], both
    kind, more = OBJECTIVES[name]
    assert run_program(train_qwen_law_ft.main, arguments(tiny_model_dir, data, kind, f"one_{name}", 4, *more)) == 0
    one, two = (load_file(data / f"{count}_{name}" / WEIGHTS) for count in ("one", "two"))
    assert one.keys() == two.keys()
    for tensor in one:
        torch.testing.assert_close(two[tensor], one[tensor], rtol=0, atol=1e-5)
    assert max(value.abs().max() for value in one.values()) > 1e-3
    first, second = (json.loads((data / f"{count}_{name}" / "run.json").read_text("utf-8")) for count in ("one", "two"))
    assert first["processes"] == {"world_size": 1, "effective_batch": 8}
    assert second["processes"] == {"world_size": 2, "effective_batch": 8, "largest_difference": 0.0}
    for part in ("loss_history", "dev_history"):
        assert len(first["training"][part]) == len(second["training"][part]) > 0
        for row, other in zip(first["training"][part], second["training"][part], strict=True):
            assert other == {
                key: pytest.approx(value, abs=1e-5) if isinstance(value, float) else value for key, value in row.items()
            }
    assert first["training"]["steps"] == second["training"]["steps"] == 4
    starts = [
        (data / f"{count}_{name}" / "run.yaml").read_text("utf-8").split(" --config")[0] for count in ("one", "two")
    ]
    assert starts == [
        "# python scripts/train_qwen_law_ft.py", "# torchrun --nproc-per-node 2 scripts/train_qwen_law_ft.py",
    ]  # fmt: skip
    assert sorted(path.name for path in (data / f"two_{name}").iterdir()) == sorted(
        path.name for path in (data / f"one_{name}").iterdir()
    )


def test_one_of_them_speaks(data: Path, both: list[tuple[int, str, str]]) -> None:
    (_, out, err), second = both
    assert second == (0, "", "")
    assert out.split() == [str(data / f"two_{name}") for name in OBJECTIVES]
    assert err.count("学習が終わりました") == 3
    assert "実効バッチ 8 = 2 × 2 × 2（一つのプロセスの行数 × 累積 × プロセス）" in err
    assert "プロセス: 2 個（torchrun。" in err
    assert "transformers" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_two_processes_resume_after_one_was_killed(tiny_model_dir: Path, data: Path) -> None:
    # Dropout too: every batch has random numbers of its own, so that resuming gives the same bits.
    more = ("--lora-dropout", "0.2", "--save-steps", "1")
    whole, killed = (arguments(tiny_model_dir, data, "direct", name, 2, *more) for name in ("whole", "killed"))
    processes = started([killed])
    first = processes[0].stderr
    assert first is not None
    for line in first:
        if line.startswith("ステップ 3/"):
            processes[1].send_signal(signal.SIGKILL)
            break
    (code, _, err), (other, _, _) = ended(processes)
    assert (code, other) == (1, -signal.SIGKILL)
    assert "2 個のうち、ほかのプロセスが止まった" in err.splitlines()[-1]
    assert not (data / "killed" / "run.json").exists()
    assert [code for code, _, _ in ended(started([[*killed, "--resume"], whole]))] == [0, 0]
    assert (data / "killed" / WEIGHTS).read_bytes() == (data / "whole" / WEIGHTS).read_bytes()
    manifest = json.loads((data / "killed" / "run.json").read_text("utf-8"))
    assert manifest["training"]["resumed"] is True
    # The same folder by one process is another run.
    lone = [*killed, "--resume"]
    done = subprocess.run(
        [sys.executable, "scripts/train_qwen_law_ft.py", *lone], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "プロセスの数: 2 → 1" in done.stderr


def test_a_refusal_is_said_once(tiny_model_dir: Path, data: Path) -> None:
    job = arguments(tiny_model_dir, data, "direct", "refused", 2, "--lora-r", "0")
    (code, _, err), second = ended(started([job]))
    assert code == 1
    assert second == (1, "", "")
    assert err.splitlines() == ["エラー: 設定に誤りがあります: --lora-r は 1 以上です（0）"]
    (code, _, err), second = ended(started([job], ACCELERATE_USE_FSDP="true"))
    assert (code, err.count("\n"), second) == (1, 1, (1, "", ""))
    assert "FSDP では学習できません" in err
