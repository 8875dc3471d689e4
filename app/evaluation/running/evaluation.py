"""One evaluation, or the three of a reading test, from settings to written results: the program and studies call this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ...core.cli import JapaneseParser, log
from ...core.errors import ConfigError
from ...core.files import write_text
from ...core.options import as_values
from ...core.outputs import REPORT, RESULT, Output, check_outputs, json_kind, same_file
from ...core.questions import Question
from ...core.run_file import IS_RUN_FILE, run_file_text
from .plan import RETRIEVED, ContextSource
from .resolving import config_of, create_backend, plans_of, resolve_plan, resolved_options
from .settings import EvaluationSettings, run_file_path


def check_places(settings: EvaluationSettings, *, config: Path | None = None, parts: Sequence[Path] = ()) -> None:
    """Refuse to write over what is not an earlier evaluation's, or is read by this one.

    config  the run file that the settings come from, which may be the one that will be written
    parts   results that are put together
    """
    from .progress_file import progress_path

    outputs = []
    for path in settings.results:
        outputs += [
            Output("--output", path, RESULT),
            Output("--output の途中経過", progress_path(path), json_kind("evaluation-progress")),
        ]
    stored = run_file_path(settings.result)
    if config is None or not same_file(stored, config):  # --config with --resume: as it is
        outputs.append(Output("--output の設定", stored, IS_RUN_FILE))
    outputs += [Output("--report", settings.report, REPORT)] if settings.report else []
    inputs = {"--data": settings.data, "--few-shot-path": settings.few_shot_path, "--config": config}
    check_outputs(outputs, inputs | {f"--merge の {path}": path for path in parts})


def questions_of(settings: EvaluationSettings) -> list[Question]:
    """The questions of ``--data`` that ``--samples`` leaves, in file order."""
    from ...data.lawqa import load_questions
    from .evaluate import pick_questions

    return pick_questions(load_questions(settings.data, exams=True), settings.samples, settings.seed)


def run_evaluation(
    settings: EvaluationSettings,
    program: JapaneseParser,
    *,
    header: Mapping[str, Any],
    show: Callable[[Sequence[str]], None],
    resume: bool = False,
    color: bool = False,
) -> list[str]:
    """Evaluate, write the results and the run file; why they must not be trusted (empty when they may be).

    ``show`` gets the lines about each result as soon as it is there, ``program`` is the parser whose run file it is.
    Call ``check_places`` first.
    """
    from ...data.few_shot import few_shot_from
    from ...llm.exported import trained_of, weights_identity
    from ...llm.model_options import model_key
    from ..results.result_text import power_lines, summary_lines
    from .asking import check_both_forms, check_questions
    from .evaluate import Job, evaluate

    questions = questions_of(settings)
    for line in power_lines(len(questions)):
        log(line)
    extra: dict[str, Any] = {}
    if settings.shard:
        extra["shard"] = settings.shard.facts(len(questions))
        if not (questions := settings.shard.take(questions)):
            raise ConfigError(f"--shard: {extra['shard']['questions']} 問を {settings.shard.of} 個には分けられません。")
    config = config_of(settings)
    trained = trained_of(config.llm)
    few_shot = few_shot_from(settings.few_shot_path)
    plan = resolve_plan(settings, config, trained[1] if trained else None, few_shot)
    backend = cache(lambda: create_backend(settings.model, config.llm, plan))  # one for all contexts of a reading test
    key = model_key(settings.model, config.llm, weights_identity(*trained) if trained else None)
    jobs: list[tuple[Job, Any]] = []
    if settings.both_forms:
        check_both_forms(questions)
    for path, one in plans_of(settings, config, plan):
        check_questions(questions, one)
        contexts, index = _contexts(one.context, config)
        job = Job(
            data=settings.data,
            questions=questions,
            output=path,
            plan=one,
            header=header,
            adapter=trained,
            allow_trained=settings.allow_trained,
            resume=resume,
            few_shot=few_shot,
            later=settings.results[len(jobs) + 1 :],
            extra={"index": index, **extra},
        )
        jobs.append((job, contexts))
    distrust: list[str] = []
    for job, contexts in jobs:
        result = evaluate(job, load_backend=backend, contexts=contexts, model_key=key)
        lines = summary_lines(result.summary, job.plan.as_dict(), color=color)
        show(lines if job is jobs[-1][0] else lines[:2])
        log(f"{job.output} に書きました。")
        distrust += result.distrust
    stored = run_file_path(settings.result)
    again = ["python", "scripts/evaluate_multiple_choice.py", "--config", str(stored)]
    again += ["--output", str(settings.result.with_stem(f"{settings.result.stem}_2"))]
    # A report is no part of what is asked, and asked again it would be written over this one.
    text = run_file_text(
        program,
        {**as_values(settings), "report": None},
        again,
        **resolved_options(config, [job.plan for job, _ in jobs]),
    )
    write_text(stored, text)
    return distrust


def _contexts(source: ContextSource, config: Any) -> tuple[Any, dict[str, Any] | None]:
    """The context of each question, and the index it comes from."""
    from .contexts import context_lookup

    if source not in RETRIEVED:
        return context_lookup(source), None
    from ...retrieval.question_contexts import searched_facts
    from ...retrieval.rag_pipeline import RAGPipeline, search_query

    pipeline = RAGPipeline(config)
    top_k = config.retriever.top_k
    lookup = context_lookup(source, pipeline=pipeline, search_query=search_query, top_k=top_k)
    return lookup, searched_facts(pipeline)
