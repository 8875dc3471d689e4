"""Every way to need less GPU memory, in one table, in the order in which they are worth giving up.

The planner's advice, its search, the check of a card and the message of a run without memory all walk down this table;
a way that does not lower the need of the setting at hand is passed over, wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .model_sizes import ModelSizes
from .plan import MemoryPlan, frozen_bytes
from .setting import MemorySetting

LENGTHS = (512, 768, 1024, 1280, 1536, 2048, 2560, 3072, 3584, 4096, 6144, 8192)
SMALL_RANK, FEW_MODULES = 8, ("q_proj", "v_proj")
_FEW_LABELS = 256
FEWER_ROWS = "--batch-size 1（--gradient-accumulation-steps を増やせば結果は同じ）"
# GiB below which a plan is not told from the one before it: half of the last digit that is shown.
LEAST_GIB = 0.005
_WEIGHTS = ("quantization", "embedding_device", "lm_head_4bit")


@dataclass(frozen=True, slots=True)
class Saving:
    """One way to need less.

    field    what of a MemorySetting it changes
    words    the option, and in brackets what it does or costs
    change   the new values of a setting; None where it is used already or has no place
    length   of rows that get shorter: their tokens
    """

    field: str
    words: str
    change: Callable[[MemorySetting], dict[str, Any] | None]
    length: int | None = None


def _unless_used(field: str, value: Any, words: str, *, place: Callable[[MemorySetting], bool] | None = None) -> Saving:
    def change(setting: MemorySetting) -> dict[str, Any] | None:
        fits_in = place is None or place(setting)
        return {field: value} if fits_in and getattr(setting, field) != value else None

    return Saving(field, words, change)


def _quantized(setting: MemorySetting) -> dict[str, Any] | None:
    return {"quantization": "nf4"} if setting.quantization == "none" else None


def _few_labels(setting: MemorySetting) -> dict[str, Any] | None:
    full = setting.label_positions is None
    return {"label_positions": min(_FEW_LABELS, setting.max_seq_length - 1)} if full else None


def _shorter(length: int) -> Saving:
    def change(setting: MemorySetting) -> dict[str, Any] | None:
        if setting.max_seq_length <= length:
            return None
        return {"max_seq_length": length, "label_positions": min(setting.label_positions or _FEW_LABELS, length - 1)}

    return Saving(
        "max_seq_length", f"--max-seq-length {length}（長いレコードは --skip-long-records で除く）", change, length
    )


SAVINGS: tuple[Saving, ...] = (
    _unless_used("upcast", False, "凍結した重みを fp32 にしない（このプログラムの学習はしません）"),
    Saving("quantization", "--use-4bit（--quantization nf4）", _quantized),
    Saving("label_positions", "ラベルの位置だけで logits を計算する（このプログラムの学習の方法）", _few_labels),
    _unless_used("checkpointing", True, "--activation-checkpointing"),
    _unless_used("embedding_device", "cpu", "--embedding-device cpu（埋め込み表を主メモリに置く）"),
    _unless_used("optimizer", "adamw_8bit", "--optimizer adamw_8bit"),
    _unless_used("lora_dtype", "bf16", "--lora-dtype bf16（勾配も 16bit でためる）"),
    _unless_used(
        "lm_head_4bit", True, "--lm-head-4bit（出力層も 4bit。logits が少し丸められる）",
        place=lambda setting: setting.quantization != "none",
    ),
    _unless_used("batch_size", 1, FEWER_ROWS),
    _unless_used(
        "offload", True, "--activation-offload（各層の入力を主メモリに置く）", place=lambda setting: setting.checkpointing
    ),
    *(_shorter(length) for length in reversed(LENGTHS)),
    Saving(
        "lora_r", f"--lora-r {SMALL_RANK}",
        lambda setting: {"lora_r": SMALL_RANK} if setting.lora_r > SMALL_RANK else None,
    ),
    _unless_used("target_modules", FEW_MODULES, f"--target-modules {' '.join(FEW_MODULES)}"),
)  # fmt: skip


def ways_of(setting: MemorySetting, sizes: ModelSizes | None) -> Iterator[Saving]:
    """The ways that are not used yet, each after those before it, without a plan.

    Those that only change how weights are kept are passed over where the weights of ``sizes`` do not get smaller: a head
    tied to a table in main memory is there too, and 4 bits of it on the card are more.
    """
    for way in SAVINGS:
        change = way.change(setting)
        if change is None:
            continue
        tried = replace(setting, **change)
        if way.field in _WEIGHTS and sizes is not None and frozen_bytes(sizes, tried) >= frozen_bytes(sizes, setting):
            continue
        setting = tried
        yield way


def walk_down(
    setting: MemorySetting,
    plan_of: Callable[[MemorySetting], MemoryPlan],
    *,
    only: Collection[str] | None = None,
    fixed: Collection[str] = (),
) -> Iterator[tuple[Saving, MemorySetting, MemoryPlan]]:
    """Each way that lowers the need, the setting with it and those before it, and the plan of that.

    ``only`` names the fields that may change, ``fixed`` those that must not.
    """
    now: MemoryPlan | None = None
    for way in SAVINGS:
        change = way.change(setting)
        if change is None or set(change) & set(fixed) or (only is not None and way.field not in only):
            continue
        now = now or plan_of(setting)
        tried = replace(setting, **change)
        cheaper = plan_of(tried)
        if cheaper.required_gib < now.required_gib - LEAST_GIB:
            setting, now = tried, cheaper
            yield way, setting, cheaper
