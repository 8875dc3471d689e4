"""What a check on random weights runs: cases, their rows, their settings and their plans. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..config import TrainConfig
from ..memory.setting import MemorySetting, setting_of

Side = Literal["ours", "usual", "trl"]
SIDE_NAMES = {
    "ours": "このプログラム",
    "usual": "普通のスクリプト（transformers の Trainer、peft の準備、全位置の損失と logits）",
    "trl": "TRL の SFTTrainer（completion だけの損失）",
}

# Hopper and newer cards take cuDNN's kernel first unless told otherwise (torch 2.9 on). The plan, and cards before them,
# have Flash Attention for rows without a mask and the memory-efficient kernel for rows with one.
FLASH_FIRST = {"TORCH_CUDNN_SDPA_DEPRIORITIZED": "1"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The rows: ``orders`` of a question that begin alike, a question a pass, ``accumulation`` passes a step."""

    tokens: int = 1024  # of a row
    shared: int = 768  # of them the same in all orders
    orders: int = 4
    labels: int = 2  # letter and stop token
    accumulation: int = 2
    steps: int = 6

    @property
    def rows_per_step(self) -> int:
        """Rows in an optimiser step."""
        return self.orders * self.accumulation

    @property
    def questions(self) -> int:
        """Questions that all steps need, each once."""
        return self.accumulation * self.steps

    @property
    def group_tokens(self) -> int:
        """Tokens of a question whose orders share what they begin with."""
        return self.shared + self.orders * (self.tokens - self.shared)


@dataclass(frozen=True, slots=True)
class Case:
    """One process: a model by name or ``config.json``, what trains it, and how CUDA's allocator makes segments."""

    model: str
    side: Side
    growing: bool = True  # expandable_segments
    device: str = "cuda"
    shape: Shape = Shape()

    @property
    def name(self) -> str:
        """What reports and progress call it."""
        return f"{self.model} {self.side} {'growing' if self.growing else 'plain'}"

    def config(self, folder: Path, *, shared: bool = False) -> TrainConfig:
        """The settings, the training program's defaults apart from the sizes; a question is a batch."""
        return TrainConfig(
            model_name=self.model,
            train_file=folder / "random",
            output_dir=folder / "adapter",
            use_4bit=True,
            batch_size=1 if shared else self.shape.orders,
            gradient_accumulation_steps=self.shape.accumulation,
            max_seq_length=self.shape.group_tokens,
            max_steps=self.shape.steps,
            share_prefix=shared,
            logging_steps=1,
            device="cpu" if self.device == "cpu" else "cuda",
        )

    def settings(self) -> dict[str, MemorySetting]:
        """What is planned, by the part that is measured beside it."""
        shape = self.shape
        apart = setting_of(self.config(Path()), label_positions=shape.labels, longest=shape.tokens)
        if self.side == "trl":  # neither the usual script's steps nor ours: measured, not planned
            return {}
        if self.side != "ours":
            return {"train": usual_setting(apart)}
        shared = setting_of(
            self.config(Path(), shared=True), label_positions=shape.orders * shape.labels, longest=shape.group_tokens
        )
        return {"train": apart, "train_shared": shared}


def usual_setting(setting: MemorySetting) -> MemorySetting:
    """``setting`` as the usual script has it: frozen 16-bit weights copied to float32, logits of every position."""
    return replace(setting, upcast=True, label_positions=None)


def cases_of(models: Sequence[str], *, device: str, shape: Shape, peers: Sequence[Side], growing: bool) -> list[Case]:
    """The cases in the order of what they are worth: ours of every model, then ``peers``, then ours in plain segments.

    Where segments cannot grow, all have plain ones and the last are left out.
    """
    sides: list[Side] = ["ours", *peers]
    cases = [Case(model, side, growing, device, shape) for side in sides for model in models]
    return cases + [Case(model, "ours", False, device, shape) for model in models if growing]
