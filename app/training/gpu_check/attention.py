"""Which kernel torch chooses for attention, seen where it is called: the plan assumes one, and cards differ.

Imports torch at the top: import only in the process that measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend


@contextmanager
def chosen_kernels(seen: set[str], asked: Callable[[], bool]) -> Iterator[None]:
    """Inside, each call of attention adds the name of its kernel to ``seen``, as long as ``asked`` says so."""
    functional = torch.nn.functional
    real = functional.scaled_dot_product_attention

    def watched(query: Any, key: Any, value: Any, *more: Any, **options: Any) -> Any:
        if asked():
            given = [_as_computed(each) for each in (query, key, value)]
            seen.add(SDPBackend(torch._fused_sdp_choice(*given, *more, **options)).name)
        return real(query, key, value, *more, **options)

    functional.scaled_dot_product_attention = watched
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = real


def _as_computed(tensor: torch.Tensor) -> torch.Tensor:
    """What the kernel is given of ``tensor``: autocast changes types inside of the call. Takes no memory to speak of."""
    kind = tensor.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype
    if dtype == tensor.dtype:
        given = tensor.detach()
    else:
        given = torch.empty(tensor.shape[-1], dtype=dtype, device=tensor.device).expand(tensor.shape)
    return given.requires_grad_(tensor.requires_grad)
