"""What a run needs before a model is loaded: records, token rows, the audit, the dev set, the number of steps."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..core.chat import letter_token_ids, pair_token_ids
from ..core.cli import log
from ..core.errors import ConfigError, DataError
from ..core.prompts import FITS, Form
from ..core.questions import content_hash
from ..data.conversations import SHAPE_NAMES, asked_within, read_training_file
from ..data.records import CHAT, Record, read_records
from ..llm.loading import load_tokenizer
from .config import TrainConfig, steps_per_epoch
from .dev_choice import ChoiceDev, build_choice_dev
from .dev_eval import DevSet, build_dev_set
from .model.choice_loss import ChoiceObjective, choice_objective
from .model.initial_adapter import InitialAdapter, check_dev_apart, check_words_alike, read_initial_adapter
from .rank_group import here
from .rows.audit import AuditSummary, audit_batches
from .rows.choice_groups import build_groups, fitting_choices
from .rows.collation import LabelCollator
from .rows.examples import BuiltExamples, build_examples, check_form, check_mode, shows_cited_words
from .rows.prefix import PrefixCollator, group_examples

Collate = Callable[[Sequence[Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """The rows of a training file as the trainer draws them, not audited."""

    tokenizer: Any
    built: BuiltExamples
    units: list[Any]  # what the trainer draws: a row each, or the prefix-shared rows of a question
    collate: Collate
    mode: str  # direct, cot or mixed
    letter_ids: list[list[int]] | None  # spellings of each letter; None unless the objective is the letter
    choices: ChoiceObjective | None  # None unless the objective is the choice


@dataclass(frozen=True, slots=True)
class PreparedData(TokenRows):
    """Everything about the data of a run, checked."""

    audit: AuditSummary
    dev: DevSet | ChoiceDev | None
    dev_records: list[Record]
    initial: InitialAdapter | None  # what the LoRA starts from
    epoch_steps: int  # optimiser steps in one pass
    total_steps: int


def prepare_data(config: TrainConfig) -> PreparedData:
    """Read, encode and audit the training file, and read the dev file. Raises DataError or ModelError on any fault."""
    if config.report_to != "none" and importlib.util.find_spec(config.report_to) is None:
        raise ConfigError(
            f"--report-to {config.report_to} には {config.report_to} が必要です。pip install {config.report_to} を実行するか、"
            "指定を外してください。"
        )
    initial = read_initial_adapter(config)
    rows = read_rows(config)
    if initial is not None:
        form: Form = "choice" if config.objective == "choice" else "letter"
        check_words_alike(initial, form, cited_words=shows_cited_words(rows.built.records, config.train_file))
    tokenizer, built, units = rows.tokenizer, rows.built, rows.units
    audit = audit_batches(
        [[built.records[row] for row in unit.rows] for unit in units] if config.share_prefix
        else [[record] for record in built.records],
        units,
        tokenizer,
        rows.collate,
        batch_size=config.batch_size,
        chat_format=config.chat_format,
        loss_on_output_only=config.loss_on_output_only,
        stops=config.objective == "text",
    )  # fmt: skip
    dev_records: list[Record] = []
    dev: DevSet | ChoiceDev | None = None
    if config.eval_file is not None:
        dev_records = read_records(config.eval_file)
        check_form(dev_records, config.objective, config.eval_file)
        check_dev_words(built.records, dev_records, config)
        check_apart(built.records, dev_records, config)
        if initial is not None:
            hashes = {record.meta["id"]: _asked(record) for record in dev_records}
            check_dev_apart(initial, hashes, _texts_asked(dev_records), config.eval_file)
        build = build_choice_dev if config.objective == "choice" else build_dev_set
        dev = build(dev_records, tokenizer, path=config.eval_file, chat_format=config.chat_format)
    epoch_steps = steps_per_epoch(len(units), config.batch_size, config.gradient_accumulation_steps * here().world)
    total_steps = config.max_steps or epoch_steps * config.num_epochs
    return PreparedData(
        **{one.name: getattr(rows, one.name) for one in fields(rows)}, audit=audit, dev=dev, dev_records=dev_records,
        initial=initial, epoch_steps=epoch_steps, total_steps=total_steps,
    )  # fmt: skip


def read_rows(
    config: TrainConfig,
    *,
    tokenizer_name: str | None = None,
    follow: Callable[[Sequence[Record]], Iterable[Record]] | None = None,
) -> TokenRows:
    """Read and encode the training file. ``tokenizer_name`` is another folder or name than the model's.

    The records go through ``follow`` one by one, which may show how far they are.

    Raises DataError for a file that is none or of another form than the objective's, ModelError for the tokenizer.
    """
    given = read_training_file(config.train_file)
    records = given.records
    if given.shape != "records":
        log(
            f"{config.train_file}: {SHAPE_NAMES[given.shape]}の会話 {len(records)} 件として読みます。答えだけを学習します。"
        )
        if given.with_system:
            log(f"system の発言を、利用者の文の前に付けた会話: {given.with_system} 件")
    check_form(records, config.objective, config.train_file)
    shows_cited_words(records, config.train_file)
    mode = check_mode(records, config.train_mode, config.train_file)
    tokenizer = load_tokenizer(tokenizer_name or config.model_name)
    by_choice = config.objective == "choice"
    letter_ids = letter_token_ids(tokenizer) if config.objective == "letter" else None
    pair_ids = pair_token_ids(tokenizer) if by_choice else None
    built = build_examples(
        records if follow is None else follow(records),
        tokenizer,
        # A question's choices share a sequence, and that has the limit.
        max_seq_length=sys.maxsize if by_choice else config.max_seq_length,
        chat_format=config.chat_format,
        loss_on_output_only=config.loss_on_output_only,
        skip_long=config.skip_long_records,
        answer_ids=letter_ids or pair_ids,
    )
    built, units, collate = _units(config, built, int(tokenizer.pad_token_id))
    choices = None
    if pair_ids is not None:
        choices = choice_objective(pair_ids, fitting_choices(built.records, units, FITS))
    return TokenRows(tokenizer, built, units, collate, mode, letter_ids, choices)


def _units(config: TrainConfig, built: BuiltExamples, pad_token_id: int) -> tuple[BuiltExamples, list[Any], Collate]:
    """What the trainer draws, what of ``built`` is in it, and how it becomes a batch."""
    if config.objective == "choice":
        built, groups = build_groups(
            built, config.train_file, max_tokens=config.max_seq_length, skip_long=config.skip_long_records
        )
        return built, list(groups), PrefixCollator(name_questions=True)
    if config.share_prefix:
        names = [str(record.meta["id"]) for record in built.records]
        return built, list(group_examples(built.examples, names, max_tokens=config.max_seq_length)), PrefixCollator()
    return built, list(built.examples), LabelCollator(pad_token_id)


def check_dev_words(records: Sequence[Record], dev_records: Sequence[Record], config: TrainConfig) -> None:
    """Raises DataError when the dev records show cited words and the training file does not, or the other way round."""
    trained = shows_cited_words(records, config.train_file)
    if shows_cited_words(dev_records, config.eval_file) != trained:
        how = "付けて" if trained else "付けずに"
        raise DataError(
            f"{config.eval_file}: 学習データ {config.train_file} は --cited-words を{how}作ったものですが、開発用データは違います。"
            f"開発用データも build_finetune_dataset.py で --cited-words を{how}作り直してください。"
        )


def check_apart(records: Sequence[Record], dev_records: Sequence[Record], config: TrainConfig) -> None:
    """Raises DataError when a dev question is trained on, under whatever id or order; warns of shared articles."""
    trained = {_asked(record) for record in records}
    # A question has a record for each order or choice.
    same = {_asked(record): record.meta["id"] for record in dev_records if _asked(record) in trained}
    if same:
        raise DataError(
            f"{config.eval_file}: {len(same)} 問が学習データにもあります（最初は {next(iter(same.values()))}）。"
            "scripts/split_selection_dataset.py で分けた開発用データを使ってください。"
        )
    conversations = [record for record in records if record.form == CHAT]
    if conversations and (within := asked_within(conversations, _texts_asked(dev_records))):
        raise DataError(
            f"{config.eval_file}: {len(within)} 問が学習データの会話の中で尋ねられています（最初は {within[0]}）。"
            "会話に出てこない問題を開発用にしてください。"
        )
    trained_on, dev_on = (set().union(*(one.clusters for one in each)) for each in (records, dev_records))
    clusters = trained_on & dev_on
    if clusters:
        log(
            f"注意: {len(clusters)} 個の条文のまとまりが学習データと開発用データの両方にあります"
            f"（{min(clusters)} など）。dev の正答率は甘くなります。"
        )


def _texts_asked(records: Sequence[Record]) -> dict[str, list[str]]:
    """The texts of each question and its choices, by its id."""
    return {record.meta["id"]: [record.meta["question"], *record.meta["choices"].values()] for record in records}


def _asked(record: Record) -> str:
    return content_hash(record.meta["question"], record.meta["choices"])
