"""Settings: defaults are allowed, every contradiction is named, all at once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from app.core.options import option_name
from app.core.run_file import parse_with_run_file
from app.training.arguments import config_from_arguments, parser
from app.training.config import TrainConfig, config_as_json, config_differences, steps_per_epoch

NEEDED: dict[str, Any] = {"model_name": "m", "train_file": Path("t.jsonl"), "output_dir": Path("o")}


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"bnb_4bit_quant_type": "int3"}, "--bnb-4bit-quant-type は nf4・fp4 のどれかです（int3）"),
        ({"bnb_4bit_compute_dtype": "int8"}, "--bnb-4bit-compute-dtype は float16・bfloat16・float32 のどれかです（int8）"),
        ({"device": "tpu"}, "--device は auto・cpu・cuda のどれかです（tpu）"),
        ({"lora_r": "eight"}, "--lora-r は整数です（'eight'）"),
        ({"lora_r": True}, "--lora-r は整数です（True）"),
        ({"learning_rate": None}, "--learning-rate は数です（None）"),
        ({"use_4bit": "yes"}, "--use-4bit はする（true）か、しない（false）です（'yes'）"),
        ({"train_file": "t.jsonl"}, "--train-file はパスです（'t.jsonl'）"),
        ({"target_modules": ["q_proj"]}, "--target-modules は名前の並びです（['q_proj']）"),
        ({"num_epochs": 0}, "--num-epochs は 1 以上です（0）"),
        ({"batch_size": 0}, "--batch-size は 1 以上です（0）"),
        ({"max_steps": 0}, "--max-steps は 1 以上です（0）"),
        ({"lora_r": -1}, "--lora-r は 1 以上です（-1）"),
        ({"max_seq_length": 4}, "--max-seq-length は 8 以上です（4）"),
        ({"learning_rate": 0.0}, "--learning-rate は 0 より大きく"),
        ({"learning_rate": float("nan")}, "--learning-rate は 0 より大きく"),
        ({"warmup_ratio": 1.0}, "--warmup-ratio は 0 以上 1 未満です（1.0）"),
        ({"lora_dropout": 1.0}, "--lora-dropout は 0 以上 1 未満です（1.0）"),
        ({"weight_decay": -0.1}, "--weight-decay は 0 以上です（-0.1）"),
        ({"seed": -1}, "--seed は 0 以上 4294967296 未満です（-1）"),
        ({"seed": 2**32}, "--seed は 0 以上 4294967296 未満です（4294967296）"),
        ({"fp16": True, "bf16": True}, "--fp16 と --bf16 は同時に指定できません"),
        ({"eval_steps": 5}, "--eval-steps には --eval-file が必要です"),
        ({"early_stopping_patience": 2}, "--early-stopping-patience には --eval-file が必要です"),
        ({"eval_file": Path("./t.jsonl")}, "--eval-file と --train-file が同じファイルです"),
        ({"target_modules": ("all-linear", "q_proj")}, "all-linear と層の名前を一緒に指定できません"),
        ({"target_modules": ()}, "--target-modules に層の名前がありません"),
        ({"share_prefix": True, "loss_on_output_only": False}, "--share-prefix と --no-loss-on-output-only は同時に"),
        ({"activation_offload": True, "activation_checkpointing": False}, "--activation-offload には"),
        ({"embedding_device": "disk"}, "--embedding-device は gpu・cpu のどれかです（disk）"),
        ({"optimizer": "sgd"}, "--optimizer は adamw・adamw_8bit のどれかです（sgd）"),
        ({"lm_head_4bit": True}, "--lm-head-4bit には --use-4bit が必要です"),
        ({"lora_dtype": "fp8"}, "--lora-dtype は fp32・bf16 のどれかです（fp8）"),
        ({"lora_dtype": "bf16", "fp16": True}, "--lora-dtype bf16 と --fp16 は同時に指定できません"),
        ({"objective": "word"}, "--objective は text・letter・choice のどれかです（word）"),
        ({"objective": "letter", "train_mode": "cot"}, "--objective letter は direct のレコードだけに使えます"),
        ({"objective": "letter", "loss_on_output_only": False}, "--objective letter と --no-loss-on-output-only は"),
        ({"objective": "choice", "loss_on_output_only": False}, "--objective choice と --no-loss-on-output-only は"),
        ({"objective": "choice", "train_mode": "cot"}, "--objective choice は direct のレコードだけに使えます"),
        ({"train_mode": "both"}, "--train-mode は direct・cot・auto のどれかです（both）"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{**NEEDED, **values})
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**NEEDED, batch_size=0, learning_rate=-1, fp16=True, bf16=True)
    assert str(caught.value).count("／") == 2


def test_differences_name_the_option_and_both_values() -> None:
    before = config_as_json(TrainConfig(**NEEDED))
    now = config_as_json(TrainConfig(**NEEDED, learning_rate=1e-4, logging_steps=1))
    assert config_differences(now, before) == ["--learning-rate: 0.0002 → 0.0001"]
    assert config_differences(now, now) == []


@pytest.mark.parametrize(
    ("records", "batch", "accumulation", "steps"),
    [(16, 2, 2, 4), (17, 2, 2, 5), (1, 8, 8, 1), (100, 1, 8, 13), (8, 3, 1, 3)],
)
def test_steps_per_epoch(records: int, batch: int, accumulation: int, steps: int) -> None:
    assert steps_per_epoch(records, batch, accumulation) == steps


def test_every_flag_of_a_run_file_can_be_unsaid(tmp_path: Path) -> None:
    flags = [one.name for one in fields(TrainConfig) if one.default is False]
    path = tmp_path / "run.yaml"
    path.write_text("".join(f"{name}: true\n" for name in flags), "utf-8")
    fixed = ["--config", str(path), "--model-name", "m", "--train-file", "t.jsonl", "--output-dir", "o"]
    typed = [option_name(TrainConfig, name).replace("--", "--no-", 1) for name in flags]
    config = config_from_arguments(parse_with_run_file(parser(), [*fixed, *typed]))
    assert config == config_from_arguments(parser().parse_args(fixed[2:]))
    left = parse_with_run_file(parser(), [*fixed, "--no-use-4bit"])
    assert [name for name in flags if not getattr(left, name)] == ["use_4bit"]
