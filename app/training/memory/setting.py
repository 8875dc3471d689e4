"""What decides the memory of a training step, and the checks of it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ...core.options import faults, like, option, refuse
from ...core.questions import MOST_CHOICES
from ..config import ALL_LINEAR, EmbeddingDevice, LoraDtype, Optimizer, TrainConfig, default_of
from .model_sizes import ModelSizes

Quantization = Literal["nf4", "fp4", "none"]
# A direct answer is a letter and the stop token; four orders in one sequence have four of them. Where the settings do not
# say that all answers are direct, the planner's own default is taken.
_DIRECT_LABELS = 2
_ORDERS = 4


def quantization_of(use_4bit: bool, quant_type: Literal["nf4", "fp4"]) -> Quantization:
    """How the trainer stores the frozen linear layers with these two settings."""
    return quant_type if use_4bit else "none"


def _positions(text: str) -> int | str:
    if text == "full":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} は整数でも full でもありません") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySetting:
    """One training step, as far as its memory goes. Products are always computed in 16 bits, as on a GPU.

    What the trainer has too is described and starts as there, so that a plan is of what the same options train.
    """

    max_seq_length: int = like(TrainConfig, "max_seq_length", help="一番長い行のトークン数", least=2)
    # Shorter rows need less.
    batch_size: int = like(TrainConfig, "batch_size", help="一度に計算する行数")
    gradient_accumulation_steps: int = like(TrainConfig, "gradient_accumulation_steps")
    # More than 1 keeps the gradients of earlier passes while the next one runs.
    lora_r: int = like(TrainConfig, "lora_r")
    lora_dropout: float = like(TrainConfig, "lora_dropout")
    # Above 0, each LoRA input gets a copy and a mask.
    lora_dtype: LoraDtype = like(TrainConfig, "lora_dtype")
    target_modules: tuple[str, ...] = like(TrainConfig, "target_modules")
    quantization: Quantization = field(
        default=quantization_of(default_of("use_4bit"), default_of("bnb_4bit_quant_type")),
        metadata=option("凍結した線形層の持ち方。none は 16bit、ほかは --use-4bit と --bnb-4bit-quant-type に当たる"),
    )
    # 4 bits with double quantisation, none: bfloat16.
    label_positions: int | None = field(
        default=256,
        metadata=option(
            "1 行のうち損失に入る位置の数（direct は 2）。full は全位置の logits を一度に計算する普通の方法で、比較用",
            read=_positions,
        ),
    )
    # None: full.
    checkpointing: bool = like(TrainConfig, "activation_checkpointing", name="--checkpointing")
    offload: bool = like(TrainConfig, "activation_offload", name="--activation-offload")
    embedding_device: EmbeddingDevice = like(TrainConfig, "embedding_device")
    lm_head_4bit: bool = like(TrainConfig, "lm_head_4bit")
    share_prefix: bool = like(
        TrainConfig,
        "share_prefix",
        help="同じ問題の行を 1 本にまとめる。--max-seq-length は、まとめた 1 本のトークン数",
    )
    # Told apart by an attention mask.
    optimizer: Optimizer = like(TrainConfig, "optimizer")
    # adamw keeps two float32 numbers a weight, adamw_8bit two bytes.
    upcast: bool = False
    # Copy frozen 16-bit weights (embeddings, output head, norms) to float32 first, as the usual preparation does.

    def __post_init__(self) -> None:
        found = faults(self)
        positions = self.label_positions
        if positions is not None and positions < 1:
            found.append(f"--label-positions は 1 以上か full です（{positions}）")
        if self.lm_head_4bit and self.quantization == "none":
            found.append("--lm-head-4bit には 4bit の重み（--quantization nf4 か fp4）が必要です")
        if self.offload and not self.checkpointing:
            found.append("--activation-offload には checkpointing が必要です")
        if not self.target_modules:
            found.append("--target-modules に層の名前がありません")
        refuse(found)


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
        quantization=quantization_of(config.use_4bit, config.bnb_4bit_quant_type),
        checkpointing=config.activation_checkpointing,
    )


def longest_setting(config: TrainConfig) -> MemorySetting:
    """The setting of the longest row that ``config`` allows; rows of four orders in one are taken to be twice as long.

    What only the data tell (how long the longest row is, how many labels a reasoned answer has) is set high.
    """
    labels = MemorySetting().label_positions or 0
    if config.train_mode == "direct":
        labels = _DIRECT_LABELS * (_ORDERS if config.share_prefix else 1)
    longest = config.max_seq_length * (2 if config.share_prefix else 1)
    if config.objective == "choice":
        # A question's choices have the limit together, and the batch is one sequence.
        labels, longest = MOST_CHOICES * config.batch_size, config.max_seq_length * config.batch_size
    return setting_of(config, label_positions=min(labels, longest - 1), longest=longest)


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
    found = []
    # Positions start again in each question of a shared sequence, and the trainer checks the limit of one by itself.
    if not setting.share_prefix and setting.max_seq_length > sizes.max_position_embeddings:
        found.append(
            f"--max-seq-length {setting.max_seq_length} はモデルの上限 {sizes.max_position_embeddings} を超えています"
        )
    positions = setting.label_positions
    if positions is not None and positions > setting.max_seq_length - 1:
        found.append(
            f"--label-positions {positions} は 1 行 {setting.max_seq_length} トークンに入りません"
            f"（先頭のトークンは予測されないので {setting.max_seq_length - 1} まで）"
        )
    if unknown := [name for name in setting.target_modules if name not in (ALL_LINEAR, *sizes.linear_shapes())]:
        found.append(
            f"--target-modules の {'・'.join(unknown)} がありません。あるのは {'・'.join(sizes.linear_shapes())} です"
            f"（{ALL_LINEAR} で全部）"
        )
    refuse(found)
