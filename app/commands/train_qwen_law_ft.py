"""Train a LoRA adapter (QLoRA with --use-4bit) on law questions and write its folder with run.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from ..core.cli import format_seconds, log, run_program
from ..core.locks import folder_lock
from ..core.manifests import run_header
from ..core.outputs import check_folder_place
from ..core.run_file import RUN_FILE, parse_with_run_file, run_file_text
from ..training.arguments import config_from_arguments, parser
from ..training.config import TrainConfig
from ..training.rank_group import from_first, here, joined, take_card
from ..training.recipes import launcher

__all__ = ["main", "parser"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    with joined() as ranks:
        arguments = parse_with_run_file(parser(), argv)
        config = config_from_arguments(arguments)
        if arguments.dry_run:
            return _train(config, arguments, argv)
        check_folder_place("--output-dir", config.output_dir)
        with folder_lock(config.output_dir) if ranks.first else nullcontext():
            return _train(config, arguments, argv)


def _train(config: TrainConfig, arguments: argparse.Namespace, argv: Sequence[str] | None) -> int:
    from ..training.memory.run_plan import describe_error, describe_plan
    from ..training.model.initial_adapter import start_from
    from ..training.model.setup import load_model
    from ..training.preparation import prepare_data
    from ..training.run_manifest import check_folder
    from ..training.run_verdict import evaluation_command, outcome_lines
    from ..training.training_run import (
        describe_run,
        finished_run,
        plan_before_loading,
        rehearse,
        started_manifest,
        train,
    )

    processes = take_card(config.device)
    state = from_first(lambda: check_folder(config.output_dir, resume=arguments.resume))
    data = prepare_data(config)
    planned = plan_before_loading(config, data, refuse=not arguments.no_plan)
    if planned is not None:
        log(describe_plan(planned))
    loaded = load_model(config)
    if data.initial is not None:
        start_from(data.initial, loaded.model, data.tokenizer, config)
    log(describe_run(config, data, loaded, processes))
    if arguments.dry_run:
        rehearse(config, data, loaded)
        log("--dry-run: ここまで問題ありません。学習も書き込みもしていません。")
        return 0
    started = started_manifest(config, data, loaded, run_header(sys.argv[1:] if argv is None else argv))
    if state == "finished":
        from_first(lambda: finished_run(config, started))
        log(f"{config.output_dir} の学習はすでに終わっています。")
        return 0
    folder = config.output_dir
    again = [
        *launcher(here().world),
        "scripts/train_qwen_law_ft.py",
        "--config",
        f"{folder / RUN_FILE}",
        "--output-dir",
        f"{folder}_2",
    ]
    run_file = run_file_text(parser(), vars(arguments), again)
    manifest = train(config, data, loaded, started, state=state, planned=planned, run_file=run_file)
    if error := describe_error(manifest["memory"]):
        log(error)
    log(f"学習が終わりました（{format_seconds(manifest['training']['seconds'])}）。")
    for line in outcome_lines(manifest):
        log(line)
    log(f"次は評価です:\n{evaluation_command(manifest)}")
    print(config.output_dir)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
