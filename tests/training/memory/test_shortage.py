"""Running out of memory is one line that names what is not used yet."""

from __future__ import annotations

import json
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

CONFIG = TrainConfig(model_name="Qwen/Qwen3-8B", train_file=Path("t"), output_dir=Path("o"), max_seq_length=512)
SIZES: dict[str, Any] = {
    "model_type": "qwen3", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 50000, "max_position_embeddings": 4096,
}  # fmt: skip


def small(tmp_path: Path, *, tied: bool = False, **more: Any) -> TrainConfig:
    """A training of two narrow layers; the head shares the embedding table or not."""
    folder = tmp_path / f"tied_{tied}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**SIZES, "tie_word_embeddings": tied}), "utf-8")
    return replace(CONFIG, model_name=str(folder), **more)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, ["--use-4bit", "--embedding-device", "--optimizer", "--lora-dtype", "--lm-head-4bit", "--activation-offload"]),
        ({"use_4bit": True, "embedding_device": "cpu", "optimizer": "adamw_8bit"},
         ["--lora-dtype", "--lm-head-4bit", "--activation-offload"]),
        ({"batch_size": 4, "activation_checkpointing": False, "max_seq_length": 1536},
         ["--use-4bit", "--activation-checkpointing", "--embedding-device", "--optimizer", "--lora-dtype", "--lm-head-4bit",
          "--batch-size", "--activation-offload", "--max-seq-length"]),
    ],
)  # fmt: skip
def test_what_is_not_used_yet_is_named_in_the_order_of_the_table(
    tmp_path: Path, more: dict[str, Any], named: list[str]
) -> None:
    small_adapter = ["--lora-r", "--target-modules"]
    assert [text.split()[0].split("（")[0] for text in ways_out(small(tmp_path, **more))] == [*named, *small_adapter]


def test_what_does_not_lower_the_need_is_left_out(tmp_path: Path) -> None:
    # A head tied to a table in main memory is there too: 4 bits of it on the card would be more, not less.
    used = {"use_4bit": True, "embedding_device": "cpu"}
    ways = " ".join(ways_out(small(tmp_path, tied=True, **used)))
    assert "--lm-head-4bit" not in ways
    assert "--lm-head-4bit" in " ".join(ways_out(small(tmp_path, tied=False, **used)))


def test_a_choice_run_takes_fewer_questions_before_shorter_ones(tmp_path: Path) -> None:
    config = small(tmp_path, objective="choice", batch_size=4, max_seq_length=1024)
    ways = ways_out(config)
    assert ways[0].startswith("--batch-size 1")
    assert [way.split()[1] for way in ways if way.startswith("--max-seq-length")] == ["768（長いレコードは"]


def test_of_a_model_that_nobody_knows_what_is_not_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', "utf-8")
    named = [
        text.split()[0].split("（")[0] for text in ways_out(replace(CONFIG, model_name=str(tmp_path), use_4bit=True))
    ]
    assert named == [
        "--embedding-device", "--optimizer", "--lora-dtype", "--lm-head-4bit", "--activation-offload", "--lora-r",
        "--target-modules",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_running_out_of_memory_is_one_line_with_the_planner(error: RuntimeError) -> None:
    with pytest.raises(ModelError) as caught, shortage_in_one_line(CONFIG):
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
