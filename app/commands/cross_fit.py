"""Cross-fitting: every question tested once by a model trained without its articles, against the untuned model."""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import ConfigError, UntrustworthyResult
from ..core.files import read_json, sha256_file, write_json, write_text
from ..core.locks import folder_lock
from ..core.manifests import run_header
from ..core.outputs import REPORT, Output, check_folder_place, check_outputs, clear_remains, foreign_entries
from ..core.terminal import safe_text
from ..core.workers import Job, run_jobs
from ..llm.model_files import files_sha256
from ..training.ranks import card_of_rank, check_alone

EXAMPLES = (
    "python scripts/cross_fit.py --data sample/selection.json --model-name sample/tiny-qwen3 --output-dir results/cross_fit "
    "--folds 5 --context gold --num-epochs 2 --batch-size 16 --gradient-accumulation-steps 1 --learning-rate 2e-3",
    "python scripts/cross_fit.py --data data/lawqa_jp/selection.json --model-name Qwen/Qwen3-8B --use-4bit --bf16 "
    "--output-dir results/cross_fit_8b --folds 5 --seeds 3 --reading-test --index-dir data/index",
    "python scripts/cross_fit.py --data data/lawqa_jp/selection.json --model-name Qwen/Qwen3-8B --use-4bit --bf16 "
    "--output-dir results/cross_fit_raft --train-context distractors --context rag --index-dir data/index",
    "python scripts/cross_fit.py --data data/lawqa_jp/selection.json --model-name Qwen/Qwen3-8B --use-4bit --bf16 "
    "--output-dir results/cross_fit_cot --mode cot --train-records results/finetune/rationales.jsonl --context gold",
)
# What does not change what a folder holds, and what is compared by its content.
NOT_SETTINGS = ("debug", "report", "seeds", "form", "reading_test", "workers")
PLACES = ("data", "train_records", "output_dir")
# --config would bring in settings that neither the folder's record nor the evaluation knows of.
OWN_OPTIONS = (
    "--train-file", "--eval-file", "--output-dir", "--model-name", "--resume", "--dry-run", "--seed", "--config",
)  # fmt: skip


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "条文の重ならない k 組で k 回学習し、全問を一度ずつ評価して調整前と比べる。ここにない引数は学習に渡す。",
        EXAMPLES,
    )
    flag = argparse.BooleanOptionalAction
    add = program.add_argument
    add("--data", type=Path, required=True, help="lawqa_jp 形式の問題ファイル")
    add("--model-name", required=True, help="ベースモデルのフォルダ、または Hugging Face Hub の名前")
    add("--output-dir", type=Path, required=True, help="結果のフォルダ。同じ引数で再び実行すると続きから行う")
    add("--folds", type=int, default=5, help="組の数 k（既定 5）")
    add("--seeds", type=int, default=1, help="乱数の種を変えて繰り返す回数（既定 1）")
    add("--seed", type=int, default=42, help="最初の乱数の種（既定 42）")
    add("--dev", type=float, default=0.1, help="各組の学習側から dev に回す割合。0 なら作らない（既定 0.1）")
    add("--mode", choices=("direct", "cot"), default="direct", help="学習レコードと評価の形式（既定 direct）")
    add("--context", choices=("none", "rag", "gold"), default="gold", help="評価と dev の文脈（既定 gold）")
    add(
        "--train-context",
        choices=("none", "rag", "gold", "distractors"),
        help="学習レコードの文脈（既定: --context と同じ）",
    )
    add(
        "--without-gold",
        type=float,
        metavar="SHARE",
        help="--train-context distractors で根拠条文を入れない割合（既定 0.2）",
    )
    add("--train-records", type=Path, metavar="JSONL",
        help="学習レコードを作らずここから取り、各組の学習側の問題の分だけを使う（generate_rationales.py の JSONL など）")  # fmt: skip
    add("--top-k", type=int, default=3, help="検索する条の数（既定 3）")
    add(
        "--reading-test",
        action="store_true",
        help="各組のモデルと調整前のモデルに、文脈なし・正解の条文を抜いた検索結果でも尋ね、条文が足すものを全組・全 seed で比べる"
        "（索引が要る。終わったフォルダに付けると、足りない評価だけを行う）",
    )
    add("--index-dir", type=Path, help="索引のフォルダ（rag、distractors、--reading-test のとき）")
    add("--train-orders", type=int, choices=(1, 4),
        help="文字で答える形で学習し、学習レコードの選択肢の並びの数をこれにする（choice の形では使わない）。"
        "4 なら --share-prefix（--batch-size は問題の数になる）と、direct では --objective letter も付ける")  # fmt: skip
    add("--few-shot", action=flag, default=False, help="例題を付ける（既定: 付けない）")
    add("--workers", type=int, default=1, metavar="N",
        help="N 組を別々のプロセスで同時に行う（既定 1）。GPU は一枚ずつ、CPU はスレッドを分け、経過は組ごとの log.txt に書く")  # fmt: skip
    add("--report", type=Path, metavar="HTML", help="1 ファイルの HTML 報告も書く（ネットワーク不要）")
    return program


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """This program's options and those of the training, with what won on dev where nothing is said.

    docs/experiments.md has the table: the choice form; of letters, four orders and with them the letter objective
    (direct records only). ``arguments.form`` is how records are made and every model is asked.
    """
    arguments, training = parser().parse_known_args(argv)
    said = training_option(training, "--objective")
    letters = (
        arguments.mode == "cot" or arguments.train_orders or arguments.train_records or arguments.few_shot
        or {"--share-prefix", "--no-loss-on-output-only"} & set(training)
    )  # fmt: skip
    if said is None and not letters:
        said = "choice"
        training += ["--objective", said]
    arguments.form = "choice" if said == "choice" else "letter"
    if arguments.form == "choice":
        return arguments, training
    if arguments.train_records is None:
        arguments.train_orders = arguments.train_orders or 4
    if arguments.train_orders == 4:
        if not {"--share-prefix", "--no-loss-on-output-only"} & set(training):
            training.append("--share-prefix")
        if arguments.mode == "direct" and said is None and "--no-loss-on-output-only" not in training:
            training += ["--objective", "letter"]
    return arguments, training


