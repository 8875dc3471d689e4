"""The recommended settings of a training, by the size of the model: the one place that every document's commands come from.

A page names what is its own (model, files, what the card needs); ``training_command`` adds what is recommended. So two
pages cannot recommend different things.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..core.errors import DataError
from .config import TrainConfig, default_of

_SIZE = re.compile(r"(\d+(?:\.\d+)?)B(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings for models of one size.

    name           what the table calls the size
    up_to          largest model in billions of weights (its name says how many), None without a limit
    learning_rate  highest rate of LoRA r 16 on all linear layers
    patience       dev evaluations in a row without a new best after which training stops, None: never
    """

    name: str
    up_to: float | None
    learning_rate: str
    patience: int | None


# Larger models leave less to correct: the rate falls, and dev says when to stop.
RECIPES = (
    Recipe("1.7B まで", 2.0, "2e-4", None),
    Recipe("4B から", None, "5e-5", 3),
)
# Questions (rows, without a shared prefix) in one step, whatever the card takes at once.
EFFECTIVE_BATCH = 16
# Steps for a hundred questions, and for thousands: the best step by dev is what is kept.
STEPS, MOST_STEPS = 200, 600
EVAL_STEPS = 20
# The objective of each form of record: the main recipe, the second, and reasoned records.
MAIN_OBJECTIVE, SECOND_OBJECTIVE = "choice", "letter"


def recipe_of(model_name: str) -> Recipe:
    """The recipe for a model whose name says its size (``Qwen/Qwen3-8B``). Raises DataError when it does not."""
    sizes = _SIZE.findall(model_name)
    if not sizes:
        raise DataError(f"{model_name}: モデルの名前から大きさ（8B など）が分からないので、設定を決められません。")
    size = float(sizes[-1])
    return next(recipe for recipe in RECIPES if recipe.up_to is None or size <= recipe.up_to)


def launcher(processes: int) -> list[str]:
    """The words that start a program in as many processes of one machine."""
    return ["python"] if processes == 1 else ["torchrun", "--nproc-per-node", str(processes)]


def recommended_words(recipe: Recipe, batch: int, processes: int = 1, *, with_dev: bool) -> list[str]:
    """The options that ``recipe`` decides, for ``batch`` questions at once in each of ``processes``."""
    words = ["--learning-rate", recipe.learning_rate, "--batch-size", str(batch), "--gradient-accumulation-steps"]
    words += [str(max(EFFECTIVE_BATCH // (batch * processes), 1)), "--max-steps", str(STEPS)]
    if with_dev:
        words += ["--eval-steps", str(EVAL_STEPS)]
        words += [] if recipe.patience is None else ["--early-stopping-patience", str(recipe.patience)]
    return words


def left_open(config: TrainConfig, given: Collection[str]) -> list[str]:
    """What is recommended for the model of ``config`` and is not among the ``given`` fields; nothing where its name says
    no size."""
    try:
        recipe = recipe_of(config.model_name)
    except DataError:
        return []
    words = recommended_words(recipe, config.batch_size, with_dev=config.eval_file is not None)
    decided = {"batch_size", *given}
    return [
        word
        for pair in zip(words[::2], words[1::2], strict=True)
        if pair[0][2:].replace("-", "_") not in decided
        for word in pair
    ]


def training_command(words: Sequence[str], processes: int = 1) -> str:
    """The command of ``scripts/train_qwen_law_ft.py`` with ``words`` (model, files, memory) and what is recommended.

    Several ``processes`` share the effective batch, which stays what it is for one.

    Raises DataError when ``words`` set what the recipe decides.
    """
    options = dict(pairwise(words))
    recipe = recipe_of(options["--model-name"])
    batch = int(options.get("--batch-size", str(default_of("batch_size"))))
    with_dev = "--eval-file" in options
    recommended = recommended_words(recipe, batch, processes, with_dev=with_dev)
    if not with_dev and recipe.patience is not None:
        raise DataError(f"{' '.join(words)}: {recipe.name}の設定は dev で止めるので、--eval-file が要ります。")
    decided = set(recommended[::2]) - {"--batch-size"}
    if given := sorted(decided & set(words)):
        raise DataError(f"{' '.join(words)}: {'、'.join(given)} は app/training/recipes.py が決めます。")
    own = list(words)
    if "--batch-size" in options:
        place = own.index("--batch-size")
        del own[place : place + 2]
    return " ".join(map(shlex.quote, [*launcher(processes), "scripts/train_qwen_law_ft.py", *own, *recommended]))
