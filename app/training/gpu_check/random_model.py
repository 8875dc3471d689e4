"""A model of published sizes with random weights in 4 bits, made layer by layer where it is to run: nothing is downloaded
and no 16-bit copy of more than one layer's weight exists.

Imports torch at the top: import only where a model is made.
"""

from __future__ import annotations

from typing import Any

import torch

from ...llm.loading import keep_4bit_layout
from ..memory.model_sizes import ModelSizes
from ..memory.stand_in import model_of_sizes
from ..model.tiled_head import four_bit_linear

# As wide as published models' own start; what the numbers are changes neither memory nor speed.
_SPREAD = 0.02


def random_model(
    sizes: ModelSizes,
    device: str,
    *,
    dtype: torch.dtype,
    compute_dtype: torch.dtype,
    quant_type: str = "nf4",
    embedding_device: str = "gpu",
    seed: int = 0,
) -> Any:
    """The causal language model of ``sizes`` on ``device`` in eval mode, as ``load_base_model`` gives a 4-bit one.

    Linear layers are quantised doubly, the rest is of ``dtype``: drawn at random, norms 1, biases 0. With
    ``embedding_device`` cpu the embedding table (and a head tied to it) is made there.
    """
    with torch.device("meta"):
        model = model_of_sizes(sizes, dtype=dtype)
    draw = _Draw(dtype, seed)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    host = "cpu" if embedding_device == "cpu" else device
    table.weight = _frozen(draw(table.weight.shape, host))
    if sizes.tie_word_embeddings:
        head.weight = table.weight
    else:
        head.weight = _frozen(draw(head.weight.shape, device))
    for name, module in list(model.named_modules()):
        if module is table or module is head:
            continue
        if isinstance(module, torch.nn.Linear):
            made = four_bit_linear(
                draw(module.weight.shape, device), compute_dtype=compute_dtype, quant_type=quant_type
            )
            if module.bias is not None:
                made.bias = _frozen(torch.zeros(module.bias.shape, dtype=dtype, device=device))
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, made)
        elif hasattr(module, "inv_freq"):  # rotary positions compute their frequencies when they are made
            parent, _, leaf = name.rpartition(".")
            with torch.device(device):
                setattr(model.get_submodule(parent), leaf, type(module)(config=model.config))
        else:
            for key, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, key, _frozen(torch.ones(parameter.shape, dtype=dtype, device=device)))
    # What the loader leaves behind: peft chooses its 4-bit layers by the first, accelerate looks for the second.
    model.is_loaded_in_4bit = True
    model.hf_device_map = {"": device}
    keep_4bit_layout(model)
    return model.eval()


def _frozen(data: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(data, requires_grad=False)


class _Draw:
    """Normal numbers of ``dtype``, drawn where they are to lie."""

    def __init__(self, dtype: torch.dtype, seed: int) -> None:
        self._dtype, self._seed = dtype, seed
        self._generators: dict[str, torch.Generator] = {}

    def __call__(self, shape: torch.Size, device: str) -> torch.Tensor:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        empty = torch.empty(shape, dtype=self._dtype, device=device)
        return empty.normal_(0.0, _SPREAD, generator=self._generators[device])
