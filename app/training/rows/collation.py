"""Rows of different lengths to one batch: padded on the right, to the longest row of the batch and no further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.chat import IGNORE
from .examples import TrainingExample

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class LabelCollator:
    """Turns examples into ``input_ids`` and ``labels`` of shape (batch, longest row), both int64.

    Labels are carried over as they were made with the tokens, never made again from the ids. There is no attention
    mask: with causal attention and padding on the right no real token can see padding.
    """

    pad_token_id: int

    def __call__(self, examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
        import torch

        longest = max(len(example.input_ids) for example in examples)
        input_ids = torch.full((len(examples), longest), self.pad_token_id, dtype=torch.long)
        labels = torch.full((len(examples), longest), IGNORE, dtype=torch.long)
        for row, example in enumerate(examples):
            input_ids[row, : len(example.input_ids)] = torch.tensor(example.input_ids, dtype=torch.long)
            labels[row, : len(example.labels)] = torch.tensor(example.labels, dtype=torch.long)
        return {"input_ids": input_ids, "labels": labels}
