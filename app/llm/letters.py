"""The probability a model gives to each answer letter as its very next token.

One prefill per prompt and no generation: the output head runs on the last position only, since the logits of every
position over a vocabulary of 150,000 are what fills a small card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Tokens (padding included) in one forward pass; about 1 GB of activations for an 8B model in bfloat16.
MAX_BATCH_TOKENS = 8192


class LetterScores(NamedTuple):
    """``logprobs`` float32 (n, letters): log of the full-softmax probability of each letter, all its spellings summed.

    ``mass`` float32 (n,): the probability that the next token is any of the letters.
    """

    logprobs: NDArray[np.float32]
    mass: NDArray[np.float32]


def plan_batches(lengths: Sequence[int], max_batch_tokens: int) -> list[list[int]]:
    """Indices grouped so that rows × longest row stays within ``max_batch_tokens``; longest first, each index once.

    A row that is longer than the budget by itself gets a batch of its own.
    """
    if max_batch_tokens < 1:
        raise ValueError(f"max_batch_tokens must be positive, got {max_batch_tokens}")
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        # Longest first: a batch's first row is its longest, and memory trouble shows at once.
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= max_batch_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def common_prefix_length(rows: Sequence[Sequence[int]]) -> int:
    """Number of leading tokens that all rows share."""
    first, last = min(map(list, rows)), max(map(list, rows))
    for position, (left, right) in enumerate(zip(first, last, strict=False)):
        if left != right:
            return position
    return min(len(first), len(last))


@contextmanager
def _evaluating(model: Any) -> Iterator[Any]:
    # The trainer scores dev questions in the middle of training: modes are put back as they were.
    import torch

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        model.train(was_training)


def _check_lengths(model: Any, prompt_ids: Sequence[Sequence[int]]) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    for number, row in enumerate(prompt_ids):
        if not row:
            raise ModelError(f"{number + 1} 番目のプロンプトが空です。")
        if limit is not None and len(row) > limit:
            raise ModelError(
                f"{number + 1} 番目のプロンプトは {len(row)} トークンで、モデルの上限 {limit} を超えています。"
                "文脈（--top-k）を減らしてください。"
            )


def letter_logprobs(logits: Any, letter_ids: Sequence[Sequence[int]]) -> Any:
    """(rows, vocabulary) logits to (rows, letters) float32: log of each letter's summed full-softmax probability.

    Differentiable: evaluation scores with it and the letter objective trains on it.
    """
    import torch

    logprobs = torch.log_softmax(logits.float(), dim=-1)
    columns = [torch.logsumexp(logprobs[:, list(ids)], dim=-1) for ids in letter_ids]
    return torch.stack(columns, dim=-1)


def _checked_logprobs(logits: Any, letter_ids: Sequence[Sequence[int]]) -> Any:
    # One NaN or infinite logit makes the whole row's softmax NaN.
    columns = letter_logprobs(logits, letter_ids)
    if bool(columns.isnan().any()):
        raise ModelError("モデルの出力が数値になりません（NaN）。計算型を bfloat16 か float32 に替えてください。")
    return columns.cpu()


def _next_token_logits(model: Any, rows: Sequence[Sequence[int]]) -> Any:
    """Logits (rows, vocabulary) after the last token of each row, in one pass."""
    import torch

    device = model.device
    longest = max(len(row) for row in rows)
    # Left padding puts every row's last token in the last column, so the head runs on that column alone. Positions
    # count real tokens only; a padded place attends to nothing and is attended by nothing.
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, longest - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[index, longest - len(row) :] = 1
    positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
    output = model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        position_ids=positions.to(device),
        use_cache=False,
        logits_to_keep=1,
    )
    return output.logits[:, -1]


def _pack(columns: Any) -> LetterScores:
    import torch

    logprobs = columns.to(torch.float32)
    mass = torch.logsumexp(logprobs, dim=-1).exp()
    return LetterScores(logprobs.numpy(), mass.numpy())


def score_letters(
    model: Any,
    prompt_ids: Sequence[Sequence[int]],
    letter_ids: Sequence[Sequence[int]],
    *,
    max_batch_tokens: int = MAX_BATCH_TOKENS,
) -> LetterScores:
    """Log-probabilities of the letters as the next token of each prompt; rows in the order of ``prompt_ids``.

    ``letter_ids`` are the token ids of each letter's spellings (``app.core.chat.letter_token_ids``). How prompts are
    batched does not change the result beyond rounding. Raises ModelError for an empty or too long prompt, or NaN.
    """
    import torch

    _check_lengths(model, prompt_ids)
    columns = torch.empty((len(prompt_ids), len(letter_ids)), dtype=torch.float32)
    with _evaluating(model):
        for batch in plan_batches([len(row) for row in prompt_ids], max_batch_tokens):
            logits = _next_token_logits(model, [prompt_ids[index] for index in batch])
            columns[batch] = _checked_logprobs(logits, letter_ids)
    return _pack(columns)


def _keeps_all_tokens(model: Any) -> bool:
    """Whether the model's cache can be cut back to any earlier token."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    return cache.is_croppable and not any(layer.is_sliding for layer in cache.layers)


