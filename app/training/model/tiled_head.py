"""The output head in 4 bits, in tiles of the vocabulary, so that it never exists as a whole in 16 bits.

The head of an 8B model takes 1.2 GiB in 16 bits, and as one 4-bit layer its product would need as much again for a
moment. Split by rows into tiles, each is expanded by itself, in the forward and again in the backward pass: the scratch
is that of one tile. Off by default, since the rounding changes the logits a little (``tests/training/model/test_tiled_head.py``
bounds it, ``run.json`` records it).
"""

from __future__ import annotations

from typing import Any

import bitsandbytes as bnb
import torch

from ...llm.loading import keep_4bit_layout

# 8,192 × 4,096 weights are 64 MiB in 16 bits.
TILE_ROWS = 8192


class TiledHead(torch.nn.Module):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """A frozen linear layer without bias, stored as 4-bit tiles of at most ``tile_rows`` outputs."""

    def __init__(self, weight: torch.Tensor, *, compute_dtype: torch.dtype, tile_rows: int = TILE_ROWS) -> None:
        super().__init__()
        self.tiles = torch.nn.ModuleList(
            four_bit_linear(rows, compute_dtype=compute_dtype) for rows in weight.detach().split(tile_rows, dim=0)
        )
        keep_4bit_layout(self)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, width) hidden states to (…, vocabulary) logits."""
        return torch.cat([tile(hidden) for tile in self.tiles], dim=-1)


def four_bit_linear(weight: torch.Tensor, *, compute_dtype: torch.dtype, quant_type: str = "nf4") -> Any:
    """A frozen linear layer without bias of ``weight`` (outputs, inputs) in 4 bits, double quantised, where it is."""
    layer = bnb.nn.Linear4bit(
        weight.shape[1], weight.shape[0], bias=False, compute_dtype=compute_dtype, compress_statistics=True,
        quant_type=quant_type, device="meta",
    )  # fmt: skip
    layer.weight = bnb.nn.Params4bit(
        weight.contiguous(), requires_grad=False, compress_statistics=True, quant_type=quant_type, module=layer
    )
    # Params4bit quantises when it is put on a device, the one it is on included.
    return layer.to(weight.device)


def quantize_head(model: Any, *, compute_dtype: str, tile_rows: int = TILE_ROWS) -> None:
    """Replace the base model's output head by 4-bit tiles; a tied embedding keeps its own table."""
    weight = model.get_output_embeddings().weight
    model.set_output_embeddings(TiledHead(weight, compute_dtype=getattr(torch, compute_dtype), tile_rows=tile_rows))