def training_option(training: Sequence[str], wanted: str) -> str | None:
    """The value that the training's options give ``wanted``, the last where it is given twice; None without it."""
    found = None
    for place, option in enumerate(training):
        name, equals, value = option.partition("=")
        if name == wanted:
            found = value if equals else next(iter(training[place + 1 :]), None)
    return found


def main(argv: Sequence[str]) -> int:
    arguments, training = parse(argv)
    check_arguments(arguments, training)
    check_folder_place("--output-dir", arguments.output_dir)
    with folder_lock(arguments.output_dir):
        return cross_fit(arguments, training, run_header(argv))


def cross_fit(arguments: Any, training: Sequence[str], header: dict[str, Any]) -> int:
    """Train and evaluate what is not done yet, pool the folds and say what they show; the exit code."""
    from ..data.lawqa import load_questions
    from ..evaluation.comparing.comparability import distrust
    from ..evaluation.comparing.comparison_json import as_json
    from ..evaluation.comparing.pooling import pool_results
    from ..evaluation.comparing.reading_beside import check_reading, with_reading
    from ..evaluation.comparing.seeds import compare_seeds, seed_table, seeds_together, verdict_lines
    from ..evaluation.results.file import read_result, read_results, write_result

    folder = arguments.output_dir
    questions = load_questions(arguments.data)
    remember_settings(arguments, training)
    four_bits = evaluation_quantization(training)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    run_jobs(jobs_left(arguments, training, seeds, len(questions), four_bits), arguments.workers, cards(arguments))
    data = {"path": str(arguments.data), "sha256": sha256_file(arguments.data), "questions": len(questions)}
    for seed in seeds:
        place = folder / f"seed_{seed}"
        results = [place / f"fold_{number}" / "tuned.json" for number in range(1, arguments.folds + 1)]
        for context, path in unanswered(arguments, place / "tuned.json").items():
            folds = [read_result(wanted(arguments, result)[context]) for result in results]
            run, summary, outcomes = pool_results(folds, questions, header=header, data=data)
            write_result(path, run=run, summary=summary, outcomes=outcomes)
    base, *pooled = read_results([folder / "base.json", *(folder / f"seed_{seed}" / "tuned.json" for seed in seeds)])
    pairs = with_reading(compare_seeds(base, pooled, seed=arguments.seed), [base, *pooled], seed=arguments.seed)
    if arguments.reading_test:
        check_reading(pairs)
    together = seeds_together(base, pooled, seed=arguments.seed) if len(pooled) > 1 else None
    kept = {"kind": "cross_fit", "run": header, "seeds": list(seeds), **as_json(pairs)}
    write_json(folder / "cross_fit.json", kept if together is None else {**kept, "together": together.as_json()})
    print("\n".join([*seed_table(base, pooled, pairs, seeds), *verdict_lines(pairs, together)]))
    if arguments.report:
        from ..evaluation.report.page import write_report

        size = write_report(
            arguments.report, [base, *pooled], pairs, questions_path=arguments.data,
            together=None if together is None else together.verdict,
        )  # fmt: skip
        log(f"{arguments.report}: 報告を書きました（{size / 1024:.0f} KB）。")
    reasons = [reason for result in (base, *pooled) for reason in distrust(result)]
    if reasons:
        raise UntrustworthyResult("。".join(reasons))
    return 0


