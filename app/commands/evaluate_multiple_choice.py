"""Evaluate a model, with or without an adapter, on multiple-choice law questions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.cli import JapaneseParser, log
from ..core.errors import UntrustworthyResult
from ..core.files import sha256_file, write_text
from ..core.locks import file_lock
from ..core.manifests import run_header
from ..core.options import add_options, as_words, option_name, typed_settings
from ..core.run_file import add_config_option, parse_with_run_file
from ..core.terminal import safe_text
from ..evaluation.running.evaluation import check_places, questions_of, run_evaluation
from ..evaluation.running.settings import EvaluationSettings, run_file_path
from ..llm.model_options import ModelOptions
from ..training.ranks import check_alone

EXAMPLES = (
    "python scripts/evaluate_multiple_choice.py --data sample/selection.json --output results/eval/base.json "
    "--hf-model-name sample/tiny-qwen3 --no-hf-load-in-4bit --context gold",
    "python scripts/evaluate_multiple_choice.py --data results/split/test.json --output results/eval/tuned.json "
    "--hf-model-name Qwen/Qwen3-8B --hf-lora-path runs/direct_rag --context rag --top-k 3",
    "python scripts/evaluate_multiple_choice.py --data sample/selection.json --output results/eval/reading.json "
    "--hf-model-name sample/tiny-qwen3 --no-hf-load-in-4bit --scoring choice --reading-test --index-dir data/index",
    "python scripts/evaluate_multiple_choice.py --config results/eval/base.run.yaml --output results/eval/base_7.json --seed 7",
    "python scripts/evaluate_multiple_choice.py --data results/split/test.json --plan",
)


# What says which questions the parts are of, and where the whole goes; all else is in the parts.
OF_A_WHOLE = ("data", "samples", "seed", "output", "report")


def parser(*, unset: bool = False) -> JapaneseParser:
    """The parser of this program; with ``unset`` an option is None unless it was given."""
    program = JapaneseParser(
        "選択式の法令問題でモデルを評価し、正解率・区間・偏りと問題ごとの結果を書き出す。", EXAMPLES
    )
    add_options(program, EvaluationSettings, unset=unset)
    run = program.add_argument_group("進め方")
    add_config_option(run)
    run.add_argument("--resume", action="store_true", help="中断した評価の続きから行う")
    run.add_argument(
        "--merge",
        type=Path,
        nargs="+",
        metavar="JSON",
        help="--shard の結果をすべて渡すと、一つの結果にして --output に書く",
    )
    run.add_argument("--plan", action="store_true", help="評価せず、この問題数でどれだけの差を見分けられるかを表示する")
    return program


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = parse_with_run_file(program, argv)
    settings: EvaluationSettings = typed_settings(program, EvaluationSettings, arguments)
    if settings.output is None and not arguments.plan:
        program.error("--data と --output が要ります（--plan なら --data だけ）")
    if arguments.merge and (others := other_options(argv)):
        program.error(f"--merge と一緒に使えるのは {_named(OF_A_WHOLE)} だけです。{'、'.join(others)} を外してください")
    check_alone(os.environ, "GPU が何枚かあるなら --shard")
    if not arguments.plan:
        check_places(settings, config=arguments.config, parts=arguments.merge or ())
    if arguments.plan:
        from ..evaluation.results.result_text import power_lines

        print("\n".join(power_lines(len(questions_of(settings)))))
        return 0
    if arguments.merge:
        distrust = _merge(settings, arguments.merge, argv)
    else:
        distrust = run_evaluation(
            settings, program, header=run_header(argv), resume=arguments.resume,
            show=lambda lines: print("\n".join(lines)), color=sys.stdout.isatty(),
        )  # fmt: skip
    return _reported(settings, distrust)


def evaluate_beside(settings: EvaluationSettings, *, resume: bool = False) -> list[str]:
    """Evaluate as a step of something larger: what the program would print goes to a text file beside the result.

    Returns why the result must not be trusted.
    """
    header = run_header([*as_words(settings), *(["--resume"] if resume else [])])
    check_places(settings)
    lines: list[str] = []
    distrust = run_evaluation(settings, parser(), header=header, show=lines.extend, resume=resume)
    write_text(settings.result.with_suffix(".txt"), safe_text("\n".join(lines) + "\n"))
    return distrust


def other_options(argv: Sequence[str]) -> list[str]:
    """The options among ``argv`` that say nothing to ``--merge``."""
    given = vars(parser(unset=True).parse_args(argv))
    allowed = {*OF_A_WHOLE, "merge", "debug"}
    flags = {"resume", "plan"}  # False unless given
    return [
        option_name(ModelOptions if name in ModelOptions.__dataclass_fields__ else EvaluationSettings, name)
        for name, value in given.items()
        if name not in allowed and (value if name in flags else value is not None)
    ]


def _named(names: Sequence[str]) -> str:
    return "・".join(option_name(EvaluationSettings, name) for name in names)


def _merge(settings: EvaluationSettings, files: Sequence[Path], argv: Sequence[str]) -> list[str]:
    """Write the parts that ``--merge`` names as one result; why it must not be trusted."""
    from ..evaluation.results.file import read_result
    from ..evaluation.results.result_text import power_lines, summary_lines
    from ..evaluation.running.merging import merge_shards

    questions = questions_of(settings)
    for line in power_lines(len(questions)):
        log(line)
    parts = [read_result(path) for path in files]
    data = {"path": str(settings.data), "sha256": sha256_file(settings.data), "questions": len(questions)}
    with file_lock(settings.result):
        summary, distrust = merge_shards(parts, questions, settings.result, header=run_header(argv), data=data)
        # Of an evaluation whose result stood here: it is not what made this one.
        run_file_path(settings.result).unlink(missing_ok=True)
    print("\n".join(summary_lines(summary, parts[0].run["plan"], color=sys.stdout.isatty())))
    log(f"{settings.result} に書きました（{len(parts)} 個の結果から）。")
    return distrust


def _reported(settings: EvaluationSettings, distrust: Sequence[str]) -> int:
    if settings.report:
        from ..evaluation.report.page import write_report
        from ..evaluation.results.file import read_result

        size = write_report(settings.report, [read_result(settings.result)], questions_path=settings.data)
        log(f"{settings.report}: 報告を書きました（{size / 1024:.0f} KB）。")
    if distrust:
        raise UntrustworthyResult("。".join(dict.fromkeys(distrust)))
    return 0
