"""One training run from settings to adapter folder: prepare, load, train, write."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..core.cli import log
from ..core.failures import naming
from ..core.files import follow_umask, sha256_file, write_bytes, write_json, write_text
from ..core.manifests import ADAPTER_FILES
from ..core.run_file import RUN_FILE
from ..llm.loading import resolve_device
from .checkpoints import check_checkpoint, checkpoint_path, checkpoint_steps, logged, restore_weights
from .config import TrainConfig
from .curve import draw_curve
from .dev_choice import ChoiceDev, evaluate_choice_dev
from .dev_eval import DevResult, best_step, evaluate_dev
from .experiment_log import render_experiment_log
from .memory.plan import MemoryPlan
from .memory.run_plan import card_of, compared, measured_memory, plan_run, predict_run, worst_batch
from .memory.shortage import shortage_in_one_line
from .model.lora import trainable_parameters
from .model.setup import LoadedModel, allow_growing_segments
from .preparation import PreparedData
from .rank_group import agree, from_first, here
from .rank_sums import largest_difference
from .run_manifest import (
    FINISHED,
    UNFINISHED,
    check_same_run,
    finish_manifest,
    start_manifest,
    write_started,
)

CHECKPOINTS = "checkpoints"
CURVE = "loss_curve.png"
LOG = "experiment_log.md"


def plan_before_loading(config: TrainConfig, data: PreparedData, *, refuse: bool = True) -> MemoryPlan | None:
    """The memory plan where a GPU will be used, None on the CPU. Raises ConfigError with advice when it cannot fit.

    Without ``refuse`` it is only a prediction: one that does not fit, or cannot be made, stops nothing.
    """
    allow_growing_segments()
    card = card_of(resolve_device(config.device))
    if card is None:
        return None
    worst = worst_batch(data.units, config.batch_size)
    if refuse:
        return plan_run(config, worst, card)
    try:
        return predict_run(config, worst, card)
    except Exception as error:  # whatever the planner cannot do, this run was asked for in spite of it
        log(
            f"GPU メモリを見積もれませんでした（{str(error).splitlines()[0] if str(error) else type(error).__name__}）。"
        )
        return None


def started_manifest(
    config: TrainConfig, data: PreparedData, loaded: LoadedModel, run: Mapping[str, Any]
) -> dict[str, Any]:
    """The part of ``run.json`` that is known before the first step."""
    audit = {name: value for name, value in asdict(data.audit).items() if name != "shown_row"}
    return start_manifest(
        config,
        run,
        records=data.built.records,
        dev_records=data.dev_records,
        too_long=data.built.too_long,
        mode=data.mode,
        tokenizer=data.tokenizer,
        base_model=loaded.base_facts,
        precision=loaded.precision,
        audit=audit,
        initial=data.initial,
        world_size=here().world,
    )


def build_run_trainer(
    config: TrainConfig, data: PreparedData, loaded: LoadedModel, folder: Path, run_id: str = ""
) -> Any:
    """The trainer of this run; its checkpoints go to ``folder``, which is made, and name ``run_id``."""
    from .model.loss import LetterLoss, token_loss
    from .progress import ProgressLines
    from .trainer import build_trainer
    from .trainer_arguments import training_arguments

    position_loss = token_loss if data.letter_ids is None else LetterLoss(tuple(map(tuple, data.letter_ids)))
    arguments = training_arguments(
        config,
        folder=folder,
        total_steps=data.total_steps,
        epoch_steps=data.epoch_steps,
        on_cpu=loaded.device == "cpu",
        precision=loaded.precision,
    )
    callbacks: list[Any] = [
        ProgressLines(
            config.logging_steps,
            data.dev.correct if data.dev else (),
            len({record.meta["id"] for record in data.dev_records}),
        )
    ]
    if config.report_to != "none" and here().first:
        callbacks.append(_reporter(config))
    return build_trainer(
        loaded.model,
        arguments,
        data.units,
        data.collate,
        precision=loaded.precision,
        position_loss=position_loss,
        choices=data.choices,
        score_dev=_dev_scoring(config, data),
        patience=config.early_stopping_patience,
        run_id=run_id,
        callbacks=callbacks,
    )


def _dev_scoring(config: TrainConfig, data: PreparedData) -> Callable[[Any], DevResult] | None:
    # Twice a training batch fits where that one does: nothing is kept for a gradient.
    budget = 2 * worst_batch(data.units, config.batch_size).longest * (1 if config.share_prefix else config.batch_size)
    if isinstance(data.dev, ChoiceDev):
        return partial(evaluate_choice_dev, dev=data.dev, max_batch_tokens=budget)
    return None if data.dev is None else partial(evaluate_dev, dev=data.dev, max_batch_tokens=budget)


def _reporter(config: TrainConfig) -> Any:
    """transformers' callback for ``--report-to``, whose own settings (addresses, keys) stand in its environment."""
    if config.report_to == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter
        from transformers.integrations import TensorBoardCallback

        # Left to itself it would write among the checkpoints.
        return TensorBoardCallback(SummaryWriter(log_dir=str(config.output_dir / "tensorboard")))
    from transformers.integrations import get_reporting_integration_callbacks

    return get_reporting_integration_callbacks(config.report_to)[0]()


