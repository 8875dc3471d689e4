"""Send the shards of an evaluation or a cross-fitting to Slurm, or to processes here, and make one result of them."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import EXIT_DONE, EXIT_UNTRUSTWORTHY, ConfigError
from ..core.locks import folder_lock
from ..core.options import typed_settings, words_without
from ..core.outputs import check_folder_place
from ..core.redaction import hide
from ..core.run_file import parse_with_run_file
from ..core.workers import Tree, killed_by, share_of
from ..evaluation.running.evaluation import check_places
from ..evaluation.running.settings import EvaluationSettings
from ..training.ranks import card_of_rank
from . import COMMANDS, process_words
from .cross_fitting.folder import check_no_other

EXAMPLES = (
    "python scripts/submit_shards.py --shards 2 --gpus 0 evaluate --data sample/selection.json "
    "--output results/eval/base.json --hf-model-name sample/tiny-qwen3 --no-hf-load-in-4bit --context gold",
    "python scripts/submit_shards.py --shards 8 --cluster slurm --minutes 240 --slurm partition=gpu evaluate "
    "--data results/split/test.json --output results/eval/tuned.json --hf-model-name Qwen/Qwen3-8B "
    "--hf-lora-path runs/direct_rag --context rag --top-k 3 --index-dir data/index",
    "python scripts/submit_shards.py --shards 6 --cluster slurm --slurm partition=gpu cross-fit "
    "--data data/lawqa_jp/selection.json --model-name Qwen/Qwen3-8B --use-4bit --bf16 --output-dir results/cross_fit_8b",
)
# Program → the option of its result, which each shard has a name of its own for.
OUTPUTS = {"evaluate": "--output", "cross-fit": "--output-dir"}
# What this program says itself, what only the whole can do, and what asks for nothing.
OWN_OPTIONS = ("--shard", "--merge", "--plan")
POLL_SECONDS = 1.0
LOOK_SECONDS = 0.05
ENDED_BY = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass(frozen=True, slots=True)
class Part:
    """One shard: its ``number/of``, where its result goes, and the words that start it."""

    shard: str
    place: Path
    words: tuple[str, ...]


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "評価か交差適合を分けて、Slurm のジョブか、この計算機のプロセスとして同時に行い、終わったら一つの結果にまとめる。"
        "途中で止まったときは、同じ引数で再び実行すると続きから行う。",
        EXAMPLES,
    )
    add = program.add_argument
    add("--shards", type=int, required=True, metavar="N", help="いくつに分けるか")
    add("--cluster", choices=("local", "slurm"), default="local", help="どこで行うか（既定 local: この計算機）")
    add("--gpus", type=int, choices=(0, 1), default=1, help="一つの部分に使う GPU の枚数（既定 1）。CPU で行うなら 0")
    add("--cpus", type=int, metavar="N", help="slurm: 一つの部分の CPU の数")
    add("--memory-gb", type=int, metavar="GB", help="slurm: 一つの部分のメモリ")
    add("--minutes", type=int, default=720, help="一つの部分の制限時間（分、既定 720）")
    add("--slurm", action="append", default=[], metavar="NAME=VALUE", help="Slurm に渡すほかの設定（partition=gpu、account=… など。いくつでも）")  # fmt: skip
    add("--log-dir", type=Path, help="経過とジョブのファイルのフォルダ。Slurm ではどの計算機からも見える所に（既定: 結果の隣の …_jobs）")  # fmt: skip
    add("program", choices=tuple(OUTPUTS), metavar="PROGRAM", help="evaluate か cross-fit。この後の引数はそのまま渡す")
    add("words", nargs=argparse.REMAINDER, metavar="…", help="そのプログラムの引数（--shard と --merge は付けない）")
    return program


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    if arguments.shards < 2 or arguments.minutes < 1:
        program.error("--shards は 2 以上、--minutes は 1 以上です")
    words = list(arguments.words)
    check_words(words)
    module = importlib.import_module(f".{COMMANDS[arguments.program]}", __package__)
    output, whole = whole_of(arguments.program, module, words)
    parts = parts_of(arguments.program, words, output, arguments.shards)
    logs: Path = arguments.log_dir or output.with_name(f"{output.stem}_jobs")
    check_folder_place("--log-dir", logs)
    if arguments.program == "cross-fit" and output.resolve() in (logs.resolve(), *logs.resolve().parents):
        raise ConfigError(f"--log-dir {logs} は結果のフォルダ {output} の中です。ほかのフォルダを指定してください。")
    with folder_lock(logs):
        if arguments.log_dir is None:
            for path in logs.glob("*_result.pkl"):
                path.unlink()  # of a run that was killed: its number may come again
        failed = run_parts(arguments, parts, logs.resolve())
    if failed:
        raise ConfigError(
            f"{len(parts)} 個のうち {len(failed)} 個が終わりませんでした。{'。'.join(failed)}。"
            "直してから同じ引数で再び実行すると、終わった分は使い、残りだけを行います。"
        )
    merged = [*whole, "--merge", *(str(part.place) for part in parts)]
    code: int = module.main(merged) or EXIT_DONE
    return code


def check_words(words: Sequence[str]) -> None:
    """Raise ConfigError for options that are this program's to give, and for passwords: a job's file keeps its words."""
    for word in words:
        if word.partition("=")[0] in OWN_OPTIONS:
            raise ConfigError(f"{word} は submit_shards が決めるので指定できません。")
        if hide(word) != word:
            raise ConfigError(
                f"{hide(word)}: パスワードか鍵はジョブのファイルに残るので、引数にできません。"
                "環境変数（LLM_HOST、OPENAI_API_KEY）で渡してください。"
            )


def whole_of(name: str, module: Any, words: Sequence[str]) -> tuple[Path, list[str]]:
    """Where the whole result goes, and the words that ``--merge`` needs.

    Wrong usage, and a place where the whole must not be written, ends the program here already.
    """
    if name == "cross-fit":
        known, _ = module.parser().parse_known_args(words)
        check_folder_place("--output-dir", known.output_dir)
        check_no_other(known.output_dir)
        return known.output_dir, list(words)
    program = module.parser()
    given = parse_with_run_file(program, words)
    if given.output is None:
        raise ConfigError("evaluate には --data と --output が要ります。")
    if given.reading_test:
        raise ConfigError("--reading-test は分けて行えません。--context を変えて三回評価してください。")
    if given.both_forms:
        raise ConfigError("--both-forms は分けて行えません。--scoring choice と letter で二回評価してください。")
    check_places(typed_settings(program, EvaluationSettings, given), config=given.config)
    kept = {name: getattr(given, name) for name in module.OF_A_WHOLE}
    return Path(given.output), [
        word for name, value in kept.items() if value is not None for word in (f"--{name}", str(value))
    ]


def parts_of(name: str, words: Sequence[str], output: Path, shards: int) -> list[Part]:
    """The shards, each with a result beside ``output``; the report is the whole's alone."""
    own, start = words_without(words, "--report"), process_words(COMMANDS[name])
    parts = []
    for number in range(1, shards + 1):
        place = output.with_name(f"{output.stem}_{number}of{shards}{output.suffix}")
        more = [
            OUTPUTS[name],
            str(place),
            "--shard",
            f"{number}/{shards}",
            *(["--resume"] if name == "evaluate" else []),
        ]
        parts.append(Part(f"{number}/{shards}", place, (*start, *own, *more)))
    return parts