def check_arguments(arguments: Any, training: Sequence[str]) -> None:
    """Refuse before anything runs: own options among the training's, and whatever the trainer would refuse later."""
    from ..data.lawqa import load_questions
    from ..data.record_pool import read_record_pool
    from ..training.arguments import config_from_arguments
    from ..training.arguments import parser as training_parser

    if arguments.report:
        inputs = {"--data": arguments.data, "--train-records": arguments.train_records}
        check_outputs([Output("--report", arguments.report, REPORT)], inputs)
    for option in training:
        if option.partition("=")[0] in OWN_OPTIONS:
            raise ConfigError(f"{option} は cross_fit が自分で決めるので指定できません。")
    check_alone(os.environ, "組を同時に行うなら --workers")
    cards(arguments)
    if arguments.seeds < 1 or arguments.folds < 2:
        raise ConfigError(
            f"--seeds は 1 以上、--folds は 2 以上です（指定は {arguments.seeds} と {arguments.folds}）。"
        )
    unfit = [("--mode cot", arguments.mode == "cot"), ("--train-orders", arguments.train_orders is not None),
             ("--train-records", arguments.train_records is not None), ("--few-shot", arguments.few_shot)]  # fmt: skip
    if arguments.form == "choice" and any(given for _, given in unfit):
        names = "、".join(name for name, given in unfit if given)
        raise ConfigError(f"--objective choice は選択肢を一つずつ示すので、{names} とは使えません。外してください。")
    if arguments.without_gold is not None and arguments.train_context != "distractors":
        raise ConfigError("--without-gold は --train-context distractors と一緒に使います。")
    if arguments.train_records is not None:
        if arguments.train_context is not None or arguments.train_orders is not None or arguments.few_shot:
            raise ConfigError("--train-records のレコードはそのまま使うので、--train-context、--train-orders、--few-shot とは使えません。")  # fmt: skip
        read_record_pool(arguments.train_records, load_questions(arguments.data), arguments.mode)
    if arguments.reading_test or arguments.train_context in ("rag", "distractors"):
        from ..retrieval.question_contexts import context_plan

        context_plan("rag", arguments.top_k, arguments.index_dir)  # raises without an index
    train = training_parser()
    train.prog = Path(sys.argv[0]).name
    own = ["--model-name", arguments.model_name, "--train-file", "train.jsonl", "--output-dir", "adapter"]
    own += ["--eval-file", "dev.jsonl"] if arguments.dev > 0 else []
    questions = load_questions(arguments.data)
    if arguments.reading_test:
        check_reading_test(arguments, questions)
    config = config_from_arguments(train.parse_args([*own, *training]))
    if config.init_adapter is not None:
        check_initial_adapter(config, questions)


