"""The memory plan of a run on a GPU: made before anything is loaded, compared with what was measured afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.chat import IGNORE
from ...core.errors import ConfigError, ModelError
from ...core.manifests import peak_rss_bytes
from ...llm.loading import is_local_folder
from ..config import TrainConfig
from ..rows.examples import TrainingExample
from ..rows.prefix import PrefixGroup
from .model_sizes import ModelSizes, read_model_sizes, sizes_from_config
from .plan import CUDA_CONTEXT_GIB, GIB, MemoryPlan, check_card, on_card, plan, plan_as_json
from .savings import walk_down
from .search import Card as PlannedCard
from .search import advise
from .setting import MemorySetting, setting_of

# How a training run is started in spite of its plan.
NO_PLAN = "見積もりを無視して試すなら --no-plan"
# Fields of the planner's setting that leave rows and adapter as they are, and the same of a training config.
_SAVED_BY = {
    **{name: name for name in ("embedding_device", "lora_dtype", "lm_head_4bit", "optimizer")},
    "checkpointing": "activation_checkpointing",
    "offload": "activation_offload",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU: its whole memory, and what other programs (the display) hold of it; GiB."""

    vram_gib: float
    others_gib: float


@dataclass(frozen=True, slots=True)
class WorstBatch:
    """The largest batch that the order of the rows can bring about: tokens of a row and labels in it.

    alone  the same of one question, where the row holds several one after the other; None where it does not
    """

    longest: int
    label_positions: int
    alone: WorstBatch | None = None


def card_of(device: str) -> Card | None:
    """The card that ``device`` (``cuda:0``) names; None for the CPU."""
    if device == "cpu":
        return None
    import torch

    free, total = torch.cuda.mem_get_info(device)
    # Asking has already made this process's own context, which the plan counts by itself.
    others = max(0.0, (total - free) / GIB - CUDA_CONTEXT_GIB)
    return Card(total / GIB, others)


def worst_batch(units: Sequence[TrainingExample] | Sequence[PrefixGroup], batch_size: int) -> WorstBatch:
    """Longest row and most labels; of prefix-shared groups, those of the ``batch_size`` largest one after the other."""
    sizes = []
    for unit in units:
        if isinstance(unit, PrefixGroup):
            learned = sum(label != IGNORE for branch in unit.branches for label in branch.labels)
            sizes.append((unit.tokens, learned))
        else:
            sizes.append((len(unit.input_ids), sum(label != IGNORE for label in unit.labels[1:])))
    rows = batch_size if isinstance(units[0], PrefixGroup) else 1
    return WorstBatch(
        sum(sorted((tokens for tokens, _ in sizes), reverse=True)[:rows]),
        sum(sorted((learned for _, learned in sizes), reverse=True)[:rows]),
        worst_batch(units, 1) if rows > 1 else None,
    )


def model_sizes(model_name: str) -> ModelSizes:
    """Sizes from the model's own folder, the shipped facts, or the ``config.json`` on the Hub."""
    try:
        return read_model_sizes(model_name)
    except ModelError:
        if is_local_folder(model_name):
            raise
    from transformers import AutoConfig

    try:
        values = AutoConfig.from_pretrained(model_name, trust_remote_code=False).to_dict()
    except OSError as error:
        raise ModelError(f"{model_name}: config.json を読めません（{str(error).splitlines()[0]}）。") from error
    return sizes_from_config(values, name=model_name, place=model_name)


def plan_run(config: TrainConfig, worst: WorstBatch, card: Card, *, way_out: str = NO_PLAN) -> MemoryPlan:
    """The plan of the run on ``card``. Raises ConfigError with the plan's advice, and ``way_out``, when it does not fit."""
    check_card(model_sizes(config.model_name), card.vram_gib, card.others_gib)
    made = predict_run(config, worst, card)
    if made.fits is False:
        raise ConfigError(
            f"GPU のメモリが足りない見込みなので、学習を始めません: 必要 {made.required_gib:.1f} GiB、"
            f"空き {card.vram_gib - card.others_gib:.1f} GiB。次の変更を上から順に加えてください: "
            f"{' ／ '.join(advise_run(config, worst, made))}（{way_out}）"
        )
    return made


def advise_run(config: TrainConfig, worst: WorstBatch, made: MemoryPlan) -> list[str]:
    """``advise`` for ``made``, the plan of the run."""
    alone = None if worst.alone is None else _setting(config, worst.alone)
    return advise(model_sizes(config.model_name), made, alone=alone)


