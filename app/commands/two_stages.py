"""The whole way to a model that reads, in one command: questions from the statute book, two trainings, the verdicts."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, format_seconds, log
from ..core.errors import EXIT_UNTRUSTWORTHY, ConfigError
from ..core.files import read_json, read_text, sha256_file, write_json, write_text
from ..core.locks import folder_lock
from ..core.outputs import check_folder_place, foreign_entries
from ..llm.model_files import files_sha256
from ..training.ranks import check_alone
from . import process_words

EXAMPLES = (
    "python scripts/two_stages.py --model-name models/qwen2.5-coder-0.5b --data data/lawqa_jp/selection.json "
    "--laws data/egov/all_laws.zip --output-dir results/two_stages",
    "python scripts/two_stages.py --model-name Qwen/Qwen3-1.7B --use-4bit --data data/lawqa_jp/selection.json "
    "--laws data/egov/all_laws.zip --output-dir results/two_stages_17b --seeds 3 --exam data/exam.jsonl --letters --plan",
)
SETTINGS = "two_stages.json"
TIMES = "times.json"
CONTEXTS = ("gold", "none", "removed")
ADDITIONS = ("exam", "exam_sha256", "letters")  # steps that a finished study can be given


@dataclass(frozen=True, slots=True)
class Step:
    """One program of the study.

    name       what it does, as the progress says it
    program    name of the script
    arguments  its arguments
    product    what is there when it has ended
    keep       file that gets what the program prints; None where nothing is kept
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    product: Path
    keep: Path | None = None


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
    add("--max-context-chars", type=int, default=450, help="作る問題の条文の文字数の上限（既定 450）")
    add("--learning-rate", default="2e-4", help="第一段の学習率（既定 2e-4、1.7B 以下の推奨値）")
    add("--second-learning-rate", default="1e-4", help="第二段の学習率（既定 1e-4）")
    add("--batch", type=int, default=8, help="1 ステップの問題の数（既定 8）")
    add("--second-epochs", type=int, default=3, help="第二段の周回数（既定 3）")
    add("--folds", type=int, default=2, help="第二段の交差適合の組の数（既定 2）")
    add("--seeds", type=int, default=1, help="第二段を繰り返す種の数（既定 1）")
    add("--seed", type=int, default=42, help="乱数の種（既定 42）")
    add(
        "--use-4bit", action=argparse.BooleanOptionalAction, default=False, help="4bit で学習し評価する（既定: しない）"
    )
    add("--exam", type=Path, metavar="JSONL", help="ほかの試験の問題。第一段の前と後に、検索した条文を付けて尋ねる")
    add("--letters", action="store_true", help="実在の問題（正解の条文あり）を、第一段の前と後に選択肢の文字でも尋ねる")
    add("--plan", action="store_true", help="行うコマンドを表示するだけで、何も動かさない")
    return program


def main(argv: Sequence[str]) -> int:
    """Run what is left of the steps, then print what they found."""
    arguments = parser().parse_args(argv)
    check_alone(os.environ, "複数の GPU を使うなら、段ごとのプログラムを起動します")
    steps = study(arguments)
    if arguments.plan:
        print("\n".join(command_line(step) for step in steps))
        return 0
    check_folder_place("--output-dir", arguments.output_dir)
    with folder_lock(arguments.output_dir):
        return go_on(arguments, steps)


def go_on(arguments: Any, steps: Sequence[Step]) -> int:
    """Run the steps that are not done; the exit code."""
    folder: Path = arguments.output_dir
    remember(folder, arguments)
    times: dict[str, float] = read_json(folder / TIMES) if (folder / TIMES).exists() else {}
    for number, step in enumerate(steps, start=1):
        if step.product.exists():
            log(f"[{number}/{len(steps)}] {step.name}: 済んでいます")
            continue
        log(f"[{number}/{len(steps)}] {step.name}")
        started = time.monotonic()
        run(step)
        times[step.name] = times.get(step.name, 0.0) + round(time.monotonic() - started, 1)
        write_json(folder / TIMES, times)
    print("\n\n".join(f"■ {step.name}\n{read_text(step.keep).strip()}" for step in steps if step.keep))
    print(f"\n合計 {format_seconds(sum(times.values()))}（段階ごとの時間は {folder / TIMES}）")
    return 0


