"""Cross-fitting: every question tested once by a model trained without its articles, against the untuned model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import UntrustworthyResult
from ..core.files import sha256_file, write_json
from ..core.locks import folder_lock
from ..core.manifests import run_header
from ..core.options import add_options
from ..core.outputs import check_folder_place
from ..core.questions import Question
from ..core.workers import run_jobs
from .cross_fitting.answers import unanswered, wanted
from .cross_fitting.checks import cards, checked_questions
from .cross_fitting.folder import remember_settings
from .cross_fitting.folds import jobs_left
from .cross_fitting.parts import all_units, parts_in_order, take_parts
from .cross_fitting.settings import CrossFitSettings, settings_of

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


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "条文の重ならない k 組で k 回学習し、全問を一度ずつ評価して調整前と比べる。ここにない引数は学習に渡す。",
        EXAMPLES,
    )
    add_options(program, CrossFitSettings)
    return program


def parse(argv: Sequence[str]) -> CrossFitSettings:
    """The settings that the command line stands for."""
    program = parser()
    return settings_of(program, *program.parse_known_args(argv))


def main(argv: Sequence[str]) -> int:
    settings = parse(argv)
    questions = checked_questions(settings)
    check_folder_place("--output-dir", settings.output_dir)
    with folder_lock(settings.output_dir):
        return cross_fit(settings, questions, run_header(argv))


def cross_fit(settings: CrossFitSettings, questions: Sequence[Question], header: Mapping[str, Any]) -> int:
    """Take what parts did, do what is not done yet, pool the folds and say what they show; the exit code."""
    data = {"path": str(settings.data), "sha256": sha256_file(settings.data), "questions": len(questions)}
    kept = remember_settings(settings, str(data["sha256"]))
    if settings.merge:
        take_parts(settings.output_dir, parts_in_order(settings.merge, kept), all_units(settings))
    run_jobs(jobs_left(settings, len(questions)), settings.workers, cards(settings.workers))
    if settings.shard:
        log(
            f"{settings.output_dir}: --shard {settings.shard} が終わりました。ほかの部分と合わせて --merge に渡してください。"
        )
        return 0
    _pool(settings, questions, header, data)
    return _compare(settings, header)


def _pool(
    settings: CrossFitSettings, questions: Sequence[Question], header: Mapping[str, Any], data: Mapping[str, Any]
) -> None:
    """Write the folds of each seed as one result, in each context in which that was not done."""
    from ..evaluation.comparing.pooling import pool_results
    from ..evaluation.results.file import read_result, write_result

    for seed in settings.all_seeds:
        results = [fold / "tuned.json" for fold in settings.fold_dirs(seed)]
        for context, path in unanswered(settings, settings.seed_dir(seed) / "tuned.json").items():
            folds = [read_result(wanted(settings, result)[context]) for result in results]
            run, summary, outcomes = pool_results(folds, questions, header=header, data=data)
            write_result(path, run=run, summary=summary, outcomes=outcomes)


def _compare(settings: CrossFitSettings, header: Mapping[str, Any]) -> int:
    """Write and print what the pooled results show against the untuned model; the exit code."""
    from ..evaluation.comparing.seed_study import study_seeds
    from ..evaluation.results.file import read_results

    folder, seeds = settings.output_dir, settings.all_seeds
    base, *pooled = read_results([folder / "base.json", *(settings.seed_dir(seed) / "tuned.json" for seed in seeds)])
    study = study_seeds(base, pooled, seeds, seed=settings.seed, reading_test=settings.reading_test)
    write_json(folder / "cross_fit.json", {"kind": "cross_fit", "run": header, "seeds": list(seeds), **study.as_json()})
    print("\n".join(study.lines()))
    if settings.report:
        from ..evaluation.report.page import write_report

        size = write_report(
            settings.report, study.results, study.pairs, questions_path=settings.data, together=study.together
        )
        log(f"{settings.report}: 報告を書きました（{size / 1024:.0f} KB）。")
    if study.distrust:
        raise UntrustworthyResult("。".join(study.distrust))
    return 0
