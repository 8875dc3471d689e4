"""Confirm the memory predictions on a real card: five training steps, eight questions, one Markdown report."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..core.cli import JapaneseParser, log, run_program
from ..core.errors import EXIT_DONE, EXIT_USAGE
from ..core.files import write_text
from ..training.ranks import check_alone

EXAMPLES = (
    "python scripts/gpu_check.py",
    "python scripts/gpu_check.py --model-name Qwen/Qwen3-8B --output results/gpu-check-8b.md",
)


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "GPU で 5 ステップ学習し、見本の 8 問を採点して、メモリの予測・速さ・CPU との一致を Markdown にまとめます。",
        EXAMPLES,
    )
    made.add_argument("--model-name", default="Qwen/Qwen3-0.6B", help="試すモデル（既定: Qwen/Qwen3-0.6B）")
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

    from ..core.outputs import Output, check_outputs, starts_with
    from ..training.gpu_check.check import run_check
    from ..training.gpu_check.report import render_report

    check_outputs([Output("--output", arguments.output, starts_with("# GPU 検査"))], {})
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        report = render_report(run_check(arguments.model_name, Path(folder), device=device))
    write_text(arguments.output, report)
    print(report)
    log(f"{arguments.output} に書きました。この内容を issue に貼り付けてください。")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(run_program(main))
