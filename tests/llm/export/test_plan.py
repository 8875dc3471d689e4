"""Sizes from config.json alone: against published counts, against real files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError, ModelError
from app.llm.export.checkpoint import open_checkpoint
from app.llm.export.plan import GIB, check_disk, gguf_type_of, plan_export, plan_lines
from app.llm.export.shapes import is_linear, tensor_shapes
from app.training.memory.model_sizes import read_model_sizes


# Weights as the publishers' model cards and safetensors indexes state them.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen3-8B", 8_190_735_360),
        ("Qwen3-1.7B", 1_720_574_976),
        ("Qwen2.5-7B", 7_615_616_512),
        ("Llama-3.1-8B", 8_030_261_248),
    ],
)
def test_parameters_of_published_models(name: str, parameters: int) -> None:
    assert plan_export(read_model_sizes(name).values, name=name).parameters == parameters


def test_the_plan_of_qwen3_8b_never_holds_more_than_a_table(capsys: Any) -> None:
    plan = plan_export(read_model_sizes("Qwen3-8B").values, name="Qwen3-8B", gguf=("f16", "q8_0"))
    assert plan.merged_bytes == 2 * plan.parameters
    assert plan.gguf_bytes["q8_0"] / plan.gguf_bytes["f16"] == pytest.approx(34 / 64, rel=1e-3)
    assert plan.largest_bytes == 151_936 * 4_096 * 2
    assert plan.peak_bytes < 4 * GIB
    text = "\n".join(plan_lines(plan, check=True, free_bytes=10 * GIB))
    assert "8,190,735,360 個" in text
    assert "統合した重み: 15.26 GiB" in text
    with pytest.raises(ConfigError, match=r"空きは 10\.00 GiB で、書き出しには 38\.62 GiB"):
        check_disk(plan.disk_bytes(), 10 * GIB, "export")
    check_disk(plan.disk_bytes(), 40 * GIB, "export")


@pytest.mark.parametrize(
    ("kinds", "merged_done", "gguf_done", "beside"),
    [
        (("q4_k_m",), False, (), ("merged", "f16", "q4_k_m")),
        (("q8_0", "q4_k_m"), False, (), ("merged", "q8_0", "f16", "q4_k_m")),
        (("q4_k_m", "q8_0"), False, (), ("merged", "q4_k_m", "f16")),  # f16 is gone when q8_0 is written
        (("f16", "q4_k_m"), False, (), ("merged", "f16", "q4_k_m")),
        (("q4_k_m", "f16"), False, (), ("merged", "f16", "q4_k_m")),
        (("f16", "q8_0"), False, (), ("merged", "f16", "q8_0")),
        ((), False, (), ("merged",)),
        (("q8_0", "q4_k_m"), True, ("q8_0",), ("f16", "q4_k_m")),
        (("f16", "q4_k_m"), True, ("f16",), ("q4_k_m",)),
        (("f16", "q4_k_m"), True, ("f16", "q4_k_m"), ()),
    ],
)
def test_the_disk_holds_the_f16_that_q4_k_m_is_made_from(
    kinds: tuple[str, ...], merged_done: bool, gguf_done: tuple[str, ...], beside: tuple[str, ...]
) -> None:
    values = read_model_sizes("Qwen3-8B").values
    every = plan_export(values, name="m", gguf=("f16", "q8_0", "q4_k_m"))
    sizes = {"merged": every.merged_bytes, **every.gguf_bytes}
    plan = plan_export(values, name="m", gguf=kinds)
    done = plan.merged_bytes if merged_done else 0
    assert plan.disk_bytes(done, gguf_done) == sum(sizes[name] for name in beside)
    lent = "f16" not in kinds and "q4_k_m" in kinds
    (line,) = [one for one in plan_lines(plan, check=False) if one.startswith("  ディスク")]
    assert line.startswith(f"  ディスク: 書き出しに{'最大' if lent else '合計'} ")
    assert line.endswith("（q4_k_m を作る間の f16 を含む）") is lent


def test_files_that_are_there_need_no_room() -> None:
    plan = plan_export(read_model_sizes("Qwen3-8B").values, name="m")
    assert plan.disk_bytes(plan.merged_bytes - 7) == 7
    assert plan.disk_bytes(plan.merged_bytes + 7) == 0  # headers are not counted


@pytest.mark.parametrize("tied", [True, False])
def test_shapes_are_those_of_the_files(tied: bool, tmp_path: Path, sample_model: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    sizes = {
        "vocab_size": 96, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "tie_word_embeddings": tied,
    }  # fmt: skip
    models = {
        "qwen2": Qwen2ForCausalLM(Qwen2Config(**sizes)),
        "llama": LlamaForCausalLM(LlamaConfig(**sizes, attention_bias=tied, mlp_bias=tied)),
    }
    folders = [sample_model]
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
        folders.append(tmp_path / name)
    for folder in folders:
        checkpoint = open_checkpoint(folder)
        assert {tensor.name: tensor.shape for tensor in checkpoint.tensors} == tensor_shapes(checkpoint.config)


def test_what_is_linear_and_what_a_gguf_keeps_wide() -> None:
    assert is_linear("model.layers.0.mlp.down_proj.weight")
    assert not is_linear("model.layers.0.self_attn.q_proj.bias")
    assert not is_linear("lm_head.weight")
    assert [gguf_type_of(shape, "q8_0") for shape in ((64,), (8, 64), (8, 48))] == ["f32", "q8_0", "f16"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gemma3"}, "model_type 'gemma3' は書き出せません"),
        ({"hidden_size": None}, "hidden_size がありません"),
        ({"quantization_config": {"quant_method": "gptq"}}, "量子化済みの重み"),
    ],
)
def test_what_cannot_be_exported_is_refused(change: dict[str, Any], reason: str, sample_model: Path) -> None:
    values = {**json.loads((sample_model / "config.json").read_text("utf-8")), **change}
    with pytest.raises(ModelError, match=reason):
        plan_export(values, name="m")