def rehearse(config: TrainConfig, data: PreparedData, loaded: LoadedModel) -> None:
    """Build everything up to the first step and leave nothing behind (--dry-run)."""
    config = replace(config, report_to="none")
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_run_trainer(config, data, loaded, Path(folder))
        next(iter(trainer.get_train_dataloader()))


def train(
    config: TrainConfig,
    data: PreparedData,
    loaded: LoadedModel,
    started: dict[str, Any],
    *,
    state: str,
    planned: MemoryPlan | None = None,
    run_file: str | None = None,
) -> dict[str, Any]:
    """Train (or go on), write the adapter folder, and return its ``run.json``.

    ``state`` is what ``check_folder`` found: new or unfinished. ``run_file`` is the text of ``run.yaml``.
    """
    folder = config.output_dir
    checkpoints = folder / CHECKPOINTS
    agree({name: value for name, value in started.items() if name != "run"})

    def opened() -> dict[str, Any]:
        known_by = _first_start(folder, started) if state == "unfinished" else {"run_id": secrets.token_hex(8)}
        write_started(folder, {**started, "run": {**started["run"], **known_by}})
        if run_file is not None:
            write_text(folder / RUN_FILE, run_file)
        return {"known_by": known_by, "steps": checkpoint_steps(checkpoints)}

    known_by, steps = from_first(opened).values()
    started = {**started, "run": {**started["run"], **known_by}}
    run_id = str(known_by["run_id"])
    last = checkpoint_path(checkpoints, steps[-1]) if steps else None
    if last is not None:
        check_checkpoint(last, run_id)
        kept = best_step(logged(last))
        if kept is not None and kept != steps[-1]:  # found out now, not after the last step
            check_checkpoint(checkpoint_path(checkpoints, kept), run_id, kept=True)
        log(f"ステップ {steps[-1]} のチェックポイントから再開します。")
    elif state == "unfinished":
        log("再開できるチェックポイントがまだないので、はじめから学習します。")
    with shortage_in_one_line(config):
        trainer = build_run_trainer(config, data, loaded, checkpoints, run_id)
        # The untuned model is scored once, at the very beginning.
        trainer.args.eval_on_start = data.dev is not None and not steps
        trainer.train_after(last)
    history = trainer.state.log_history
    if here().world > 1:
        apart = largest_difference(list(trainable_parameters(trainer.model).values()))
        started = {**started, "processes": {**started["processes"], "largest_difference": apart}}
        if apart:
            log(f"注意: プロセスの間で重みが最大 {apart:.2g} 違います。残すのは RANK=0 のものです。")
    manifest = finish_manifest(
        started,
        log_history=history,
        seconds=trainer.seconds,
        resumed=bool(steps),
        memory=compared(measured_memory(trained=trainer.state.global_step > (steps[-1] if steps else 0)), planned),
    )
    if not here().first:
        return manifest
    best = best_step(history)
    if best is not None and best != trainer.state.global_step:
        check_checkpoint(checkpoint_path(checkpoints, best), run_id, kept=True)
        restore_weights(checkpoint_path(checkpoints, best), trainable_parameters(trainer.model))
    chance = None if data.dev is None else data.dev.chance
    write_adapter_folder(folder, trainer.model, data.tokenizer, manifest, chance=chance)
    return manifest


def write_adapter_folder(
    folder: Path, model: Any, tokenizer: Any, manifest: dict[str, Any], *, chance: float | None = None
) -> None:
    """Adapter, tokenizer, curve, log, and ``run.json`` as the last: a folder with ``run.json`` is complete.

    ``chance`` is what guesses come to on the dev file.
    """
    partial_folder = folder / ".adapter.tmp"
    shutil.rmtree(partial_folder, ignore_errors=True)
    # Embeddings are never trained here; "auto" would ask the Hub whether they could have been.
    with naming(partial_folder):
        model.save_pretrained(str(partial_folder), save_embedding_layers=False)
        tokenizer.save_pretrained(str(partial_folder))
    for path in sorted(partial_folder.iterdir()):
        if path.name != "README.md":  # peft's empty model card
            follow_umask(path)
            os.replace(path, folder / path.name)
    shutil.rmtree(partial_folder)
    training = manifest["training"]
    curve = draw_curve(
        training["loss_history"],
        training["dev_history"],
        title=folder.name,
        objective=manifest["objective"],
        chance=chance,
    )
    write_bytes(folder / CURVE, curve)
    write_text(folder / LOG, render_experiment_log(manifest))
    manifest["files"] = {name: sha256_file(folder / name) for name in ADAPTER_FILES}
    write_json(folder / FINISHED, manifest)
    _clear_unfinished(folder)


def _clear_unfinished(folder: Path) -> None:
    """Delete what only a run that is not over needs."""
    (folder / UNFINISHED).unlink(missing_ok=True)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def finished_run(config: TrainConfig, started: Mapping[str, Any]) -> dict[str, Any]:
    """``run.json`` of a folder whose run is over, after checking that it is this run."""
    found = check_same_run(config.output_dir, FINISHED, started)
    if here().first:
        _clear_unfinished(config.output_dir)  # left where the run was killed right after its run.json
    return found


def _first_start(folder: Path, started: Mapping[str, Any]) -> dict[str, Any]:
    """What the interrupted run is known by."""
    before = check_same_run(folder, UNFINISHED, started)["run"]
    return {"started_at": before["started_at"], "run_id": before.get("run_id", "")}
