"""What ``scripts/plan_memory.py`` answers to a command line, and the command line of a training run's plan."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.errors import ConfigError
from ...core.options import as_words
from ..config import TrainConfig
from .arguments import parser, setting_from_arguments
from .model_sizes import read_model_sizes
from .plan import MemoryPlan, plan
from .search import Card, advise, largest_setting
from .setting import longest_setting


@dataclass(frozen=True, slots=True)
class Answer:
    """The plan, why its setting was chosen (empty when it was given), and what to change when it does not fit."""

    plan: MemoryPlan
    reasons: tuple[str, ...]
    advice: tuple[str, ...]


def answer(arguments: Namespace) -> Answer:
    """The answer to parsed arguments; a size that they leave open is chosen as large as the card allows.

    Raises ModelError and ConfigError as ``plan`` does, and ConfigError for ``--exact`` where the size is searched.
    """
    setting, fixed = setting_from_arguments(arguments)
    sizes = read_model_sizes(arguments.model_name)
    reasons: tuple[str, ...] = ()
    if arguments.vram is not None and not {"max_seq_length", "batch_size"} & set(fixed):
        if arguments.exact:
            raise ConfigError(
                "--exact は大きさを探すときには使えません（どの候補も全層で動かすと何分もかかるため）。"
                "--max-seq-length か --batch-size を指定してください。"
            )
        choice = largest_setting(Card(sizes, arguments.vram, arguments.desktop), setting, fixed)
        made, reasons = choice.plan, choice.reasons
    else:
        made = plan(sizes, setting, vram_gib=arguments.vram, desktop_gib=arguments.desktop, exact=arguments.exact)
    return Answer(made, reasons, tuple(advise(sizes, made)))


def parse_line(words: Sequence[str]) -> Namespace:
    """The arguments of ``plan_memory.py``; a wrong one ends the program as on the command line."""
    return parser().parse_args(list(words))


def line_of_training(config: TrainConfig, *, vram_gib: float) -> list[str]:
    """The arguments that plan the longest row ``config`` allows (``longest_setting``)."""
    words = ["--model-name", config.model_name, "--vram", f"{vram_gib:g}"]
    return words + as_words(longest_setting(config), always=("max_seq_length", "batch_size"))
