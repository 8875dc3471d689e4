"""Running out of memory is one line that names what is not used yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.errors import ModelError
from app.training.config import TrainConfig
from app.training.memory.shortage import shortage_in_one_line, ways_out
from app.training.model import setup as model_setup

CONFIG = TrainConfig(model_name="Qwen/Qwen3-8B", train_file=Path("t"), output_dir=Path("o"))
SPENT = replace(CONFIG, use_4bit=True, embedding_device="cpu", optimizer="adamw_8bit")


def options(config: TrainConfig) -> list[str]:
    return [text.split()[0] for text in ways_out(config)]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (CONFIG, ["--use-4bit", "--embedding-device", "--optimizer", "--max-seq-length"]),
        (replace(CONFIG, use_4bit=True), ["--embedding-device", "--optimizer", "--max-seq-length"]),
        (SPENT, ["--max-seq-length"]),
        (replace(SPENT, batch_size=4), ["--batch-size", "--max-seq-length"]),
        (replace(SPENT, activation_checkpointing=False), ["--activation-checkpointing", "--max-seq-length"]),
    ],
)
def test_only_what_is_not_used_yet_is_named(config: TrainConfig, named: list[str]) -> None:
    assert options(config) == named


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_running_out_of_memory_is_one_line_with_the_planner(error: RuntimeError) -> None:
    with pytest.raises(ModelError) as caught, shortage_in_one_line(SPENT):
        raise error
    text = str(caught.value)
    assert "\n" not in text
    assert "plan_memory.py --model-name Qwen/Qwen3-8B --vram" in text
    assert str(error).splitlines()[0] in text


def test_the_loader_s_line_gets_the_advice_of_the_run() -> None:
    error = ModelError("m: GPU のメモリが足りません。")
    error.__cause__ = torch.OutOfMemoryError("CUDA out of memory.")
    with pytest.raises(ModelError, match="--optimizer adamw_8bit"), shortage_in_one_line(CONFIG):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ModelError("m: 重みが足りない"), KeyError("x")])
def test_other_errors_pass_through(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, shortage_in_one_line(CONFIG):
        raise error
    assert caught.value is error


def test_loading_and_training_without_memory_end_the_program_with_one_line(
    one_step: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    arguments = one_step()

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    for owner, name in ((model_setup, "attach_lora"), (torch.optim.AdamW, "step")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, full)
            assert run_program(train_qwen_law_ft.main, arguments) == 1
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert "メモリが足りなくなりました" in line
        assert "--embedding-device cpu" in line
