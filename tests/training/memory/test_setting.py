"""Settings that cannot be are refused with every fault named; a training config gives the setting it runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from app.training.config import TrainConfig
from app.training.memory.model_sizes import read_model_sizes
from app.training.memory.plan import GIB, check_card, least_weight_bytes, weight_bytes
from app.training.memory.setting import MemorySetting, check_setting, setting_as_json, setting_of

EIGHT = read_model_sizes("Qwen3-8B")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 0}, "--batch-size は 1 以上"),
        ({"lora_r": 0}, "--lora-r は 1 以上"),
        ({"gradient_accumulation_steps": -1}, "--gradient-accumulation-steps は 1 以上"),
        ({"max_seq_length": 1}, "--max-seq-length は 2 以上"),
        ({"max_seq_length": 50_000}, "上限 40960"),
        ({"label_positions": 0}, "--label-positions は 1 以上か full"),
        ({"label_positions": 2048}, "2047 まで"),
        ({"lora_dropout": 1.0}, "--lora-dropout"),
        ({"quantization": "int8"}, "nf4・fp4・none"),
        ({"lora_dtype": "fp8"}, "fp32・bf16"),
        ({"optimizer": "sgd"}, "adamw・adamw_8bit"),
        ({"embedding_device": "disk"}, "gpu・cpu"),
        ({"target_modules": ("q_proj", "c_attn")}, "c_attn がありません"),
        ({"target_modules": ()}, "--target-modules"),
        ({"offload": True, "checkpointing": False}, "checkpointing が必要"),
    ],
)
def test_each_fault_is_one_clear_line(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_setting(EIGHT, replace(MemorySetting(), **change))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check_setting(EIGHT, MemorySetting(batch_size=0, lora_r=0, quantization="x"))
    assert all(word in str(caught.value) for word in ("--batch-size", "--lora-r", "--quantization"))


def test_a_plan_starts_from_what_the_trainer_would_do() -> None:
    config = TrainConfig(model_name="m", train_file=Path("t"), output_dir=Path("o"))
    assert setting_of(config, label_positions=256, longest=config.max_seq_length) == MemorySetting()


@pytest.mark.parametrize("change", [{"lm_head_4bit": True}, {"quantization": "int8"}, {"batch_size": "two"}])
def test_a_setting_that_cannot_be_is_not_made(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MemorySetting(**change)


@pytest.mark.parametrize("positions", [1, 2047, None])
def test_label_positions_up_to_the_predicted_tokens_are_allowed(positions: int | None) -> None:
    check_setting(EIGHT, MemorySetting(label_positions=positions))


def test_a_shared_sequence_may_be_longer_than_the_model_s_positions() -> None:
    check_setting(EIGHT, MemorySetting(max_seq_length=50_000, share_prefix=True))


@pytest.mark.parametrize(
    ("vram", "desktop", "words"),
    [
        (3.5, 0.0, "出力層も 4bit にしても 3.6 GiB"),
        (0.0, 0.0, "0 より大きい"),
        (-3.0, 0.0, "0 より大きい"),
        (float("nan"), 0.0, "0 より大きい"),
        (10.0, -1.0, "--desktop"),
        (10.0, float("nan"), "--desktop"),
        (10.0, float("inf"), "--desktop"),
        (None, float("inf"), "--desktop"),
        (float("inf"), 0.0, "0 より大きい"),
    ],
)
def test_a_card_that_cannot_hold_the_weights_is_refused(vram: float | None, desktop: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_card(EIGHT, vram, desktop)


def test_a_card_that_holds_the_smallest_weights_is_left_to_the_plan() -> None:
    # 6.95e9 linear weights and 0.62e9 of the head at 4.127 bits; the table is in main memory
    least = (6_945_767_424 + 151_936 * 4_096) * (1 / 2 + 1 / 64 + 4 / (64 * 256))
    assert least_weight_bytes(EIGHT) == int(least)
    check_card(EIGHT, least / GIB + 0.01)
    with pytest.raises(ConfigError, match="重みだけで入りません"):
        check_card(EIGHT, least / GIB - 0.01)


def test_a_tied_head_goes_to_main_memory_with_the_table() -> None:
    tied = read_model_sizes("Qwen3-0.6B")
    assert least_weight_bytes(tied) == weight_bytes(tied, "nf4", embedding_device="cpu")


def test_a_training_config_gives_its_setting() -> None:
    config = TrainConfig(
        model_name="m", train_file=Path("t"), output_dir=Path("o"), batch_size=2, gradient_accumulation_steps=4, lora_r=8,
        lora_dropout=0.1, target_modules=("q_proj",), use_4bit=True, bnb_4bit_quant_type="fp4", optimizer="adamw_8bit",
        activation_offload=True, embedding_device="cpu", lora_dtype="bf16",
    )  # fmt: skip
    assert setting_of(config, label_positions=2, longest=700) == MemorySetting(
        max_seq_length=700, batch_size=2, label_positions=2, gradient_accumulation_steps=4, lora_r=8, lora_dropout=0.1,
        target_modules=("q_proj",), quantization="fp4", optimizer="adamw_8bit", offload=True, embedding_device="cpu",
        lora_dtype="bf16",
    )  # fmt: skip
    plain = replace(config, use_4bit=False, share_prefix=True, activation_offload=False, activation_checkpointing=False)
    made = setting_of(plain, label_positions=8, longest=900)
    assert (made.quantization, made.batch_size, made.share_prefix, made.checkpointing) == ("none", 1, True, False)


def test_the_json_of_a_setting_is_plain() -> None:
    values = setting_as_json(MemorySetting(label_positions=None))
    assert values["label_positions"] == "full"
    assert values["target_modules"] == ["all-linear"]
