"""LoRA on a frozen base model: which layers get it, in which types, and nothing frozen changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.errors import ConfigError
from ...llm.adapters import with_lora
from ...llm.loading import keep_4bit_layout
from ..config import ALL_LINEAR, LoraBias, LoraDtype


def linear_module_names(model: Any) -> list[str]:
    """Last names (``q_proj`` …) of the model's linear layers, 4-bit ones included, without the output head; sorted."""
    import torch

    head = set(model.get_output_embeddings().modules())
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module not in head
        }
    )


def resolve_target_modules(model: Any, wanted: Sequence[str]) -> list[str]:
    """Names of the layers that get LoRA. Raises ConfigError naming the ones that do not exist and those that do."""
    existing = linear_module_names(model)
    if list(wanted) == [ALL_LINEAR]:
        return existing
    unknown = [name for name in wanted if name not in existing]
    if unknown:
        raise ConfigError(
            f"--target-modules の {'・'.join(unknown)} という層はこのモデルにありません。"
            f"あるのは {'・'.join(existing)} です（{ALL_LINEAR} で全部）。"
        )
    return sorted(set(wanted))


def attach_lora(
    model: Any,
    *,
    r: int,
    alpha: int,
    dropout: float,
    target_modules: Sequence[str],
    bias: LoraBias,
    seed: int,
    rslora: bool = False,
    dtype: LoraDtype = "fp32",
) -> Any:
    """The PEFT model: every base weight frozen in the type it has, LoRA weights of ``dtype`` beside the targets.

    With ``rslora`` the update is scaled by alpha / √r instead of alpha / r.

    peft's own k-bit preparation is not used: it copies embeddings, norms and output head to float32, which on a 10 GB
    card is the step where an 8B model runs out of memory. What of it is useful (freezing, inputs that carry gradients
    for checkpointing) is done here and by ``activation_checkpointing_enable``.
    """
    import torch
    from peft import LoraConfig

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    keep_4bit_layout(model)
    torch.manual_seed(seed)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=list(target_modules),
        bias=bias,
        use_rslora=rslora,
    )
    tuned = with_lora(model, lora)
    if dtype == "bf16":
        # peft makes them in float32, whatever the base is; the start is the float32 one, rounded.
        for name, parameter in trainable_parameters(tuned).items():
            if "lora_" in name:
                parameter.data = parameter.data.to(torch.bfloat16)
    return tuned


def trainable_parameters(model: Any) -> dict[str, Any]:
    """Name → parameter of everything the optimiser changes, in the model's order."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def parameter_counts(model: Any) -> tuple[int, int]:
    """(trainable, all) weights; a 4-bit weight counts as one though two share a byte."""
    trainable = total = 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        size = parameter.numel() if state is None else int(state.shape.numel())
        total += size
        trainable += size if parameter.requires_grad else 0
    return trainable, total
