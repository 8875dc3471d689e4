"""Cross entropy with the output head run at label positions only.

A four-choice answer has two labels (the letter and the stop token) in a row of a thousand tokens; the usual loss
computes 1,000 × 151,936 logits for them, in float32 several gigabytes. Here the hidden states of the label positions
are picked first, and the head sees only those, in chunks when a long answer has many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.chat import IGNORE
from app.core.errors import ModelError

if TYPE_CHECKING:
    import torch

# Models whose forward is: decoder, then the head, and nothing in between (no soft cap, no scaling of logits).
SUPPORTED_MODEL_TYPES = ("qwen2", "qwen3", "llama")
# Label positions whose logits exist at one time: 256 × 151,936 × 4 bytes = 148 MiB for Qwen3 in float32.
CHUNK_POSITIONS = 256


class LossSum(NamedTuple):
    """``total``: summed cross entropy (natural log) over ``positions`` label positions; a scalar float32 with gradient."""

    total: torch.Tensor
    positions: int


def check_supported(model: Any) -> None:
    """Raises ModelError for an architecture whose logits are not simply ``lm_head(hidden)``."""
    kind = str(model.config.model_type)
    if kind not in SUPPORTED_MODEL_TYPES:
        raise ModelError(
            f"モデルの種類 {kind} の学習には対応していません。{'・'.join(SUPPORTED_MODEL_TYPES)} のモデルを使ってください。"
        )


def label_loss_sum(
    model: Any, input_ids: torch.Tensor, labels: torch.Tensor, *, chunk_positions: int = CHUNK_POSITIONS, **decoder: Any
) -> LossSum:
    """Summed cross entropy of ``labels`` (batch, tokens) under a causal language model, logits at labels only.

    ``model`` may carry LoRA layers (PEFT) or not. Position t predicts token t + 1, as in transformers' own loss, with
    which this agrees to rounding. ``decoder`` (position_ids, attention_mask) is passed to the decoder.
    """
    causal_lm = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = causal_lm.model(input_ids=input_ids, use_cache=False, **decoder).last_hidden_state
    wanted = labels[:, 1:] != IGNORE
    return head_loss_sum(
        causal_lm.get_output_embeddings(), hidden[:, :-1][wanted], labels[:, 1:][wanted], chunk_positions
    )


def head_loss_sum(head: Any, hidden: torch.Tensor, targets: torch.Tensor, chunk_positions: int) -> LossSum:
    """Summed cross entropy of ``targets`` (n,) from ``hidden`` (n, width), at most ``chunk_positions`` rows of logits at once.

    With more than one chunk each chunk's logits are computed again in the backward pass instead of being kept.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    def loss_of(part: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        # Out of autocast's reach only the float32 softmax: the product itself stays in the head's own type.
        return torch.nn.functional.cross_entropy(head(part).float(), goal, reduction="sum")

    count = int(targets.shape[0])
    if count <= chunk_positions:
        return LossSum(loss_of(hidden, targets), count)
    total = hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, count, chunk_positions):
        end = start + chunk_positions
        total = total + checkpoint(loss_of, hidden[start:end], targets[start:end], use_reentrant=False)
    return LossSum(total, count)
