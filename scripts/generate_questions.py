"""Make four-choice questions, each candidate's truth checked by rule, from the statutes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import JapaneseParser, log, run_program
from app.core.errors import ConfigError, DataError

EXAMPLES = (
    "python scripts/generate_questions.py --source sample/laws --law-type all --count 40 --output results/generated_sample",
    "python scripts/generate_questions.py --source data/egov/all_laws.zip --count 3000 "
    "--exclude-questions data/lawqa_jp/selection.json --output results/generated",
)


def parser() -> JapaneseParser:
    program = JapaneseParser("法令の条文から、正誤を規則で確かめた選択式の問題を作る。", EXAMPLES)
    add = program.add_argument
    add("--source", type=Path, required=True, help="法令XMLの zip かフォルダ")
    add("--laws", nargs="+", default=[], metavar="LAW", help="使う法令の題名か法令ID（既定: すべてから --seed の順に）")
    add(
        "--law-type", choices=("act", "order", "ministerial", "all"), default="act", help="法令の種類（既定 act、法律）"
    )
    add("--count", type=int, default=3000, help="作る問題の数（既定 3000）")
    add(
        "--exclude-questions",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="評価に使う問題ファイル。その条文と文を避ける",
    )
    add("--max-context-chars", type=int, default=700, help="一問の条文の文字数の上限、見出しを含む（既定 700）")
    add(
        "--holdout-laws",
        type=int,
        default=0,
        metavar="N",
        help="学習用に使わない法令の数。その問題は unseen.json に書く（既定 0）",
    )
    add("--seed", type=int, default=42, help="乱数の種（既定 42）")
    add("--output", type=Path, required=True, metavar="DIR", help="書き出すフォルダ（questions.json、manifest.json）")
    return program


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    if arguments.count < 1:
        raise ConfigError(f"--count {arguments.count}: 1 以上にしてください。")
    if arguments.max_context_chars < 100:
        raise ConfigError(f"--max-context-chars {arguments.max_context_chars}: 100 以上にしてください。")
    from app.core.files import sha256_file
    from app.core.manifests import run_header
    from app.data.generation.leaks import Excluded
    from app.data.generation.sources import draw_laws
    from app.data.generation.writing import Source, write_set
    from app.data.lawqa import load_questions
    from app.evaluation.floors import lexical_overlap, longest_choice, overlap

    header = run_header(argv)
    excluded_files = {path: load_questions(path) for path in arguments.exclude_questions}
    excluded = Excluded([question for questions in excluded_files.values() for question in questions])
    laws = draw_laws(arguments.source, arguments.laws, arguments.law_type, arguments.seed)
    unseen, made = _make(arguments, laws, excluded, overlap)
    source = Source(
        {"path": str(arguments.source), "sha256": sha256_file(arguments.source) if arguments.source.is_file() else None},
        [{"path": str(path), "sha256": sha256_file(path), "questions": len(found)} for path, found in excluded_files.items()],
    )  # fmt: skip
    lines = write_set(
        arguments.output, header, source, arguments.seed, made, unseen, excluded, lexical_overlap, longest_choice
    )
    for line in lines:
        log(line)
    print(arguments.output / "questions.json")
    return 0


def _make(arguments: Any, laws: Any, excluded: Any, overlap: Any) -> tuple[Any, Any]:
    """What came of the laws that are held out (None without any), and of the others."""
    from itertools import islice

    from app.data.generation.making import MAX_PER_LAW, Recipe, make

    unseen = None
    if arguments.holdout_laws:
        many = Recipe(arguments.holdout_laws * MAX_PER_LAW, arguments.seed, arguments.max_context_chars)
        *_, unseen = make(islice(laws, arguments.holdout_laws), many, excluded, overlap)
    made = None
    shown = 0
    recipe = Recipe(arguments.count, arguments.seed + 1, arguments.max_context_chars)
    for made in make(laws, recipe, excluded, overlap):
        if len(made.settled) >= shown + 500:
            shown = len(made.settled)
            log(f"{made.laws} 法令から {shown} 問")
    if made is None or len(made.settled) < arguments.count:
        number = 0 if made is None else len(made.settled)
        raise DataError(
            f"{arguments.source}: 作れた問題は {number} 問です（--count {arguments.count}）。--count を減らすか、法令を増やしてください。"
        )
    return unseen, made


if __name__ == "__main__":
    raise SystemExit(run_program(main))
