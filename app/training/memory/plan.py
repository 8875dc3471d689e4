"""Whether a training step fits a card, computed before anything is loaded.

    sizes = read_model_sizes("Qwen/Qwen3-8B")                  # app.training.memory.model_sizes: name, folder or config.json
    setting = setting_of(config, label_positions=2, longest=980)  # app.training.memory.setting, from a TrainConfig
    made = plan(sizes, setting, vram_gib=10, desktop_gib=0.8)
    made.peak_gib                                              # compare with torch.cuda.max_memory_allocated()
    made.reserved_gib                                          # compare with torch.cuda.max_memory_reserved()
    made.growing_gib                                           # the same with expandable_segments
    made.phases["backward"]                                    # the same per phase
    if made.fits is False: stop with advise(sizes, made)       # app.training.memory.search: lines for the user
    plan_as_json(made)                                         # for run.json

Nothing here needs a GPU, the network or the weights. torch is imported when a plan is made, not before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...core.errors import ConfigError
from .model_sizes import ModelSizes, read_model_sizes, sizes_from_config
from .projection import project_step
from .setting import MemorySetting, check_setting, setting_as_json

GIB = 2**30
# What a process holds on the card beside the allocator: CUDA's context and the kernels it loads. Between 0.3 and 0.5 on
# consumer cards by common report; not measured here, so the upper end.
CUDA_CONTEXT_GIB = 0.5
# Free-standing items: part of what the card must hold, but not of torch's own count.
CONTEXT = "cuda_context"
RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What one training step needs; sizes in GiB."""

    model: str
    peak_gib: float  # live tensors at the highest moment: torch.cuda.max_memory_allocated
    peak_phase: str  # load, forward, loss, backward or optimizer
    reserved_gib: float  # with the allocator's gaps: torch.cuda.max_memory_reserved
    growing_gib: float  # the same where segments grow (expandable_segments), as training asks for on Linux
    required_gib: float  # with the CUDA context too: what the card must have free
    vram_gib: float | None
    desktop_gib: float  # taken by the display and other programs
    fits: bool | None  # None when no card was named
    items: dict[str, float]  # at the peak; they add up to required_gib
    phases: dict[str, float]  # peak of live tensors in each phase
    setting: MemorySetting


def plan(
    model_config: str | Mapping[str, Any] | ModelSizes,
    setting: MemorySetting,
    *,
    vram_gib: float | None = None,
    desktop_gib: float = 0.0,
    exact: bool = False,
) -> MemoryPlan:
    """The plan of ``setting`` for a model name, the values of a ``config.json``, or sizes read already.

    ``exact`` simulates every layer (10 to 30 s) instead of a few (2 s); the result is the same.

    Raises ModelError for an unknown architecture, ConfigError for a setting that cannot be or a card that is smaller
    than the weights at their smallest.
    """
    sizes = _sizes(model_config)
    check_setting(sizes, setting)
    check_card(sizes, vram_gib, desktop_gib)
    step = project_step(sizes, setting, exact=exact)
    peak = step.peaks[step.peak_phase]
    items = {name: size / GIB for name, size in peak.categories.items() if size}
    items |= {RESERVE: (step.reserved - peak.total) / GIB, CONTEXT: CUDA_CONTEXT_GIB}
    made = MemoryPlan(
        model=sizes.name,
        peak_gib=peak.total / GIB,
        peak_phase=step.peak_phase,
        reserved_gib=step.reserved / GIB,
        growing_gib=step.growing / GIB,
        required_gib=step.reserved / GIB + CUDA_CONTEXT_GIB,
        vram_gib=None,
        desktop_gib=desktop_gib,
        fits=None,
        items=items,
        phases={phase: one.total / GIB for phase, one in step.peaks.items()},
        setting=setting,
    )
    return made if vram_gib is None else on_card(made, vram_gib, desktop_gib)


def on_card(made: MemoryPlan, vram_gib: float, desktop_gib: float) -> MemoryPlan:
    """``made`` with its verdict on a card of ``vram_gib``, of which the display takes ``desktop_gib``."""
    fits = made.required_gib + desktop_gib <= vram_gib
    return replace(made, vram_gib=vram_gib, desktop_gib=desktop_gib, fits=fits)


def _sizes(model_config: str | Mapping[str, Any] | ModelSizes) -> ModelSizes:
    if isinstance(model_config, ModelSizes):
        return model_config
    if isinstance(model_config, str):
        return read_model_sizes(model_config)
    return sizes_from_config(model_config, name=str(model_config.get("model_type", "?")), place="config")


def weight_bytes(
    sizes: ModelSizes, quantization: str, *, embedding_device: str = "gpu", lm_head_4bit: bool = False
) -> int:
    """Bytes of the frozen weights on the card: linear layers at 4 bits and their scales (or 16 bits), tables at 16 bits.

    4 bits: half a byte a weight, one byte of scale per 64, four more per 64 × 256 (arXiv 2305.14314, section 3).
    """
    four_bits = 1 / 2 + 1 / 64 + 4 / (64 * 256)
    stored = sizes.linear_parameters * (2 if quantization == "none" else four_bits)
    table = 0 if embedding_device == "cpu" else 2
    head = four_bits if lm_head_4bit else 0 if sizes.tie_word_embeddings else 2
    return int(stored + sizes.table_parameters * (table + head))


def frozen_bytes(sizes: ModelSizes, setting: MemorySetting) -> int:
    """``weight_bytes`` of a setting."""
    return weight_bytes(
        sizes, setting.quantization, embedding_device=setting.embedding_device, lm_head_4bit=setting.lm_head_4bit
    )


def least_weight_bytes(sizes: ModelSizes) -> int:
    """``weight_bytes`` with every saving: 4 bits, the embedding table in main memory, the head there too or at 4 bits."""
    return min(
        weight_bytes(sizes, "nf4", embedding_device="cpu", lm_head_4bit=head_4bit) for head_4bit in (True, False)
    )


def check_card(sizes: ModelSizes, vram_gib: float | None, desktop_gib: float = 0.0) -> None:
    """Raises ConfigError for a card that holds the weights in no setting; what does not fit otherwise gets advice."""
    if not 0 <= desktop_gib < math.inf:
        raise ConfigError(f"--desktop は 0 以上の数（GiB）です（{desktop_gib}）。")
    if vram_gib is None:
        return
    if not 0 < vram_gib < math.inf:
        raise ConfigError(f"--vram は 0 より大きい数（GiB）です（{vram_gib}）。")
    least_gib = least_weight_bytes(sizes) / GIB
    if vram_gib < least_gib:
        raise ConfigError(
            f"--vram {vram_gib:g} GiB には {sizes.name} の重みだけで入りません（4bit にして、埋め込み表を主メモリに置き、"
            f"出力層も 4bit にしても {least_gib:.1f} GiB）。小さいモデルを選ぶか、大きい GPU を使ってください。"
        )


def plan_as_json(made: MemoryPlan) -> dict[str, Any]:
    """Plain JSON values, sizes in GiB to three decimals."""
    values = asdict(made)
    for name, value in values.items():
        if isinstance(value, float):
            values[name] = round(value, 3)
    return {
        **values,
        "items": {name: round(size, 3) for name, size in made.items.items()},
        "phases": {name: round(size, 3) for name, size in made.phases.items()},
        "setting": setting_as_json(made.setting),
    }
