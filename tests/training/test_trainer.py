"""The trainer: a batch of 4 is 1×4 accumulated, padding and chunks do not matter, only LoRA moves."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.errors import ModelError
from app.llm.loading import load_base_model, load_tokenizer
from app.training.config import TrainConfig
from app.training.model.lora import attach_lora, resolve_target_modules, trainable_parameters
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import build_examples
from app.training.trainer import LawTrainer, build_trainer
from app.training.trainer_arguments import learning_rate_factor, training_arguments, warmup_steps


def make_trainer(
    folder: Path, model_dir: Path, records: Any, *, batch: int, accumulation: int, steps: int, **more: Any
) -> LawTrainer:
    """A trainer in float64 without dropout, so that what should be equal is equal beyond doubt."""
    config = TrainConfig(
        model_name=str(model_dir), train_file=folder / "t.jsonl", output_dir=folder, batch_size=batch,
        gradient_accumulation_steps=accumulation, lora_dropout=0.0, learning_rate=1e-2, warmup_ratio=0.0,
    )  # fmt: skip
    base = load_base_model(str(model_dir), quantization=None, device="cpu")
    if more.pop("checkpointing", False):
        base.activation_checkpointing_enable({"use_reentrant": False})
    model = attach_lora(
        base,
        r=4,
        alpha=8,
        dropout=0.0,
        target_modules=resolve_target_modules(base, ["all-linear"]),
        bias="none",
        seed=1,
    ).double()
    examples = build_examples(records, load_tokenizer(str(model_dir)), max_seq_length=999).examples
    arguments = training_arguments(
        config, folder=folder, total_steps=steps, epoch_steps=steps, on_cpu=True, precision="stored"
    )
    arguments.save_strategy = "no"
    return build_trainer(model, arguments, examples, LabelCollator(0), precision="stored", **more)


def trained(*arguments: Any, **more: Any) -> tuple[dict[str, torch.Tensor], list[float], LawTrainer]:
    trainer = make_trainer(*arguments, **more)
    trainer.train()
    weights = {name: value.detach().clone() for name, value in trainable_parameters(trainer.model).items()}
    return weights, [row["loss"] for row in trainer.state.log_history if "loss" in row], trainer


def mixed(record_maker: Any, count: int) -> list[Any]:
    """Rows with 2 labels beside rows with dozens: a mean of means would weigh them wrongly."""
    return [record_maker(1, mode="direct" if number % 2 else "cot", first=number)[0] for number in range(count)]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_batch_of_4_equals_4_accumulated_batches_of_1(
    tmp_path: Path, tiny_model_dir: Path, record_maker: Any, checkpointing: bool
) -> None:
    records = mixed(record_maker, 8)
    runs = [
        trained(
            tmp_path / f"{batch}",
            tiny_model_dir,
            records,
            batch=batch,
            accumulation=4 // batch,
            steps=4,
            checkpointing=checkpointing,
        )
        for batch in (4, 2, 1)
    ]
    for weights, losses, _ in runs[1:]:
        # logits are float32 inside the loss, everything else is float64: equal to two units in the last place
        assert losses == pytest.approx(runs[0][1], rel=2**-22)
        for name, value in weights.items():
            torch.testing.assert_close(value, runs[0][0][name], rtol=1e-5, atol=1e-8)


def test_the_loss_is_the_mean_over_all_supervised_tokens(
    tmp_path: Path, tiny_model_dir: Path, record_maker: Any
) -> None:
    records = mixed(record_maker, 4)
    trainer = make_trainer(tmp_path, tiny_model_dir, records, batch=1, accumulation=4, steps=1)
    total = count = 0.0
    for example in trainer.train_dataset:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
        logits = trainer.model(input_ids=ids).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, labels[0, 1:], ignore_index=-100, reduction="sum").item()
        count += sum(label != -100 for label in example.labels)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(total / count, rel=1e-6)


def test_only_lora_moves(tmp_path: Path, tiny_model_dir: Path, record_maker: Any) -> None:
    trainer = make_trainer(tmp_path, tiny_model_dir, record_maker(4), batch=2, accumulation=1, steps=2)
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    for name, value in trainer.model.named_parameters():
        assert torch.equal(value, before[name]) != ("lora_" in name), name


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, tiny_model_dir: Path, record_maker: Any) -> None:
    from app.training.progress import ProgressLines

    trainer = make_trainer(
        tmp_path, tiny_model_dir, record_maker(2), batch=1, accumulation=1, steps=2, callbacks=[ProgressLines(1)]
    )
    with torch.no_grad():
        next(iter(trainable_parameters(trainer.model).values())).fill_(float("nan"))
    with pytest.raises(ModelError, match="1 ステップ目の損失が数値になりません（nan）"):
        trainer.train()


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stopped_by", [None, KeyboardInterrupt, RuntimeError])
def test_however_a_training_ends_the_cursor_is_back(
    tmp_path: Path, tiny_model_dir: Path, record_maker: Any, monkeypatch: pytest.MonkeyPatch, stopped_by: Any
) -> None:
    from app.training.progress import ProgressLines

    hidden, shown, terminal = "\x1b[?25l", "\x1b[?25h", Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    trainer = make_trainer(
        tmp_path, tiny_model_dir, record_maker(2), batch=1, accumulation=1, steps=1, callbacks=[ProgressLines(1)]
    )

    def step(*_: Any, **__: Any) -> None:
        assert (terminal.getvalue().count(hidden), terminal.getvalue().count(shown)) == (1, 0)
        raise stopped_by

    if stopped_by is None:
        trainer.train_after(None)
    else:
        monkeypatch.setattr(trainer, "training_step", step)
        with pytest.raises(stopped_by):
            trainer.train_after(None)
    assert (terminal.getvalue().count(hidden), terminal.getvalue().count(shown)) == (1, 1)


@pytest.mark.parametrize(
    ("total", "ratio", "steps"), [(100, 0.05, 5), (39, 0.05, 2), (1, 0.5, 0), (10, 0.0, 0), (3, 0.99, 2)]
)
def test_warmup_steps(total: int, ratio: float, steps: int) -> None:
    assert warmup_steps(total, ratio) == steps


def test_the_learning_rate_rises_and_falls_without_a_step_at_zero() -> None:
    factors = [learning_rate_factor(step, warmup=3, total=7) for step in range(7)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25])
    assert [learning_rate_factor(step, warmup=0, total=2) for step in range(3)] == [1.0, 0.5, 0.0]


def test_the_trainer_steps_with_these_rates(tmp_path: Path, tiny_model_dir: Path, record_maker: Any) -> None:
    trainer = make_trainer(tmp_path, tiny_model_dir, record_maker(4), batch=2, accumulation=1, steps=4)
    trainer.train()
    rates = [row["learning_rate"] for row in trainer.state.log_history if "loss" in row]
    assert rates == pytest.approx([1e-2, 0.75e-2, 0.5e-2, 0.25e-2])
