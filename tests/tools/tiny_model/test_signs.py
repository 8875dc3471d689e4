"""The tiny model's signs ○ and ×: placed where they say nothing about the truth."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from app.core.prompts import FITS, FITS_NOT
from tools.tiny_model.contexts import random_context
from tools.tiny_model.exercises import FAILS, HOLDS, judge
from tools.tiny_model.model import TinyShape, build_model
from tools.tiny_model.signs import answer_states, make_signs_neutral
from tools.tiny_model.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    rng = random.Random(0)
    texts = [judge(rng, random_context(rng, 2, "headings"), statements=3, freedom=0.3).text for _ in range(40)]
    return train_tokenizer(texts, vocabulary_size=4400)


def test_there_is_a_state_for_every_answer(tokenizer: Any) -> None:
    model = build_model(TinyShape(), tokenizer, seed=0)
    assert answer_states(model, tokenizer, chats=4).shape == (12, 128)


def test_the_signs_hardly_differ_where_chats_are_answered(tokenizer: Any) -> None:
    model = build_model(TinyShape(), tokenizer, seed=0)
    ids = {
        sign: tokenizer.convert_tokens_to_ids(tokenizer.tokenize(sign))[0] for sign in (FITS, FITS_NOT, HOLDS, FAILS)
    }
    table = model.get_input_embeddings().weight
    before = table.detach().clone()
    states = answer_states(model, tokenizer, chats=40)

    def spread(weights: torch.Tensor) -> float:
        return float((states @ (weights[ids[FITS]] - weights[ids[FITS_NOT]])).std())

    make_signs_neutral(model, tokenizer, used=64, chats=40)
    after = table.detach()
    assert spread(after) < 0.3 * spread(before)
    distances = [float((after[ids[a]] - after[ids[b]]).norm()) for a, b in ((FITS, FITS_NOT), (HOLDS, FAILS))]
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)
    middle = before[ids[FITS]] + before[ids[FITS_NOT]]
    assert torch.allclose(after[ids[FITS]] + after[ids[FITS_NOT]], middle, atol=1e-5)
    others = [index for index in range(len(table)) if index not in (ids[FITS], ids[FITS_NOT])]
    assert torch.equal(after[others], before[others])
