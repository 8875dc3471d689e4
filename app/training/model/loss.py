"""Cross entropy over the vocabulary, or over the four letters, with the output head run at label positions only.

A four-choice answer has two labels (the letter and the stop token) in a row of a thousand tokens; the usual loss
computes 1,000 × 151,936 logits for them, in float32 several gigabytes. Here the hidden states of the label positions
are picked first, and the head sees only those, in chunks when a long answer has many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.chat import IGNORE
from ...core.errors import ModelError
from ...llm.letters import letter_logprobs

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


# Summed loss of (positions, vocabulary) logits given the (positions,) ids of the right tokens.
PositionLoss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Summed cross entropy over the whole vocabulary: the text objective."""
    import torch

    # Out of autocast's reach only the float32 softmax: the product itself stays in the head's own type.
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")


@dataclass(frozen=True, slots=True)
class LetterLoss:
    """Summed cross entropy over the four letters: the letter objective.

    A letter's probability is that of all its spellings together, divided by that of the four, which is the quantity
    that evaluation scores by; its mean is −``gold_logprob`` of app.training.dev_eval.
    """

    letter_ids: tuple[tuple[int, ...], ...]  # the spellings of each letter (app.core.chat.letter_token_ids)

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch

        spelled = [torch.isin(targets, torch.tensor(ids, device=targets.device)) for ids in self.letter_ids]
        letters = torch.stack(spelled, dim=-1).int().argmax(dim=-1)
        # The cross entropy's own softmax is the division by the four.
        return torch.nn.functional.cross_entropy(letter_logprobs(logits, self.letter_ids), letters, reduction="sum")


def check_supported(model: Any) -> None:
    """Raises ModelError for an architecture whose logits are not simply ``lm_head(hidden)``."""
    kind = str(model.config.model_type)
    if kind not in SUPPORTED_MODEL_TYPES:
        raise ModelError(
            f"モデルの種類 {kind} の学習には対応していません。{'・'.join(SUPPORTED_MODEL_TYPES)} のモデルを使ってください。"
        )


def check_shareable(config: Any, length: int) -> None:
    """Raise ModelError where rows of ``length`` tokens that share a prefix would be attended to otherwise than alone: the
    mask of who sees whom holds for every layer, and SDPA alone reads it as one."""
    attention = getattr(config, "_attn_implementation", None)
    if attention not in (None, "sdpa"):
        raise ModelError(
            f"モデルの config.json の attn_implementation が {attention} です。選択肢や並びの共通の前半を一度だけ計算する学習"
            "（--objective choice と --share-prefix）は sdpa だけです。その行を消してください。"
        )
    window = getattr(config, "sliding_window", None)
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()) and window is not None and window < length:
        raise ModelError(
            f"モデルの一部の層は {window} トークンより前を見ません（sliding_window）。共通の前半を一度だけ計算する学習では"
            f"そうならないので、--max-seq-length を {window} 以下にしてください（いまは {length}）。"
        )


def label_loss_sum(
    model: Any,
    input_ids: torch.Tensor,
    labels: torch.Tensor,
    *,
    chunk_positions: int = CHUNK_POSITIONS,
    position_loss: PositionLoss = token_loss,
    **decoder: Any,
) -> LossSum:
    """Summed loss of ``labels`` (batch, tokens) under a causal language model, logits at labels only.

    ``model`` may carry LoRA layers (PEFT) or not. Position t predicts token t + 1, as in transformers' own loss, with
    which this agrees to rounding when ``position_loss`` is the default. ``decoder`` (position_ids, attention_mask) is passed to the decoder.
    """
    head, hidden, targets, _ = label_states(model, input_ids, labels, **decoder)
    return head_loss_sum(head, hidden, targets, chunk_positions, position_loss)


class LabelStates(NamedTuple):
    """``hidden`` (labels, width): what the head reads to predict each label; ``targets`` (labels,): the labels;
    ``wanted`` (batch, tokens − 1): where they stand, one token to the left."""

    head: Any
    hidden: torch.Tensor
    targets: torch.Tensor
    wanted: torch.Tensor


def label_states(model: Any, input_ids: torch.Tensor, labels: torch.Tensor, **decoder: Any) -> LabelStates:
    """Run the decoder under ``model`` (LoRA layers or not) and pick the positions that predict a label."""
    causal_lm = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = causal_lm.model(input_ids=input_ids, use_cache=False, **decoder).last_hidden_state
    wanted = labels[:, 1:] != IGNORE
    return LabelStates(causal_lm.get_output_embeddings(), hidden[:, :-1][wanted], labels[:, 1:][wanted], wanted)


def head_loss_sum(
    head: Any,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    chunk_positions: int,
    position_loss: PositionLoss = token_loss,
) -> LossSum:
    """Summed loss of ``targets`` (n,) from ``hidden`` (n, width), at most ``chunk_positions`` rows of logits at once."""
    losses = head_chunks(head, hidden, chunk_positions, lambda logits, rows: position_loss(logits, targets[rows]))
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    return LossSum(total, int(targets.shape[0]))


def head_chunks(
    head: Any, hidden: torch.Tensor, chunk_positions: int, read: Callable[[torch.Tensor, slice], torch.Tensor]
) -> list[torch.Tensor]:
    """``read(logits, rows)`` of each run of at most ``chunk_positions`` rows of ``hidden`` (n, width), in order.

    With more than one chunk each chunk's logits are computed again in the backward pass instead of being kept.
    """
    from torch.utils.checkpoint import checkpoint

    def read_rows(part: torch.Tensor, rows: slice) -> torch.Tensor:
        return read(head(part), rows)

    count = int(hidden.shape[0])
    if count <= chunk_positions:
        return [read_rows(hidden, slice(0, count))]
    every = [slice(start, start + chunk_positions) for start in range(0, count, chunk_positions)]
    return [checkpoint(read_rows, hidden[rows], rows, use_reentrant=False) for rows in every]
