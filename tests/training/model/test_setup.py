"""What a card computes in, and the allocator's option: decided before anything is loaded."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from app.core.errors import ConfigError, ModelError
from app.llm.loading import load_base_model
from app.training.config import TrainConfig, compute_dtype_of
from app.training.memory.run_plan import forget_peaks, measured_memory
from app.training.model.loss import check_shareable
from app.training.model.setup import ALLOCATOR_VARIABLES, allow_growing_segments, load_model, resolve_precision


def config(**more: Any) -> TrainConfig:
    return TrainConfig(**{"model_name": "m", "train_file": Path("t"), "output_dir": Path("o")} | more)


@pytest.fixture
def no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALLOCATOR_VARIABLES:
        monkeypatch.setenv(name, "")  # so that monkeypatch takes away what the call sets
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("system", "release", "allowed"),
    [
        ("linux", "6.8.0-45-generic", True),
        ("linux", "5.15.153.1-microsoft-standard-WSL2", False),
        ("linux", "4.4.0-19041-Microsoft", False),
        ("win32", "11", False),
    ],
)
def test_segments_may_grow_on_plain_linux_alone(
    system: str, release: str, allowed: bool, no_option: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "uname", lambda: SimpleNamespace(release=release))
    allow_growing_segments()
    found = {name: os.environ.get(name) for name in ALLOCATOR_VARIABLES}
    assert found == dict.fromkeys(ALLOCATOR_VARIABLES, "expandable_segments:True" if allowed else None)


@pytest.mark.parametrize("name", ALLOCATOR_VARIABLES)
def test_an_option_of_the_user_s_own_is_kept_alone(name: str, no_option: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "uname", lambda: SimpleNamespace(release="6.8.0"))
    monkeypatch.setenv(name, "max_split_size_mb:128")
    allow_growing_segments()
    assert {key: os.environ[key] for key in ALLOCATOR_VARIABLES if key in os.environ} == {name: "max_split_size_mb:128"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"_attn_implementation": "eager"}, "attn_implementation が eager です"),
        (
            {"layer_types": ["full_attention", "sliding_attention"], "sliding_window": 512},
            r"512 トークンより前を見ません.*--max-seq-length を 512 以下に",
        ),
        ({"_attn_implementation": "sdpa", "layer_types": ["full_attention"], "sliding_window": 512}, None),
        ({"layer_types": ["sliding_attention"], "sliding_window": 4096}, None),
    ],
)
def test_models_whose_layers_would_not_keep_to_the_shared_mask_are_refused(
    values: dict[str, Any], message: str | None
) -> None:
    with pytest.raises(ModelError, match=message) if message else nullcontext():
        check_shareable(SimpleNamespace(**values), 2048)


def test_biases_that_would_change_their_type_are_refused(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    biased = config(model_name=str(tiny_model_dir), device="cpu", lora_bias="all", use_4bit=True)
    with pytest.raises(
        ConfigError, match=r"--lora-bias all を 4bit で学習するには、計算の型（float16）が重みの型（float32）"
    ):
        load_model(replace(biased, bnb_4bit_compute_dtype="float16"))
    monkeypatch.setattr("app.training.model.setup.resolve_precision", lambda *_: "fp16")
    with pytest.raises(ConfigError, match="--lora-bias all は float16 の計算では学習できません"):
        load_model(biased)


def card(monkeypatch: pytest.MonkeyPatch, *, real_bfloat16: bool) -> None:
    """A card that emulates bfloat16 where it does not have it, as every CUDA card does."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or real_bfloat16
    )


@pytest.mark.parametrize(
    ("flags", "device", "real_bfloat16", "precision"),
    [
        ({}, "cuda:0", True, "bf16"),
        ({"bf16": True}, "cuda:0", True, "bf16"),
        ({"fp16": True}, "cuda:0", True, "fp16"),
        ({}, "cuda:0", False, "fp16"),
        ({"fp16": True}, "cuda:0", False, "fp16"),
        ({"bf16": True}, "cpu", False, "bf16"),
    ],
)
def test_precision(
    flags: dict[str, bool], device: str, real_bfloat16: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card(monkeypatch, real_bfloat16=real_bfloat16)
    assert resolve_precision(config(**flags), device) == precision


@pytest.mark.parametrize(("real_bfloat16", "precision"), [(True, "stored"), (False, "fp32")])
def test_a_processor_without_bfloat16_computes_in_float32(
    real_bfloat16: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.training.model.setup.computes_bfloat16", lambda: real_bfloat16)
    assert resolve_precision(config(), "cpu") == precision
    assert resolve_precision(config(bf16=True), "cpu") == "bf16"


@pytest.mark.parametrize(
    ("real_bfloat16", "free", "precision", "dtype"),
    [(True, 1 << 40, "stored", torch.bfloat16), (False, 1 << 40, "fp32", torch.float32), (False, 1, "stored", torch.bfloat16)],
)  # fmt: skip
def test_the_loaded_model_says_what_it_computes_in(
    real_bfloat16: bool, free: int, precision: str, dtype: torch.dtype,
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stored = load_base_model(str(tiny_model_dir), quantization=None, device="cpu").to(torch.bfloat16)
    stored.save_pretrained(tmp_path)
    monkeypatch.setattr("app.training.model.setup.computes_bfloat16", lambda: real_bfloat16)
    monkeypatch.setattr("app.llm.processor.computes_bfloat16", lambda: real_bfloat16)
    monkeypatch.setattr("app.llm.processor.free_memory", lambda: free)
    loaded = load_model(config(model_name=str(tmp_path), device="cpu", use_4bit=False, max_seq_length=64))
    assert (loaded.precision, loaded.model.dtype) == (precision, dtype)


def test_what_the_card_held_before_this_model_is_not_its_peak(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = {"allocated": 5000, "reserved": 6000}  # of a model that was evaluated in this process
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: peaks["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: peaks["reserved"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: peaks.update(allocated=30, reserved=40))
    monkeypatch.setattr(
        "app.training.model.setup._load", lambda *_: peaks.update(allocated=max(300, peaks["allocated"]))
    )
    load_model(config(model_name=str(tiny_model_dir), device="cpu", use_4bit=False))
    measured = measured_memory()
    assert (measured["gpu_peak_allocated_bytes"], measured["gpu_peak_reserved_bytes"]) == (300, 40)
    assert set(measured_memory(trained=False)) == {"peak_rss_bytes"}  # nothing but the loading


def test_counters_of_a_card_that_nobody_has_used_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: pytest.fail("there is no allocator yet"))
    forget_peaks()


@pytest.mark.parametrize(
    ("flags", "device", "words"),
    [({"bf16": True}, "cuda:0", "エミュレーション"), ({"fp16": True}, "cpu", "GPU が必要")],
)
def test_a_precision_that_the_device_does_not_have_is_refused_in_one_line(
    flags: dict[str, bool], device: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card(monkeypatch, real_bfloat16=False)
    with pytest.raises(ConfigError, match=words) as caught:
        resolve_precision(config(**flags), device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "precision", "dtype"),
    [
        (None, "bf16", "bfloat16"),
        (None, "stored", "bfloat16"),
        (None, "fp32", "float32"),
        (None, "fp16", "float16"),
        ("bfloat16", "fp16", "bfloat16"),
        ("float32", "bf16", "float32"),
    ],
)
def test_4_bit_weights_are_expanded_to_the_type_of_the_products(chosen: str | None, precision: Any, dtype: str) -> None:
    assert compute_dtype_of(config(bnb_4bit_compute_dtype=chosen), precision) == dtype
