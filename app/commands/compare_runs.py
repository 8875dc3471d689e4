"""Compare evaluation results on the same questions: verdict, numbers, flips, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.cli import JapaneseParser, log, seed_number
from ..core.errors import UntrustworthyResult
from ..core.files import to_json
from ..core.outputs import REPORT, Output, check_outputs

if TYPE_CHECKING:
    from ..evaluation.comparing.comparison import Comparison
    from ..evaluation.results.file import Result

EXAMPLES = (
    "python scripts/compare_runs.py results/base.json results/tuned.json --report results/compare.html",
    "python scripts/compare_runs.py results/base.json results/tuned.json --json",
    "python scripts/compare_runs.py results/base.json results/lora_r8.json results/lora_r16.json",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser("同じ問題の評価結果を問題ごとに比べ、差が偶然で説明できるかを述べる。", EXAMPLES)
    parser.add_argument(
        "results", type=Path, nargs="+", metavar="RESULT.json",
        help="evaluate_multiple_choice.py の結果。最初のものを基準に、ほかを比べる",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="HTML", help="1 ファイルの HTML 報告を書く（ネットワーク不要）")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="JSON",
        help="問題ファイル。報告に正解の条文を載せる（結果に記録されたファイルがあれば不要）",
    )
    parser.add_argument("--json", action="store_true", help="文章のかわりに JSON を標準出力に書く")
    parser.add_argument("--seed", type=seed_number, default=42, help="ブートストラップの乱数の種（既定 42）")
    return parser


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    from ..evaluation.comparing.comparison_json import as_json
    from ..evaluation.comparing.comparison_text import comparison_lines

    if arguments.report:
        inputs = {f"{number} 番目の結果": path for number, path in enumerate(arguments.results, start=1)}
        check_outputs([Output("--report", arguments.report, REPORT)], {**inputs, "--data": arguments.data})
    results, pairs, reasons = compared(arguments.results, arguments.seed)
    if arguments.report:
        from ..evaluation.report.page import write_report

        size = write_report(arguments.report, results, pairs, questions_path=arguments.data)
        log(f"{arguments.report}: 報告を書きました（{size / 1024:.0f} KB）。")
    if arguments.json:
        print(to_json(as_json(pairs), indent=2))
    else:
        print("\n".join(comparison_lines(pairs, results)))
    if reasons:
        raise UntrustworthyResult("この比較は信用できません: " + "; ".join(reasons))
    return 0


def compared(paths: Sequence[Path], seed: int) -> tuple[list[Result], list[Comparison], list[str]]:
    """The results of the files, each but the first against the first, and why none of it must be trusted (may be empty)."""
    from ..evaluation.comparing.comparability import distrust
    from ..evaluation.comparing.comparison import compare_results
    from ..evaluation.comparing.reading_beside import with_reading
    from ..evaluation.results.file import read_results

    results = read_results(paths)
    pairs = with_reading(compare_results(results, seed=seed), results, seed=seed)
    return results, pairs, [reason for result in results for reason in distrust(result)]