def study(arguments: Any) -> list[Step]:
    """Every step in its order."""
    out, model = arguments.output_dir, arguments.model_name
    made, unseen, index, stage = out / "generated", out / "unseen", out / "index", out / "stage1"
    seed = ("--seed", str(arguments.seed))
    four_bits = ("--use-4bit",) if arguments.use_4bit else ()
    return [
        step("法令から問題を作る", "generate_questions", made / "manifest.json", "--source", arguments.laws, "--law-type",
             arguments.law_type, "--count", arguments.count, "--holdout-laws", arguments.holdout_laws,
             "--max-context-chars", arguments.max_context_chars, "--exclude-questions", arguments.data,
             "--output", made, *seed),
        step("学習に使わない法令の問題を dev と評価に分ける", "split_selection_dataset", unseen / "split.json",
             "--lawqa-path", made / "unseen.json", "--output-dir", unseen, "--train", 0.1, "--dev", 0.2, "--test", 0.7,
             *seed),
        step("法令の索引を作る", "build_index", index / "manifest.json", "--source", arguments.laws, "--index-dir", index),
        *(step(f"第一段の{name}レコードを作る", "build_finetune_dataset", out / f"{side}.jsonl", "--lawqa-path", source,
               "--form", "choice", "--context", "gold", "--output-path", out / f"{side}.jsonl")
          for name, side, source in (("学習", "train", made / "questions.json"), ("dev ", "dev", unseen / "dev.json"))),
        step("第一段: 作った問題で学習する", "train_qwen_law_ft", stage / "run.json", "--model-name", model,
             "--objective", "choice", "--train-file", out / "train.jsonl", "--eval-file", out / "dev.jsonl",
             "--output-dir", stage, "--learning-rate", arguments.learning_rate, "--batch-size", 2,
             "--gradient-accumulation-steps", max(arguments.batch // 2, 1), "--num-epochs", 1, "--eval-steps", 50,
             "--save-steps", 10, "--no-activation-checkpointing", "--resume", *four_bits, *seed),
        *(one for name, adapter in (("調整前", None), ("第一段の後", stage)) for one in asked(arguments, name, adapter)),
        *(compared(out, name, before, after) for name, before, after in (
            ("学習に使わない法令から作った問題", "base_unseen", "stage1_unseen"),
            ("実在の問題（正解の条文あり）、第一段", "base_gold", "stage1_gold"))),
        step("第二段: 実在の問題で仕上げ、交差適合で評価する", "cross_fit", out / "stage2_reading.txt", "--data",
             arguments.data, "--model-name", model, "--output-dir", out / "stage2", "--folds", arguments.folds,
             "--seeds", arguments.seeds, "--context", "gold", "--reading-test", "--index-dir", index, "--init-adapter", stage, "--objective", "choice",
             "--num-epochs", arguments.second_epochs, "--learning-rate", arguments.second_learning_rate,
             "--batch-size", 2, "--gradient-accumulation-steps", max(arguments.batch // 2, 1),
             "--no-activation-checkpointing", *four_bits, *seed, keep=out / "stage2_reading.txt"),
        *added(arguments, stage),
    ]  # fmt: skip


def asked(arguments: Any, name: str, adapter: Path | None) -> list[Step]:
    """The evaluations of one model: unseen generated questions, then the real ones with, without and around the law."""
    unseen = arguments.output_dir / "unseen" / "test.json"
    return [
        evaluation(arguments, f"{name}のモデルを評価する: 作った問題", "unseen", adapter, unseen),
        *(evaluation(arguments, f"{name}のモデルを評価する: 実在の問題（{context}）", context, adapter, arguments.data, context)
          for context in CONTEXTS),
    ]  # fmt: skip


def added(arguments: Any, stage: Path) -> list[Step]:
    """The outside exam with retrieved articles, and the real questions by letters, before and after the first stage."""
    places = []
    if arguments.exam is not None:
        places.append(("ほかの試験（検索した条文）、第一段", "exam", arguments.exam, "rag", "choice"))
    if arguments.letters:
        places.append(("実在の問題（正解の条文あり）を文字で、第一段", "letters", arguments.data, "gold", "letter"))
    return [
        one
        for name, end, data, context, scoring in places
        for one in (
            *(evaluation(arguments, f"{name}の{when}", end, adapter, data, context, scoring)
              for when, adapter in (("前", None), ("後", stage))),
            compared(arguments.output_dir, name, f"base_{end}", f"stage1_{end}"),
        )
    ]  # fmt: skip


def evaluation(
    arguments: Any,
    name: str,
    end: str,
    adapter: Path | None,
    data: Path,
    context: str = "gold",
    scoring: str = "choice",
) -> Step:
    """The evaluation of the untuned model or of the first stage's, written to ``base_END.json`` or ``stage1_END.json``."""
    result = arguments.output_dir / f"{'base' if adapter is None else 'stage1'}_{end}.json"
    return step(name, "evaluate_multiple_choice", result, "--data", data, "--context", context, "--output", result,
                "--index-dir", arguments.output_dir / "index", "--hf-model-name", arguments.model_name, "--scoring", scoring,
                "--resume", "--seed", arguments.seed,
                "--hf-load-in-4bit" if arguments.use_4bit else "--no-hf-load-in-4bit",
                *(() if adapter is None else ("--hf-lora-path", adapter)))  # fmt: skip


def compared(out: Path, name: str, before: str, after: str) -> Step:
    """The comparison of two results."""
    return step(name, "compare_runs", out / f"{after}.txt", out / f"{before}.json", out / f"{after}.json",
                keep=out / f"{after}.txt")  # fmt: skip


def step(name: str, program: str, product: Path, *arguments: object, keep: Path | None = None) -> Step:
    """A step with its arguments as text."""
    return Step(name, program, tuple(map(str, arguments)), product, keep)


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
    if arguments.exam is not None and arguments.exam.is_file():
        settings["exam_sha256"] = sha256_file(arguments.exam)
    stored: dict[str, str] = {}
    if (folder / SETTINGS).exists():
        rows = read_json(folder / SETTINGS).items()
        stored = {name: _place(name, value) for name, value in rows if name not in left_out}
        changed = [name for name, value in stored.items()
                   if settings.get(name) != value and (name in settings or name not in ADDITIONS)]  # fmt: skip
        if changed:
            names = [f"--{name.removesuffix('_sha256').replace('_', '-')}" for name in changed]
            options = "、".join(dict.fromkeys(names))
            raise ConfigError(f"{folder} の途中の結果とは {options} が違います。同じ引数にするか、別の --output-dir を指定してください。")  # fmt: skip
    elif folder.is_dir() and (foreign := foreign_entries(folder)):
        raise ConfigError(f"{folder} には別のファイルがあります（{foreign[0]} など）。別の --output-dir を指定してください。")  # fmt: skip
    write_json(folder / SETTINGS, {**stored, **settings})


def _place(name: str, value: object) -> str:
    """A setting as it is stored and compared: of a file or folder that is there, the one spelling of its place."""
    there = name in ("data", "laws", "model_name", "exam") and os.path.exists(str(value))
    return os.path.realpath(str(value)) if there else str(value)


def run(one: Step) -> None:
    """Run the program of a step. Raises ConfigError when it fails; a distrusted result goes on, as it says so itself."""
    command = [*process_words(one.program), *one.arguments]
    # Into a pipe a program writes the system's encoding (cp932 on a Japanese Windows) unless it is told.
    surroundings = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", env=surroundings, check=False)
    if done.returncode not in (0, EXIT_UNTRUSTWORTHY):
        raise ConfigError(f"「{one.name}」が終わりませんでした（終了コード {done.returncode}）。理由は上の行です。同じ引数で続きから行えます。")  # fmt: skip
    if one.keep is not None:
        write_text(one.keep, done.stdout)
