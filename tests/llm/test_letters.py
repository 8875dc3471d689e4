"""Letter scores: equal to the naive full forward pass, whatever the batching; training mode put back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Qwen3Config, Qwen3ForCausalLM

from app.core.errors import ModelError
from app.llm.letters import (
    KeptPrefix,
    common_prefix_length,
    plan_batches,
    score_letters,
    score_letters_shared_prefix,
)

LETTER_IDS = [[1, 2], [3], [4, 5, 6], [7]]


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=64, bos_token_id=None, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    for parameter in model.parameters():
        parameter.data.mul_(3)  # sharp distributions: small position mistakes show
    return model.eval()


def random_rows(seed: int, lengths: list[int], prefix: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randint(0, 97, (prefix,), generator=generator).tolist()
    return [shared + torch.randint(0, 97, (length,), generator=generator).tolist() for length in lengths]


def naive(model: Any, row: list[int]) -> list[float]:
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.tensor([row])).logits[0, -1].double(), dim=-1)
    return [math.log(sum(float(probabilities[index]) for index in ids)) for ids in LETTER_IDS]


def test_scores_equal_the_naive_full_pass(model: Any) -> None:
    rows = random_rows(1, [5, 17, 1, 30, 17])
    scores = score_letters(model, rows, LETTER_IDS)
    expected = np.array([naive(model, row) for row in rows])
    assert scores.logprobs.dtype == np.float32
    assert scores.logprobs.shape == (5, 4)
    np.testing.assert_allclose(scores.logprobs, expected, atol=1e-4)
    np.testing.assert_allclose(scores.mass, np.exp(expected).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("budget", [1, 20, 40, 64, 10_000])
def test_batching_does_not_change_the_scores(model: Any, budget: int) -> None:
    rows = random_rows(2, [3, 40, 9, 9, 22, 1])
    alone = np.concatenate([score_letters(model, [row], LETTER_IDS).logprobs for row in rows])
    np.testing.assert_allclose(
        score_letters(model, rows, LETTER_IDS, max_batch_tokens=budget).logprobs, alone, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("budget", [1, 80, 10_000])
@pytest.mark.parametrize(("prefix", "lengths"), [(30, [3, 9, 1, 20]), (10, [4, 4, 4, 4]), (0, [5, 6]), (12, [7])])
def test_a_shared_prefix_gives_the_same_scores(model: Any, prefix: int, lengths: list[int], budget: int) -> None:
    rows = random_rows(3, lengths, prefix)
    np.testing.assert_allclose(
        score_letters_shared_prefix(model, rows, LETTER_IDS, max_batch_tokens=budget).logprobs,
        score_letters(model, rows, LETTER_IDS).logprobs,
        atol=2e-5,
        rtol=1e-5,
    )


def test_a_shared_prefix_runs_once(model: Any) -> None:
    seen: list[int] = []
    hook = model.model.embed_tokens.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].numel()))
    rows = random_rows(7, [5, 5, 5, 5], 40)
    rows = [[*row[:40], index, *row[41:]] for index, row in enumerate(rows)]  # the ends differ at once
    try:
        score_letters_shared_prefix(model, rows, LETTER_IDS)
        score_letters_shared_prefix(model, rows, LETTER_IDS, max_batch_tokens=1)
    finally:
        hook.remove()
    assert seen == [40, 20, 40, 5, 5, 5, 5]


def questions_in_a_row() -> list[list[list[int]]]:
    """Four orders of each of: a first question, one that begins like it, the first again, one that begins otherwise."""
    first, longer, other = random_rows(8, [12, 9, 20])
    ends = random_rows(9, [5, 3, 7, 5])
    prefixes = [first, first[:8] + longer, first, other]
    return [[[*prefix, number, *end] for number, end in enumerate(ends)] for prefix in prefixes]


@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_a_kept_prefix_does_not_change_the_scores(model: Any, budget: int) -> None:
    kept = KeptPrefix()
    for rows in questions_in_a_row():
        scores = score_letters_shared_prefix(model, rows, LETTER_IDS, max_batch_tokens=budget, kept=kept)
        np.testing.assert_allclose(
            scores.logprobs, score_letters(model, rows, LETTER_IDS).logprobs, atol=1e-5, rtol=1e-5
        )


def test_what_a_kept_prefix_holds_is_not_run_again(model: Any) -> None:
    seen: list[int] = []
    hook = model.model.embed_tokens.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].numel()))
    first, longer, _, other = questions_in_a_row()
    kept = KeptPrefix()
    try:
        for rows in (first, first, longer, other):
            score_letters_shared_prefix(model, rows, LETTER_IDS, kept=kept)
    finally:
        hook.remove()
    ends = 4 * 8  # four rows, the longest of 1 + 7 tokens
    assert seen == [12, ends, ends, 9, ends, 20, ends]


def test_a_cache_with_a_sliding_window_is_not_shared() -> None:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, use_sliding_window=True, sliding_window=6, max_window_layers=1,
        bos_token_id=None, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    sliding = Qwen3ForCausalLM(config).eval()
    rows = questions_in_a_row()[0]
    np.testing.assert_allclose(
        score_letters_shared_prefix(sliding, rows, LETTER_IDS, kept=KeptPrefix()).logprobs,
        np.array([naive(sliding, row) for row in rows]),
        atol=1e-5,
    )


def test_equal_prompts_share_all_but_the_last_token(model: Any) -> None:
    row = random_rows(4, [12])[0]
    scores = score_letters_shared_prefix(model, [row, row], LETTER_IDS)
    np.testing.assert_allclose(scores.logprobs[0], scores.logprobs[1])
    np.testing.assert_allclose(scores.logprobs[0], naive(model, row), atol=1e-4)


def test_training_mode_and_gradients_are_put_back(model: Any) -> None:
    model.train()
    try:
        score_letters(model, random_rows(5, [4]), LETTER_IDS)
        assert model.training
        assert torch.is_grad_enabled()
    finally:
        model.eval()


def test_no_prompts_give_no_rows(model: Any) -> None:
    scores = score_letters(model, [], LETTER_IDS)
    assert scores.logprobs.shape == (0, 4)
    assert scores.mass.shape == (0,)


@pytest.mark.parametrize(
    ("rows", "message"), [([[1], []], "2 番目のプロンプトが空"), ([[1] * 65], "65 トークン.*上限 64")]
)
def test_an_empty_or_too_long_prompt_is_refused(model: Any, rows: list[list[int]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        score_letters(model, rows, LETTER_IDS)


def test_not_a_number_is_refused(model: Any) -> None:
    weight = model.lm_head.weight
    kept = weight.data.clone()
    weight.data.fill_(float("nan"))
    try:
        with pytest.raises(ModelError, match="NaN"):
            score_letters(model, [[1, 2]], LETTER_IDS)
    finally:
        weight.data.copy_(kept)


def test_the_head_sees_one_position_per_row(model: Any) -> None:
    seen: list[torch.Size] = []
    hook = model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape))
    try:
        score_letters(model, random_rows(6, [20, 7]), LETTER_IDS)
    finally:
        hook.remove()
    assert seen == [torch.Size([2, 1, 32])]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 120))
def test_batches_hold_every_index_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


def test_a_budget_below_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="positive"):
        plan_batches([1], 0)


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 3), max_size=8), st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=1, max_size=4)
)
def test_common_prefix_equals_the_naive_one(shared: list[int], ends: list[list[int]]) -> None:
    rows = [shared + end for end in ends]
    longest = 0
    while all(len(row) > longest for row in rows) and len({row[longest] for row in rows}) == 1:
        longest += 1
    assert common_prefix_length(rows) == longest
