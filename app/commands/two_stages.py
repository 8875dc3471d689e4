"""The whole way to a model that reads, in one command: questions from the statute book, two trainings, the verdicts."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, count, format_seconds, log, seed_number
from ..core.errors import EXIT_UNTRUSTWORTHY, ConfigError
from ..core.files import read_json, read_text, sha256_file, write_json, write_text
from ..core.locks import folder_lock
from ..core.outputs import check_folder_place, foreign_entries, holds_only
from ..core.parents import of_this_process
from ..core.workers import killed_by
from ..data.generation.law.sources import source_sha256
from ..llm.model_files import files_sha256
from ..llm.model_options import check_environment
from ..training.ranks import check_alone
from . import process_words
from .studies.steps import Step, study

EXAMPLES = (
    "python scripts/two_stages.py --model-name models/qwen2.5-coder-0.5b --data data/lawqa_jp/selection.json "
    "--laws data/egov/all_laws.zip --output-dir results/two_stages",
    "python scripts/two_stages.py --model-name Qwen/Qwen3-1.7B --use-4bit --data data/lawqa_jp/selection.json "
    "--laws data/egov/all_laws.zip --output-dir results/two_stages_17b --seeds 3 --exam data/exam.jsonl --letters --plan",
)
SETTINGS = "two_stages.json"
TIMES = "times.json"
DISTRUSTED = "distrusted.json"  # verdicts of results that say of themselves that they must not be trusted
ADDITIONS = ("exam", "exam_sha256", "letters")  # steps that a finished study can be given
LATER = {"cited_words": "False"}  # what studies of before an option had, which their folders do not say


def parser() -> JapaneseParser:
    """The parser of this program."""
    program = JapaneseParser(
        "法令から作った問題で学習し（第一段）、実在の問題で仕上げ（第二段、交差適合）、前後を比べる。同じ引数で再び実行すると続きから行う。",
        EXAMPLES,
    )
    add = program.add_argument
    add("--model-name", required=True, help="ベースモデルのフォルダ、または Hugging Face Hub の名前")
    add("--data", type=Path, required=True, help="実在の問題（lawqa_jp 形式）。第一段の学習には使わない")
    add("--laws", type=Path, required=True, help="法令XMLの zip かフォルダ")
    add("--law-type", default="act", help="問題を作る法令の種類（generate_questions.py と同じ。既定 act）")
    add("--output-dir", type=Path, required=True, help="結果のフォルダ")
    add("--count", type=int, default=3000, help="第一段のために作る問題の数（既定 3000）")
    add("--holdout-laws", type=int, default=60, help="作った問題のうち、学習に使わない法令の数（既定 60）")
    add(
        "--max-context-chars",
        type=int,
        default=700,
        help="作る問題の条文の文字数の上限（既定 700。短くすれば学習は速いが、実在の問題より短い文脈しか学ばない）",
    )
    add("--learning-rate", type=_rate, default="2e-4", help="第一段の学習率（既定 2e-4、1.7B 以下の推奨値）")
    add("--second-learning-rate", type=_rate, default="1e-4", help="第二段の学習率（既定 1e-4）")
    add("--batch", type=count, default=8, help="1 ステップの問題の数（既定 8）")
    add("--second-epochs", type=int, default=3, help="第二段の周回数（既定 3）")
    add("--folds", type=int, default=2, help="第二段の交差適合の組の数（既定 2）")
    add("--seeds", type=int, default=1, help="第二段を繰り返す種の数（既定 1）")
    add("--seed", type=seed_number, default=42, help="乱数の種（既定 42）")
    add(
        "--use-4bit", action=argparse.BooleanOptionalAction, default=False, help="4bit で学習し評価する（既定: しない）"
    )
    add("--cited-words", action="store_true", help="引用だけの候補の下に、条文の文言を添えて学習し評価する")
    add("--exam", type=Path, metavar="JSONL", help="ほかの試験の問題。第一段の前と後に、検索した条文を付けて尋ねる")
    add("--letters", action="store_true", help="実在の問題（正解の条文あり）を、第一段の前と後に選択肢の文字でも尋ねる")
    add("--plan", action="store_true", help="行うコマンドを表示するだけで、何も動かさない")
    return program


def _rate(text: str) -> str:
    """A number as it was typed, which is how a study remembers it."""
    float(text)
    return text


def main(argv: Sequence[str]) -> int:
    """Run what is left of the steps, then print what they found."""
    arguments = parser().parse_args(argv)
    check_alone(os.environ, "複数の GPU を使うなら、段ごとのプログラムを起動します")
    steps = study(arguments)
    if arguments.plan:
        print("\n".join(command_line(step) for step in steps))
        return 0
    check_environment(four_bits=arguments.use_4bit)
    check_folder_place("--output-dir", arguments.output_dir)
    with folder_lock(arguments.output_dir):
        return go_on(arguments, steps)


def go_on(arguments: Any, steps: Sequence[Step]) -> int:
    """Run the steps that are not done; the exit code."""
    folder: Path = arguments.output_dir
    remember(folder, arguments)
    times: dict[str, float] = read_json(folder / TIMES) if (folder / TIMES).exists() else {}
    distrusted: list[str] = read_json(folder / DISTRUSTED) if (folder / DISTRUSTED).exists() else []
    for number, step in enumerate(steps, start=1):
        if step.product.exists():
            log(f"[{number}/{len(steps)}] {step.name}: 済んでいます")
            continue
        log(f"[{number}/{len(steps)}] {step.name}")
        started = time.monotonic()
        try:
            if run(step) == EXIT_UNTRUSTWORTHY and step.keep is not None:
                distrusted.append(step.name)
                write_json(folder / DISTRUSTED, distrusted)
        finally:  # what an interrupted run did is there for the next
            times[step.name] = times.get(step.name, 0.0) + round(time.monotonic() - started, 1)
            write_json(folder / TIMES, times)
    print("\n\n".join(f"■ {step.name}\n{read_text(step.keep).strip()}" for step in steps if step.keep))
    print(
        f"\n合計 {format_seconds(sum(times.values()))}（段階ごとの時間は {folder / TIMES}。強制終了した回の分は入りません）"
    )
    if distrusted:
        log(f"注意: 信用できない結果の判定があります（{'、'.join(distrusted)}）。理由は、それぞれの表示にあります。")
        return EXIT_UNTRUSTWORTHY
    return 0


def command_line(one: Step) -> str:
    """The step as a command that can be pasted."""
    import shlex

    return shlex.join(["python", f"scripts/{one.program}.py", *one.arguments])


def remember(folder: Path, arguments: Any) -> None:
    """Store what the folder is for. Raises ConfigError when it holds another study or files that are no study's."""
    left_out = ("plan", "debug", "output_dir")
    given = {name: value for name, value in vars(arguments).items() if name not in left_out}
    settings = {name: _place(name, value) for name, value in sorted(given.items()) if value or name not in ADDITIONS}
    settings |= {"data_sha256": sha256_file(arguments.data), "model_sha256": files_sha256(arguments.model_name) or ""}
    # Read by two steps alone; after them the statutes may change or go.
    if any(not (folder / name / "manifest.json").exists() for name in ("generated", "index")):
        settings["laws_sha256"] = source_sha256(arguments.laws)
    if arguments.exam is not None and arguments.exam.is_file():
        settings["exam_sha256"] = sha256_file(arguments.exam)
    stored: dict[str, str] = {}
    # Until something has been made, what the first error advised can be followed.
    ours = _is_study(folder / SETTINGS)
    if ours and not holds_only(folder, (SETTINGS, TIMES)):
        rows = read_json(folder / SETTINGS).items()
        stored = LATER | {name: _place(name, value) for name, value in rows if name not in left_out}
        changed = [name for name, value in stored.items()
                   if settings.get(name) != value and (name in settings or name not in (*ADDITIONS, "laws_sha256"))]  # fmt: skip
        if changed:
            names = [f"--{name.removesuffix('_sha256').replace('_', '-')}" for name in changed]
            options = "、".join(dict.fromkeys(names))
            raise ConfigError(f"{folder} の途中の結果とは {options} が違います。同じ引数にするか、別の --output-dir を指定してください。")  # fmt: skip
    elif not ours and (foreign := foreign_entries(folder)):
        raise ConfigError(f"{folder} には別のファイルがあります（{foreign[0]} など）。別の --output-dir を指定してください。")  # fmt: skip
    write_json(folder / SETTINGS, {**stored, **settings})


