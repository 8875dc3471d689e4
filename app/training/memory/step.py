"""One training step of the real model code on fake tensors, counted: what each phase would hold on a GPU.

Imports torch at the top: import this module only where a step is simulated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..config import ALL_LINEAR
from ..model.lora import attach_lora, resolve_target_modules, trainable_parameters
from ..model.loss import CHUNK_POSITIONS, head_loss_sum
from .model_sizes import ModelSizes
from .setting import MemorySetting
from .stand_in import (
    FusedDropout,
    OffloadStandIn,
    TiledHeadStandIn,
    build_base_model,
    layer_of,
    materialize,
    take_embedding_off,
    upcast_frozen,
)
from .trace import Section
from .tracker import CountingMode

# cuBLAS keeps a workspace per thread that multiplies (forward, backward): 8 MiB + 128 KiB on Ampere
# (aten/src/ATen/cuda/CublasHandlePool.cpp).
WORKSPACE_BYTES = 2 * (8 * 2**20 + 128 * 2**10)
# Two running means of each weight, bytes a weight: in float32, or in a byte each with a scale of four bytes for 256 of
# them (bitsandbytes optim/optimizer.py, Optimizer2State.init_state).
_OPTIMIZER_STATE_BYTES = {"adamw": (4, 4), "adamw_8bit": (1, 1, 4 / 256, 4 / 256)}
# What app.training.model.master_weights keeps beside a bfloat16 weight.
_REST_BYTES = 2
_LORA_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# A trainable parameter and the decoder layer that it is in.
_Placed = tuple[int | None, Any]


def simulate_step(sizes: ModelSizes, setting: MemorySetting, *, layers: int | None = None) -> list[Section]:
    """Load, forward, loss, backward and optimiser of one step, the second of a run (optimiser state is there).

    ``layers`` replaces the model's number of layers. The global random state is left as it was.
    """
    random_state = torch.random.get_rng_state()
    try:
        with _as_on_a_gpu():
            return _simulate(sizes, setting, layers or sizes.num_hidden_layers)
    finally:
        torch.random.set_rng_state(random_state)


def _simulate(sizes: ModelSizes, setting: MemorySetting, layers: int) -> list[Section]:
    with torch.device("meta"):
        base = build_base_model(sizes, quantization=setting.quantization, layers=layers)
        targets = resolve_target_modules(base, setting.target_modules or (ALL_LINEAR,))
        if setting.lm_head_4bit:
            base.set_output_embeddings(TiledHeadStandIn(base.get_output_embeddings(), torch.bfloat16))
        if setting.embedding_device == "cpu":
            take_embedding_off(base)
        if setting.checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False}, offload=setting.offload)
        model = attach_lora(
            base,
            r=setting.lora_r,
            alpha=2 * setting.lora_r,
            dropout=setting.lora_dropout,
            target_modules=targets,
            bias="none",
            seed=0,
        )
    model.train()
    _fuse_dropouts(model)
    mode = CountingMode(sizes.vocab_size)
    with mode:
        dtype = _LORA_TYPES[setting.lora_dtype]
        materialize(base, mode, trainable=False, lora_dtype=dtype)
        if setting.quantization != "none" and setting.embedding_device == "gpu":
            # Loading copies each linear layer to the card in 16 bits before it is quantised (on the CPU when
            # the embedding stays there).
            _passing_copy(max(out * into for out, into in sizes.linear_shapes().values()), mode)
            if setting.lm_head_4bit and not sizes.tie_word_embeddings:
                _passing_copy(sizes.table_parameters, mode)
        if setting.upcast:
            upcast_frozen(base, mode)
        materialize(base, mode, trainable=True, lora_dtype=dtype)
        trainable = [(layer_of(name), parameter) for name, parameter in trainable_parameters(model).items()]
        # A run makes the rest in its first step, after loading: cuBLAS its workspace with the first product.
        mode.enter("forward")
        with mode.creating("scratch"):
            workspace = torch.empty(WORKSPACE_BYTES, dtype=torch.uint8, device="cpu")
        states = _optimizer_states(trainable, setting, mode)
        _count_gradients(trainable, mode, accumulated=setting.gradient_accumulation_steps > 1)
        _watch_layers(base, mode, setting.checkpointing and not setting.offload)
        loss = _forward(base, setting, mode)
        mode.enter("backward")
        loss.backward()
        del loss
        mode.enter("optimizer")
        made = _step_scratch(trainable, mode)
        history = mode.finish()
        del states, workspace, made
    return history


@contextmanager
def _as_on_a_gpu() -> Iterator[None]:
    """Let library code decide as it would on a card with real tensors.

    peft asks whether CUDA's autocast is on before it converts LoRA's inputs. transformers builds a mask on fake tensors
    because it cannot look whether rows are packed; on real ones it finds that they are not, and passes none. What it
    would offload leaves the count.
    """
    from transformers import masking_utils, modeling_utils

    save_on_cpu = modeling_utils.save_on_cpu
    modeling_utils.save_on_cpu = OffloadStandIn
    find_packed = masking_utils.find_packed_sequence_indices
    was_enabled = torch.is_autocast_enabled("cuda")
    masking_utils.find_packed_sequence_indices = lambda *_, **__: None
    torch.set_autocast_enabled("cuda", True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_autocast_enabled("cuda", was_enabled)
        masking_utils.find_packed_sequence_indices = find_packed
        modeling_utils.save_on_cpu = save_on_cpu


def _fuse_dropouts(model: Any) -> None:
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Dropout):
                setattr(module, name, FusedDropout(child.p))


def _passing_copy(weights: int, mode: CountingMode) -> None:
    with mode.creating("scratch"):
        copy = torch.empty(weights, dtype=torch.bfloat16, device="cpu")
    del copy


def _optimizer_states(trainable: list[_Placed], setting: MemorySetting, mode: CountingMode) -> list[torch.Tensor]:
    # By formula: bitsandbytes' optimisers cannot be built on fake tensors, and torch's read their step counter.
    per_weight = _OPTIMIZER_STATE_BYTES[setting.optimizer] + ((_REST_BYTES,) if setting.lora_dtype == "bf16" else ())
    states = []
    with mode.creating("optimizer"):
        for layer, parameter in trainable:
            mode.at("states", layer)
            states += [
                torch.empty(int(parameter.numel() * share), dtype=torch.uint8, device="cpu") for share in per_weight
            ]
    mode.at("states", None)
    return states


def _count_gradients(trainable: list[_Placed], mode: CountingMode, *, accumulated: bool) -> None:
    for layer, parameter in trainable:
        mode.at("gradients", layer)
        parameter.register_post_accumulate_grad_hook(lambda done: mode.tag(done.grad, "gradients"))
        if accumulated:
            with mode.creating("gradients"):
                parameter.grad = torch.zeros_like(parameter)
    mode.at("gradients", None)


def _watch_layers(base: Any, mode: CountingMode, keeps_inputs: bool) -> None:
    """Name what checkpointing keeps, and the layer that the forward and the backward pass are at."""

    def before(index: int, hidden: torch.Tensor) -> None:
        if mode.phase == "backward":  # computed again
            mode.at("backward", index)
            return
        if hidden.requires_grad and index:
            # Its gradient is the last that the layer makes; what follows is of the layer below.
            hidden.register_hook(lambda _: mode.at("backward", index - 1))
        mode.at("forward", index)
        if keeps_inputs:
            mode.tag_if_activation(hidden, "checkpoints")

    for index, layer in enumerate(base.model.layers):
        layer.register_forward_pre_hook(lambda _, given, index=index: before(index, given[0]))


def _forward(base: Any, setting: MemorySetting, mode: CountingMode) -> torch.Tensor:
    """The loss as ``label_loss_sum`` computes it, or the usual way with every position's logits at once."""
    rows, tokens = setting.batch_size, setting.max_seq_length
    ids = torch.zeros(rows, tokens, dtype=torch.long, device="cpu")
    with torch.autocast("cpu", torch.bfloat16):
        if setting.label_positions is None:
            base.model.register_forward_hook(lambda *_: mode.enter("loss"))
            # Only the loss is kept, as Trainer does: the logits die before the backward pass.
            return base(input_ids=ids, labels=ids, use_cache=False).loss
        hidden = base.model(input_ids=ids, use_cache=False, **_branch_inputs(setting)).last_hidden_state
        mode.enter("loss")
        # Which positions have labels is data, which fake tensors do not have: that many, wherever they are.
        count = rows * setting.label_positions
        place = torch.zeros(count, dtype=torch.long, device="cpu")
        picked = hidden[:, :-1][place, place]
        return head_loss_sum(base.get_output_embeddings(), picked, place, CHUNK_POSITIONS).total / count


def _branch_inputs(setting: MemorySetting) -> dict[str, torch.Tensor]:
    # What PrefixCollator adds to a batch.
    if not setting.share_prefix:
        return {}
    tokens = setting.max_seq_length
    return {
        "position_ids": torch.zeros(1, tokens, dtype=torch.long, device="cpu"),
        "attention_mask": torch.ones(1, 1, tokens, tokens, dtype=torch.bool, device="cpu"),
    }


def _step_scratch(trainable: list[_Placed], mode: CountingMode) -> list[torch.Tensor]:
    # AdamW's foreach form builds the square roots of all second moments before it divides by them; bfloat16 weights and
    # their gradients exist in float32 during the step.
    copies = {torch.float32: 1, torch.bfloat16: 3}
    made = []
    with mode.creating("scratch"):
        for layer, parameter in trainable:
            mode.at("scratch", layer)
            made += [torch.empty_like(parameter, dtype=torch.float32) for _ in range(copies[parameter.dtype])]
    mode.at("scratch", None)
    return made
