"""The embedding table in main memory instead of on the card.

An embedding is a lookup of a few rows a step, yet its table takes 1.2 GiB of an 8B model's memory on the GPU. Here the
table stays with the CPU; only the rows that are looked up travel. It is kept out of the module's parameters, so that
neither ``model.to(...)`` nor accelerate carries it over, with nothing that depends on the operating system.

Where the output head shares the table (Qwen3 up to 4B), the head's product runs on the CPU too: this program needs it
at the few label positions only.
"""

from __future__ import annotations

from typing import Any

import torch


class HostTable(torch.nn.Module):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """Holds a frozen table (vocabulary, width) on the CPU, outside the parameters that a device move would take along."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        # A list hides the tensor from torch.nn.Module, which registers tensors that are set as attributes.
        self._hidden = [table.detach().to("cpu")]

    @property
    def weight(self) -> torch.Tensor:
        """The table."""
        return self._hidden[0]


class HostEmbedding(HostTable):
    """Looks rows up on the CPU and hands them to the device that the ids are on."""

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(batch, tokens) ids to (batch, tokens, width) vectors."""
        return torch.nn.functional.embedding(input_ids.to("cpu"), self.weight).to(input_ids.device)


class HostHead(HostTable):
    """The output head of a model that ties it to the embedding: multiplies on the CPU."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, width) hidden states to (…, vocabulary) logits, on the device of ``hidden``."""
        product = torch.nn.functional.linear(hidden.to("cpu", self.weight.dtype), self.weight)
        return product.to(hidden.device)


def keep_embedding_on_cpu(model: Any) -> int:
    """Replace the model's embedding by one whose table stays on the CPU; returns the bytes that the card is spared.

    ``model`` is the base model before LoRA. A tied output head moves along.
    """
    table = model.get_input_embeddings().weight
    head = model.get_output_embeddings()
    # A head of 4-bit tiles has weights of its own.
    tied = getattr(head, "weight", None) is table
    embedding = HostEmbedding(table)
    model.set_input_embeddings(embedding)
    if tied:
        host_head = HostHead(table)
        host_head._hidden = embedding._hidden
        model.set_output_embeddings(host_head)
    return int(table.numel() * table.element_size())
