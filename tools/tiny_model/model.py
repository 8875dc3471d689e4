"""The tiny Qwen3: its shape, and how it is written as a model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.files import write_text


@dataclass(frozen=True, slots=True)
class TinyShape:
    """Sizes of the tiny Qwen3."""

    hidden_size: int = 128
    intermediate_size: int = 256  # width of the gated MLP
    layers: int = 6
    heads: int = 4
    key_value_heads: int = 4  # each is shared by heads / key_value_heads query heads
    head_dim: int = 32
    rope_theta: float = 10_000_000.0
    max_positions: int = 4096
    # Standard deviation of the starting weights. About 1 / sqrt(hidden size): with the usual 0.02 the tied embeddings of a
    # model this narrow are too short for the head to tell 4,608 tokens apart, and rare tokens would hardly ever grow.
    initial_deviation: float = 0.09


def build_model(shape: TinyShape, tokenizer: Any, *, seed: int) -> Any:
    """A ``Qwen3ForCausalLM`` of ``shape`` with random float32 weights, fit for ``tokenizer``."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.max_positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        initializer_range=shape.initial_deviation,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write ``model`` (as float32 safetensors) and ``tokenizer`` as one Hugging Face model folder."""
    from tools.tiny_model.tokenizer import save_tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    weights = folder / "model.safetensors"
    weights.chmod(0o644)  # safetensors makes its files private
    for path in sorted(folder.glob("*.json")):
        # transformers ends its files without a newline; the repository's hooks want one.
        write_text(path, path.read_text("utf-8").rstrip("\n") + "\n")
