"""The tiled 4-bit head: the numbers of its own rounded weights, one tile expanded at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bitsandbytes.functional as bnb_functional
import pytest
import torch
from bitsandbytes.autograd import _functions

from app.llm.loading import load_base_model
from app.training.model.lora import attach_lora, linear_module_names, trainable_parameters
from app.training.model.loss import label_loss_sum
from app.training.model.tiled_head import TiledHead, quantize_head


def build(rows: int = 300, tile_rows: int = 128) -> tuple[TiledHead, torch.Tensor]:
    weight = torch.randn(rows, 64, generator=torch.Generator().manual_seed(2))
    head = TiledHead(weight, compute_dtype=torch.float32, tile_rows=tile_rows).train()
    return head, weight


def expanded(head: TiledHead) -> torch.Tensor:
    return torch.cat([bnb_functional.dequantize_4bit(tile.weight.data, tile.weight.quant_state) for tile in head.tiles])


def test_forward_and_gradient_are_those_of_the_rounded_weights() -> None:
    head, weight = build()
    assert [tile.out_features for tile in head.tiles] == [128, 128, 44]
    hidden = torch.randn(5, 64, requires_grad=True)
    logits = head(hidden)
    assert logits.shape == (5, 300)
    rounded = expanded(head)
    torch.testing.assert_close(logits, hidden.detach() @ rounded.T, rtol=1e-5, atol=1e-5)
    logits.logsumexp(-1).sum().backward()
    again = hidden.detach().clone().requires_grad_()
    (again @ rounded.T).logsumexp(-1).sum().backward()
    torch.testing.assert_close(hidden.grad, again.grad, rtol=1e-5, atol=1e-5)
    # NF4 of a normal distribution: about 9 % root mean square (arXiv 2305.14314, appendix)
    assert 0.05 < ((rounded - weight).pow(2).mean() / weight.pow(2).mean()).sqrt() < 0.12


def test_only_one_tile_is_expanded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    head, _ = build()
    sizes: list[int] = []
    original = bnb_functional.dequantize_4bit

    def recorded(*arguments: Any, **more: Any) -> Any:
        result = original(*arguments, **more)
        sizes.append(result.numel())
        return result

    monkeypatch.setattr(bnb_functional, "dequantize_4bit", recorded)
    assert _functions.F is bnb_functional
    hidden = torch.randn(5, 64, requires_grad=True)
    head(hidden).sum().backward()
    assert len(sizes) >= 3  # each tile at least in the backward pass
    assert max(sizes) == 128 * 64


def test_an_evaluation_in_between_leaves_the_weights_and_their_gradient() -> None:
    """A dev evaluation runs the head in eval mode, where bitsandbytes repacks 4-bit weights for good on some CPUs."""
    head, _ = build()

    def gradient() -> torch.Tensor:
        hidden = torch.ones(5, 64, requires_grad=True)
        head.train()(hidden).logsumexp(-1).sum().backward()
        assert hidden.grad is not None
        return hidden.grad

    before, stored = gradient(), [tile.weight.data.clone() for tile in head.tiles]
    with torch.no_grad():
        head.eval()(torch.ones(5, 64))
    for tile, weight in zip(head.tiles, stored, strict=True):
        assert not tile.support_avx512bf16_for_cpu
        assert torch.equal(tile.weight.data, weight)
    torch.testing.assert_close(gradient(), before, rtol=0, atol=0)


def test_a_model_trains_through_it(tiny_model_dir: Path) -> None:
    ids = torch.arange(60, 90)[None]
    labels = torch.where(torch.arange(30)[None] > 24, ids, -100)

    def loss_of(*, tiled: bool) -> tuple[float, float]:
        base = load_base_model(str(tiny_model_dir), quantization=None, device="cpu")
        if tiled:
            quantize_head(base, compute_dtype="float32", tile_rows=100)
        assert "q_proj" in linear_module_names(base)
        assert "0" not in linear_module_names(base)
        model = attach_lora(base, r=4, alpha=8, dropout=0.0, target_modules=["q_proj"], bias="none", seed=1).train()
        loss = label_loss_sum(model, ids, labels)
        loss.total.backward()
        norm = sum(value.grad.pow(2).sum() for value in trainable_parameters(model).values()).sqrt()
        return loss.total.item() / loss.positions, float(norm)

    plain, tiled = loss_of(tiled=False), loss_of(tiled=True)
    assert tiled[0] == pytest.approx(plain[0], rel=0.01)
    assert tiled[0] != plain[0]
    assert tiled[1] == pytest.approx(plain[1], rel=0.2)
