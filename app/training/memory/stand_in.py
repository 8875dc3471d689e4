"""A model without weights that behaves like the one the trainer loads: its 4-bit layers, its LoRA, its types.

bitsandbytes' own ``Params4bit`` cannot be built from fake tensors, so a stand-in layer holds a packed byte parameter
and its quantisation state and calls the same ``matmul_4bit``. Imports torch at the top: import only where a step is
simulated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import bitsandbytes as bnb
import torch
from bitsandbytes.functional import QuantState

from ..model.tiled_head import TILE_ROWS, TiledHead
from .model_sizes import ModelSizes
from .tracker import CountingMode

# bitsandbytes: weights per scale, and scales per second-level scale under double quantisation (arXiv 2305.14314).
BLOCK_WEIGHTS = 64
BLOCK_SCALES = 256
_IN_LAYER = re.compile(r"\blayers\.(\d+)\.")
_STATE_TENSORS = (("absmax",), ("code",), ("offset",), ("state2", "absmax"), ("state2", "code"))


class FourBitStandIn(bnb.nn.Linear4bit):  # type: ignore[misc]  # bitsandbytes ships no types
    """``Linear4bit`` whose weight is an ordinary byte parameter; forward and backward are bitsandbytes' own."""

    def __init__(
        self, linear: torch.nn.Linear, *, quant_type: str, dtype: torch.dtype, category: str = "weights_4bit"
    ) -> None:
        torch.nn.Module.__init__(self)
        self.category = category
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weights = self.in_features * self.out_features
        self.weight = torch.nn.Parameter(torch.empty((weights + 1) // 2, 1, dtype=torch.uint8), requires_grad=False)
        blocks = -(-weights // BLOCK_WEIGHTS)
        second = QuantState(
            absmax=torch.empty(-(-blocks // BLOCK_SCALES)),
            code=torch.empty(256),
            blocksize=BLOCK_SCALES,
            dtype=torch.float32,
        )
        self.weight.quant_state = QuantState(
            absmax=torch.empty(blocks, dtype=torch.uint8),
            shape=torch.Size((self.out_features, self.in_features)),
            code=torch.empty(16),
            blocksize=BLOCK_WEIGHTS,
            quant_type=quant_type,
            dtype=dtype,
            offset=torch.empty(()),
            state2=second,
        )
        self.weight.compress_statistics, self.weight.quant_type = True, quant_type
        self.bias = linear.bias
        self.compute_dtype, self.compute_type_is_set = dtype, True
        self.quant_state = self.weight.quant_state
        self.support_avx512bf16_for_cpu = False


class FusedDropout(torch.nn.Module):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """Dropout that keeps a mask of one byte a value as CUDA's does; the CPU's keeps one of the input's own type."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten.native_dropout(values, self.share, self.training)[0]


class HostEmbeddingStandIn(torch.nn.Module):  # type: ignore[misc]  # see above
    """What app.training.model.host_embedding.HostEmbedding leaves on the card: the looked-up rows, no table."""

    def __init__(self, table: torch.nn.Embedding) -> None:
        super().__init__()
        self.width, self.dtype = table.embedding_dim, table.weight.dtype

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return torch.empty(*input_ids.shape, self.width, dtype=self.dtype, device="cpu")


class _HostProduct(torch.autograd.Function):  # type: ignore[misc]  # see above
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, vocabulary: int, dtype: torch.dtype) -> torch.Tensor:
        ctx.shape, ctx.dtype = hidden.shape, hidden.dtype
        return torch.empty(*hidden.shape[:-1], vocabulary, dtype=dtype, device="cpu")

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return torch.empty(ctx.shape, dtype=ctx.dtype, device="cpu"), None, None


class HostHeadStandIn(torch.nn.Module):  # type: ignore[misc]  # see above
    """What app.training.model.host_embedding.HostHead leaves on the card: the logits and the gradient of the hidden states."""

    def __init__(self, vocabulary: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.vocabulary, self.dtype = vocabulary, dtype

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return _HostProduct.apply(hidden, self.vocabulary, self.dtype)


def take_embedding_off(model: Any) -> None:
    """As ``keep_embedding_on_cpu``: no embedding table on the card, nor an output head that is tied to it."""
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = getattr(head, "weight", None) is table.weight
    model.set_input_embeddings(HostEmbeddingStandIn(table))
    if tied:
        model.set_output_embeddings(HostHeadStandIn(table.num_embeddings, table.weight.dtype))


class TiledHeadStandIn(TiledHead):
    """``TiledHead`` of stand-in tiles."""

    def __init__(self, head: torch.nn.Linear, dtype: torch.dtype) -> None:
        torch.nn.Module.__init__(self)
        rows = [len(tile) for tile in torch.arange(head.out_features, device="cpu").split(TILE_ROWS)]
        self.tiles = torch.nn.ModuleList(
            FourBitStandIn(
                torch.nn.Linear(head.in_features, count, bias=False, device="meta"),
                quant_type="nf4", dtype=dtype, category="lm_head",
            )
            for count in rows
        )  # fmt: skip


class OffloadStandIn(torch.autograd.graph.saved_tensors_hooks):  # type: ignore[misc]  # see above
    """``save_on_cpu`` as the card sees it: what is saved is gone, and comes back as a new tensor when it is needed."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(
            lambda saved: (saved.shape, saved.dtype),
            lambda packed: torch.empty(packed[0], dtype=packed[1], device="cpu"),
        )


def model_of_sizes(sizes: ModelSizes, *, layers: int | None = None, dtype: torch.dtype = torch.bfloat16) -> Any:
    """The causal language model of ``sizes``, weights of ``dtype`` as transformers starts them, on torch's default device.

    ``layers`` replaces the model's number of layers.
    """
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    values = {key: value for key, value in sizes.values.items() if key not in ("model_type", "layer_types")}
    values |= {"num_hidden_layers": layers or sizes.num_hidden_layers, "attn_implementation": "sdpa"}
    return AutoModelForCausalLM.from_config(CONFIG_MAPPING[sizes.model_type](**values), dtype=dtype)


def build_base_model(sizes: ModelSizes, *, quantization: str, layers: int) -> Any:
    """The causal language model of ``sizes`` with ``layers`` layers on the meta device, bfloat16, 4-bit when asked."""
    model = model_of_sizes(sizes, layers=layers)
    if quantization != "none":
        head = model.get_output_embeddings()
        for name, module in list(model.named_modules()):
            if isinstance(module, torch.nn.Linear) and module is not head:
                parent, _, leaf = name.rpartition(".")
                stand_in = FourBitStandIn(module, quant_type=quantization, dtype=torch.bfloat16)
                setattr(model.get_submodule(parent), leaf, stand_in)
        # How peft knows that its 4-bit layer is wanted.
        model.is_loaded_in_4bit = True
    return model


def materialize(model: Any, mode: CountingMode, *, trainable: bool, lora_dtype: torch.dtype) -> None:
    """Give the meta parameters of ``model`` counted fake tensors on the CPU, each in its category.

    The frozen ones (and the buffers) or, with ``trainable``, the others, in ``lora_dtype``.
    """

    def build(module: Any, parameter: Any, layer: int | None) -> Any:
        mode.at("lora" if trainable else "weights", layer)
        dtype = lora_dtype if trainable else parameter.dtype
        with mode.creating(_category(module, parameter, model)):
            data = torch.empty(parameter.shape, dtype=dtype, device="cpu")
        new = torch.nn.Parameter(data, requires_grad=trainable)
        if hasattr(parameter, "quant_state"):
            new.quant_state = _materialize_state(parameter.quant_state, mode)
        return new

    _replace_parameters(model, build, lambda parameter: parameter.requires_grad == trainable)
    mode.at("weights", None)
    for module in list(model.modules()):
        for key, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.device.type == "meta":
                with mode.creating("norms"):
                    module._buffers[key] = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")


def upcast_frozen(model: Any, mode: CountingMode) -> None:
    """Copy frozen 16-bit parameters to float32 one after the other, as ``peft.prepare_model_for_kbit_training`` does."""

    def build(_: Any, parameter: Any, layer: int | None) -> Any:
        mode.at("upcast", layer)
        with mode.creating(mode.category(parameter)):
            data = parameter.data.to(torch.float32)
        return torch.nn.Parameter(data, requires_grad=False)

    _replace_parameters(
        model, build, lambda parameter: not parameter.requires_grad and parameter.dtype == torch.bfloat16
    )
    mode.at("upcast", None)


def layer_of(name: str) -> int | None:
    """The decoder layer that a module or parameter called ``model.layers.3.…`` is in, None outside the layers."""
    found = _IN_LAYER.search(name)
    return int(found.group(1)) if found else None


def _replace_parameters(
    model: Any, build: Callable[[Any, Any, int | None], Any], wanted: Callable[[Any], bool]
) -> None:
    # Tied weights are one parameter in two modules and stay one. The places are found first, and each old parameter is
    # let go before the next new one is made.
    places: dict[int, list[tuple[Any, str, int | None]]] = {}
    for name, module in model.named_modules():
        for key, parameter in module._parameters.items():
            if parameter is not None and wanted(parameter):
                places.setdefault(id(parameter), []).append((module, key, layer_of(f"{name}.")))
    for shared in places.values():
        module, key, layer = shared[0]
        new = build(module, module._parameters[key], layer)
        for module, key, _ in shared:
            module._parameters[key] = new


def _category(module: Any, parameter: Any, model: Any) -> Any:
    if parameter.requires_grad:
        return "lora"
    if module is model.get_input_embeddings():
        return "embeddings"
    if module is model.get_output_embeddings():
        return "lm_head"
    if isinstance(module, FourBitStandIn) and parameter.dtype == torch.uint8:
        return module.category
    return "weights" if isinstance(module, torch.nn.Linear) and parameter.dim() == 2 else "norms"


def _materialize_state(state: Any, mode: CountingMode) -> Any:
    with mode.creating("scales"):
        for path in _STATE_TENSORS:
            owner = state if len(path) == 1 else getattr(state, path[0])
            old = getattr(owner, path[-1])
            setattr(owner, path[-1], torch.empty(old.shape, dtype=old.dtype, device="cpu"))
    return state
