"""The recommended settings: by the size in a model's name, added to what a page says, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.core.errors import DataError
from app.training.arguments import config_from_arguments, parser
from app.training.config import TrainConfig
from app.training.recipes import EFFECTIVE_BATCH, left_open, recipe_of, training_command
from tools import build_docs
from tools.pages.commands import shell_commands

FILES = ["--train-file", "t.jsonl", "--output-dir", "runs/x"]


@pytest.mark.parametrize(
    ("name", "rate", "patience"),
    [
        ("Qwen/Qwen3-0.6B", "2e-4", None),
        ("models/qwen2.5-coder-1.5b", "2e-4", None),
        ("Qwen/Qwen3-1.7B", "2e-4", None),
        ("Qwen/Qwen3-4B", "5e-5", 3),
        ("Qwen/Qwen3-14B", "5e-5", 3),
    ],
)
def test_the_size_in_the_name_decides(name: str, rate: str, patience: int | None) -> None:
    made = recipe_of(name)
    assert (made.learning_rate, made.patience) == (rate, patience)


def test_a_name_without_a_size_is_refused() -> None:
    with pytest.raises(DataError, match="tiny-qwen3: モデルの名前から大きさ"):
        recipe_of("sample/tiny-qwen3")


def test_a_command_is_what_the_page_says_and_what_is_recommended() -> None:
    small = training_command(["--model-name", "Qwen/Qwen3-1.7B", "--batch-size", "4", *FILES, "--objective", "choice"])
    assert small == (
        "python scripts/train_qwen_law_ft.py --model-name Qwen/Qwen3-1.7B --train-file t.jsonl --output-dir runs/x "
        "--objective choice --learning-rate 2e-4 --batch-size 4 --gradient-accumulation-steps 4 --max-steps 200"
    )
    large = training_command(["--model-name", "Qwen/Qwen3-8B", *FILES, "--eval-file", "d.jsonl"])
    assert large.endswith(
        "--learning-rate 5e-5 --batch-size 1 --gradient-accumulation-steps 16 --max-steps 200 --eval-steps 20"
        " --early-stopping-patience 3"
    )
    several = training_command(["--model-name", "Qwen/Qwen3-1.7B", *FILES, "--batch-size", "2"], processes=4)
    assert several.startswith("torchrun --nproc-per-node 4 scripts/train_qwen_law_ft.py --model-name Qwen/Qwen3-1.7B ")
    assert several.endswith("--learning-rate 2e-4 --batch-size 2 --gradient-accumulation-steps 2 --max-steps 200")


@pytest.mark.parametrize(
    ("more", "part"),
    [(["--eval-file", "d", "--learning-rate", "1e-4"], "--learning-rate は app/training/recipes.py が決めます"),
     ([], "dev で止めるので、--eval-file が要ります")],
)  # fmt: skip
def test_a_page_cannot_recommend_something_else(more: list[str], part: str) -> None:
    with pytest.raises(DataError, match=part):
        training_command(["--model-name", "Qwen/Qwen3-8B", *FILES, *more])


def test_every_training_of_a_large_model_on_every_page_is_the_recipe() -> None:
    seen = 0
    for page in build_docs.pages():
        if page.name == "commands.md":  # the examples of --help say what an option does
            continue
        for command in shell_commands(page.read_text("utf-8"), page.name):
            if command.program == "train_qwen_law_ft" and "Qwen3" in command.text:
                config = config_from_arguments(parser().parse_args(command.arguments))
                recipe = recipe_of(config.model_name)
                found = (config.learning_rate, config.early_stopping_patience)
                assert found == (float(recipe.learning_rate), recipe.patience), command.place
                together = re.search(r"--(?:nproc-per-node|num_processes) (\d+)", command.text)
                batch = config.batch_size * config.gradient_accumulation_steps * int(together[1] if together else 1)
                assert batch == EFFECTIVE_BATCH, command.place
                seen += 1
    assert seen >= 10


def test_the_table_has_a_row_for_each_size() -> None:
    assert [line.split(" | ")[0] for line in build_docs.recipes().splitlines()[2:]] == ["| 1.7B まで", "| 4B から"]


@pytest.mark.parametrize(
    ("name", "given", "left"),
    [
        (
            "Qwen/Qwen3-8B",
            set(),
            ["--learning-rate", "5e-5", "--gradient-accumulation-steps", "8", "--max-steps", "200"],
        ),
        ("Qwen/Qwen3-1.7B", {"max_steps", "gradient_accumulation_steps"}, ["--learning-rate", "2e-4"]),
        ("some/folder", set(), []),
    ],
)
def test_what_is_recommended_and_not_given_is_named(name: str, given: set[str], left: list[str]) -> None:
    config = TrainConfig(model_name=name, train_file=Path("a"), output_dir=Path("b"), batch_size=2)
    assert left_open(config, given) == left