def _is_study(path: Path) -> bool:
    """Whether the file is what ``remember`` writes, and not somebody's own of that name."""
    stored = read_json(path) if path.exists() else None
    return isinstance(stored, dict) and {"count", "data_sha256"} <= stored.keys()


def _place(name: str, value: object) -> str:
    """A setting as it is stored and compared: of a file or folder that is there, the one spelling of its place."""
    there = name in ("data", "laws", "model_name", "exam") and os.path.exists(str(value))
    return os.path.realpath(str(value)) if there else str(value)


def run(one: Step) -> int:
    """Run the program of a step; its exit code. Raises ConfigError when it fails: a distrusted result is a result."""
    command = [*process_words(one.program), *one.arguments]
    # Into a pipe a program writes the system's encoding (cp932 on a Japanese Windows) unless it is told.
    surroundings = of_this_process({**os.environ, "PYTHONIOENCODING": "utf-8"})
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", env=surroundings, check=False)
    if done.returncode not in (0, EXIT_UNTRUSTWORTHY):
        reason = killed_by(done.returncode) or f"終了コード {done.returncode}"
        above = "理由は上の行です。" if done.returncode > 0 else ""
        raise ConfigError(f"「{one.name}」が終わりませんでした（{reason}）。{above}同じ引数で続きから行えます。")
    # Code 0 is also what a program says whose reader went away.
    if not (done.stdout.strip() if one.keep is not None else one.product.exists()):
        raise ConfigError(
            f"「{one.name}」は終わりましたが、{one.product} ができていません。同じ引数で続きから行えます。"
        )
    if one.keep is not None:
        write_text(one.keep, done.stdout)
    return done.returncode
