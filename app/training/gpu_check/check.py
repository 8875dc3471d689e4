"""A short real run on a card, beside what was predicted for it: memory by phase, speed, and the same letters as the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import DataError
from ...core.manifests import REPOSITORY, run_header
from ...core.questions import LETTERS, Question
from ...data.context import ContextPlan, gold_context
from ...data.finetune import build_records
from ...data.lawqa import load_questions
from ...data.records import Record, write_records
from ..config import TrainConfig
from ..memory.plan import MemoryPlan, plan
from ..memory.run_plan import card_of, fitting_run, model_sizes, worst_batch
from ..memory.setting import setting_of
from ..memory.shortage import shortage_in_one_line
from ..model.setup import allow_growing_segments
from ..preparation import PreparedData

QUESTIONS = REPOSITORY / "sample" / "selection.json"
TRAIN_QUESTIONS = 24
TEST_QUESTIONS = 8
ACCUMULATION = 2  # rows in a step, one at a time
WAY_OUT = "この検査では --model-name（make では MODEL=）に小さいモデルを指定してください"


@dataclass(frozen=True, slots=True)
class GpuCheck:
    """What one check found; bytes and seconds as measured."""

    run: dict[str, Any]  # app.core.manifests.run_header
    model_name: str
    device: str
    plan: MemoryPlan
    measured_with: str
    peaks: dict[str, int]  # by phase
    reserved: int
    step_tokens: list[int]  # computed, padding included
    step_seconds: list[float]
    losses: list[float]
    correct: list[str]
    letters: list[str]  # chosen on the device, after training
    cpu_letters: list[str]
    largest_difference: float  # of a letter's probability between device and CPU

    @property
    def tokens_per_second(self) -> float:
        """Without the first step, which also loads kernels."""
        later = slice(1 if len(self.step_seconds) > 1 else 0, None)
        return sum(self.step_tokens[later]) / sum(self.step_seconds[later])


def check_questions(path: Path) -> tuple[list[Question], list[Question]]:
    """(train, test) questions with a context, none of them sharing an article cluster. Raises DataError when too few."""
    usable = [question for question in load_questions(path) if question.context]
    clusters = list(dict.fromkeys(question.cluster for question in usable))
    test_clusters = set(clusters[:TEST_QUESTIONS])
    test = [next(question for question in usable if question.cluster == name) for name in clusters[:TEST_QUESTIONS]]
    train = [question for question in usable if question.cluster not in test_clusters][:TRAIN_QUESTIONS]
    if len(test) < TEST_QUESTIONS or len(train) < TRAIN_QUESTIONS:
        raise DataError(
            f"{path}: 問題が足りません（学習用 {len(train)}、評価用 {len(test)}）。sample/ を元に戻してください。"
        )
    return train, test


def gold_records(questions: list[Question]) -> list[Record]:
    """Direct records with the questions' own context."""
    source = ContextPlan("gold", "gold", 0, gold_context)
    return [built.record for built in build_records(questions, "direct", source, dataset="sample")]


def run_check(model_name: str, folder: Path, *, device: str, steps: int = 5, questions: Path = QUESTIONS) -> GpuCheck:
    """Train ``steps`` steps of 4-bit LoRA on ``device``, then score 8 questions there and on the CPU.

    Everything is written to ``folder``. ``device`` cpu runs the same code without a card (the numbers then say nothing
    about one). Raises ConfigError with the plan's advice when the card holds the training in no setting.
    """
    allow_growing_segments()
    train, test = check_questions(questions)
    records = folder / "train.jsonl"
    # Just the rows that the steps take, the longest there are: what is planned for is then among what runs.
    longest = sorted(gold_records(train), key=lambda record: len(record.input), reverse=True)
    write_records(records, longest[: steps * ACCUMULATION])
    config = TrainConfig(
        model_name=model_name, train_file=records, output_dir=folder / "adapter", max_steps=steps, batch_size=1,
        gradient_accumulation_steps=ACCUMULATION, use_4bit=True, logging_steps=1, max_seq_length=2048,
        skip_long_records=True,
        device=device,  # type: ignore[arg-type]  # another name is refused here
    )  # fmt: skip
    config, made, measured = _train(config)
    prompts = [record.input for record in gold_records(test)]
    log(f"{len(prompts)} 問を {device} と CPU で採点します。")
    here = _letter_probabilities(config, prompts, device)
    there = _letter_probabilities(config, prompts, "cpu")
    return GpuCheck(
        run=run_header([]),
        model_name=model_name,
        device=device,
        plan=made,
        **measured,
        correct=[question.correct for question in test],
        letters=[LETTERS[row.argmax()] for row in here],
        cpu_letters=[LETTERS[row.argmax()] for row in there],
        largest_difference=float(abs(here - there).max()),
    )


def _planned(config: TrainConfig, data: PreparedData, device: str) -> tuple[TrainConfig, MemoryPlan]:
    """The settings that fit the card, and their plan; without a card those given."""
    worst = worst_batch(data.units, config.batch_size)
    card = card_of(device)
    if card is not None:
        return fitting_run(config, worst, card, way_out=WAY_OUT)
    setting = setting_of(config, label_positions=worst.label_positions, longest=worst.longest)
    return config, plan(model_sizes(config.model_name), setting)


def _train(config: TrainConfig) -> tuple[TrainConfig, MemoryPlan, dict[str, Any]]:
    """Plan and run the training; the adapter folder is written as by the training program."""
    from ...llm.loading import resolve_device
    from ..model.setup import load_model
    from ..preparation import prepare_data
    from ..run_manifest import finish_manifest, write_started
    from ..training_run import CHECKPOINTS, build_run_trainer, started_manifest, write_adapter_folder
    from .meter import PhaseMeter, empty_card, probe_of

    data = prepare_data(config)
    device = resolve_device(config.device)
    config, made = _planned(config, data, device)
    log(f"予測: 最大 {made.peak_gib:.2f} GiB。{config.max_steps} ステップ学習します。")
    meter = PhaseMeter(probe_of(device))
    meter.enter("load")
    loaded = load_model(config)
    with shortage_in_one_line(config):
        trainer = build_run_trainer(config, data, loaded, config.output_dir / CHECKPOINTS)
        meter.enter(None)
        meter.watch(trainer)
        started = started_manifest(config, data, loaded, run_header([]))
        write_started(config.output_dir, started)
        trainer.train()
        meter.enter(None)
    memory = {"phase_peak_bytes": dict(meter.peaks), "reserved_bytes": meter.reserved}
    history = trainer.state.log_history
    manifest = finish_manifest(started, log_history=history, seconds=trainer.seconds, resumed=False, memory=memory)
    write_adapter_folder(config.output_dir, trainer.model, data.tokenizer, manifest)
    measured = {
        "measured_with": meter.probe.what,
        "peaks": meter.peaks,
        "reserved": meter.reserved,
        "step_tokens": meter.step_tokens,
        "step_seconds": meter.step_seconds,
        "losses": [float(row["loss"]) for row in history if "loss" in row],
    }
    del trainer, loaded
    empty_card(device)
    return config, made, measured


def _letter_probabilities(config: TrainConfig, prompts: list[str], device: str) -> Any:
    """(questions, 4) probabilities of the letters under the trained adapter, on ``device``."""
    import numpy as np

    from ...llm.hf_llm import HFLLMConfig, HFLoRALLM
    from .meter import empty_card

    model = HFLoRALLM(HFLLMConfig(config.model_name, lora_path=str(config.output_dir), device=device))
    probabilities = np.exp(model.choice_logprobs(prompts))
    del model
    empty_card(device)
    return probabilities
