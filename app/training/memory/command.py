"""What ``scripts/plan_memory.py`` answers to a command line, and the command line of a training run's plan."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...core.cli import log, progress
from ...core.errors import ConfigError
from ...core.options import as_words
from ..config import TrainConfig
from ..recipes import launcher
from .arguments import parser, setting_from_arguments, training_from_arguments
from .model_sizes import read_model_sizes
from .plan import MemoryPlan, check_card, plan
from .search import Card, advise, largest_setting
from .setting import MemorySetting, longest_setting, setting_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command line is answered with.

    plan      of the setting that was given or chosen
    reasons   why it was chosen, a line a choice
    advice    what to change when it does not fit
    rows      what was read in the training file, None without one
    command   the words of the training that was planned, None without a training file
    """

    plan: MemoryPlan
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    rows: str | None = None
    command: tuple[str, ...] | None = None


def answer(arguments: Namespace) -> Answer:
    """The answer to parsed arguments; a size that they leave open is chosen as large as the card allows.

    Raises ModelError and ConfigError as ``plan`` does, ConfigError for ``--exact`` where the size is searched, and
    DataError for a training file that is none.
    """
    training = training_from_arguments(arguments)
    if training is not None:
        return _of_training(*training, arguments)
    setting, fixed = setting_from_arguments(arguments)
    sizes = read_model_sizes(arguments.model_name)
    reasons: tuple[str, ...] = ()
    if arguments.vram is not None and not {"max_seq_length", "batch_size"} & set(fixed):
        if arguments.exact:
            raise ConfigError(
                "--exact は大きさを探すときには使えません（どの候補も全層で動かすと何分もかかるため）。"
                "--max-seq-length か --batch-size を指定してください。"
            )
        check_card(sizes, arguments.vram, arguments.desktop)
        choice = largest_setting(Card(sizes, arguments.vram, arguments.desktop, _tell), setting, fixed)
        made, reasons = choice.plan, choice.reasons
    else:
        made = plan(sizes, setting, vram_gib=arguments.vram, desktop_gib=arguments.desktop, exact=arguments.exact)
    return Answer(made, reasons, tuple(advise(sizes, made)))


def _tell(setting: MemorySetting) -> None:
    log(f"見積もっています: {setting.max_seq_length:,} トークン × {setting.batch_size} 行、重み {setting.quantization}")


def _of_training(config: TrainConfig, fixed: Collection[str], arguments: Namespace) -> Answer:
    from ..preparation import read_rows
    from .run_plan import Card as RunCard
    from .run_plan import advise_run, cheapened, model_sizes, worst_batch

    sizes = model_sizes(config.model_name)
    check_card(sizes, arguments.vram, arguments.desktop)
    read = read_rows(
        config,
        tokenizer_name=arguments.tokenizer,
        follow=lambda records: progress(records, total=len(records), label="学習データを読んでいます"),
    )
    worst = worst_batch(read.units, config.batch_size)
    log("見積もっています。")
    if arguments.vram is None:
        setting = setting_of(config, label_positions=worst.label_positions, longest=worst.longest)
        chosen, made = config, plan(sizes, setting, desktop_gib=arguments.desktop)
    else:
        # LoRA weights of 16 bits have no place beside --fp16.
        kept = {*fixed, *(("lora_dtype",) if config.fp16 else ())}
        card = RunCard(arguments.vram, arguments.desktop)
        chosen, made = cheapened(config, worst, card, quantize="use_4bit" not in fixed, fixed=kept)
    added = as_words(chosen, without=_unchanged(chosen, config))
    reasons = (f"入るように加えた設定: {' '.join(added)}",) if added else ()
    tokenizer = arguments.tokenizer or config.model_name
    left_out = f"、上限を超えて除いた {len(read.built.too_long)} 件" if read.built.too_long else ""
    rows = (
        f"{config.train_file}: {len(read.built.examples):,} 件、{len(read.units):,} 本の列{left_out}。"
        f"一度に計算する最大は {worst.longest:,} トークン{'' if config.share_prefix else f' × {config.batch_size} 行'}"
        f"（{tokenizer} のトークナイザ）"
    )
    command = (*launcher(1), "scripts/train_qwen_law_ft.py", *as_words(chosen))
    return Answer(made, reasons, tuple(advise_run(chosen, worst, made)), rows, command)


def _unchanged(one: TrainConfig, other: TrainConfig) -> list[str]:
    return [name for name in TrainConfig.__dataclass_fields__ if getattr(one, name) == getattr(other, name)]


def parse_line(words: Sequence[str]) -> Namespace:
    """The arguments of ``plan_memory.py``; a wrong one ends the program as on the command line."""
    return parser().parse_args(list(words))


def line_of_training(config: TrainConfig, *, vram_gib: float) -> list[str]:
    """The arguments that plan the longest row ``config`` allows (``longest_setting``)."""
    words = ["--model-name", config.model_name, "--vram", f"{vram_gib:g}"]
    return words + as_words(longest_setting(config), always=("max_seq_length", "batch_size"))
