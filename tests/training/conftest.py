"""What several training tests start from: a one-step run of the program, and a model whose adapter does something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.data.records import write_records


@pytest.fixture
def one_step(tiny_model_dir: Path, tmp_path: Path, record_maker: Any) -> Callable[..., list[str]]:
    """Options of the training program for one step on the CPU into the folder ``name``, and ``more``."""
    write_records(tmp_path / "train.jsonl", record_maker(4))

    def options(name: str = "out", *more: str) -> list[str]:
        return [
            "--model-name", str(tiny_model_dir), "--train-file", str(tmp_path / "train.jsonl"), "--output-dir",
            str(tmp_path / name), "--device", "cpu", "--max-steps", "1", *more,
        ]  # fmt: skip

    return options


@pytest.fixture
def with_adapter() -> Callable[[Any], Any]:
    """Puts a LoRA with weights of its own on a base model: a fresh one adds nothing, whatever its gradients are."""

    def attach(base: Any) -> Any:
        import torch

        from app.training.model.lora import attach_lora, trainable_parameters

        model = attach_lora(
            base, r=4, alpha=8, dropout=0.0, target_modules=["q_proj", "v_proj", "down_proj"], bias="none", seed=1
        )
        generator = torch.Generator().manual_seed(9)
        with torch.no_grad():
            for parameter in trainable_parameters(model).values():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return model

    return attach
