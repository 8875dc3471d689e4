"""GGUF files as llama.cpp reads them: the same probabilities as the model they were written from, tokens by id and by text."""

from __future__ import annotations

import math
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from app.core.chat import encode_prompt, letter_token_ids, pair_token_ids, render_prompt, stop_token_id
from app.core.errors import BackendError, ModelError
from app.llm.export.checkpoint import open_checkpoint
from app.llm.export.gguf_file import quantise_with_llamacpp, rope_factors, write_gguf
from app.llm.export.gguf_tokenizer import CONTROL, NORMAL, UNUSED, USER_DEFINED, read_gguf_tokenizer
from app.llm.export.llamacpp import served
from app.llm.export.recheck import TorchScorer
from app.llm.http import JsonClient
from app.llm.llamacpp import LlamaCppScorer, summed
from app.llm.loading import load_base_model, load_tokenizer

PROMPTS = ["次のうち、正しいものを教えてください。", "第一条 届出は二週間以内にする。\n候補 a b c d", "第二条"]


def written(folder: Path, path: Path, kind: str) -> Path:
    tokenizer = load_tokenizer(str(folder))
    write_gguf(
        open_checkpoint(folder),
        path,
        kind,
        name="m",
        chat_template=tokenizer.chat_template,
        stop_id=stop_token_id(tokenizer),
    )
    return path


def torch_scores(folder: Path, rows: list[list[int]], answers: list[list[int]]) -> Any:
    return TorchScorer(load_base_model(str(folder), quantization=None, dtype="float32")).score(rows, answers)


def llama_config(**more: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, bos_token_id=None, eos_token_id=2, pad_token_id=0, initializer_range=0.2, **more,
    )  # fmt: skip


LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip


@pytest.fixture(params=["qwen2", "qwen3", "llama", "llama3"])
def random_model(request: pytest.FixtureRequest, tmp_path: Path, tiny_tokenizer: Any) -> Path:
    """A random model of each architecture, wide weights so that a wrong layout changes its answers."""
    from transformers import LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(5)
    size = len(tiny_tokenizer)
    common = {
        "vocab_size": size, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 256, "eos_token_id": 2, "pad_token_id": 0, "bos_token_id": None,
        "initializer_range": 0.2,
    }  # fmt: skip
    makers: dict[str, Callable[[], Any]] = {
        "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**common, tie_word_embeddings=False)),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**common, head_dim=32, tie_word_embeddings=True)),
        "llama": lambda: LlamaForCausalLM(llama_config(vocab_size=size, attention_bias=True)),
        # Four rows beyond the tokenizer, as Qwen's published models have.
        "llama3": lambda: LlamaForCausalLM(llama_config(vocab_size=size + 4, rope_parameters=LLAMA3)),
    }
    model = makers[request.param]()
    for name, parameter in model.named_parameters():
        if name.endswith(".bias") or "norm" in name:
            parameter.data += torch.randn(parameter.shape) * 0.3
    folder = tmp_path / request.param
    model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


def test_every_architecture_says_in_llamacpp_what_it_says_here(random_model: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(random_model))
    rows = [encode_prompt(tokenizer, prompt) for prompt in PROMPTS]
    answers = letter_token_ids(tokenizer)
    wanted = torch_scores(random_model, rows, answers)
    with served(written(random_model, tmp_path / "m.gguf", "f32"), context_tokens=256) as url:
        scores = LlamaCppScorer(url).score(rows, answers)
    np.testing.assert_allclose(scores, wanted, atol=2e-3)
    assert np.ptp(wanted) > 1  # answers far apart: a model that says the same of everything would agree with anything


@pytest.mark.parametrize(("kind", "tolerance"), [("f16", 0.02), ("q8_0", 0.3)])
def test_the_sample_model_in_fewer_bits(kind: str, tolerance: float, sample_model: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(sample_model))
    rows, answers = [encode_prompt(tokenizer, prompt) for prompt in PROMPTS], pair_token_ids(tokenizer)
    path = written(sample_model, tmp_path / "m.gguf", kind)
    with served(path, context_tokens=256) as url:
        scores = LlamaCppScorer(url).score(rows, answers)
    np.testing.assert_allclose(scores, torch_scores(sample_model, rows, answers), atol=tolerance)
    reader = gguf.GGUFReader(path)
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert types["blk.0.attn_norm.weight"] == "F32"
    assert types["token_embd.weight"] == types["blk.0.ffn_down.weight"] == kind.upper()
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.gguf"]