def run_parts(arguments: argparse.Namespace, parts: Sequence[Part], logs: Path) -> list[str]:
    """Run all parts at the same time; one phrase for each that failed. An interrupt ends them."""
    with told_to_end():
        jobs: dict[Part, Any] = {}
        try:
            for place, part in enumerate(parts):
                jobs[part] = sent(arguments, part, place, len(parts), logs)
        except BaseException:  # those already sent would run on, and again at the next start
            stop(jobs.values(), arguments.cluster)
            raise
        for part, job in jobs.items():
            log(f"--shard {part.shard}: ジョブ {job.job_id} で始めました（経過は {job.paths.stderr}）")
        return waited_for(jobs, arguments.cluster)


def waited_for(jobs: Mapping[Part, Any], cluster: str) -> list[str]:
    """One phrase for each job that failed, when all have ended."""
    failed, left = [], dict(jobs)
    try:
        while left:
            time.sleep(POLL_SECONDS)
            for part, job in list(left.items()):
                if job.done():
                    del left[part]
                    if (reason := reason_of(job)) is not None:
                        failed.append(f"--shard {part.shard}: {reason}（{job.paths.stderr}）")
                    word = "終わりました" if reason is None else "失敗しました"
                    log(f"--shard {part.shard}: {word}（残り {len(left)}）")
    except BaseException:
        stop(left.values(), cluster)
        log("ジョブを止めました。ここまでの答えは残っています。同じ引数で再び実行すると続きから行います。")
        raise
    return failed


