"""What a run needs before a model is loaded: records, token rows, the audit, the dev set, the number of steps."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.chat import letter_token_ids
from app.core.cli import log
from app.core.errors import ConfigError, DataError
from app.core.questions import content_hash
from app.data.records import Record, read_records
from app.llm.loading import load_tokenizer
from app.training.audit import AuditSummary, audit_batches
from app.training.collation import LabelCollator
from app.training.config import TrainConfig, steps_per_epoch
from app.training.dev_eval import DevSet, build_dev_set
from app.training.examples import BuiltExamples, build_examples, check_mode
from app.training.prefix import PrefixCollator, group_examples


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Everything about the data of a run, checked."""

    tokenizer: Any
    built: BuiltExamples
    units: list[Any]  # what the trainer draws: a row each, or the prefix-shared rows of a question
    collate: Callable[[Sequence[Any]], dict[str, Any]]
    mode: str  # direct, cot or mixed
    audit: AuditSummary
    letter_ids: list[list[int]] | None  # spellings of each letter; None unless the objective is the letter
    dev: DevSet | None
    dev_records: list[Record]
    epoch_steps: int  # optimiser steps in one pass
    total_steps: int


def prepare_data(config: TrainConfig) -> PreparedData:
    """Read, encode and audit the training file, and read the dev file. Raises DataError or ModelError on any fault."""
    if config.report_to == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "--report-to tensorboard には tensorboard が必要です。pip install tensorboard を実行するか、指定を外してください。"
        )
    records = read_records(config.train_file)
    mode = check_mode(records, config.train_mode, config.train_file)
    tokenizer = load_tokenizer(config.model_name)
    letter_ids = letter_token_ids(tokenizer) if config.objective == "letter" else None
    built = build_examples(
        records,
        tokenizer,
        max_seq_length=config.max_seq_length,
        chat_format=config.chat_format,
        loss_on_output_only=config.loss_on_output_only,
        skip_long=config.skip_long_records,
        letter_ids=letter_ids,
    )
    units: list[Any] = list(built.examples)
    unit_records = [[record] for record in built.records]
    collate: Callable[[Sequence[Any]], dict[str, Any]] = LabelCollator(int(tokenizer.pad_token_id))
    if config.share_prefix:
        names = [str(record.meta["id"]) for record in built.records]
        groups = group_examples(built.examples, names, max_tokens=config.max_seq_length)
        units = list(groups)
        unit_records = [[built.records[row] for row in group.rows] for group in groups]
        collate = PrefixCollator()
    audit = audit_batches(
        unit_records,
        units,
        tokenizer,
        collate,
        batch_size=config.batch_size,
        chat_format=config.chat_format,
        loss_on_output_only=config.loss_on_output_only,
        stops=letter_ids is None,
    )
    dev_records: list[Record] = []
    dev = None
    if config.eval_file is not None:
        dev_records = read_records(config.eval_file)
        check_apart(built.records, dev_records, config)
        dev = build_dev_set(dev_records, tokenizer, chat_format=config.chat_format)
    epoch_steps = steps_per_epoch(len(units), config.batch_size, config.gradient_accumulation_steps)
    total_steps = config.max_steps or epoch_steps * config.num_epochs
    return PreparedData(
        tokenizer, built, units, collate, mode, audit, letter_ids, dev, dev_records, epoch_steps, total_steps
    )


def check_apart(records: Sequence[Record], dev_records: Sequence[Record], config: TrainConfig) -> None:
    """Raises DataError when a dev question is trained on, under whatever id or order; warns of shared articles."""
    trained = {content_hash(record.meta["question"], record.meta["choices"]) for record in records}
    same = [
        record for record in dev_records if content_hash(record.meta["question"], record.meta["choices"]) in trained
    ]
    if same:
        raise DataError(
            f"{config.eval_file}: {len(same)} 件の問題が学習データにもあります（最初は {same[0].row_id}）。"
            "scripts/split_selection_dataset.py で分けた開発用データを使ってください。"
        )
    clusters = {record.meta["cluster"] for record in records} & {record.meta["cluster"] for record in dev_records}
    if clusters:
        log(
            f"注意: {len(clusters)} 個の条文のまとまりが学習データと開発用データの両方にあります"
            f"（{min(clusters)} など）。dev の正答率は甘くなります。"
        )