class KeptPrefix:
    """Keys and values of the last prompts' common part, for the next prompts where they begin alike.

    Every question of a run begins with the same instruction, and neighbours often have the same articles as context.
    """

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._cache: Any = None

    def take(self, ids: Sequence[int]) -> tuple[int, Any]:
        """How many of the first ``ids`` are cached already, and their cache (None for 0); nothing is kept after that."""
        cache, known, self._cache = self._cache, self._ids, None
        length = 0 if cache is None else common_prefix_length([known, ids])
        if length:
            cache.crop(length - len(known))  # negative: tokens to take off its end
        return length, cache if length else None

    def keep(self, ids: Sequence[int], cache: Any) -> None:
        """Keep the cache of ``ids``, one row."""
        self._ids, self._cache = list(ids), cache


def score_letters_shared_prefix(
    model: Any,
    prompt_ids: Sequence[Sequence[int]],
    letter_ids: Sequence[Sequence[int]],
    *,
    max_batch_tokens: int = MAX_BATCH_TOKENS,
    kept: KeptPrefix | None = None,
) -> LetterScores:
    """As ``score_letters`` for prompts that begin alike (the orders of one question): the common part runs once.

    The common part is prefilled as one row, from where it differs from the one in ``kept``, which then holds it. Then
    the differing ends run on its cache: as many together as keep the repeated caches within ``max_batch_tokens``,
    one after the other where not even two do, since four copies of a long prefix are what a small card has no room for.
    A model whose cache lets go of old tokens (sliding windows) is scored row by row as ``score_letters`` does.
    """
    import torch

    _check_lengths(model, prompt_ids)
    # Every row keeps at least one token of its own: the one whose output is read.
    shared = min(common_prefix_length(prompt_ids), min(len(row) for row in prompt_ids) - 1)
    if shared < 1 or not _keeps_all_tokens(model):
        return score_letters(model, prompt_ids, letter_ids, max_batch_tokens=max_batch_tokens)
    kept = KeptPrefix() if kept is None else kept
    prefix = list(prompt_ids[0][:shared])
    columns = torch.empty((len(prompt_ids), len(letter_ids)), dtype=torch.float32)
    with _evaluating(model):
        known, cache = kept.take(prefix)
        if known < shared:
            fresh = torch.tensor([prefix[known:]], dtype=torch.long, device=model.device)
            cache = model(input_ids=fresh, past_key_values=cache, use_cache=True, logits_to_keep=1).past_key_values
        for batch in plan_batches([len(row) for row in prompt_ids], max_batch_tokens):
            if len(batch) > 1:
                cache.batch_repeat_interleave(len(batch))
            ends = [prompt_ids[index][shared:] for index in batch]
            columns[batch] = _checked_logprobs(_logits_after_prefix(model, cache, shared, ends), letter_ids)
            # Back to the prefix as one row: negative is how many tokens to take off the end.
            cache.crop(-max(map(len, ends)))
            if len(batch) > 1:
                cache.batch_select_indices(torch.tensor([0], device=model.device))
    kept.keep(prefix, cache)
    return _pack(columns)


def _logits_after_prefix(model: Any, cache: Any, shared: int, ends: Sequence[Sequence[int]]) -> Any:
    """Logits (rows, vocabulary) after the last token of each end, behind ``shared`` cached tokens; the cache grows."""
    import torch

    longest = max(len(end) for end in ends)
    # Padding stands on the right here: causal attention keeps it from what comes before, so no mask is needed.
    ids = torch.zeros((len(ends), longest), dtype=torch.long)
    for index, end in enumerate(ends):
        ids[index, : len(end)] = torch.tensor(list(end), dtype=torch.long)
    last = [len(end) - 1 for end in ends]
    kept = sorted(set(last))
    positions = torch.arange(shared, shared + longest, device=model.device).expand(len(ends), -1)
    output = model(
        input_ids=ids.to(model.device),
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=torch.tensor(kept, device=model.device),
    )
    return output.logits[list(range(len(ends))), [kept.index(place) for place in last]]
