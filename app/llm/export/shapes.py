"""The tensors of a Qwen2, Qwen3 or Llama checkpoint, from its ``config.json`` alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...core.errors import ModelError

MODEL_TYPES = ("qwen2", "qwen3", "llama")
# Layers that LoRA may have and that 4 bits are applied to, by the block of the decoder layer that holds them.
LINEAR = {
    "q_proj": "self_attn", "k_proj": "self_attn", "v_proj": "self_attn", "o_proj": "self_attn",
    "gate_proj": "mlp", "up_proj": "mlp", "down_proj": "mlp",
}  # fmt: skip
_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


def head_dim(values: Mapping[str, Any]) -> int:
    """Width of one attention head."""
    return int(values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"])


def check_exportable(values: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for another architecture, for missing sizes, or for weights that are quantised already."""
    kind = values.get("model_type")
    if kind not in MODEL_TYPES:
        raise ModelError(f"{where}: model_type {kind!r} は書き出せません。{'・'.join(MODEL_TYPES)} のモデルを指定してください。")  # fmt: skip
    missing = [key for key in _SIZES if not isinstance(values.get(key), int)]
    if missing:
        raise ModelError(
            f"{where}: config.json に {'・'.join(missing)} がありません。モデルのフォルダを確かめてください。"
        )
    if values.get("quantization_config"):
        raise ModelError(
            f"{where}: 量子化済みの重みには統合できません。量子化していないモデルを --hf-model-name に指定してください。"
        )


def tensor_shapes(values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor that the architecture has, in the order of the layers."""
    hidden, wide, vocabulary = values["hidden_size"], values["intermediate_size"], values["vocab_size"]
    width = head_dim(values)
    queries = values["num_attention_heads"] * width
    keys = (values.get("num_key_value_heads") or values["num_attention_heads"]) * width
    sizes = {
        "q_proj": (queries, hidden), "k_proj": (keys, hidden), "v_proj": (keys, hidden), "o_proj": (hidden, queries),
        "gate_proj": (wide, hidden), "up_proj": (wide, hidden), "down_proj": (hidden, wide),
    }  # fmt: skip
    biased = _biased(values)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(values["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        shapes[f"{at}.input_layernorm.weight"] = (hidden,)
        for name, block in LINEAR.items():
            shapes[f"{at}.{block}.{name}.weight"] = sizes[name]
            if name in biased:
                shapes[f"{at}.{block}.{name}.bias"] = sizes[name][:1]
        if values["model_type"] == "qwen3":
            shapes |= {f"{at}.self_attn.{name}.weight": (width,) for name in ("q_norm", "k_norm")}
        shapes[f"{at}.post_attention_layernorm.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    if not values.get("tie_word_embeddings", False):
        shapes["lm_head.weight"] = (vocabulary, hidden)
    return shapes


def _biased(values: Mapping[str, Any]) -> set[str]:
    if values["model_type"] == "qwen2":
        return {"q_proj", "k_proj", "v_proj"}
    attention = {"q_proj", "k_proj", "v_proj", "o_proj"} if values.get("attention_bias") else set()
    return attention | ({"gate_proj", "up_proj", "down_proj"} if values.get("mlp_bias") else set())


def is_linear(name: str) -> bool:
    """Whether the tensor is the weight of a linear layer of a decoder layer: what 4-bit loading quantises."""
    *_, layer, kind = name.split(".")
    return kind == "weight" and layer in LINEAR


def count(shape: tuple[int, ...]) -> int:
    """Number of weights of a tensor."""
    return math.prod(shape)