def check_initial_adapter(config: Any, questions: Sequence[Any]) -> None:
    """Raise DataError when the adapter that every fold starts from has seen one of the questions."""
    from ..core.errors import DataError
    from ..evaluation.running.guards import trained_questions
    from ..training.model.initial_adapter import read_initial_adapter

    initial = read_initial_adapter(config)
    assert initial is not None
    seen = trained_questions(initial.manifest, questions, str(config.init_adapter))
    if names := [*seen.by_id, *seen.by_content, *seen.dev]:
        raise DataError(
            f"--init-adapter {config.init_adapter}: --data の {len(names)} 問が学習か dev に使われています"
            f"（最初は {names[0]}）。--exclude-questions でこの問題を除いて作った問題で学習したアダプタを指定してください。"
        )


def check_reading_test(arguments: Any, questions: Sequence[Any]) -> None:
    """Refuse a reading test that cannot be made: another context, questions without articles, adapters that are gone."""
    from ..evaluation.running.asking import check_questions
    from ..evaluation.running.plan import EvaluationPlan

    if arguments.context != "gold":
        raise ConfigError(f"--reading-test は三通りの文脈で尋ねるので、--context {arguments.context} とは使えません。")
    check_questions(questions, EvaluationPlan(context="removed", top_k=arguments.top_k, scoring="choice", orders=1))
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        place = arguments.output_dir / f"seed_{seed}"
        for number in range(1, arguments.folds + 1) if unanswered(arguments, place / "tuned.json") else ():
            fold = place / f"fold_{number}"
            missing = (fold / "tuned.json").exists() and unanswered(arguments, fold / "tuned.json")
            if missing and not (fold / "adapter" / "run.json").exists():
                raise ConfigError(
                    f"{fold / 'adapter'}: この組のアダプタがないので、文脈を変えて尋ねられません。"
                    "アダプタを元の場所に戻すか、別の --output-dir ではじめから行ってください。"
                )


def remember_settings(arguments: Any, training: Sequence[str]) -> None:
    """Store what this folder is for; raise ConfigError when it already is for something else."""
    settings: dict[str, Any] = {
        name: str(value) for name, value in vars(arguments).items() if name not in (*NOT_SETTINGS, *PLACES)
    }
    settings |= {"training": without_places(training), "data_sha256": sha256_file(arguments.data)}
    settings["index_dir"] = str(arguments.index_dir and arguments.index_dir.resolve())
    if (model := files_sha256(arguments.model_name)) is not None:
        del settings["model_name"]
        settings["model_sha256"] = model
    if arguments.train_records is not None:
        settings["train_records_sha256"] = sha256_file(arguments.train_records)
    if initial := training_option(training, "--init-adapter"):
        settings["init_adapter_sha256"] = sha256_file(Path(initial) / "adapter_model.safetensors")
    path = arguments.output_dir / "settings.json"
    if path.exists():
        # An option that came later was at its default when the folder was started.
        stored = {name: str(parser().get_default(name)) for name in vars(arguments) if name in settings}
        stored |= same_places(read_json(path), settings)
        names = settings.keys() | stored.keys()
        if not {arguments.context, arguments.train_context} & {"rag", "distractors"}:
            names -= {"index_dir"}  # for the reading test alone, which may be asked for later
        different = sorted(name for name in names if settings.get(name) != stored.get(name))
        if different:
            raise ConfigError(f"{path}: 別の設定で始めた結果があります（違い: {'、'.join(different)}）。別の --output-dir を指定してください。")  # fmt: skip
    elif foreign_entries(arguments.output_dir):
        raise ConfigError(f"{arguments.output_dir}: 別のファイルがあります。空のフォルダを指定してください。")
    clear_remains(arguments.output_dir)
    write_json(path, settings)


