"""Evaluate a model, with or without an adapter, on multiple-choice law questions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import ConfigError, UntrustworthyResult
from ..core.files import sha256_file, write_text
from ..core.locks import file_lock
from ..core.manifests import run_header
from ..core.outputs import REPORT, RESULT, Output, check_outputs, json_kind, same_file
from ..core.questions import Question
from ..core.run_file import IS_RUN_FILE, parse_with_run_file, run_file_text
from ..evaluation.running.options import (
    add_options,
    create_backend,
    model_key,
    output_paths,
    plans_of,
    resolve_config,
    resolve_plan,
    resolved_options,
    run_file_path,
)
from ..evaluation.running.plan import RETRIEVED
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


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "選択式の法令問題でモデルを評価し、正解率・区間・偏りと問題ごとの結果を書き出す。", EXAMPLES
    )
    add_options(program)
    return program


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = parse_with_run_file(program, argv)
    if arguments.data is None or (arguments.output is None and not arguments.plan):
        program.error("--data と --output が要ります（--plan なら --data だけ）")
    if arguments.shard and (arguments.reading_test or arguments.report or arguments.merge):
        program.error("--shard は一部だけの結果なので、--reading-test、--report、--merge とは使えません")
    check_alone(os.environ, "GPU が何枚かあるなら --shard")
    # numpy, and what needs it, only after --help had its chance.
    from ..data.few_shot import few_shot_from
    from ..data.lawqa import load_questions
    from ..evaluation.results.result_text import power_lines, summary_lines
    from ..evaluation.running.asking import check_questions
    from ..evaluation.running.evaluate import Job, evaluate, pick_questions
    from ..evaluation.running.progress_file import progress_path
    from ..llm.exported import trained_of, weights_identity

    if not arguments.plan:
        outputs = []
        for path in output_paths(arguments):
            outputs += [
                Output("--output", path, RESULT),
                Output("--output の途中経過", progress_path(path), json_kind("evaluation-progress")),
            ]
        settings = run_file_path(arguments.output)
        if arguments.config is None or not same_file(settings, arguments.config):  # --config with --resume: as it is
            outputs.append(Output("--output の設定", settings, IS_RUN_FILE))
        outputs += [Output("--report", arguments.report, REPORT)] if arguments.report else []
        inputs = {"--data": arguments.data, "--few-shot-path": arguments.few_shot_path, "--config": arguments.config}
        check_outputs(outputs, inputs | {f"--merge の {path}": path for path in arguments.merge or ()})
    questions = pick_questions(load_questions(arguments.data, exams=True), arguments.samples, arguments.seed)
    power = power_lines(len(questions))
    if arguments.plan:
        print("\n".join(power))
        return 0
    for line in power:
        log(line)
    if arguments.merge:
        return _merge(arguments, questions, argv)
    extra: dict[str, Any] = {}
    if arguments.shard:
        extra["shard"] = arguments.shard.facts(len(questions))
        if not (questions := arguments.shard.take(questions)):
            raise ConfigError(
                f"--shard: {extra['shard']['questions']} 問を {arguments.shard.of} 個には分けられません。"
            )
    config = resolve_config(arguments)
    trained = trained_of(config.llm)
    manifest = trained[1] if trained else None
    few_shot = few_shot_from(arguments.few_shot_path)
    plan = resolve_plan(arguments, config, manifest, few_shot)
    backend = cache(lambda: create_backend(arguments, config.llm, plan))  # one for all contexts of a reading test
    key = model_key(arguments, config, weights_identity(*trained) if trained else None)
    jobs = []
    for path, one in plans_of(arguments, config, plan):
        check_questions(questions, one)
        contexts, index = _contexts(one.context, config)
        job = Job(
            data=arguments.data,
            questions=questions,
            output=path,
            plan=one,
            header=run_header(argv),
            adapter=trained,
            allow_trained=arguments.allow_trained,
            resume=arguments.resume,
            few_shot=few_shot,
            extra={"index": index, **extra},
        )
        jobs.append((job, contexts))
    distrust: list[str] = []
    for job, contexts in jobs:
        result = evaluate(job, load_backend=backend, contexts=contexts, model_key=key)
        lines = summary_lines(result.summary, job.plan.as_dict(), color=sys.stdout.isatty())
        print("\n".join(lines if job is jobs[-1][0] else lines[:2]))
        log(f"{job.output} に書きました。")
        distrust += result.distrust
    settings = run_file_path(arguments.output)
    again = ["python", "scripts/evaluate_multiple_choice.py", "--config", str(settings)]
    again += ["--output", str(arguments.output.with_stem(f"{arguments.output.stem}_2"))]
    write_text(
        settings,
        run_file_text(
            program, arguments, again, **resolved_options(config, plan), shard=arguments.shard and str(arguments.shard)
        ),
    )
    return _reported(arguments, distrust)


def _merge(arguments: argparse.Namespace, questions: Sequence[Question], argv: Sequence[str]) -> int:
    """The parts that ``--merge`` names as one result."""
    from ..evaluation.results.file import read_result
    from ..evaluation.results.result_text import summary_lines
    from ..evaluation.running.merging import merge_shards

    parts = [read_result(path) for path in arguments.merge]
    data = {"path": str(arguments.data), "sha256": sha256_file(arguments.data), "questions": len(questions)}
    with file_lock(arguments.output):
        summary, distrust = merge_shards(parts, questions, arguments.output, header=run_header(argv), data=data)
    print("\n".join(summary_lines(summary, parts[0].run["plan"], color=sys.stdout.isatty())))
    log(f"{arguments.output} に書きました（{len(parts)} 個の結果から）。")
    return _reported(arguments, distrust)


def _reported(arguments: argparse.Namespace, distrust: Sequence[str]) -> int:
    if arguments.report:
        from ..evaluation.report.page import write_report
        from ..evaluation.results.file import read_result

        size = write_report(arguments.report, [read_result(arguments.output)], questions_path=arguments.data)
        log(f"{arguments.report}: 報告を書きました（{size / 1024:.0f} KB）。")
    if distrust:
        raise UntrustworthyResult("。".join(dict.fromkeys(distrust)))
    return 0


def _contexts(source: str, config: Any) -> tuple[Any, dict[str, Any] | None]:
    """The context of each question, and the index it comes from."""
    from ..evaluation.running.contexts import context_lookup

    if source not in RETRIEVED:
        return context_lookup(source), None  # type: ignore[arg-type]  # one of the choices of --context
    from ..retrieval.index.building import corpus_hash
    from ..retrieval.rag_pipeline import RAGPipeline, search_query

    pipeline = RAGPipeline(config)
    facts = {
        "corpus_hash": corpus_hash(pipeline.index.store),
        "retriever": config.retriever.model_dump(mode="json"),
        "reranker": config.reranker.model_dump(mode="json") if config.reranker.model else None,
        "embedding": config.embedding.model_dump(mode="json") if config.retriever.type != "bm25" else None,
    }
    top_k = config.retriever.top_k
    return context_lookup(source, pipeline=pipeline, search_query=search_query, top_k=top_k), facts
