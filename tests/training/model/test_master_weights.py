"""bfloat16 weights with their rests: exactly the float32 weights, exactly float32 AdamW, whole after a checkpoint."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from typing import Any

import bitsandbytes
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.training.model.master_weights import MasterWeights, join, split

finite = st.integers(0, 2**32 - 1).map(lambda bits: struct.unpack("f", struct.pack("I", bits))[0])


@given(st.lists(finite.filter(lambda value: abs(value) < 3.0e38), min_size=1, max_size=50))
def test_split_is_exact_and_the_upper_half_is_the_nearest(values: list[float]) -> None:
    whole = torch.tensor(values, dtype=torch.float32)
    rounded, rest = split(whole)
    assert (rounded.dtype, rest.dtype) == (torch.bfloat16, torch.int16)
    assert torch.equal(join(rounded, rest).view(torch.int32), whole.view(torch.int32))
    # as near as torch's own rounding, which differs in ties only
    near = (rounded.double() - whole.double()).abs()
    assert torch.equal(near, (whole.to(torch.bfloat16).double() - whole.double()).abs())


def adamw(groups: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=2e-4, weight_decay=0.1)


def adamw_8bit(groups: Any) -> torch.optim.Optimizer:
    return bitsandbytes.optim.AdamW8bit(groups, lr=2e-4, weight_decay=0.1)


def weights(dtype: torch.dtype) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    # 8-bit states begin at 4,096 weights
    shapes = [(64, 80), (7,)]
    return [
        torch.nn.Parameter((torch.randn(shape, generator=generator) * 0.1).to(torch.bfloat16).to(dtype))
        for shape in shapes
    ]


def steps(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], numbers: range) -> None:
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step + numbers.start))
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        for parameter in parameters:
            gradient = (torch.randn(parameter.shape, generator=generator) + 0.5).to(torch.bfloat16)
            parameter.grad = gradient.to(parameter.dtype)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        assert all(parameter.grad is None for parameter in parameters)


@pytest.mark.parametrize("make", [adamw, adamw_8bit])
def test_the_steps_are_those_of_float32_weights(make: Callable[[Any], torch.optim.Optimizer]) -> None:
    plain, half = weights(torch.float32), weights(torch.bfloat16)
    reference, ours = make(plain), MasterWeights(make(half))
    steps(reference, plain, range(20))
    steps(ours, half, range(20))
    for expected, got in zip(plain, half, strict=True):
        assert got.dtype == torch.bfloat16
        assert torch.equal(got, split(expected.data)[0])


def test_small_steps_add_up_where_plain_bfloat16_stands_still() -> None:
    def moved(dtype: torch.dtype, wrap: bool) -> float:
        weight = torch.nn.Parameter(torch.full((100,), 0.5, dtype=dtype))
        optimizer: Any = torch.optim.AdamW([weight], lr=1e-4, weight_decay=0.0)
        optimizer = MasterWeights(optimizer) if wrap else optimizer
        for _ in range(100):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
        return 0.5 - weight.float().mean().item()

    assert moved(torch.float32, wrap=False) == pytest.approx(0.01, rel=1e-3)
    assert moved(torch.bfloat16, wrap=False) == 0.0
    assert moved(torch.bfloat16, wrap=True) == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("make", [adamw, adamw_8bit])
def test_the_state_goes_on_where_it_was(make: Callable[[Any], torch.optim.Optimizer]) -> None:
    whole = weights(torch.bfloat16)
    optimizer = MasterWeights(make(whole))
    steps(optimizer, whole, range(4))
    stopped = copy.deepcopy(optimizer.state_dict())
    resumed = [torch.nn.Parameter(parameter.detach().clone()) for parameter in whole]
    again = MasterWeights(make(resumed))
    again.load_state_dict(stopped)
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    for one, parameters in ((optimizer, whole), (again, resumed)):
        steps(one, parameters, range(4, 8))
    assert all(torch.equal(one, other) for one, other in zip(whole, resumed, strict=True))
    rests = [one.state_dict()["rest"] for one in (optimizer, again)]
    assert all(torch.equal(one, other) for one, other in zip(*rests, strict=True))
    assert any(rest.any() for rest in rests[0])


def test_other_types_and_weights_without_gradient_are_left_to_the_inner_optimizer() -> None:
    full, half = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimizer = MasterWeights(adamw([full, half]))
    assert optimizer.inner.param_groups[0]["params"][0] is full
    full.grad = torch.ones(3)
    optimizer.step()
    assert full.max() < 1
    assert half.eq(1).all()
    with pytest.raises(ValueError, match="closure"):
        optimizer.step(lambda: 0.0)