def evaluation_quantization(training: Sequence[str]) -> list[str]:
    """The evaluation's options that load the model as the training does, whatever the environment says."""
    if "--use-4bit" not in training:
        return ["--no-hf-load-in-4bit"]
    names = {"--bnb-4bit-quant-type": "nf4", "--bnb-4bit-compute-dtype": None}
    said = {name: training_option(training, name) or default for name, default in names.items()}
    return ["--hf-load-in-4bit", *(word for name, value in said.items() if value for word in (name, value))]


def without_places(training: Sequence[str]) -> list[str]:
    """The training's options without the folder of the adapter to start from: its weights have a hash of their own."""
    kept: list[str] = []
    for place, option in enumerate(training):
        if option.startswith("--init-adapter="):
            continue
        if option != "--init-adapter" and (place == 0 or training[place - 1] != "--init-adapter"):
            kept.append(option)
    return kept


def same_places(stored: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The stored settings as they are compared: files by what they hold, folders by where they are.

    Those of before 0.3.0 have the places as they were spelled, and no hash of the model.
    """
    kept = {name: value for name, value in stored.items() if name not in PLACES}
    kept["training"] = without_places(kept.get("training", []))
    if kept.get("index_dir", "None") != "None":
        kept["index_dir"] = str(Path(kept["index_dir"]).resolve())
    if "model_sha256" in settings and "model_sha256" not in kept:
        kept["model_sha256"] = settings["model_sha256"]
        kept.pop("model_name", None)
    return kept


def cards(arguments: Any) -> list[str]:
    """The card of each worker, none on a CPU or for one worker. Raises ConfigError for more workers than cards."""
    if arguments.workers < 1:
        raise ConfigError(f"--workers は 1 以上です（指定は {arguments.workers}）。")
    if arguments.workers == 1:
        return []
    import torch

    count = torch.cuda.device_count()
    if count and arguments.workers > count:
        raise ConfigError(f"--workers {arguments.workers} は GPU の枚数 {count} を超えています。一組に一枚要ります。")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [card_of_rank(number, visible, count) for number in range(arguments.workers)] if count else []


def jobs_left(
    arguments: Any, training: Sequence[str], seeds: Sequence[int], questions: int, four_bits: list[str]
) -> list[Job]:
    """The untuned evaluation and every fold of which something is missing; the folds of each seed are split here."""
    from . import split_selection_dataset

    folder, jobs = arguments.output_dir, []
    if unanswered(arguments, folder / "base.json"):
        jobs.append(Job("調整前の評価", folder / "base_log.txt", untuned, (arguments, questions, four_bits)))
    for seed in seeds:
        place = folder / f"seed_{seed}"
        if not unanswered(arguments, place / "tuned.json"):
            continue
        if not (place / "folds" / "split.json").exists():
            shares = ["--train", 1 - arguments.dev, "--dev", arguments.dev]
            step(split_selection_dataset.main, "--lawqa-path", arguments.data, "--output-dir", place / "folds",
                 "--folds", arguments.folds, "--seed", seed, *shares)  # fmt: skip
        for number in range(1, arguments.folds + 1):
            fold = place / f"fold_{number}"
            if unanswered(arguments, fold / "tuned.json"):
                name = f"seed {seed} の {number}/{arguments.folds} 組目"
                jobs.append(
                    Job(name, fold / "log.txt", one_fold, (arguments, training, place, seed, number, four_bits))
                )
    return jobs


def untuned(arguments: Any, questions: int, four_bits: list[str]) -> None:
    """Evaluate the model as it is on all questions."""
    log(f"調整前のモデルを {questions} 問で評価します。")
    evaluated(arguments, arguments.data, arguments.output_dir / "base.json", four_bits)


def one_fold(
    arguments: Any, training: Sequence[str], place: Path, seed: int, number: int, four_bits: list[str]
) -> None:
    """Train without the articles of fold ``number`` of ``place`` unless that is done, and evaluate on its questions."""
    from ..data.lawqa import load_questions
    from ..data.record_pool import read_record_pool
    from ..data.records import write_records
    from . import build_finetune_dataset, train_qwen_law_ft

    fold, split = place / f"fold_{number}", place / "folds" / f"fold_{number}"
    asked = (arguments, split / "test.json", fold / "tuned.json", [*four_bits, "--hf-lora-path", fold / "adapter"])
    if asked[2].exists():  # another context is missing
        evaluated(*asked)
        return
    log(f"seed {seed} の {number}/{arguments.folds} 組目を学習します。")
    few_shot = "--few-shot" if arguments.few_shot else "--no-few-shot"
    build = (build_finetune_dataset.main, "--mode", arguments.mode, few_shot, "--form", arguments.form)
    orders = [] if arguments.train_orders is None else ["--orders", arguments.train_orders]
    if arguments.train_records is not None:
        pool = read_record_pool(arguments.train_records, load_questions(arguments.data), arguments.mode)
        write_records(fold / "train.jsonl", pool.of(load_questions(split / "train.json")))
    else:
        step(*build, "--lawqa-path", split / "train.json", "--output-path", fold / "train.jsonl", *orders,
             *train_options(arguments, seed))  # fmt: skip
    if arguments.dev > 0:
        # Chosen and measured as it will be evaluated, whatever was trained on.
        step(*build, "--lawqa-path", split / "dev.json", "--output-path", fold / "dev.jsonl",
             *context_options(arguments))  # fmt: skip
    dev = ["--eval-file", fold / "dev.jsonl"] if arguments.dev > 0 else []
    step(train_qwen_law_ft.main, "--model-name", arguments.model_name, "--train-file", fold / "train.jsonl", *dev,
         "--output-dir", fold / "adapter", "--seed", seed, "--resume", *training)  # fmt: skip
    evaluated(*asked)


def train_options(arguments: Any, seed: int) -> list[Any]:
    """The context of the training records."""
    share = [] if arguments.without_gold is None else ["--without-gold", arguments.without_gold]
    index = ["--index-dir", arguments.index_dir] if arguments.index_dir else []
    return [
        "--context",
        arguments.train_context or arguments.context,
        "--top-k",
        arguments.top_k,
        "--seed",
        seed,
        *index,
        *share,
    ]


def context_options(arguments: Any, context: str | None = None) -> list[Any]:
    """The context of evaluation and of the dev records, or another one."""
    index = ["--index-dir", arguments.index_dir] if arguments.index_dir else []
    return ["--context", context or arguments.context, "--top-k", arguments.top_k, *index]


def wanted(arguments: Any, output: Path) -> dict[str, Path]:
    """The result file of each context in which a model is asked, ``output`` that of the evaluation's own, the last."""
    from ..evaluation.running.plan import WITHOUT
    from ..evaluation.running.settings import beside

    others = {str(context): beside(output, context) for context in WITHOUT} if arguments.reading_test else {}
    return {**others, arguments.context: output}


def unanswered(arguments: Any, output: Path) -> dict[str, Path]:
    """What of ``wanted`` is not there."""
    return {context: path for context, path in wanted(arguments, output).items() if not path.exists()}


def evaluated(arguments: Any, data: Path, output: Path, more: Sequence[Any]) -> None:
    """Evaluate in each context in which that was not done; the terminal's lines go to a text file beside the result."""
    from . import evaluate_multiple_choice

    few_shot = "--few-shot" if arguments.few_shot else "--no-few-shot"
    asked = ["--scoring", "choice"] if arguments.form == "choice" else ["--orders", 4]
    asked += ["--use-cot"] if arguments.mode == "cot" else [few_shot]
    for context, path in unanswered(arguments, output).items():
        text = step(evaluate_multiple_choice.main, "--data", data, "--output", path, "--resume", "--hf-model-name",
                    arguments.model_name, *context_options(arguments, context), *asked, *more)  # fmt: skip
        write_text(path.with_suffix(".txt"), text)


def step(program: Callable[[Sequence[str]], int | None], *options: Any) -> str:
    """What a program of this folder prints; its own distrust is left to the pooled result. Memory is given back."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(UntrustworthyResult):
        program([str(option) for option in options])
    gc.collect()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
    return safe_text(printed.getvalue())
