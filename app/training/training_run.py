"""One training run from settings to adapter folder: prepare, load, train, write."""

from __future__ import annotations

import math
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
from .checkpoints import check_checkpoint, checkpoint_path, checkpoint_steps, restore_weights
from .config import TrainConfig
from .curve import draw_curve
from .dev_choice import ChoiceDev, evaluate_choice_dev
from .dev_eval import DevResult, best_step, evaluate_dev
from .experiment_log import render_experiment_log
from .memory.plan import MemoryPlan
from .memory.run_plan import card_of, compared, plan_run, predict_run, worst_batch
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
    measured_memory,
    start_manifest,
    write_started,
)

CHECKPOINTS = "checkpoints"
CURVE = "loss_curve.png"
LOG = "experiment_log.md"
_OBJECTIVE_NAMES = {
    "text": "回答の文字列（text）",
    "letter": "回答の位置での四つの文字の確率（letter）",
    "choice": "問題の中での選択肢の比較と、選択肢ごとの○×（choice）",
}
_PRECISION_NAMES = {
    "stored": "重みの型のまま",
    "fp32": "float32（この CPU には bfloat16 の命令がない）",
    "bf16": "bfloat16",
    "fp16": "float16",
}


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


def describe_run(config: TrainConfig, data: PreparedData, loaded: LoadedModel, processes: str | None = None) -> str:
    """The summary that is printed before the first step."""
    audit = data.audit
    kind = f"4bit {config.bnb_4bit_quant_type}" if config.use_4bit else "量子化なし"
    lines = [
        f"モデル: {config.model_name}（{kind}、計算 {_PRECISION_NAMES[loaded.precision]}、装置 {loaded.device}）",
        f"学習データ: {config.train_file} {audit.rows} 件（{data.mode}）、{audit.tokens} トークン、うち損失に入るのは"
        f" {audit.supervised}、最長 {audit.longest}、計算するのは {audit.computed_tokens} トークン",
        f"損失: {_OBJECTIVE_NAMES[config.objective]}",
        f"LoRA: r={config.lora_r} alpha={config.lora_alpha}{'（rslora）' if config.rslora else ''} {config.lora_dtype}、学習する重み {loaded.trainable:,}"
        f"（全体 {loaded.total:,} の {loaded.trainable / loaded.total:.2%}）",
        f"ステップ: {data.total_steps}（1 エポック {data.epoch_steps}、実効バッチ {_effective_batch(config)}）",
    ]
    if processes is not None:
        lines.append(processes)
    if data.choices is not None:
        lines.insert(2, f"問題: {len(data.units)} 問（選択肢 {audit.rows}、一つの問題の選択肢を一本の列にする）")
    if data.initial is not None:
        lines.append(f"始まり: {config.init_adapter} のアダプタ（SHA-256 {data.initial.weights_sha256[:12]}…）")
    if data.built.too_long:
        names = "、".join(name for name, _ in data.built.too_long[:5])
        lines.append(f"除いた長いレコード: {len(data.built.too_long)} 件（{names}）")
    if data.dev is not None:
        lines.append(f"開発用データ: {config.eval_file} {len(data.dev.correct)} 問")
    shown = audit.shown_row if len(audit.shown_row) <= 600 else f"{audit.shown_row[:200]} … {audit.shown_row[-400:]}"
    lines.append(f"検査: すべての行が正しい。例（⟦⟧ の中を学習する）:\n{shown}")
    return "\n".join(lines)


def _effective_batch(config: TrainConfig) -> str:
    parts = [config.batch_size, config.gradient_accumulation_steps]
    if here().world == 1:
        return str(math.prod(parts))
    parts.append(here().world)
    return f"{math.prod(parts)} = {' × '.join(map(str, parts))}（一つのプロセスの行数 × 累積 × プロセス）"


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
    budget = max(config.batch_size * config.max_seq_length, 1)
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
        memory=compared(measured_memory(), planned),
    )
    if not here().first:
        return manifest
    best = best_step(history)
    if best is not None and best != trainer.state.global_step:
        check_checkpoint(checkpoint_path(checkpoints, best), run_id)
        restore_weights(checkpoint_path(checkpoints, best), trainable_parameters(trainer.model))
    write_adapter_folder(folder, trainer.model, data.tokenizer, manifest)
    return manifest


def write_adapter_folder(folder: Path, model: Any, tokenizer: Any, manifest: dict[str, Any]) -> None:
    """Adapter, tokenizer, curve, log, and ``run.json`` as the last: a folder with ``run.json`` is complete."""
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
    write_bytes(folder / CURVE, draw_curve(training["loss_history"], training["dev_history"], title=folder.name))
    write_text(folder / LOG, render_experiment_log(manifest))
    manifest["files"] = {name: sha256_file(folder / name) for name in ADAPTER_FILES}
    write_json(folder / FINISHED, manifest)
    (folder / UNFINISHED).unlink()
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def finished_run(config: TrainConfig, started: Mapping[str, Any]) -> dict[str, Any]:
    """``run.json`` of a folder whose run is over, after checking that it is this run."""
    return check_same_run(config.output_dir, FINISHED, started)


def _first_start(folder: Path, started: Mapping[str, Any]) -> dict[str, Any]:
    """What the interrupted run is known by."""
    before = check_same_run(folder, UNFINISHED, started)["run"]
    return {"started_at": before["started_at"], "run_id": before.get("run_id", "")}
