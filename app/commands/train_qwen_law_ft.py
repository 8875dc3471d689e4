"""Train a LoRA adapter (QLoRA with --use-4bit) on law questions and write its folder with run.json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.cli import format_seconds, log, run_program
from ..core.locks import folder_lock
from ..core.manifests import run_header
from ..core.options import as_values
from ..core.outputs import check_folder_place
from ..core.run_file import RUN_FILE, parse_with_run_file, run_file_text
from ..training.arguments import config_from_arguments, parser
from ..training.config import TrainConfig
from ..training.rank_group import from_first, here, joined, take_card
from ..training.recipes import launcher

if TYPE_CHECKING:
    from ..training.memory.plan import MemoryPlan
    from ..training.model.setup import LoadedModel
    from ..training.preparation import PreparedData

__all__ = ["main", "parser", "run_training"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    with joined():
        arguments = parse_with_run_file(parser(), argv)
        config = config_from_arguments(arguments)
        plan = not arguments.no_plan
        if arguments.dry_run:
            rehearse_training(config, resume=arguments.resume, plan=plan)
            return 0
        words = sys.argv[1:] if argv is None else argv
        if run_training(config, words, resume=arguments.resume, plan=plan):
            print(config.output_dir)
        return 0


def run_training(config: TrainConfig, words: Sequence[str], *, resume: bool = False, plan: bool = True) -> bool:
    """Train from settings to the adapter's folder, or go on where a run of the same settings stopped (``resume``).

    Called within ``joined``. ``words`` are the command line that ``run.json`` names; without ``plan`` a prediction that
    the card's memory is too small stops nothing. False where that run is over, and nothing was done. Raises what
    ``check_folder_place``, ``check_folder`` and the preparation raise.
    """
    from ..training.memory.run_plan import describe_error
    from ..training.run_verdict import evaluation_command, outcome_lines
    from ..training.training_run import finished_run, started_manifest, train

    check_folder_place("--output-dir", config.output_dir)
    with folder_lock(config.output_dir) if here().first else nullcontext():
        ready = _ready(config, resume=resume, plan=plan)
        started = started_manifest(config, ready.data, ready.loaded, run_header(words))
        if ready.state == "finished":
            from_first(lambda: finished_run(config, started))
            log(f"{config.output_dir} の学習はすでに終わっています。")
            return False
        manifest = train(
            config, ready.data, ready.loaded, started, state=ready.state, planned=ready.planned,
            run_file=_run_file(config),
        )  # fmt: skip
    if error := describe_error(manifest["memory"]):
        log(error)
    log(f"学習が終わりました（{format_seconds(manifest['training']['seconds'])}）。")
    for line in outcome_lines(manifest):
        log(line)
    log(f"次は評価です:\n{evaluation_command(manifest)}")
    return True


def rehearse_training(config: TrainConfig, *, resume: bool = False, plan: bool = True) -> None:
    """Everything up to the first step, with nothing trained or written (``--dry-run``)."""
    from ..training.training_run import rehearse

    ready = _ready(config, resume=resume, plan=plan)
    rehearse(config, ready.data, ready.loaded)
    log("--dry-run: ここまで問題ありません。学習も書き込みもしていません。")


@dataclass(frozen=True, slots=True)
class _Ready:
    """What stands before the first step: state of the folder, data, memory plan (None on a CPU), model."""

    state: str
    data: PreparedData
    planned: MemoryPlan | None
    loaded: LoadedModel


def _ready(config: TrainConfig, *, resume: bool, plan: bool) -> _Ready:
    from ..training.memory.run_plan import describe_plan
    from ..training.model.initial_adapter import start_from
    from ..training.model.setup import load_model
    from ..training.preparation import prepare_data
    from ..training.run_description import describe_run
    from ..training.run_manifest import check_folder
    from ..training.training_run import plan_before_loading

    processes = take_card(config.device)
    state = from_first(lambda: check_folder(config.output_dir, resume=resume))
    data = prepare_data(config)
    planned = plan_before_loading(config, data, refuse=plan)
    if planned is not None:
        log(describe_plan(planned))
    loaded = load_model(config)
    if data.initial is not None:
        start_from(data.initial, loaded.model, data.tokenizer, config)
    log(describe_run(config, data, loaded, processes))
    return _Ready(state, data, planned, loaded)


def _run_file(config: TrainConfig) -> str:
    """The text of ``run.yaml``."""
    folder = config.output_dir
    again = [*launcher(here().world), "scripts/train_qwen_law_ft.py", "--config", f"{folder / RUN_FILE}"]
    # What the objective brings along is not written: it would stay with another one.
    implied = {"share_prefix": None} if config.objective == "choice" else {}
    return run_file_text(parser(), as_values(config), [*again, "--output-dir", f"{folder}_2"], **implied)


if __name__ == "__main__":
    sys.exit(run_program(main))
