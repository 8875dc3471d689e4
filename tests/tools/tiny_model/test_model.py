"""The shipped folder sample/tiny-qwen3: that it loads, is small, and speaks Qwen3's chat format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.chat import encode_example, encode_prompt, letter_token_ids, stop_token_id
from app.core.prompts import build_mc_prompt_direct

FOLDER = Path(__file__).resolve().parents[3] / "sample" / "tiny-qwen3"
CHOICES = {
    "a": "七日以内に届け出る",
    "b": "十日以内に届け出る",
    "c": "二十日以内に届け出る",
    "d": "三十日以内に届け出る",
}
PROMPT = build_mc_prompt_direct(
    "正しいものはどれか。", CHOICES, "## 条例\n### 第1条\n十日以内に届け出る。", few_shot=False
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(FOLDER)


def test_the_folder_is_small_and_holds_no_code() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert (FOLDER / "model.safetensors").stat().st_size <= 8_000_000
    assert names == {
        "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    }  # fmt: skip
    config = json.loads((FOLDER / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert "auto_map" not in config


def test_it_loads_as_qwen3_in_float32_with_tied_embeddings(model: Any, tokenizer: Any) -> None:
    assert type(model).__name__ == "Qwen3ForCausalLM"
    assert model.dtype == torch.float32
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert model.config.vocab_size == len(tokenizer)
    # bitsandbytes packs 64 weights to a block: narrower matrices would not shrink.
    assert all(weight.numel() % 64 == 0 for weight in model.parameters() if weight.ndim == 2)


def test_generation_stops_at_the_token_that_training_supervises(model: Any, tokenizer: Any) -> None:
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.eos_token_id == stop == stop_token_id(tokenizer) == tokenizer.eos_token_id
    assert tokenizer.pad_token == "<|endoftext|>"
    assert encode_example(tokenizer, PROMPT, "b").labels[-2:] == [tokenizer.convert_tokens_to_ids("b"), stop]


def test_prompt_ends_with_an_empty_thought_and_comes_back(tokenizer: Any) -> None:
    ids = encode_prompt(tokenizer, PROMPT)
    text = tokenizer.decode(ids)
    assert text == f"<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert encode_prompt(tokenizer, PROMPT, thinking=True) == ids[:-4]
    assert len(ids) < 160


def test_every_letter_has_a_token_of_its_own(tokenizer: Any) -> None:
    found = letter_token_ids(tokenizer)
    assert [tokenizer.convert_tokens_to_ids(letter) in ids for letter, ids in zip("abcd", found, strict=True)] == [
        True
    ] * 4


def test_statutes_and_rare_signs_come_back_unchanged(tokenizer: Any) -> None:
    for text in (
        "第二十七条の二第一項第十九号イ（１）",
        "鵺・龘 \t𠮷野家\r\nＡＢＣ①㈱",
        "Reasoning: 条文\nAnswer: c",
        "（令和六年法律第三十二号）",
    ):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_probabilities_are_finite_on_a_real_prompt(model: Any, tokenizer: Any) -> None:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([encode_prompt(tokenizer, PROMPT)])).logits
    assert bool(torch.isfinite(logits.float()).all())
