"""The settings of one training run: each field with its effect and unit; what contradicts itself is refused at once."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from ..core.chat import CHAT_FORMATS, ChatFormat
from ..core.errors import ConfigError

TrainMode = Literal["direct", "cot", "auto"]
LoraBias = Literal["none", "all", "lora_only"]
Objective = Literal["text", "letter", "choice"]
LoraDtype = Literal["fp32", "bf16"]
# What products are computed in: autocast to bf16 or fp16, or the type the weights are stored in.
Precision = Literal["stored", "fp32", "bf16", "fp16"]

TRAIN_MODES: tuple[TrainMode, ...] = ("direct", "cot", "auto")
LORA_BIASES: tuple[LoraBias, ...] = ("none", "all", "lora_only")
OBJECTIVES: tuple[Objective, ...] = ("text", "letter", "choice")
LORA_DTYPES: tuple[LoraDtype, ...] = ("fp32", "bf16")
REPORTERS = ("none", "tensorboard")
DEVICES = ("auto", "cpu", "cuda")
EMBEDDING_DEVICES = ("gpu", "cpu")
OPTIMIZERS = ("adamw", "adamw_8bit")
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a run learns. Two runs with equal configs, data and machine give equal adapters."""

    model_name: str
    # Folder or Hub name of the base model; its weights stay frozen.
    train_file: Path
    # JSONL of training records.
    output_dir: Path
    # Folder of the adapter; one folder, one run.
    init_adapter: Path | None = None
    # Adapter whose weights the LoRA starts from, instead of from nothing; the same base model and LoRA shape.
    num_epochs: int = 3
    # Passes over the training file.
    max_steps: int | None = None
    # Optimiser steps; when given it replaces num_epochs.
    learning_rate: float = 2e-4
    # Highest learning rate, reached after the warm-up; falls linearly to 0 afterwards.
    batch_size: int = 1
    # Rows in one forward pass: memory grows with it.
    gradient_accumulation_steps: int = 8
    # Forward passes per optimiser step; batch_size × this is the effective batch.
    max_seq_length: int = 2048
    # Tokens of prompt + answer + stop token. A longer record is refused, never cut.
    skip_long_records: bool = False
    # Leave records beyond max_seq_length out (counted and named in run.json) instead of refusing the file.
    share_prefix: bool = False
    # Rows of one question (its four orders) as one sequence with a common prefix; batch_size then counts questions.
    # The choice objective compares a question's choices, so it always takes them together.
    warmup_ratio: float = 0.05
    # Share of all steps (0–1) in which the learning rate rises from 0.
    weight_decay: float = 0.0
    # AdamW's decoupled weight decay on the LoRA weights.
    lora_r: int = 16
    # Rank of the update; trainable weights and their memory grow with it.
    lora_alpha: int = 32
    # The update is scaled by lora_alpha / lora_r.
    rslora: bool = False
    # Scale by lora_alpha / √lora_r instead (rank-stabilised LoRA, arXiv 2312.03732): a larger rank learns as fast.
    lora_dropout: float = 0.05
    # Share (0–1) of the LoRA inputs dropped while training.
    target_modules: tuple[str, ...] = (ALL_LINEAR,)
    # Names of the linear layers that get LoRA; all-linear is every linear layer except the output head.
    lora_bias: LoraBias = "none"
    # Which bias vectors are trained.
    lora_dtype: LoraDtype = "fp32"
    # Type of the LoRA weights in the model and of their gradients. With bf16 the optimiser keeps the other 16 bits of
    # each weight, so that small steps are not lost (app.training.model.master_weights).
    fp16: bool = False
    # Compute in float16 with loss scaling (GPU only).
    bf16: bool = False
    # Compute in bfloat16. With neither flag: bfloat16 on a GPU that has it (else float16), on the CPU the stored type.
    train_mode: TrainMode = "auto"
    # direct or cot demands that every record is of that mode; auto takes the records as they are.
    objective: Objective = "text"
    # text: cross entropy of the answer's tokens and the stop token. letter: cross entropy over the four letters where
    # the answer begins, the quantity that evaluation scores by; direct records only. choice: for records of one choice
    # each, the log-odds of fitting choices above those of the others within the question (app.training.model.choice_loss).
    loss_on_output_only: bool = True
    # False also puts the prompt into the loss.
    use_4bit: bool = False
    # Store the frozen linear layers in 4 bits with double quantisation (QLoRA, arXiv 2305.14314).
    bnb_4bit_compute_dtype: str | None = None
    # What 4-bit weights are expanded to for a product. None: as products are computed, bfloat16 or (with fp16) float16.
    bnb_4bit_quant_type: str = "nf4"
    # The 16 values of the 4-bit code: nf4 or fp4.
    activation_checkpointing: bool = True
    # Recompute each layer's activations in the backward pass: about a third slower, far less memory.
    activation_offload: bool = False
    # Keep each layer's stored input in main memory: for long sequences, at the price of two copies a layer.
    embedding_device: str = "gpu"
    # cpu keeps the embedding table in main memory; with a tied output head the head is computed there too.
    lm_head_4bit: bool = False
    # Store the output head in 4 bits too, in tiles: spares about 0.9 GiB of an 8B model, rounds the logits a little.
    optimizer: str = "adamw"
    # adamw_8bit (bitsandbytes) keeps the two running means of each trained weight in one byte each instead of four.
    logging_steps: int = 5
    # Optimiser steps between two progress lines (the loss of every step is stored in any case).
    save_steps: int | None = None
    # Optimiser steps between two checkpoints; None: once an epoch.
    eval_file: Path | None = None
    # JSONL of dev records; accuracy by letter log-probability is watched on it.
    eval_steps: int | None = None
    # Optimiser steps between two dev evaluations; None: once an epoch.
    early_stopping_patience: int | None = None
    # Stop after so many dev evaluations in a row without a new best; None: never.
    chat_format: ChatFormat = "auto"
    # How a prompt becomes chat text: the model's own template, ChatML, or plain text.
    seed: int = 42
    # Fixes LoRA's start, the order of the records and dropout.
    report_to: str = "none"
    # tensorboard writes event files beside the adapter.
    device: str = "auto"
    # auto takes a GPU when there is one.

    def __post_init__(self) -> None:
        if self.objective == "choice":
            object.__setattr__(self, "share_prefix", True)
        faults = _faults(self)
        if faults:
            raise ConfigError("設定に誤りがあります: " + " ／ ".join(faults))


