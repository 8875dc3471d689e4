"""LoRA: which layers, and that nothing frozen changes its type, plain or in 4 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.errors import ConfigError
from app.llm.loading import Quantization, load_base_model
from app.training.model.lora import (
    attach_lora,
    linear_module_names,
    parameter_counts,
    resolve_target_modules,
    trainable_parameters,
)

ALL = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
NF4 = Quantization(compute_dtype="float32")


def lora(model: Any, **more: Any) -> Any:
    settings = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ALL, "bias": "none", "seed": 1, **more}
    return attach_lora(model, **settings)


@pytest.mark.parametrize("quantization", [None, NF4])
def test_all_linear_is_every_linear_layer_without_the_head(tiny_model_dir: Path, quantization: Any) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=quantization, device="cpu")
    assert linear_module_names(model) == ALL
    assert resolve_target_modules(model, ["all-linear"]) == ALL
    assert resolve_target_modules(model, ["v_proj", "q_proj"]) == ["q_proj", "v_proj"]
    with pytest.raises(ConfigError) as caught:
        resolve_target_modules(model, ["q_proj", "query", "lm_head"])
    assert "query・lm_head という層はこのモデルにありません" in str(caught.value)
    assert "・".join(ALL) in str(caught.value)


@pytest.mark.parametrize("quantization", [None, NF4])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_no_frozen_parameter_changes_type_or_value(tiny_model_dir: Path, quantization: Any, dtype: str) -> None:
    base = load_base_model(str(tiny_model_dir), quantization=quantization, dtype=dtype, device="cpu")
    before = {id(parameter): (parameter.dtype, parameter.detach().clone()) for parameter in base.parameters()}
    model = lora(base)
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    assert len(frozen) == len(before)
    for parameter in frozen:
        assert parameter.dtype == before[id(parameter)][0]
        assert torch.equal(parameter, before[id(parameter)][1])
    assert {parameter.dtype for parameter in trainable_parameters(model).values()} == {torch.float32}


def test_counts_a_packed_weight_as_many_weights(tiny_model_dir: Path) -> None:
    plain = parameter_counts(lora(load_base_model(str(tiny_model_dir), quantization=None, device="cpu")))
    packed = parameter_counts(lora(load_base_model(str(tiny_model_dir), quantization=NF4, device="cpu")))
    assert plain == packed
    # r × (in + out) of each of the seven layers of both decoder layers
    widths = [(64, 64), (64, 32), (64, 32), (64, 64), (64, 128), (64, 128), (128, 64)]
    assert plain[0] == 2 * sum(4 * (into + out) for into, out in widths)


@pytest.mark.parametrize("quantization", [None, NF4])
def test_bfloat16_weights_start_as_the_float32_ones_rounded(tiny_model_dir: Path, quantization: Any) -> None:
    models = [
        lora(load_base_model(str(tiny_model_dir), quantization=quantization, device="cpu"), dtype=dtype)
        for dtype in ("fp32", "bf16")
    ]
    full, half = map(trainable_parameters, models)
    assert {value.dtype for value in half.values()} == {torch.bfloat16}
    assert all(torch.equal(half[name], full[name].to(torch.bfloat16)) for name in full)
    ids = torch.arange(60, 90)[None]
    models[1](ids).logits.float().logsumexp(-1).sum().backward()
    assert all(value.grad.dtype == torch.bfloat16 for value in half.values())


def test_rank_stabilised_scaling_is_alpha_over_the_root_of_r(tiny_model_dir: Path) -> None:
    for rslora, scaling in ((False, 8 / 4), (True, 8 / 4**0.5)):
        model = lora(load_base_model(str(tiny_model_dir), quantization=None, device="cpu"), rslora=rslora)
        scalings = [getattr(module, "scaling", None) for module in model.modules()]
        found = {one["default"] for one in scalings if isinstance(one, dict)}
        assert found == {scaling}
        assert model.peft_config["default"].use_rslora is rslora


def test_equal_seeds_start_equal(tiny_model_dir: Path) -> None:
    starts = [
        trainable_parameters(lora(load_base_model(str(tiny_model_dir), quantization=None, device="cpu"), seed=seed))
        for seed in (1, 1, 2)
    ]
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])
    assert not all(torch.equal(starts[0][name], starts[2][name]) for name in starts[0])


def test_an_evaluation_between_steps_leaves_the_gradients_of_4_bit_layers(tiny_model_dir: Path) -> None:
    model = lora(load_base_model(str(tiny_model_dir), quantization=NF4, device="cpu"))
    ids = torch.arange(60, 90)[None]

    def gradients() -> dict[str, torch.Tensor]:
        model.train()
        model.zero_grad()
        model(ids).logits.float().logsumexp(-1).sum().backward()
        return {name: value.grad.clone() for name, value in trainable_parameters(model).items()}

    with torch.no_grad():
        for name, value in trainable_parameters(model).items():
            if "lora_B" in name:
                value.fill_(0.01)
    before = gradients()
    model.eval()
    with torch.no_grad():
        model(ids)
    after = gradients()
    assert all(value.abs().sum() > 0 for value in before.values())
    assert all(torch.equal(after[name], before[name]) for name in before)
