"""Read result files of the earlier project again, with the strict answer parser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.cli import JapaneseParser, log

EXAMPLES = (
    "python scripts/import_results.py old_results.json",
    "python scripts/import_results.py old_results.json --data data/lawqa_jp/selection.json --output results/old.json",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser(
        "以前のプロジェクトの評価結果を読み、応答の文章から答えを読み直して、変わるものを示す。", EXAMPLES
    )
    parser.add_argument("results", type=Path, metavar="RESULT.json", help="以前のプロジェクトの評価結果")
    parser.add_argument(
        "--data", type=Path, help="lawqa_jp 形式の問題ファイル。同じ問題の ID・法令・条文のまとまりを使う"
    )
    parser.add_argument("--output", type=Path, help="読み直した結果を、compare_runs.py で使える JSON として書く")
    return parser


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    from ..core.files import sha256_file
    from ..core.manifests import run_header
    from ..core.outputs import RESULT, Output, check_outputs
    from ..data.lawqa import load_questions
    from ..evaluation.exchange.legacy_results import as_outcomes, read_legacy, reread_lines
    from ..evaluation.results.file import write_result
    from ..evaluation.results.summary import summarize
    from ..evaluation.running.plan import EvaluationPlan

    if arguments.output:
        inputs = {"RESULT.json": arguments.results, "--data": arguments.data}
        check_outputs([Output("--output", arguments.output, RESULT)], inputs)
    items = read_legacy(arguments.results)
    if arguments.output:
        known = load_questions(arguments.data) if arguments.data else []
        outcomes, questions = as_outcomes(items, known)
        plan = EvaluationPlan(context="none", top_k=0, scoring="text", orders=1)
        # What the earlier project retrieved, and how it asked, is not in its file: the plan says text and one order only.
        run = {
            **run_header(argv),
            "plan": {**plan.as_dict(), "context": None},
            "prompt_version": None,
            "imported_from": {"path": str(arguments.results), "sha256": sha256_file(arguments.results)},
            "adapter": None,
            "distrust": [],
        }
        summary = {**summarize(outcomes, questions, plan), "seconds": None}
        write_result(arguments.output, run=run, summary=summary, outcomes=outcomes)
        log(f"{arguments.output} に書きました。")
    print("\n".join(reread_lines(items)))
    return 0