def default_settings() -> dict[str, Any]:
    """The settings that need not be given, with their defaults."""
    return {field.name: field.default for field in fields(TrainConfig) if field.default is not MISSING}


def _faults(config: TrainConfig) -> list[str]:
    faults = []
    for name in ("num_epochs", "batch_size", "gradient_accumulation_steps", "lora_r", "lora_alpha", "logging_steps"):
        if getattr(config, name) < 1:
            faults.append(f"{_option(name)} は 1 以上です（{getattr(config, name)}）")
    for name in ("max_steps", "save_steps", "eval_steps", "early_stopping_patience"):
        value = getattr(config, name)
        if value is not None and value < 1:
            faults.append(f"{_option(name)} は 1 以上です（{value}）")
    if config.max_seq_length < 8:
        faults.append(f"--max-seq-length は 8 以上です（{config.max_seq_length}）")
    if not 0 < config.learning_rate < 1:
        faults.append(f"--learning-rate は 0 より大きく 1 より小さい数です（{config.learning_rate}）")
    if not 0 <= config.warmup_ratio < 1:
        faults.append(f"--warmup-ratio は 0 以上 1 未満です（{config.warmup_ratio}）")
    if not 0 <= config.lora_dropout < 1:
        faults.append(f"--lora-dropout は 0 以上 1 未満です（{config.lora_dropout}）")
    if not config.weight_decay >= 0:
        faults.append(f"--weight-decay は 0 以上です（{config.weight_decay}）")
    if config.seed < 0:
        faults.append(f"--seed は 0 以上です（{config.seed}）")
    if not config.target_modules:
        faults.append("--target-modules に層の名前がありません")
    if ALL_LINEAR in config.target_modules and len(config.target_modules) > 1:
        faults.append("--target-modules では all-linear と層の名前を一緒に指定できません")
    if config.activation_offload and not config.activation_checkpointing:
        faults.append("--activation-offload には --activation-checkpointing が必要です")
    if config.lm_head_4bit and not config.use_4bit:
        faults.append("--lm-head-4bit には --use-4bit が必要です")
    if config.fp16 and config.bf16:
        faults.append("--fp16 と --bf16 は同時に指定できません。どちらか一方にしてください")
    if config.fp16 and config.lora_dtype == "bf16":
        faults.append("--lora-dtype bf16 と --fp16 は同時に指定できません")
    one_token = config.objective != "text"
    if one_token and not config.loss_on_output_only:
        faults.append(f"--objective {config.objective} と --no-loss-on-output-only は同時に指定できません")
    if one_token and config.train_mode == "cot":
        faults.append(
            f"--objective {config.objective} は direct のレコードだけに使えます（--train-mode cot とは同時に指定できません）"
        )
    if config.share_prefix and not one_token and not config.loss_on_output_only:
        faults.append(
            "--share-prefix と --no-loss-on-output-only は同時に指定できません（共有する部分の損失が一度になるため）"
        )
    for name, allowed in (
        ("train_mode", TRAIN_MODES),
        ("lora_bias", LORA_BIASES),
        ("lora_dtype", LORA_DTYPES),
        ("objective", OBJECTIVES),
        ("chat_format", CHAT_FORMATS),
        ("report_to", REPORTERS),
        ("device", DEVICES),
        ("embedding_device", EMBEDDING_DEVICES),
        ("optimizer", OPTIMIZERS),
    ):
        if getattr(config, name) not in allowed:
            faults.append(f"{_option(name)} は {'・'.join(allowed)} のどれかです（{getattr(config, name)}）")
    if config.eval_file is None:
        for name in ("eval_steps", "early_stopping_patience"):
            if getattr(config, name) is not None:
                faults.append(f"{_option(name)} には --eval-file が必要です")
    elif config.eval_file.resolve() == config.train_file.resolve():
        faults.append("--eval-file と --train-file が同じファイルです。学習に使わない問題を指定してください")
    return faults


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def compute_dtype_of(config: TrainConfig, precision: Precision) -> str:
    """What 4-bit weights are expanded to: the user's choice, else the type of the products around them."""
    return config.bnb_4bit_compute_dtype or {"fp16": "float16", "fp32": "float32"}.get(precision, "bfloat16")


def config_as_json(config: TrainConfig) -> dict[str, Any]:
    """The resolved settings as plain JSON values, paths as given."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
    }


def config_differences(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Settings in which two stored configs differ, as ``--learning-rate: 0.0002 → 0.0001``.

    How often progress is printed and where files lie do not change what is learned, so they may differ; what the files
    hold is compared by ``run_manifest.check_same_run``.
    """
    free = {"logging_steps", "output_dir", "report_to", "model_name", "train_file", "eval_file", "init_adapter"}
    names = [field.name for field in fields(TrainConfig) if field.name not in free]
    return [
        f"{_option(name)}: {before.get(name)} → {now.get(name)}" for name in names if now.get(name) != before.get(name)
    ]


def steps_per_epoch(records: int, batch_size: int, gradient_accumulation_steps: int) -> int:
    """Optimiser steps in one pass over ``records`` rows; the last step of an epoch may be smaller."""
    batches = -(-records // batch_size)
    return -(-batches // gradient_accumulation_steps)
