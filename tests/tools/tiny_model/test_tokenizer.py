"""The tiny model's tokenizer: cuts, round trips, determinism."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.chat import letter_token_ids, stop_token_id
from tools.tiny_model.charset import KANJI, NUMERALS
from tools.tiny_model.exercises import draw_exercise
from tools.tiny_model.tokenizer import QWEN_CUTS, TRAINING_CUTS, train_tokenizer

TEXTS = [
    "市長は、三十日以内に許可をしなければならない。\na 十四日\n\nb 二十日",
    "## 条例\n### 第3条の2\n#### 第1項",
] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, vocabulary_size=4300)


def pieces(tokenizer: Any, text: str) -> list[str]:
    return [tokenizer.decode([index]) for index in tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_numerals_are_single_tokens_wherever_they_stand(tokenizer: Any) -> None:
    assert pieces(tokenizer, "三十二日")[:3] == ["三", "十", "二"]
    assert pieces(tokenizer, "14円")[:2] == ["1", "4"]
    assert pieces(tokenizer, "統一的") == ["統", "一", "的"]


def test_a_clause_is_cut_the_same_way_in_any_surroundings(tokenizer: Any) -> None:
    clause = pieces(tokenizer, "許可をしなければならない")
    for before, after in (("", ""), ("、", "。"), ("a ", "\n"), ("「", "」"), ("7", "3")):
        found = pieces(tokenizer, before + "許可をしなければならない" + after)
        start = len(pieces(tokenizer, before)) if before else 0
        assert found[start : start + len(clause)] == clause


def test_every_listed_kanji_and_numeral_is_one_token(tokenizer: Any) -> None:
    several = [sign for sign in KANJI + NUMERALS if len(pieces(tokenizer, sign)) != 1]
    assert several == []


def test_letters_stand_alone_and_never_share_a_token(tokenizer: Any) -> None:
    ids = letter_token_ids(tokenizer)
    assert all(tokenizer.convert_tokens_to_ids(letter) in found for letter, found in zip("abcd", ids, strict=True))
    assert pieces(tokenizer, "a 市長") == ["a", " ", "市", "長"] or pieces(tokenizer, "a 市長") == ["a", " ", "市長"]


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back_unchanged(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_qwen_s_own_cuts_give_the_same_tokens_as_the_cuts_of_training(tokenizer: Any) -> None:
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    rng = random.Random(5)
    trained_on = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    trained_on.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(TRAINING_CUTS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    for text in [*TEXTS[:2], *(draw_exercise(rng, step / 40).text for step in range(40))]:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == trained_on.encode(text).ids
    stored = json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"]["pretokenizers"]
    assert [stored[0]["pattern"], stored[0]["behavior"]] == [{"Regex": QWEN_CUTS}, "Isolated"]


def test_the_same_texts_give_the_same_tokenizer(tokenizer: Any) -> None:
    again = train_tokenizer(TEXTS, vocabulary_size=4300)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({}, "<|im_start|>assistant\n"),
        ({"enable_thinking": True}, "<|im_start|>assistant\n"),
        ({"enable_thinking": False}, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ],
)
def test_thinking_switch_writes_an_empty_thought_when_off(tokenizer: Any, options: dict[str, bool], end: str) -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
    assert text == "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n" + end


def test_last_answer_carries_its_thought_and_earlier_ones_do_not(tokenizer: Any) -> None:
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "v"},
        {"role": "assistant", "content": "b", "reasoning_content": "r"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    assert text == (
        "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
        "<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n<think>\nr\n</think>\n\nb<|im_end|>\n"
    )
    assert stop_token_id(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_thinking_marks_are_kept_when_special_tokens_are_skipped(tokenizer: Any) -> None:
    ids = tokenizer("<think>\n\n</think>\n\na<|im_end|>", add_special_tokens=False)["input_ids"]
    assert [tokenizer.convert_tokens_to_ids(mark) in ids for mark in ("<think>", "</think>")] == [True, True]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>\n\n</think>\n\na"
