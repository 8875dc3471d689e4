"""What ``scripts/plan_memory.py`` answers to a command line, and the command line of a training run's plan."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ...core.errors import ConfigError
from ...core.questions import MOST_CHOICES
from ..config import TrainConfig
from .arguments import parser, setting_from_arguments
from .model_sizes import read_model_sizes
from .plan import MemoryPlan, plan
from .search import Card, advise, largest_setting
from .setting import MemorySetting, setting_of

# Option of a field where it is not the field's own name, and what switches a yes off.
_OPTIONS = {"offload": "--activation-offload"}
_NOT_AN_OPTION = ("upcast",)
# A direct answer is a letter and the stop token; four orders in one sequence have four of them. Where the command does not
# say that all answers are direct, the planner's own default is taken.
_DIRECT_LABELS = 2
_ORDERS = 4


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
    """The arguments that plan the longest row ``config`` allows; rows of four orders in one are taken to be twice as long.

    What only the data tell (how long the longest row is, how many labels a reasoned answer has) is set high.
    """
    labels = MemorySetting().label_positions or 0
    if config.train_mode == "direct":
        labels = _DIRECT_LABELS * (_ORDERS if config.share_prefix else 1)
    longest = config.max_seq_length * (2 if config.share_prefix else 1)
    if config.objective == "choice":
        # A question's choices have the limit together, and the batch is one sequence.
        labels, longest = MOST_CHOICES * config.batch_size, config.max_seq_length * config.batch_size
    setting = setting_of(config, label_positions=labels, longest=longest)
    words = ["--model-name", config.model_name, "--vram", f"{vram_gib:g}"]
    for field in fields(setting):
        value = getattr(setting, field.name)
        always = field.name in ("max_seq_length", "batch_size")
        if field.name in _NOT_AN_OPTION or (value == field.default and not always):
            continue
        option = _OPTIONS.get(field.name, f"--{field.name.replace('_', '-')}")
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            words += [option, *value]
        else:
            words += [option, str(value)]
    return words