def test_a_server_cuts_text_as_the_tokenizer_does_where_the_tokenizer_is_the_usual_one(
    random_model: Path, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(str(random_model))
    text = render_prompt(tokenizer, "abc 届出")
    with served(written(random_model, tmp_path / "m.gguf", "f16"), context_tokens=256) as url:
        scorer = LlamaCppScorer(url)
        assert tokenizer.decode(scorer.tokenize(text)) == text
        special = tokenizer.convert_tokens_to_ids("<|im_start|>")
        assert scorer.tokenize(text)[0] == special  # one token, with nothing put before it


def test_the_tokenizer_is_written_by_id(random_model: Path) -> None:
    vocabulary = open_checkpoint(random_model).config["vocab_size"]
    stored, tokenizer = read_gguf_tokenizer(random_model, vocabulary), load_tokenizer(str(random_model))
    assert len(stored.tokens) == len(stored.kinds) == vocabulary
    assert stored.tokens[: len(tokenizer)] == tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    kinds = {stored.tokens[index]: kind for index, kind in enumerate(stored.kinds)}
    assert (kinds["<|im_end|>"], kinds["<think>"], kinds["a"]) == (CONTROL, USER_DEFINED, NORMAL)
    assert stored.kinds[len(tokenizer) :] == [UNUSED] * (vocabulary - len(tokenizer))
    assert all(merge.count(" ") == 1 for merge in stored.merges)


def test_a_tokenizer_that_gguf_cannot_hold_is_refused(tmp_path: Path, sample_model: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json がありません"):
        read_gguf_tokenizer(tmp_path, 10)
    with pytest.raises(ModelError, match="トークン 4607 に当たる行が埋め込み表（4607 行）にありません"):
        read_gguf_tokenizer(sample_model, 4607)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}, "decoder": null}', "utf-8")
    with pytest.raises(ModelError, match="Unigram"):
        read_gguf_tokenizer(tmp_path, 10)


def test_the_ramp_of_llama_3s_rotation() -> None:
    factors = rope_factors(llama_config(rope_parameters=LLAMA3).to_dict())
    # Waves of 2π · 10000^(i/16): 6.3, 20, 63, 199 … against 64 / 4 = 16 and 64 / 1 = 64 positions.
    assert factors[0] == 1.0
    assert factors[3:].tolist() == [8.0] * 5
    assert 1 < factors[1] < factors[2] < 8
    smooth = (64 / (2 * math.pi * 10_000 ** (1 / 8)) - 1) / 3
    assert factors[1] == pytest.approx(1 / ((1 - smooth) / 8 + smooth))
    assert rope_factors({"rope_theta": 1e6, "hidden_size": 64, "num_attention_heads": 4}) is None
    with pytest.raises(ModelError, match="rope_type 'yarn'"):
        rope_factors({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}})


def test_what_float16_cannot_hold_is_refused_and_leaves_no_file(random_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(random_model / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = 70_000.0
    save_file(weights, random_model / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="float16 に収まらない"):
        written(random_model, tmp_path / "m.gguf", "f16")
    assert not list(tmp_path.glob("*.gguf*"))
    assert not list(tmp_path.glob(".m*"))
    written(random_model, tmp_path / "m.gguf", "q8_0")


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 0", None), ("echo loading; echo unknown type >&2; exit 1", "unknown type"), ("exit 7", "終了コード 7")],
)
def test_llamacpps_own_quantiser(script: str, reason: str | None, tmp_path: Path) -> None:
    program = tmp_path / "llama-quantize"
    program.write_text(f'#!/bin/sh\n[ "$3" = Q4_K_M ] && cp "$1" "$2"\n{script}\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    source, target = tmp_path / "f16.gguf", tmp_path / "q4.gguf"
    source.write_bytes(b"GGUF")
    if reason is None:
        quantise_with_llamacpp(str(program), source, target, "q4_k_m")
        assert target.read_bytes() == b"GGUF"
        return
    with pytest.raises(ModelError, match=reason):
        quantise_with_llamacpp(str(program), source, target, "q4_k_m")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["f16.gguf", "llama-quantize"]


def test_spellings_are_summed_and_what_was_not_listed_is_bounded() -> None:
    listed = {1: math.log(0.5), 2: math.log(0.25), 3: math.log(0.125)}
    assert summed(listed, [1, 2]) == pytest.approx((math.log(0.75), 0.0))
    total, hidden = summed(listed, [1, 9])
    assert total == pytest.approx(math.log(0.5))
    assert hidden == pytest.approx(math.log((0.5 + 0.125) / 0.5))
    assert summed(listed, [9]) == (-math.inf, math.inf)


def test_more_probabilities_are_asked_for_until_the_answers_are_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    probabilities = sorted(((index, -float(index) / 100) for index in range(3000)), key=lambda one: -one[1])

    def answer(self: LlamaCppScorer, rows: Any, count: int, written: int) -> list[dict[int, float]]:
        asked.append((len(rows), count))
        return [dict(probabilities[: count if row == [1] else None]) for row in rows]

    monkeypatch.setattr(LlamaCppScorer, "_next_tokens", answer)
    scorer = LlamaCppScorer("http://127.0.0.1:1")
    found = scorer.score([[1], [2]], [[3], [2500]]).tolist()
    assert found == [[pytest.approx(-0.03), pytest.approx(-25.0)]] * 2
    assert asked == [(2, 512), (1, 4096)]  # what is known already is not asked for again
    with pytest.raises(BackendError, match="答えのトークンの確率が応答にありません"):
        scorer.score([[1]], [[5000]])


@pytest.mark.parametrize(
    "answer", [{}, {"completion_probabilities": [{"probs": []}]}, {"completion_probabilities": []}]
)
def test_an_answer_without_probabilities_is_one_line(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonClient, "post_all", lambda *_: [answer])
    with pytest.raises(BackendError, match="top_logprobs がありません"):
        LlamaCppScorer("http://127.0.0.1:1").score([[1]], [[2]])


def test_a_file_that_is_no_gguf_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"llama\.cpp が読み込めません"), served(path, context_tokens=64):
        pass
