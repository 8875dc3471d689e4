"""Confirm the memory predictions on a real card: a short training and eight questions, or random weights of a large model."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, run_program
from ..core.errors import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, ConfigError
from ..core.files import write_json, write_text
from ..core.outputs import Output, check_outputs, contains, starts_with
from ..training.ranks import check_alone

HEADING = "# GPU 検査"
DEFAULT_MODEL = "Qwen/Qwen3-0.6B"
EXAMPLES = (
    "python scripts/gpu_check.py",
    "python scripts/gpu_check.py --random-weights Qwen3-8B Qwen3-14B --minutes 9 --output benchmarks/gpu/my-card.md",
    "python scripts/gpu_check.py --model-name Qwen/Qwen3-8B --output results/gpu-check-8b.md",
)


MINUTES = 9.0


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "GPU で 5 ステップ学習し、見本の 8 問を採点して、メモリの予測・速さ・CPU との一致を Markdown にまとめます。",
        EXAMPLES,
    )
    model = made.add_argument("--model-name", help=f"試すモデル（既定: {DEFAULT_MODEL}）")
    made.add_argument(
        "--random-weights",
        nargs="+",
        metavar="MODEL",
        help="モデルを取得せず、この寸法（Qwen3-8B など、または config.json）の 4bit の乱数の重みで、メモリと、学習・採点の速さを測り、JSON にも書く。普通のスクリプトと、入っていれば TRL とも比べる",
    )
    minutes = made.add_argument(
        "--minutes",
        type=float,
        help=f"--random-weights の制限時間（既定: {MINUTES:g}）。過ぎたら、それまでの値で終わる",
    )
    # For the documents' table: not given is told from the default.
    model.shown_default, minutes.shown_default = DEFAULT_MODEL, MINUTES  # type: ignore[attr-defined]
    made.add_argument(
        "--output", type=Path, default=Path("results/gpu-check.md"), help="報告の書き先（既定: results/gpu-check.md）"
    )
    return made


def main(argv: Sequence[str], *, device: str = "cuda") -> int:
    """Run the check and write the report; ``device`` cpu walks the same way without a card, for the tests."""
    arguments = parser().parse_args(argv)
    check_alone(os.environ, "一枚の GPU で試します")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        log(
            "この PyTorch からは GPU が見えません。NVIDIA のドライバと CUDA 版の PyTorch を入れてから、もう一度実行してください。"
        )
        return EXIT_USAGE

    if arguments.random_weights:
        return _check_random(arguments, device)
    if arguments.minutes is not None:
        raise ConfigError("--minutes は --random-weights と一緒に使います。")
    from ..training.gpu_check.check import run_check
    from ..training.gpu_check.report import render_report

    check_outputs([Output("--output", arguments.output, starts_with(HEADING))], {})
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        report = render_report(run_check(arguments.model_name or DEFAULT_MODEL, Path(folder), device=device))
    write_text(arguments.output, report)
    print(report)
    log(f"{arguments.output} に書きました。この内容を issue に貼り付けてください。")
    return EXIT_DONE


def _check_random(arguments: argparse.Namespace, device: str) -> int:
    from ..training.gpu_check.processes import run_case
    from ..training.gpu_check.random_check import KIND, check_random
    from ..training.gpu_check.random_report import render_random_report

    if arguments.model_name is not None:
        raise ConfigError("--random-weights と --model-name は同時に指定できません。どちらか一方にしてください。")
    minutes = MINUTES if arguments.minutes is None else arguments.minutes
    if not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes は 0 より大きい数（分）です（{minutes:g}）。")
    values = arguments.output.with_suffix(".json")
    check_outputs(
        [
            Output("--output", arguments.output, starts_with(HEADING)),
            Output("--output の JSON", values, contains(f'"kind": "{KIND}"')),
        ],
        {},
    )

    def store(result: dict[str, Any]) -> None:
        write_json(values, result)
        write_text(arguments.output, render_random_report(result))

    # What is killed inside a folder is given back with it; the reports lie outside.
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        result = check_random(
            arguments.random_weights, Path(folder), minutes=minutes, device=device, run=run_case, store=store
        )
    print(render_random_report(result))
    log(f"{arguments.output} と {values} に書きました。")
    measured = any("train" in case["parts"] for case in result["cases"])
    return EXIT_DONE if measured else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(run_program(main))
