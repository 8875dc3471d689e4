"""An adapter merged into full weights: one tensor at a time, onto the base that the adapter was trained on.

An adapter trained over 4-bit weights learned to correct *those* weights. Its update is therefore added to what the 4-bit
weights expand to (QLoRA, arXiv 2305.14314, eq. 5), not to the original ones: W' = dequant(quant(W)) + s · B · A with s =
alpha / r, or alpha / √r for rank-stabilised LoRA.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import ModelError
from ...core.files import read_json
from ..loading import Quantization, quiet_libraries
from .checkpoint import Checkpoint, Tensor, write_weights
from .shapes import is_linear, tensor_shapes

_PREFIX = "base_model.model."
# Settings of PEFT that change the sum above; none of them is made by this project's training.
_UNSUPPORTED = (
    "use_dora", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern", "lora_bias", "layer_replication",
    "trainable_token_indices", "target_parameters", "use_qalora", "alora_invocation_tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Update:
    """What an adapter changes.

    scaling   the factor of B · A
    pairs     name of the weight → (A, B), float32: (r, inputs), (outputs, r)
    replaced  name of the tensor → its new value (biases that were trained)
    """

    scaling: float
    pairs: Mapping[str, tuple[Any, Any]]
    replaced: Mapping[str, Any]


def read_update(folder: Path) -> Update:
    """The update of an adapter folder.

    Raises ModelError when it is no plain LoRA of linear layers, or a matrix has no partner.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_json(folder / "adapter_config.json")
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{folder / 'adapter_config.json'}: LoRA のアダプタではありません。")
    used = [name for name in _UNSUPPORTED if config.get(name)]
    if used:
        raise ModelError(f"{folder / 'adapter_config.json'}: {'・'.join(used)} を使うアダプタは統合できません。")
    try:
        values = load_file(str(folder / "adapter_model.safetensors"))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: アダプタの重みを読めません（{error}）。") from None
    halves: dict[str, dict[str, Any]] = {}
    replaced = {}
    for key, value in values.items():
        name = key.removeprefix(_PREFIX)
        module, _, kind = name.rpartition(".lora_")
        if module and kind in ("A.weight", "B.weight"):
            halves.setdefault(f"{module}.weight", {})[kind[0]] = value.float()
        else:
            replaced[name.replace(".base_layer.", ".")] = value
    single = sorted(name for name, pair in halves.items() if len(pair) != 2)
    if single or not halves:
        what = f"{single[0]} の A か B がありません" if single else "LoRA の行列がありません"
        raise ModelError(f"{folder}: アダプタの重みが足りません（{what}）。学習の出力が壊れています。")
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    return Update(
        alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank,
        {name: (pair["A"], pair["B"]) for name, pair in halves.items()},
        replaced,
    )


def dequantised(weight: Any, quantization: Quantization, device: str = "cpu") -> Any:
    """What ``weight`` is after 4-bit loading, in its own type: the values that a product with the 4-bit layer uses."""
    quiet_libraries()  # first: what it quiets is said on import
    import bitsandbytes as bnb
    import torch

    packed = bnb.nn.Params4bit(
        weight.contiguous(),
        requires_grad=False,
        compress_statistics=quantization.double_quant,
        quant_type=quantization.quant_type,
        quant_storage=torch.uint8,
    ).to(device)
    return bnb.functional.dequantize_4bit(packed.data, packed.quant_state).to("cpu")


def merged(weight: Any, pair: tuple[Any, Any], scaling: float, dtype: Any) -> Any:
    """``weight`` + scaling · B · A, summed in float32 and rounded once to ``dtype``."""
    down, up = pair
    return weight.float().addmm_(up, down, alpha=scaling).to(dtype)


def check_fit(base: Checkpoint, update: Update, where: str) -> None:
    """Raise ModelError unless the base has exactly the tensors of its architecture and the update fits them."""
    have = {tensor.name: tensor.shape for tensor in base.tensors}
    wanted = tensor_shapes(base.config)
    faults = [name for name, shape in wanted.items() if have.get(name) != shape]
    # A tied head may be stored all the same; other extras would be lost or left as they are without a word.
    faults += [name for name in have if name not in wanted and name != "lm_head.weight" and "rotary_emb" not in name]
    if faults:
        raise ModelError(
            f"{base.folder}: 重みが config.json と合いません（{len(faults)} 個、例 {faults[0]}）。入手し直してください。"
        )
    for name, (down, up) in update.pairs.items():
        if not is_linear(name) or wanted.get(name) != (up.shape[0], down.shape[1]) or up.shape[1] != down.shape[0]:
            raise ModelError(
                f"{where}: {name} の LoRA が {base.folder} の重みと合いません。ベースモデルを確かめてください。"
            )
    for name, value in update.replaced.items():
        if wanted.get(name) != tuple(value.shape):
            raise ModelError(f"{where}: {name} はベースモデルにない重みです。このアダプタは統合できません。")


def merged_tensor(
    base: Checkpoint,
    tensor: Tensor,
    update: Update,
    *,
    quantization: Quantization | None,
    dtype: str,
    device: str = "cpu",
) -> Any:
    """One tensor of the base after merging, on the CPU, in ``dtype`` (auto: as stored)."""
    import torch

    value = base.read(tensor)
    kept = value.dtype if dtype == "auto" else getattr(torch, dtype)
    if tensor.name in update.replaced:
        value = update.replaced[tensor.name]
    elif quantization is not None and is_linear(tensor.name):
        value = dequantised(value, quantization, device)
    pair = update.pairs.get(tensor.name)
    return value.to(kept) if pair is None else merged(value, pair, update.scaling, kept)


def write_merged_file(
    base: Checkpoint,
    file: str,
    target: Path,
    update: Update,
    *,
    quantization: Quantization | None,
    dtype: str,
    device: str = "cpu",
    track: Callable[[Sequence[Tensor]], Iterable[Tensor]] = iter,
) -> str:
    """Write one weight file of the merged model; returns its SHA-256. ``track`` shows how far its tensors are."""
    tensors = [tensor for tensor in base.tensors if tensor.file == file]
    header = tensors if dtype == "auto" else [replace(tensor, dtype=dtype) for tensor in tensors]
    values = (
        merged_tensor(base, tensor, update, quantization=quantization, dtype=dtype, device=device)
        for tensor in track(tensors)
    )
    return write_weights(target, header, values)
