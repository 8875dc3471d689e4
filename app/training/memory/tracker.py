"""Counting the bytes that live tensors hold, operation by operation, as the CUDA allocator would.

Imports torch at the top: import this module only where a step is simulated.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_iter

from .allocator import rounded
from .trace import Event, Section, settled

# The memory-efficient attention kernel: queries and keys of a block, key blocks at a time, and a mask row's alignment.
_EFFICIENT_BLOCK = 64
_EFFICIENT_SPLITS = 200
_MASK_ALIGNMENT = 8
ACTIVATIONS = "activations"
SCRATCH = "scratch"
LOGITS = "logits"


class CountingMode(FakeTensorMode):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """A FakeTensorMode that writes down where every storage born under it begins and ends.

    Tensors are fake and on the "CPU" (fake CUDA tensors abort on a torch without CUDA); only their sizes exist. Storages
    are counted once however many tensors look at them.
    """

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.sections = [Section("load")]
        self._numbers: dict[int, int] = {}
        self._live: dict[int, str] = {}  # category, of those with bytes
        self._born = self._depth = 0
        self._default = ACTIVATIONS

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Fake tensors run some operations as a chain of smaller ones; a GPU runs one kernel, so only its result counts.
        self._depth += 1
        try:
            result = super().__torch_dispatch__(func, types, args, kwargs or {})
        finally:
            self._depth -= 1
        if self._depth == 0 and func is not torch.ops.prim.device.default:
            for value in tree_iter(result):
                if isinstance(value, torch.Tensor):
                    self._see(value)
            hidden = hidden_scratch(func, args, kwargs or {})
            numbers = range(self._born + 1, self._born + 1 + len(hidden))
            self._born += len(hidden)
            for number, size in zip(numbers, hidden, strict=True):
                self._write(Event(number, size, SCRATCH))
            for number in numbers:
                self._write(Event(number))
        return result

    def _write(self, event: Event) -> None:
        self.sections[-1].events.append(event)

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._numbers:
            return
        self._born += 1
        number, held = self._born, storage.nbytes()
        category = self._default
        if category == ACTIVATIONS and tensor.dim() > 0 and tensor.shape[-1] == self.vocabulary:
            category = LOGITS if tensor.is_floating_point() else ACTIVATIONS
        self._numbers[key] = number
        if held:  # nothing is given out for nothing
            self._live[number] = category
            self._write(Event(number, rounded(held), category))
        weakref.finalize(storage, self._forget, key, number)

    def _forget(self, key: int, number: int) -> None:
        del self._numbers[key]
        if self._live.pop(number, None) is not None:
            self._write(Event(number))

    @property
    def phase(self) -> str:
        """The phase that is running."""
        return self.sections[-1].phase

    def enter(self, phase: str) -> None:
        """From now on what happens belongs to ``phase``, and to no layer."""
        self.sections.append(Section(phase))

    def at(self, loop: str, layer: int | None) -> None:
        """From now on what happens belongs to ``layer`` in a ``loop`` over the layers; None: to no layer."""
        loop = "" if layer is None else loop
        if (self.sections[-1].loop, self.sections[-1].layer) != (loop, layer):
            self.sections.append(Section(self.phase, loop, layer))

    def finish(self) -> list[Section]:
        """What was written down; what happens from now on is not."""
        done, self.sections = self.sections, [Section("after")]
        for section in done:
            section.events = settled(section.events)
        return done

    def tag(self, tensor: torch.Tensor, category: str) -> None:
        """Count the storage of ``tensor`` under ``category``."""
        number = self._numbers[tensor.untyped_storage()._cdata]
        if self._live.get(number, category) != category:
            self._live[number] = category
            self._write(Event(number, category=category))

    def category(self, tensor: torch.Tensor) -> str:
        """What the storage of ``tensor`` is counted under."""
        return self._live.get(self._numbers[tensor.untyped_storage()._cdata], ACTIVATIONS)

    def tag_if_activation(self, tensor: torch.Tensor, category: str) -> None:
        """As ``tag``, for what has no other category yet."""
        if self.category(tensor) == ACTIVATIONS:
            self.tag(tensor, category)

    @contextmanager
    def creating(self, category: str) -> Iterator[None]:
        """What is born inside belongs to ``category``."""
        before, self._default = self._default, category
        try:
            yield
        finally:
            self._default = before


def hidden_scratch(func: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[int, ...]:
    """Allocations (bytes) that the CUDA kernel of an operation makes for its own duration, which no tensor of ours shows.

    gemm_4bit: the dequantised weight and its block scales, for batches beyond the fused kernel's reach (bitsandbytes
    backends/cuda/ops.py). Attention without a mask is taken to be Flash Attention, with one SDPA's memory-efficient
    kernel: Flash Attention takes no mask (aten/src/ATen/native/transformers/sdp_utils_cpp.h).
    """
    if func is torch.ops.bitsandbytes.gemm_4bit.default:
        numbers = math.prod(args[2])
        scales = rounded(numbers // args[4] * 4)
        return rounded(numbers * args[0].element_size()), scales, scales
    mask = options.get("attn_mask")
    if func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default and mask is not None:
        return _padded_mask(mask)
    if func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default:
        query, key = args[1], args[2]
        return _flash_backward(query, key) if mask is None else _efficient_backward(query)
    return ()


def _flash_backward(query: torch.Tensor, key: torch.Tensor) -> tuple[int, ...]:
    # A float32 sum of dQ, and dK and dV for every query head before they are summed over the group
    # (aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp).
    batch, heads, tokens, width = query.shape
    padded = -(-tokens // 128) * 128
    sums = rounded(batch * heads * padded * width * 4), rounded(batch * heads * padded * 4)
    if key.shape[1] == heads:
        return sums
    expanded = rounded(batch * heads * key.shape[2] * width * key.element_size())
    return *sums, expanded, expanded


def _efficient_backward(query: torch.Tensor) -> tuple[int, ...]:
    # A float32 sum of dQ in whole blocks, each with 16 bytes of its own, the rows' dO·O, and sums of dK and dV for
    # blocks of 64 keys, of which about 200 run at a time (workspace_size in mem_eff_attention/kernel_backward.h, and
    # num_splits_key in attention_backward.cu). Block sizes as where a card has no room for larger ones, the larger need.
    batch, heads, tokens, width = query.shape
    blocks = -(-tokens // _EFFICIENT_BLOCK)
    tile = _EFFICIENT_BLOCK * _EFFICIENT_BLOCK * 4 + 16
    queries = batch * heads * blocks * -(-width // _EFFICIENT_BLOCK) * tile
    splits = max(min(blocks, _EFFICIENT_SPLITS // (batch * heads)), 1)
    padded_width = -(-width // _EFFICIENT_BLOCK) * _EFFICIENT_BLOCK
    keys = 2 * batch * heads * splits * _EFFICIENT_BLOCK * padded_width * 4
    return rounded(queries + keys), rounded(batch * heads * tokens * 4)


def _padded_mask(mask: torch.Tensor) -> tuple[int, ...]:
    # The memory-efficient kernel reads mask rows of multiples of 8; another mask is copied into such rows first
    # (pad_bias in aten/src/ATen/native/transformers/attention.cpp).
    *rows, tokens = mask.shape
    beyond = -tokens % _MASK_ALIGNMENT
    return (rounded(math.prod(rows) * (tokens + beyond) * mask.element_size()),) if beyond else ()
