"""Adapters that do something on small models, with the run.json that an export needs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.chat import chat_template_hash
from app.core.files import write_json
from app.core.prompts import PROMPT_VERSION
from app.core.questions import content_hash
from app.data.lawqa import load_questions
from app.llm.loading import Quantization, base_model_facts, load_base_model, load_tokenizer

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "sample" / "selection.json"
NF4 = {
    "load_in_4bit": True, "compute_dtype": "float32", "quant_type": "nf4", "double_quant": True, "lm_head_4bit": False,
}  # fmt: skip


@pytest.fixture(scope="session")
def sample_model() -> Path:
    """The sample's tiny Qwen3 (bfloat16)."""
    return ROOT / "sample" / "tiny-qwen3"


@pytest.fixture(scope="session")
def few_questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the sample's first four questions."""
    samples = json.loads(SAMPLE.read_text("utf-8"))["samples"][:4]
    path = tmp_path_factory.mktemp("questions") / "four.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def make_adapter(
    folder: Path, model: Path, *, four_bit: bool, rslora: bool = False, std: float = 0.005, **more: Any
) -> Path:
    """An adapter on every linear layer with weights of its own; its run.json says it learned the sample's last question."""
    import torch
    from peft import LoraConfig, get_peft_model

    base = load_base_model(str(model), quantization=None)
    facts = base_model_facts(str(model), base)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", use_rslora=rslora)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for a name that will go in v6
        tuned = get_peft_model(base, lora)
    generator = torch.Generator().manual_seed(3)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * (std if "lora_B" in name else 0.2)
    tuned.save_pretrained(folder)
    learned = load_questions(SAMPLE)[-1]
    write_json(
        folder / "run.json",
        {
            "kind": "adapter",
            "base_model": facts,
            "quantization": NF4 if four_bit else None,
            "lora": {"r": 4, "alpha": 8},
            "chat": {"format": "auto", "template_sha256": chat_template_hash(load_tokenizer(str(model)))},
            "prompt_version": PROMPT_VERSION,
            "train_mode": "direct",
            "objective": "letter",
            "few_shot": False,
            "use_context": True,
            "seed": 42,
            "train_file": {"path": "train.jsonl", "sha256": "0" * 64, "records": 1},
            "trained_question_ids": [learned.id],
            "trained_question_hashes": [content_hash(learned.question, learned.choices)],
            "trained_clusters": [learned.cluster],
            "dev_question_ids": [],
            "dev_question_hashes": [],
            **more,
        },
    )
    return folder


@pytest.fixture(scope="session")
def adapter_maker() -> Callable[..., Path]:
    """``make_adapter``."""
    return make_adapter


@pytest.fixture(scope="session")
def four_bit_adapter(tmp_path_factory: pytest.TempPathFactory, sample_model: Path) -> Path:
    """An adapter over the sample model's 4-bit weights. Treat it as read-only."""
    return make_adapter(tmp_path_factory.mktemp("adapters") / "four_bit", sample_model, four_bit=True)


@pytest.fixture(scope="session")
def plain_adapter(tmp_path_factory: pytest.TempPathFactory, sample_model: Path) -> Path:
    """An adapter over the sample model's own weights. Treat it as read-only."""
    return make_adapter(tmp_path_factory.mktemp("adapters") / "plain", sample_model, four_bit=False)


@pytest.fixture
def nf4() -> Quantization:
    """The 4-bit settings of ``four_bit_adapter``."""
    return Quantization(True, "float32", "nf4", True)