def stop(jobs: Collection[Any], cluster: str) -> None:
    """Cancel the jobs. On this machine nothing that they started runs on when this returns.

    submitit kills a job's process one second after it told it to end; on a busy machine that can be before it has ended
    its program, which would go on alone and hold its result. Slurm ends all of a job itself.
    """
    tree = Tree(int(job.job_id) for job in jobs if cluster == "local")
    for job in jobs:
        job.cancel()
    while tree.roots and not all(job.done() for job in jobs):
        tree.look()
        time.sleep(LOOK_SECONDS)
    tree.kill()


@contextmanager
def told_to_end() -> Iterator[None]:
    """SIGTERM and SIGHUP are an interrupt here, as Ctrl-C is: else the jobs would not hear of them."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    heard = [name for name in ENDED_BY if signal.getsignal(name) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {name: signal.signal(name, interrupt) for name in heard}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def sent(arguments: argparse.Namespace, part: Part, slot: int, of: int, logs: Path) -> Any:
    """The submitit job of a part, under way."""
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            'ジョブとして行うには submitit が必要です。pip install "horei-ft[cluster]" を実行するか、'
            "--shard を付けて一つずつ行い、--merge でまとめてください。"
        ) from None
    words = list(part.words)
    try:
        executor = submitit.AutoExecutor(folder=logs, cluster=arguments.cluster)
        executor.update_parameters(name=f"horei-{part.shard.replace('/', 'of')}", timeout_min=arguments.minutes)
        if arguments.cluster == "slurm":
            executor.update_parameters(gpus_per_node=arguments.gpus, **slurm_settings(arguments))
        else:
            share = share_of(slot, of, cards(arguments.gpus, of), os.environ)
            words = ["env", *(f"{name}={value}" for name, value in share.items()), *words]
    except (RuntimeError, ValueError, NameError) as error:  # no srun here; settings that submitit does not know
        raise ConfigError(f"--cluster {arguments.cluster}: {' '.join(str(error).split())[:300]}") from None
    # Pickled by name: the job's file holds the words and nothing of ours, and no module of ours is needed to read it.
    return executor.submit(subprocess.call, words, cwd=str(Path.cwd()))


def slurm_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked of Slurm beyond time and card."""
    settings: dict[str, Any] = {"cpus_per_task": arguments.cpus, "mem_gb": arguments.memory_gb}
    for text in arguments.slurm:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"--slurm {text} は NAME=VALUE の形にしてください（例 partition=gpu）。")
        settings[f"slurm_{name}"] = value
    return {name: value for name, value in settings.items() if value is not None}


def cards(gpus: int, parts: int) -> list[str]:
    """The card of each part on this machine; a name that hides every card without ``gpus``.

    Raises ConfigError for fewer cards than parts: two models on one card would only take each other's memory.
    """
    if not gpus:
        return [""] * parts
    import torch

    count = torch.cuda.device_count()
    if count < parts:
        raise ConfigError(
            f"--shards {parts} に GPU は {count} 枚です。--shards を減らすか、CPU で行うなら --gpus 0 を付けてください。"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [card_of_rank(number, visible, count) for number in range(parts)]


def reason_of(job: Any) -> str | None:
    """Why a job that ended has no result to use; None where it has one. Its distrust is left to the whole."""
    try:
        code = job.result()
    except Exception as error:  # whatever ended it: the time, the memory, Slurm, a node
        said = " ".join(str(error).split())
        return "制限時間（--minutes）で止められました" if "timed-out" in said else said[:200]
    finally:
        for path in (job.paths.submitted_pickle, job.paths.result_pickle):
            path.unlink(missing_ok=True)  # nothing reads them any more
    if code in (EXIT_DONE, EXIT_UNTRUSTWORTHY):
        return None
    if (killed := killed_by(code)) is not None:
        return killed
    text: str = job.paths.stderr.read_text("utf-8", "replace") if job.paths.stderr.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("エラー: ") or "使い方の誤り: " in line]
    return (named or lines or [f"終了コード {code}"])[-1].removeprefix("エラー: ")
