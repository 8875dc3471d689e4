"""Architectures whose memory can be planned: shipped facts of published models, or a ``config.json`` from the disk.

``model_configs/*.json`` hold the sizes of the models as their publishers' ``config.json`` states them, so that a plan
needs neither the network nor the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ModelError
from ...core.files import read_json
from ..model.loss import SUPPORTED_MODEL_TYPES

SHIPPED = Path(__file__).resolve().parent / "model_configs"
# Publishers of the shipped models: ``Qwen/Qwen3-8B`` and ``Qwen3-8B`` mean the same file.
_SUFFIXES = ("-Instruct", "-Base")
_SIZES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes of one decoder-only model that decide its memory."""

    name: str
    model_type: str  # qwen2, qwen3 or llama
    hidden_size: int
    intermediate_size: int  # width of the gated MLP
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int  # each is shared by heads / key_value_heads query heads
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool  # the output head is the embedding table
    max_position_embeddings: int
    values: Mapping[str, Any]  # the whole config.json

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(outputs, inputs) of each linear layer of one decoder layer, by its name."""
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        hidden, wide = self.hidden_size, self.intermediate_size
        return {
            "q_proj": (queries, hidden),
            "k_proj": (keys, hidden),
            "v_proj": (keys, hidden),
            "o_proj": (hidden, queries),
            "gate_proj": (wide, hidden),
            "up_proj": (wide, hidden),
            "down_proj": (hidden, wide),
        }

    @property
    def linear_parameters(self) -> int:
        """Weights of all linear layers but the output head: what 4 bits are applied to."""
        return self.num_hidden_layers * sum(out * into for out, into in self.linear_shapes().values())

    @property
    def table_parameters(self) -> int:
        """Weights of the embedding table; the untied output head has as many again."""
        return self.vocab_size * self.hidden_size


def shipped_names() -> list[str]:
    """Names of the models whose facts ship with the program, smallest file name first."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def read_model_sizes(name: str) -> ModelSizes:
    """Sizes of a shipped model (``Qwen/Qwen3-8B``), of a folder with ``config.json``, or of such a file.

    Raises ModelError naming what is wrong: an unknown name, a missing file, an architecture that is not known, a size
    that is missing or not a positive number.
    """
    path = _find(name)
    values = read_json(path)
    if not isinstance(values, dict):
        raise ModelError(f"{path}: JSON のオブジェクトではありません。モデルの config.json を指定してください。")
    return sizes_from_config(values, name=name, place=str(path))


def _find(name: str) -> Path:
    given = Path(name).expanduser()
    if given.is_file():
        return given
    if given.is_dir():
        if not (given / "config.json").is_file():
            raise ModelError(f"{name}: config.json がありません。モデルのフォルダを指定してください。")
        return given / "config.json"
    short = name.rpartition("/")[2]
    for suffix in ("", *_SUFFIXES):
        shipped = SHIPPED / f"{short.removesuffix(suffix)}.json"
        if shipped.is_file():
            return shipped
    raise ModelError(
        f"{name}: 寸法のわからないモデルです。付属は {'・'.join(shipped_names())} です。"
        "ほかのモデルは config.json かそのフォルダを指定してください。"
    )


def sizes_from_config(values: Mapping[str, Any], *, name: str, place: str) -> ModelSizes:
    """Sizes out of the values of a ``config.json``; ``place`` is named in errors."""
    kind = values.get("model_type")
    if kind not in SUPPORTED_MODEL_TYPES:
        raise ModelError(
            f"{place}: model_type {kind!r} のメモリは見積もれません。{'・'.join(SUPPORTED_MODEL_TYPES)} のモデルを指定してください。"
        )
    faults = [
        f"{key}={values.get(key)!r}"
        for key in _SIZES
        if not isinstance(values.get(key), int) or isinstance(values.get(key), bool) or values[key] < 1
    ]
    if faults:
        raise ModelError(f"{place}: {'、'.join(faults)} は正の整数ではありません。config.json を確かめてください。")
    head_dim = values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"]
    if values["num_attention_heads"] % values["num_key_value_heads"] or head_dim < 2 or head_dim % 2:
        raise ModelError(
            f"{place}: 注意機構の寸法が合いません（num_attention_heads={values['num_attention_heads']}、"
            f"num_key_value_heads={values['num_key_value_heads']}、head_dim={head_dim}）。"
        )
    return ModelSizes(
        name=name,
        model_type=str(kind),
        **{key: values[key] for key in _SIZES},
        head_dim=head_dim,
        tie_word_embeddings=bool(values.get("tie_word_embeddings", False)),
        max_position_embeddings=int(values.get("max_position_embeddings") or 2048),
        values=dict(values),
    )
