"""The plan of a run: the worst batch, the refusal with advice, and predicted beside measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.errors import ConfigError, ModelError
from app.training import training_run as runner
from app.training.config import TrainConfig
from app.training.memory.run_plan import (
    Card,
    WorstBatch,
    advise_run,
    compared,
    describe_error,
    fitting_run,
    plan_run,
    predict_run,
    worst_batch,
)
from app.training.model import setup as model_setup
from app.training.rows.examples import TrainingExample
from app.training.rows.prefix import Branch, PrefixGroup


def qwen3_8b(**more: Any) -> TrainConfig:
    return TrainConfig(
        model_name="Qwen/Qwen3-8B", train_file=Path("t"), output_dir=Path("o"), use_4bit=True, bf16=True, **more
    )


def test_the_worst_batch_of_rows_is_the_longest_row() -> None:
    rows = [TrainingExample("x", [1] * 5, [-100] * 3 + [1, 1]), TrainingExample("y", [1] * 4, [1] * 4)]
    assert worst_batch(rows, 2) == WorstBatch(5, 3)


def test_the_worst_batch_of_groups_is_the_largest_ones_together() -> None:
    branch = Branch([1, 2, 3], [-100, 2, 3])
    groups = [PrefixGroup([1] * prefix, [branch] * 2, [0, 1]) for prefix in (4, 9, 7)]
    assert worst_batch(groups, 1) == WorstBatch(15, 4)
    assert worst_batch(groups, 2) == WorstBatch(15 + 13, 8, alone=WorstBatch(15, 4))


def test_a_run_that_fits_is_planned_and_one_that_does_not_is_refused_with_advice() -> None:
    made = plan_run(qwen3_8b(), WorstBatch(1024, 2), Card(10, 0.8))
    assert made.fits
    assert 6 < made.peak_gib < 7.2
    with pytest.raises(
        ConfigError, match=r"学習を始めません: 必要 .* GiB、空き 6\.5 GiB。.*--embedding-device cpu.*--no-plan"
    ) as caught:
        plan_run(qwen3_8b(batch_size=8), WorstBatch(2048, 2), Card(7, 0.5))
    assert "\n" not in str(caught.value)


@pytest.fixture
def shared(tmp_path: Path) -> tuple[TrainConfig, WorstBatch]:
    """A choice run of two layers that has spent the cheaper savings, and its worst sequence: three questions of 1,916
    tokens with four choices each."""
    values = {
        "model_type": "qwen3", "hidden_size": 256, "intermediate_size": 8192, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 50000,
        "max_position_embeddings": 4096, "tie_word_embeddings": False,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(values), "utf-8")
    spent: dict[str, Any] = {
        "embedding_device": "cpu", "lm_head_4bit": True, "optimizer": "adamw_8bit", "lora_dtype": "bf16",
        "activation_offload": True,
    }  # fmt: skip
    groups = [PrefixGroup([1] * 1900, [Branch([1] * 4, [-100, -100, -100, 5])] * 4, [0, 1, 2, 3])] * 6
    return small(str(tmp_path), objective="choice", batch_size=3, **spent), worst_batch(groups, 3)


def test_a_choice_run_is_told_to_take_fewer_questions_before_shorter_ones(
    shared: tuple[TrainConfig, WorstBatch],
) -> None:
    config, worst = shared
    assert worst == WorstBatch(5748, 12, alone=WorstBatch(1916, 4))
    assert worst.alone is not None
    three, one = (predict_run(config, each, Card(1.0, 0.0)).required_gib for each in (worst, worst.alone))
    assert one < 1.0 < three
    fewer = f"--batch-size 1（--gradient-accumulation-steps を増やせば結果は同じ） → {one:.2f} GiB"
    with pytest.raises(ConfigError) as caught:
        plan_run(config, worst, Card(1.0, 0.0))
    assert str(caught.value) == (
        f"GPU のメモリが足りない見込みなので、学習を始めません: 必要 {three:.1f} GiB、空き 1.0 GiB。"
        f"次の変更を上から順に加えてください: {fewer}（入ります）（見積もりを無視して試すなら --no-plan）"
    )
    # Where one is too long by itself, the lengths after it are below the longest question, not the longest sequence.
    lines = advise_run(config, worst, predict_run(config, worst, Card(one - 0.02, 0.0)))
    assert lines[0] == fewer
    assert lines[1].startswith("--max-seq-length 1536（")
    assert len(lines) == 2
    assert advise_run(config, worst, predict_run(config, worst, Card(three, 0.0))) == []


def test_questions_longer_than_the_model_s_positions_only_together_are_planned(
    shared: tuple[TrainConfig, WorstBatch],
) -> None:
    config, worst = shared
    made = plan_run(config, worst, Card(10.0, 0.0))
    assert (made.fits, made.setting.max_seq_length) == (True, 5748)


def test_a_card_smaller_than_the_plain_weights_is_refused_with_advice_too() -> None:
    with pytest.raises(ConfigError, match=r"学習を始めません: .*--embedding-device cpu.*入ります"):
        plan_run(qwen3_8b(), WorstBatch(512, 2), Card(5.6, 0.0))  # 5.66 GiB of weights with both tables
    with pytest.raises(ConfigError, match="重みだけで入りません"):
        plan_run(qwen3_8b(), WorstBatch(512, 2), Card(3.0, 0.0))


def small(model: str, **more: Any) -> TrainConfig:
    return TrainConfig(model_name=model, train_file=Path("t"), output_dir=Path("o"), use_4bit=True, **more)


def test_a_run_takes_as_many_savings_as_it_needs() -> None:
    config, worst = small("Qwen/Qwen3-0.6B"), WorstBatch(256, 2)
    made = predict_run(config, worst, Card(10, 0.0))
    assert fitting_run(config, worst, Card(10, 0.0)) == (config, made)
    # a little short: the table of 0.29 GiB in main memory is enough, and rows and adapter stay
    spared, cheaper = fitting_run(config, worst, Card(made.required_gib - 0.05, 0.0))
    assert spared == replace(config, embedding_device="cpu")
    assert cheaper.fits
    assert cheaper.setting == replace(made.setting, embedding_device="cpu")


def test_a_run_that_no_saving_makes_fit_is_refused_with_the_way_out(tiny_model_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"学習を始めません.*（小さいモデルを）") as caught:
        fitting_run(small(str(tiny_model_dir)), WorstBatch(64, 2), Card(0.4, 0.0), way_out="小さいモデルを")
    assert "--no-plan" not in str(caught.value)


def test_predicted_stands_beside_measured() -> None:
    made = plan_run(qwen3_8b(), WorstBatch(1024, 2), Card(10, 0.8))
    measured = {"peak_rss_bytes": 1, "gpu_peak_allocated_bytes": int((made.peak_gib + 0.25) * 2**30)}
    memory = compared(measured, made)
    assert memory["error_gib"] == pytest.approx(0.25, abs=1e-3)
    assert "差 +0.25 GiB" in (describe_error(memory) or "")
    assert json.loads(json.dumps(memory))["predicted"]["peak_gib"] == pytest.approx(made.peak_gib, abs=1e-3)
    on_cpu = compared({"peak_rss_bytes": 1}, None)
    assert on_cpu == {"peak_rss_bytes": 1, "predicted": None}
    assert describe_error(on_cpu) is None


def test_the_program_plans_before_it_loads(
    tmp_path: Path, one_step: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    arguments = one_step()
    monkeypatch.setattr(runner, "card_of", lambda device: Card(0.4, 0.0))  # less than a CUDA context
    monkeypatch.setattr(model_setup, "load_model", lambda config: pytest.fail("loaded in spite of the plan"))
    assert run_program(train_qwen_law_ft.main, arguments) == 1
    assert "GPU のメモリが足りない見込み" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    monkeypatch.setattr(runner, "card_of", lambda device: Card(10.0, 0.0))
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    assert "GPU メモリの見積もり: 最大" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert manifest["memory"]["predicted"]["fits"] is True


def test_without_the_plan_s_consent_the_prediction_is_still_stored(
    tmp_path: Path, one_step: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(runner, "card_of", lambda device: Card(0.4, 0.0))  # less than a CUDA context

    def run(name: str) -> dict[str, Any]:
        assert run_program(train_qwen_law_ft.main, one_step(name, "--no-plan")) == 0
        memory: dict[str, Any] = json.loads((tmp_path / name / "run.json").read_text("utf-8"))["memory"]
        return memory

    assert run("short")["predicted"]["fits"] is False

    def unknown(*_: Any) -> None:
        raise ModelError("寸法のわからないモデルです。")

    monkeypatch.setattr(runner, "predict_run", unknown)
    assert run("unknown")["predicted"] is None
    assert "GPU メモリを見積もれませんでした（寸法のわからないモデルです。）" in capsys.readouterr().err
