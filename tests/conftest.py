"""Fixtures for every test folder: one thread, no network, and a random two-layer Qwen3 with a small tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Set before torch or tokenizers are imported: one thread makes sums come out bit-identical, and no test may reach out.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# The thinking switch works like Qwen3's: switched off, the template writes an empty thought itself.
QWEN3_STYLE_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINK_TOKENS = ("<think>", "</think>")
_TEXT = [
    "日本の法令に関する四択問題です。選択肢a、b、c、dから一つを選び、その文字だけを答えてください。説明は不要です。",
    "次のうち、正しいものを教えてください。次のうち、誤っているものを教えてください。",
    "第一条 この法律において「届出」とは、行政庁に対し一定の事項を通知する行為をいう。",
    "Reasoning: 条文によれば aが正しい。\nAnswer: a\nAnswer: b\nAnswer: c\nAnswer: d",
    "ａ ｂ ｃ ｄ Ａ Ｂ Ｃ Ｄ a b c d A B C D 【参照条文】【問題】【選択肢】",
    *["○", "×"] * 8,
]


def build_tiny_tokenizer() -> Any:
    """A byte-level BPE of a few hundred tokens with Qwen's markers and chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=QWEN3_STYLE_TEMPLATE,
    )
    wrapped.add_tokens(list(THINK_TOKENS))
    return wrapped


def build_tiny_model(vocabulary_size: int, eos_token_id: int, *, seed: int = 0, tie: bool = True) -> Any:
    """A random Qwen3ForCausalLM of two layers (64 wide: the smallest width that bitsandbytes packs whole)."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=vocabulary_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=tie,
        eos_token_id=eos_token_id,
        bos_token_id=None,
        pad_token_id=0,
    )
    return Qwen3ForCausalLM(config)


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the random tiny Qwen3 (fp32 safetensors) and its tokenizer. Treat it as read-only."""
    folder = tmp_path_factory.mktemp("tiny-model")
    tokenizer = build_tiny_tokenizer()
    build_tiny_model(len(tokenizer), tokenizer.eos_token_id).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_model_dir: Path) -> Any:
    """The tokenizer of ``tiny_model_dir``. Shared: copy it before changing it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model_dir)


@dataclass(frozen=True)
class ServedModel:
    """A model folder (float32) and the address of the llama.cpp server that serves a GGUF of it."""

    folder: Path
    url: str


@pytest.fixture(scope="session")
def sample_float32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the sample's tiny model in float32, for servers to serve. Treat it as read-only."""
    from app.llm.loading import load_base_model, load_tokenizer

    sample = Path(__file__).resolve().parents[1] / "sample" / "tiny-qwen3"
    folder = tmp_path_factory.mktemp("served")
    load_base_model(str(sample), quantization=None).float().save_pretrained(folder)
    load_tokenizer(str(sample)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sample_gguf(sample_float32: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``sample_float32`` as GGUF, as the export writes it."""
    from app.core.chat import stop_token_id
    from app.llm.export.checkpoint import open_checkpoint
    from app.llm.export.gguf_file import write_gguf
    from app.llm.loading import load_tokenizer

    tokenizer, path = load_tokenizer(str(sample_float32)), tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(
        open_checkpoint(sample_float32), path, "f32",
        name="tiny", chat_template=tokenizer.chat_template, stop_id=stop_token_id(tokenizer),
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def llamacpp_server(sample_float32: Path, sample_gguf: Path) -> Iterator[ServedModel]:
    """A real llama.cpp server with the sample's tiny model in float32."""
    from app.llm.export.llamacpp import served

    with served(sample_gguf, context_tokens=2048) as url:
        yield ServedModel(sample_float32, url)


def make_records(count: int, *, mode: str = "direct", first: int = 0) -> list[Any]:
    """Training records of invented questions, right letters in turn; ids ``q0``, ``q1`` … from ``first`` on."""
    from app.core.prompts import (
        PROMPT_VERSION,
        build_mc_prompt_cot,
        build_mc_prompt_direct,
        render_cot_answer,
        render_direct_answer,
    )
    from app.data.records import Record

    records = []
    for number in range(first, first + count):
        choices = {letter: f"{(number * 4 + place) % 29 + 1}日以内" for place, letter in enumerate("abcd")}
        correct = "abcd"[number % 4]
        question = f"第{number + 1}条の届出の期限はどれか。"
        context = f"第{number + 1}条 届出は{choices[correct]}にする。" + "期限を守る。" * (number % 3)
        meta = {
            "id": f"q{number}", "dataset": "test", "mode": mode, "correct": correct, "use_context": True,
            "context_present": True, "top_k": 0, "retriever_type": "gold", "question": question, "choices": choices,
            "source_file": "test.json", "few_shot": False, "order": "abcd", "cluster": f"c{number}", "doc_ids": [],
            "scores": [], "prompt_version": PROMPT_VERSION,
        }  # fmt: skip
        if mode == "direct":
            prompt = build_mc_prompt_direct(question, choices, context, few_shot=False)
            output = render_direct_answer(correct)
        else:
            prompt = build_mc_prompt_cot(question, choices, context)
            output = render_cot_answer(f"第{number + 1}条は「届出は{choices[correct]}にする。」とする。", correct)
        records.append(Record(prompt, output, meta))
    return records


@pytest.fixture(scope="session")
def record_maker() -> Any:
    """``make_records``: a fixture, since test folders are no packages to import from."""
    return make_records


def make_choice_records(count: int, *, first: int = 0, letters: str = "abcd", negative: bool = False) -> list[Any]:
    """One choice record for each of ``letters`` of invented questions ``q0``, ``q1`` …; the letter asked for in turn.

    ``negative`` asks for the choice that does not fit, so that all the others do.
    """
    from app.core.questions import Question
    from app.data.context import ContextPlan, gold_context
    from app.data.finetune import choice_records

    plan = ContextPlan("gold", "gold", 0, gold_context)
    records = []
    for number in range(first, first + count):
        correct = letters[number % len(letters)]
        days = {letter: f"{(number * 4 + place) % 29 + 1}日以内" for place, letter in enumerate(letters)}
        question = f"第{number + 1}条の届出の期限について、{'誤っている' if negative else '正しい'}ものはどれか。"
        context = f"第{number + 1}条 届出は{days[correct]}にする。" + "期限を守る。" * (number % 3)
        one = Question(
            id=f"q{number}", question=question, choices=days, correct=correct, context=context, articles=(),
            cluster=f"c{number}", polarity="incorrect" if negative else "correct", source="test.json", law="試験法",
        )  # fmt: skip
        records += choice_records(one, plan, gold_context(one), "test")
    return records


@pytest.fixture(scope="session")
def choice_maker() -> Any:
    """``make_choice_records``, see ``record_maker``."""
    return make_choice_records
