"""What decides the memory of a training step, and the checks of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...core.errors import ConfigError
from ..config import (
    ALL_LINEAR,
    EMBEDDING_DEVICES,
    LORA_DTYPES,
    OPTIMIZERS,
    LoraDtype,
    TrainConfig,
    default_settings,
)
from .model_sizes import ModelSizes

QUANTIZATIONS = ("nf4", "fp4", "none")
# What the planner and the trainer have in common starts as in the trainer.
_TRAINER = default_settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySetting:
    """One training step, as far as its memory goes. Products are always computed in 16 bits, as on a GPU."""

    max_seq_length: int = 1024
    # Tokens of the longest row; shorter rows need less.
    batch_size: int = _TRAINER["batch_size"]
    # Rows in one forward pass.
    label_positions: int | None = 256
    # Positions of a row that enter the loss. None: logits of every position at once, the usual loss, not this
    # program's own.
    gradient_accumulation_steps: int = _TRAINER["gradient_accumulation_steps"]
    # More than 1 keeps the gradients of earlier passes while the next one runs.
    lora_r: int = _TRAINER["lora_r"]
    # Rank of the update.
    lora_dropout: float = _TRAINER["lora_dropout"]
    # Above 0, each LoRA input gets a copy and a mask.
    lora_dtype: LoraDtype = _TRAINER["lora_dtype"]
    # Type of the LoRA weights and so of their gradients.
    target_modules: tuple[str, ...] = _TRAINER["target_modules"]
    # Linear layers that get LoRA.
    quantization: str = "nf4"
    # How the frozen linear layers are stored: nf4, fp4 (double quantisation) or none (bfloat16).
    checkpointing: bool = _TRAINER["activation_checkpointing"]
    # Keep only each layer's input and compute the rest again in the backward pass.
    offload: bool = _TRAINER["activation_offload"]
    # Keep what checkpointing keeps in main memory.
    embedding_device: str = _TRAINER["embedding_device"]
    # cpu keeps the embedding table, and an output head tied to it, in main memory.
    lm_head_4bit: bool = _TRAINER["lm_head_4bit"]
    # Store the output head in 4-bit tiles.
    share_prefix: bool = _TRAINER["share_prefix"]
    # One sequence of max_seq_length tokens holds several rows behind a common prefix, told apart by an attention mask.
    optimizer: str = _TRAINER["optimizer"]
    # adamw keeps two float32 numbers a weight, adamw_8bit (bitsandbytes) two bytes.
    upcast: bool = False
    # Copy frozen 16-bit weights (embeddings, output head, norms) to float32 first, as the usual preparation does.


def setting_of(config: TrainConfig, *, label_positions: int, longest: int) -> MemorySetting:
    """The setting of a run: ``label_positions`` is the most of any row, ``longest`` the tokens of the longest row.

    With ``config.share_prefix`` both are of the longest sequence that the collator makes.
    """
    return MemorySetting(
        max_seq_length=longest,
        batch_size=1 if config.share_prefix else config.batch_size,
        share_prefix=config.share_prefix,
        embedding_device=config.embedding_device,
        lm_head_4bit=config.lm_head_4bit,
        optimizer=config.optimizer,
        offload=config.activation_offload,
        label_positions=label_positions,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        lora_r=config.lora_r,
        lora_dropout=config.lora_dropout,
        lora_dtype=config.lora_dtype,
        target_modules=config.target_modules,
        quantization=config.bnb_4bit_quant_type if config.use_4bit else "none",
        checkpointing=config.activation_checkpointing,
    )


def setting_as_json(setting: MemorySetting) -> dict[str, Any]:
    """Plain JSON values; label_positions None becomes ``full``."""
    values = asdict(setting)
    return {
        **values,
        "target_modules": list(setting.target_modules),
        "label_positions": "full" if setting.label_positions is None else setting.label_positions,
    }


def check_setting(sizes: ModelSizes, setting: MemorySetting) -> None:
    """Raises ConfigError listing every fault of ``setting`` for this model."""
    faults = []
    for name in ("batch_size", "lora_r", "gradient_accumulation_steps"):
        if getattr(setting, name) < 1:
            faults.append(f"--{name.replace('_', '-')} は 1 以上です（{getattr(setting, name)}）")
    if setting.max_seq_length < 2:
        faults.append(f"--max-seq-length は 2 以上です（{setting.max_seq_length}）")
    elif setting.max_seq_length > sizes.max_position_embeddings:
        faults.append(
            f"--max-seq-length {setting.max_seq_length} はモデルの上限 {sizes.max_position_embeddings} を超えています"
        )
    positions = setting.label_positions
    if positions is not None and positions < 1:
        faults.append(f"--label-positions は 1 以上か full です（{positions}）")
    elif positions is not None and positions > setting.max_seq_length - 1:
        faults.append(
            f"--label-positions {positions} は 1 行 {setting.max_seq_length} トークンに入りません"
            f"（先頭のトークンは予測されないので {setting.max_seq_length - 1} まで）"
        )
    if not 0 <= setting.lora_dropout < 1:
        faults.append(f"--lora-dropout は 0 以上 1 未満です（{setting.lora_dropout}）")
    if setting.lm_head_4bit and setting.quantization == "none":
        faults.append("--lm-head-4bit には 4bit の重み（--quantization nf4 か fp4）が必要です")
    if setting.offload and not setting.checkpointing:
        faults.append("--activation-offload には checkpointing が必要です")
    for name, allowed in (
        ("quantization", QUANTIZATIONS), ("lora_dtype", LORA_DTYPES), ("optimizer", OPTIMIZERS),
        ("embedding_device", EMBEDDING_DEVICES),
    ):  # fmt: skip
        if getattr(setting, name) not in allowed:
            faults.append(
                f"--{name.replace('_', '-')} は {'・'.join(allowed)} のどれかです（{getattr(setting, name)}）"
            )
    unknown = [name for name in setting.target_modules if name not in (ALL_LINEAR, *sizes.linear_shapes())]
    if unknown or not setting.target_modules:
        faults.append(
            f"--target-modules の {'・'.join(unknown) or '指定'} がありません。あるのは {'・'.join(sizes.linear_shapes())} です"
            f"（{ALL_LINEAR} で全部）"
        )
    if faults:
        raise ConfigError("設定に誤りがあります: " + " ／ ".join(faults))
