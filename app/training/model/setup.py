"""The model of a run: frozen base in its own types, LoRA on it, each part where the settings want it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import Any

from ...core.errors import ConfigError
from ...llm.loading import Quantization, base_model_facts, load_base_model, resolve_device
from ...llm.processor import computes_bfloat16
from ..config import Precision, TrainConfig, compute_dtype_of
from ..memory.run_plan import forget_peaks
from ..memory.shortage import shortage_in_one_line
from .lora import attach_lora, parameter_counts, resolve_target_modules
from .loss import check_shareable, check_supported

# What CUDA's allocator reads: torch 2.9 ignores the new name (pytorch#183387), later releases drop the old one some day.
ALLOCATOR_VARIABLES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """The PEFT model on its device, and what is recorded of its base."""

    model: Any
    base_facts: dict[str, Any]
    device: str
    precision: Precision
    trainable: int  # weights
    total: int


def resolve_precision(config: TrainConfig, device: str) -> Precision:
    """What products are computed in: on a CPU the weights' own type, or float32 where it has no bfloat16 instructions.

    Raises ConfigError for --fp16 without a GPU, where loss scaling does not exist, and for --bf16 on a GPU that only
    emulates it: the float16 that it has is faster, and no result would tell why the run was slow.
    """
    if device == "cpu":
        if config.fp16:
            raise ConfigError("--fp16 には GPU が必要です。CPU では --bf16 を使うか、どちらも付けないでください。")
        if config.bf16:
            return "bf16"
        return "stored" if computes_bfloat16() else "fp32"
    if config.fp16:
        return "fp16"
    import torch

    # torch counts emulation as support unless told otherwise; cards before Ampere (compute capability 8) emulate it.
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16"
    if config.bf16:
        raise ConfigError(
            "--bf16 はこの GPU ではエミュレーションになり、遅くなります（Ampere より前の GPU）。--bf16 を外すか、--fp16 にしてください。"
        )
    return "fp16"


def allow_growing_segments() -> None:
    """Let CUDA's allocator grow its segments, which keeps rows of many lengths from splitting a small card's memory.

    Has an effect only before CUDA is initialised, which even asking for the free memory does; a setting of the user's
    own is kept. Windows does not have it, and under WSL the first allocation fails on some cards (pytorch#192330).
    """
    if segments_can_grow() and not set(ALLOCATOR_VARIABLES) & set(os.environ):
        os.environ.update(segments(growing=True))


def segments_can_grow() -> bool:
    """Whether CUDA's allocator has growing segments on this system."""
    return sys.platform == "linux" and "microsoft" not in platform.uname().release.lower()


def segments(*, growing: bool) -> dict[str, str]:
    """The environment in which a process that starts CUDA has growing segments, or has not."""
    return dict.fromkeys(ALLOCATOR_VARIABLES, f"expandable_segments:{growing}")


def load_model(config: TrainConfig) -> LoadedModel:
    """Load the frozen base, put LoRA on it, and switch activation checkpointing on. No weight changes its type.

    Raises ModelError with what to change when the memory does not hold it.
    """
    allow_growing_segments()
    device = resolve_device(config.device)
    precision = resolve_precision(config, device)
    if precision == "fp16" and config.lora_dtype == "bf16":
        raise ConfigError(
            "--lora-dtype bf16 には bfloat16 で計算できる GPU が必要です。--lora-dtype fp32 にしてください。"
        )
    if precision == "fp16" and config.lora_bias != "none":
        # They are the base's own, in float16, whose gradients no scaler can take back.
        raise ConfigError(
            f"--lora-bias {config.lora_bias} は float16 の計算では学習できません。bfloat16 で計算できる GPU を使うか、"
            "--lora-bias none にしてください。"
        )
    forget_peaks()
    with shortage_in_one_line(config):
        return _load(config, device, precision)


def _load(config: TrainConfig, device: str, precision: Precision) -> LoadedModel:
    import torch

    compute_dtype = compute_dtype_of(config, precision)
    quantization = Quantization(True, compute_dtype, config.bnb_4bit_quant_type) if config.use_4bit else None
    # "auto" is float32 where the precision is "fp32" and the memory holds it; what 4 bits leave as it is, is small.
    dtype = {"bf16": "bfloat16", "fp16": "float16"}.get(
        precision, "float32" if quantization and precision == "fp32" else "auto"
    )
    # With the embedding on the CPU the model is quantised there and moved without it: the card never holds the table.
    parked = config.embedding_device == "cpu"
    base = load_base_model(
        config.model_name, quantization=quantization, dtype=dtype, device="cpu" if parked else device
    )
    if precision == "fp32" and base.dtype != torch.float32:
        precision = "stored"
    check_supported(base)
    if config.share_prefix:
        check_shareable(base.config, config.max_seq_length)
    if quantization and config.lora_bias != "none" and str(base.dtype) != f"torch.{compute_dtype}":
        # bitsandbytes turns a bias to the compute type in its first product, under the optimiser's feet.
        raise ConfigError(
            f"--lora-bias {config.lora_bias} を 4bit で学習するには、計算の型（{compute_dtype}）が重みの型"
            f"（{str(base.dtype).removeprefix('torch.')}）と同じでなければなりません。"
            "--bnb-4bit-compute-dtype を合わせるか、--lora-bias none にしてください。"
        )
    limit = getattr(base.config, "max_position_embeddings", None)
    if limit is not None and config.max_seq_length > limit:
        raise ConfigError(
            f"--max-seq-length {config.max_seq_length} はモデルの上限 {limit} を超えています。{limit} 以下にしてください。"
        )
    return tuned(base, base_model_facts(config.model_name, base), config, device, precision)


def tuned(base: Any, facts: dict[str, Any], config: TrainConfig, device: str, precision: Precision) -> LoadedModel:
    """LoRA on ``base``, which is frozen and lies on ``device``, or on the CPU where its embedding is to stay there."""
    targets = resolve_target_modules(base, config.target_modules)
    if config.lm_head_4bit:
        from .tiled_head import quantize_head

        quantize_head(base, compute_dtype=compute_dtype_of(config, precision))
    if config.embedding_device == "cpu":
        from .host_embedding import keep_embedding_on_cpu

        keep_embedding_on_cpu(base)
        base.to(device)
        # accelerate compares this note of the loader with the device it trains on.
        base.hf_device_map = {"": device}
    if config.activation_checkpointing:
        # On the CPU everything is in main memory already.
        offload = config.activation_offload and device != "cpu"
        base.activation_checkpointing_enable({"use_reentrant": False}, offload=offload)
    model = attach_lora(
        base,
        r=config.lora_r,
        alpha=config.lora_alpha,
        dropout=config.lora_dropout,
        target_modules=targets,
        bias=config.lora_bias,
        seed=config.seed,
        rslora=config.rslora,
        dtype=config.lora_dtype,
    )
    return LoadedModel(model, facts, device, precision, *parameter_counts(model))
