"""Compare evaluation results on the same questions: verdict, numbers, flips, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.cli import JapaneseParser, log, seed_number
from ..core.errors import UntrustworthyResult
from ..core.files import to_json
from ..core.outputs import REPORT, Output, check_outputs

if TYPE_CHECKING:
    from ..evaluation.comparing.comparison import Comparison
    from ..evaluation.comparing.seeds import SeedsTogether
    from ..evaluation.results.file import Result

EXAMPLES = (
    "python scripts/compare_runs.py results/base.json results/tuned.json --report results/compare.html",
    "python scripts/compare_runs.py results/base.json results/tuned.json --json",
    "python scripts/compare_runs.py results/base.json results/lora_r8.json results/lora_r16.json",
    "python scripts/compare_runs.py results/base.json results/seed42.json results/seed43.json results/seed44.json --pool-seeds",
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
    parser.add_argument(
        "--pool-seeds",
        action="store_true",
        help="2 番目からの結果を、種（と同じ種類・数の学習データ）だけを変えて繰り返した学習として、まとめて判定する（アダプタの run.json で確かめる）",
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
    if arguments.pool_seeds:
        return pool_seeds(arguments)
    results, pairs, reasons = compared(arguments.results, arguments.seed)
    report(arguments, results, pairs)
    if arguments.json:
        print(to_json(as_json(pairs), indent=2))
    else:
        print("\n".join(comparison_lines(pairs, results)))
    return trusted(reasons)


def pool_seeds(arguments: Any) -> int:
    """Say what the results of one training, repeated with other seeds, show together; the exit code."""
    from ..evaluation.comparing.seed_study import study_seeds
    from ..evaluation.results.file import read_results
    from .studies.repeats import repeats_of, training_line

    results = read_results(arguments.results)
    repeats = repeats_of(results)
    study = study_seeds(results[0], results[1:], [one.seed for one in repeats], seed=arguments.seed)
    report(arguments, results, study.pairs, study.together)
    if arguments.json:
        print(to_json({**study.as_json(), "repeats": [one.as_json() for one in repeats]}, indent=2))
    else:
        print("\n".join([training_line(repeats), *study.lines()]))
    return trusted(study.distrust)


def report(
    arguments: Any, results: Sequence[Result], pairs: Sequence[Comparison], together: SeedsTogether | None = None
) -> None:
    """Write the HTML report where one is asked for."""
    if not arguments.report:
        return
    from ..evaluation.report.page import write_report

    size = write_report(arguments.report, results, pairs, questions_path=arguments.data, together=together)
    log(f"{arguments.report}: 報告を書きました（{size / 1024:.0f} KB）。")


def trusted(reasons: Sequence[str]) -> int:
    """0; raises UntrustworthyResult with the reasons why not."""
    if reasons:
        raise UntrustworthyResult("この比較は信用できません: " + "; ".join(reasons))
    return 0


def compared(paths: Sequence[Path], seed: int) -> tuple[list[Result], list[Comparison], list[str]]:
    """The results of the files, each but the first against the first, and why none of it must be trusted (may be empty)."""
    from ..evaluation.comparing.comparability import distrust
    from ..evaluation.comparing.neighbours import compare_with_neighbours
    from ..evaluation.results.file import read_results

    results = read_results(paths)
    pairs = compare_with_neighbours(results, seed=seed)
    return results, pairs, [reason for result in results for reason in distrust(result)]
