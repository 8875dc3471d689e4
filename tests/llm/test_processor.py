"""The type that the processor computes well in, for processors with and without bfloat16 instructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from app.llm import processor
from app.llm.loading import Quantization, load_base_model
from app.llm.processor import computes_bfloat16, free_memory, widen_for_processor


@pytest.fixture
def stored_narrow(tiny_model_dir: Path, tmp_path: Path) -> str:
    """A model folder with bfloat16 weights."""
    load_base_model(str(tiny_model_dir), quantization=None).to(torch.bfloat16).save_pretrained(tmp_path)
    return str(tmp_path)


def answer(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool, free: int | None = 1 << 40) -> None:
    monkeypatch.setattr(processor, "computes_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(processor, "free_memory", lambda: free)


@pytest.mark.parametrize(
    ("capabilities", "found"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "architecture": "x86_64"}, False),
        ({"avx2": True, "avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True, "sve": True}, False),
        ({}, False),
    ],
)
def test_torch_is_asked_for_the_instructions(
    capabilities: dict[str, Any], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert computes_bfloat16() is found


@pytest.mark.parametrize("found", [True, False])
def test_an_older_torch_is_asked_in_its_own_way(found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: found)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert computes_bfloat16() is found


def test_free_memory_is_a_number_of_bytes() -> None:
    free = free_memory()
    assert free is not None
    assert 1 << 20 < free < 1 << 50


@pytest.mark.parametrize(
    ("bfloat16", "dtype", "said"),
    [(True, torch.bfloat16, ""), (False, torch.float32, "float32 に広げて計算します")],
)
def test_stored_weights_are_loaded_as_the_processor_computes(
    bfloat16: bool, dtype: torch.dtype, said: str, stored_narrow: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    answer(monkeypatch, bfloat16=bfloat16)
    model = load_base_model(stored_narrow, quantization=None, device="cpu")
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    assert said in capsys.readouterr().err


def test_a_type_that_is_asked_for_is_kept(stored_narrow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, bfloat16=False)
    model = load_base_model(stored_narrow, quantization=None, dtype="bfloat16", device="cpu")
    assert model.dtype == torch.bfloat16


def test_the_layout_of_4_bit_weights_is_kept(stored_narrow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, bfloat16=False)
    model = load_base_model(stored_narrow, quantization=Quantization(), device="cpu")
    assert torch.uint8 in {weight.dtype for weight in model.parameters()}


def test_weights_that_would_fill_the_memory_stay_narrow_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = torch.nn.Linear(100, 10, bias=False).to(torch.bfloat16)
    answer(monkeypatch, bfloat16=False, free=2 * 4 * 1000 - 1)
    assert not widen_for_processor(model)
    assert model.weight.dtype == torch.bfloat16
    assert "メモリの空きの半分を超える" in capsys.readouterr().err
    answer(monkeypatch, bfloat16=False, free=2 * 4 * 1000)
    assert widen_for_processor(model)
    assert model.weight.dtype == torch.float32
    assert not widen_for_processor(model)