def fitting_run(
    config: TrainConfig, worst: WorstBatch, card: Card, *, way_out: str = NO_PLAN
) -> tuple[TrainConfig, MemoryPlan]:
    """``cheapened``. Raises ConfigError as ``plan_run`` does when these rows fit in no way."""
    config, made = cheapened(config, worst, card)
    return config, made if made.fits else plan_run(config, worst, card, way_out=way_out)


def cheapened(
    config: TrainConfig, worst: WorstBatch, card: Card, *, quantize: bool = False, fixed: Collection[str] = ()
) -> tuple[TrainConfig, MemoryPlan]:
    """``config`` with as many of the table's savings as its rows need to fit ``card``, and the plan of that.

    Rows and adapter stay as they are, and so do the settings named in ``fixed``; 4-bit weights are a way only with
    ``quantize``. Where nothing helps, ``config`` as it is and its plan, which does not fit. Raises ConfigError for a
    card that is smaller than the weights at their smallest.
    """
    sizes = model_sizes(config.model_name)
    check_card(sizes, card.vram_gib, card.others_gib)
    made = predict_run(config, worst, card)
    if made.fits:
        return config, made
    planner = PlannedCard(sizes, card.vram_gib, card.others_gib)
    kept = {name for name, field in _SAVED_BY.items() if field in fixed}
    only = {*_SAVED_BY, *(("quantization",) if quantize else ())}
    for _, _, cheaper in walk_down(made.setting, planner.plan, only=only, fixed=kept):
        if cheaper.fits:
            changes: dict[str, Any] = {field: getattr(cheaper.setting, name) for name, field in _SAVED_BY.items()}
            return replace(config, **changes, use_4bit=cheaper.setting.quantization != "none"), cheaper
    return config, made


def predict_run(config: TrainConfig, worst: WorstBatch, card: Card) -> MemoryPlan:
    """The plan of the run on ``card``, whether it fits or not."""
    return on_card(plan(model_sizes(config.model_name), _setting(config, worst)), card.vram_gib, card.others_gib)


def _setting(config: TrainConfig, worst: WorstBatch) -> MemorySetting:
    return setting_of(config, label_positions=worst.label_positions, longest=worst.longest)


def describe_plan(made: MemoryPlan) -> str:
    """One line for the summary."""
    return (
        f"GPU メモリの見積もり: 最大 {made.peak_gib:.2f} GiB（{made.peak_phase}）、"
        f"必要 {made.required_gib:.2f} / {made.vram_gib or 0:.1f} GiB"
    )


def forget_peaks() -> None:
    """Let ``measured_memory`` tell of the card what is held from now on.

    CUDA's peaks are the process's, and a cross-fit has evaluated or trained in it before.
    """
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def measured_memory(*, trained: bool = True) -> dict[str, Any]:
    """Peak memory of this process and, where one was used, of the GPU since ``forget_peaks``; bytes.

    The card's is left out of a process that has not ``trained`` a step: it would be that of loading the model.
    """
    memory: dict[str, Any] = {"peak_rss_bytes": peak_rss_bytes()}
    if not trained:
        return memory
    import torch

    if torch.cuda.is_available():
        memory["gpu_peak_allocated_bytes"] = torch.cuda.max_memory_allocated()
        memory["gpu_peak_reserved_bytes"] = torch.cuda.max_memory_reserved()
    return memory


def compared(measured: Mapping[str, Any], made: MemoryPlan | None) -> dict[str, Any]:
    """``measured`` (of ``measured_memory``) with the plan and its error beside it; GiB."""
    together: dict[str, Any] = {**measured, "predicted": None if made is None else plan_as_json(made)}
    allocated = measured.get("gpu_peak_allocated_bytes")
    if made is not None and allocated:
        together["error_gib"] = round(allocated / GIB - made.peak_gib, 3)
    return together


def describe_error(memory: Mapping[str, Any]) -> str | None:
    """``予測 …、実測 …`` where both exist, else None."""
    if "error_gib" not in memory:
        return None
    return (
        f"GPU メモリの最大: 予測 {memory['predicted']['peak_gib']:.2f} GiB、"
        f"実測 {memory['gpu_peak_allocated_bytes'] / GIB:.2f} GiB（差 {memory['error_gib']:+.2f} GiB）"
    )
