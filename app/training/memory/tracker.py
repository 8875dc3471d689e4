"""Counting the bytes that live tensors hold, operation by operation, as the CUDA allocator would.

Imports torch at the top: import this module only where a step is simulated.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_iter

# The CUDA caching allocator hands out multiples of 512 bytes (kMinBlockSize in c10/cuda/CUDACachingAllocator.h).
BLOCK_BYTES = 512
# The memory-efficient attention kernel: queries and keys of a block, key blocks at a time, and a mask row's alignment.
_EFFICIENT_BLOCK = 64
_EFFICIENT_SPLITS = 200
_MASK_ALIGNMENT = 8
ACTIVATIONS = "activations"
SCRATCH = "scratch"
LOGITS = "logits"


def rounded(size: int) -> int:
    """``size`` bytes as the allocator counts them."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


@dataclass(slots=True)
class PhasePeak:
    """The most that was live at one time: bytes in all, and by category."""

    total: int = 0
    categories: dict[str, int] = field(default_factory=dict)


class CountingMode(FakeTensorMode):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """A FakeTensorMode that counts every storage born under it until it dies, and remembers each moment's peak.

    Tensors are fake and on the "CPU" (fake CUDA tensors abort on a torch without CUDA); only their sizes exist. Storages
    are counted once however many tensors look at them. ``trace`` is what the allocator would have seen: (storage
    number, bytes) where one is born, (storage number, 0) where it dies.
    """

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.moment = ("load", "")
        self.peaks: dict[tuple[str, str], PhasePeak] = {}
        self.total = 0
        self.categories: dict[str, int] = {}
        self.trace: list[tuple[int, int]] = []
        self._numbers: dict[int, int] = {}
        self._live: dict[int, tuple[int, str]] = {}
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
            if hidden:
                self._note_peak(hidden)
        return result

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._numbers:
            return
        self._born += 1
        number, size = self._born, rounded(storage.nbytes())
        category = self._default
        if category == ACTIVATIONS and tensor.dim() > 0 and tensor.shape[-1] == self.vocabulary:
            category = LOGITS if tensor.is_floating_point() else ACTIVATIONS
        self._numbers[key] = number
        self._live[number] = (size, category)
        self.total += size
        self.categories[category] = self.categories.get(category, 0) + size
        self.trace.append((number, size))
        weakref.finalize(storage, self._forget, key, number)
        self._note_peak(0)

    def _forget(self, key: int, number: int) -> None:
        del self._numbers[key]
        size, category = self._live.pop(number)
        self.total -= size
        self.categories[category] -= size
        self.trace.append((number, 0))

    def _note_peak(self, hidden: int) -> None:
        peak = self.peaks.setdefault(self.moment, PhasePeak())
        if hidden:
            self._born += 1
            self.trace += [(self._born, hidden), (self._born, 0)]
        if self.total + hidden > peak.total:
            peak.total = self.total + hidden
            peak.categories = dict(self.categories)
            if hidden:
                peak.categories[SCRATCH] = peak.categories.get(SCRATCH, 0) + hidden

    def enter(self, phase: str, moment: str = "") -> None:
        """From now on peaks belong to ``phase`` and, within it, to ``moment``."""
        self.moment = (phase, moment)
        self._note_peak(0)

    def tag(self, tensor: torch.Tensor, category: str) -> None:
        """Count the storage of ``tensor`` under ``category``."""
        number = self._numbers[tensor.untyped_storage()._cdata]
        size, before = self._live[number]
        self.categories[before] -= size
        self.categories[category] = self.categories.get(category, 0) + size
        self._live[number] = (size, category)

    def category(self, tensor: torch.Tensor) -> str:
        """What the storage of ``tensor`` is counted under."""
        return self._live[self._numbers[tensor.untyped_storage()._cdata]][1]

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


def hidden_scratch(func: Any, args: Sequence[Any], options: Mapping[str, Any]) -> int:
    """Bytes that the CUDA kernel of an operation takes for its own duration, which no tensor of ours shows.

    gemm_4bit: the dequantised weight and its block scales, for batches beyond the fused kernel's reach (bitsandbytes
    backends/cuda/ops.py). Attention without a mask is taken to be Flash Attention, with one SDPA's memory-efficient
    kernel: Flash Attention takes no mask (aten/src/ATen/native/transformers/sdp_utils_cpp.h).
    """
    if func is torch.ops.bitsandbytes.gemm_4bit.default:
        numbers = math.prod(args[2])
        return rounded(numbers * args[0].element_size()) + 2 * rounded(numbers // args[4] * 4)
    mask = options.get("attn_mask")
    if func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default and mask is not None:
        return _padded_mask(mask)
    if func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default:
        query, key = args[1], args[2]
        return _flash_backward(query, key) if mask is None else _efficient_backward(query)
    return 0


def _flash_backward(query: torch.Tensor, key: torch.Tensor) -> int:
    # A float32 sum of dQ, and dK and dV for every query head before they are summed over the group
    # (aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp).
    batch, heads, tokens, width = query.shape
    padded = -(-tokens // 128) * 128
    total = rounded(batch * heads * padded * width * 4) + rounded(batch * heads * padded * 4)
    if key.shape[1] != heads:
        total += 2 * rounded(batch * heads * key.shape[2] * width * key.element_size())
    return total


def _efficient_backward(query: torch.Tensor) -> int:
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
    return rounded(queries + keys) + rounded(batch * heads * tokens * 4)


def _padded_mask(mask: torch.Tensor) -> int:
    # The memory-efficient kernel reads mask rows of multiples of 8; another mask is copied into such rows first
    # (pad_bias in aten/src/ATen/native/transformers/attention.cpp).
    *rows, tokens = mask.shape
    beyond = -tokens % _MASK_ALIGNMENT
    return rounded(math.prod(rows) * (tokens + beyond) * mask.element_size()) if beyond else 0
