"""One evaluation from checked settings to a written result; programs and cross-fitting call this."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import ConfigError, DataError
from ...core.files import sha256_file
from ...core.locks import file_lock
from ...core.manifests import now, peak_rss_bytes
from ...core.prompts import prompt_version
from ...core.questions import Question
from ...core.runs import Distrust, ResumeKey, index_without_place
from ...data.context import Context
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import ScoringBackend
from ...llm.exported import adapter_weights_sha256
from ..both_forms import both_forms
from ..reading import reading_of
from ..results.doubts import doubts, unanswered_reason
from ..results.file import write_result
from ..results.outcomes import Outcome
from ..results.summary import summarize
from .asking import check_questions
from .companions import answered, companions, other_contexts
from .conversations import conversation_notes, questions_seen
from .guards import (
    TrainedOn,
    adapter_notes,
    check_prompt_version,
    sharing_clusters,
)
from .plan import EvaluationPlan
from .resuming import outcomes_of


@dataclass(frozen=True, slots=True)
class Job:
    """What is evaluated and where the result goes.

    data           question file, as given
    questions      the questions asked, in file order
    output         result file
    plan           how they are asked
    header         run_header of app.core.manifests
    adapter        folder and run.json of the adapter, or of the model that was exported from one; manifest None for an
                   adapter without one
    allow_trained  score questions the adapter was trained on, and mark the result
    resume         go on from the lines of an interrupted run
    few_shot       the examples, if the plan wants any
    later          results that the same run has still to write
    """

    data: Path
    questions: Sequence[Question]
    output: Path
    plan: EvaluationPlan
    header: Mapping[str, Any]
    adapter: tuple[Path, Mapping[str, Any] | None] | None = None
    allow_trained: bool = False
    resume: bool = False
    few_shot: FewShot = BUILTIN
    later: Sequence[Path] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)  # more for the result's ``run``, e.g. the index


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The summary that was written, and why the result must not be trusted (empty when it may be)."""

    summary: Mapping[str, Any]
    distrust: tuple[str, ...]


def pick_questions(questions: Sequence[Question], samples: int | None, seed: int) -> list[Question]:
    """``samples`` questions drawn with ``seed``, in file order; all for None. Raises ConfigError for more than there are."""
    if samples is None:
        return list(questions)
    if not 1 <= samples <= len(questions):
        raise ConfigError(f"--samples は 1 から {len(questions)} までです（指定は {samples}）。")
    chosen = set(random.Random(seed).sample(range(len(questions)), samples))  # noqa: S311  # reproducible, no secret
    return [question for index, question in enumerate(questions) if index in chosen]


def check_adapter(job: Job) -> TrainedOn:
    """What of the questions the adapter has seen, in training or in the choice of its checkpoint.

    Raises DataError when it has seen any and that is not allowed.
    """
    if job.adapter is None:
        return TrainedOn((), ())
    folder, manifest = job.adapter
    if manifest is None:
        if job.allow_trained:
            return TrainedOn((), ())
        raise DataError(
            f"{folder}: run.json がなく、どの問題で学習したか分かりません。"
            "それでも採点するには --allow-trained を付けてください（結果に印が付きます）。"
        )
    check_prompt_version(manifest, job.plan.form, str(folder))
    trained = questions_seen(manifest, job.questions, str(folder))
    if trained.count and not job.allow_trained:
        example = (trained.by_id or trained.by_content)[0]
        raise DataError(
            f"{folder}: {len(job.questions)} 問のうち {trained.count} 問はこのアダプタの学習に使われています"
            f"（例 {example}{'、本文が同じ' if not trained.by_id else ''}）。学習に使っていない問題で評価してください。"
            "承知のうえで採点するには --allow-trained を付けてください。"
        )
    if trained.dev and not job.allow_trained:
        raise DataError(
            f"{folder}: {len(job.questions)} 問のうち {len(trained.dev)} 問は、このアダプタのチェックポイントを選ぶのに使われています"
            f"（--eval-file の問題、例 {trained.dev[0]}）。選ぶのに使っていない問題で評価してください。"
            "承知のうえで採点するには --allow-trained を付けてください。"
        )
    return trained


def evaluate(
    job: Job,
    *,
    load_backend: Callable[[], ScoringBackend],
    contexts: Callable[[Question], Context],
    model_key: Mapping[str, Any],
) -> Evaluated:
    """Check, ask every question, write the result.

    ``load_backend`` is called only when something is left to ask, after all checks. ``model_key`` names the model and
    its settings: a resumed run must have the same. Raises BusyError when another process writes the output.
    """
    with file_lock(job.output):
        return _evaluate(job, load_backend, contexts, model_key)


def _evaluate(
    job: Job,
    load_backend: Callable[[], ScoringBackend],
    contexts: Callable[[Question], Context],
    model_key: Mapping[str, Any],
) -> Evaluated:
    started = time.monotonic()
    check_questions(job.questions, job.plan)
    trained = check_adapter(job)
    manifest = None if job.adapter is None else job.adapter[1]
    notes = [] if manifest is None else [*adapter_notes(manifest, job.plan, model_key), *conversation_notes(manifest)]
    for note in notes:
        log(f"注意: {note}")
    shared = None if manifest is None else sharing_clusters(manifest, job.questions, trained)
    if shared:
        log(
            f"注意: {len(job.questions)} 問のうち {len(shared)} 問は、学習した問題と同じ条文のまとまりの問題です"
            f"（例 {shared[0]}）。学習した条文を尋ねるので、正解率は甘くなります。"
        )
    data = {"path": str(job.data), "sha256": sha256_file(job.data), "questions": len(job.questions)}
    key = ResumeKey(settings={
        "data": data["sha256"], "ids": [question.id for question in job.questions], "plan": job.plan.result_key(), "model": without_place(model_key),
        "prompt_version": prompt_version(job.plan.form), "extra": {**job.extra, "index": index_without_place(job.extra.get("index"))},
    })  # fmt: skip
    outcomes, facts = outcomes_of(
        job.output, key, job.questions, job.plan, load_backend=load_backend, contexts=contexts, model_key=model_key,
        resume=job.resume, label="評価", few_shot=job.few_shot,
    )  # fmt: skip
    summary = {**summarize(outcomes, job.questions, job.plan), "seconds": round(time.monotonic() - started, 2)}
    distrust = (*distrust_reasons(trained, job.adapter is not None and manifest is None), *doubts(outcomes, summary))
    run = {
        **job.header,
        "finished_at": now(),
        "plan": job.plan.as_dict(),
        "prompt_version": prompt_version(job.plan.form),
        "data": data,
        "model": facts,
        "adapter": _adapter_facts(job, trained, shared),
        **job.extra,
        "peak_rss_bytes": peak_rss_bytes(),
        "notes": notes,
        "distrust": list(distrust),
    }
    write_whole(job.output, run, summary, outcomes, job.plan, later=job.later)
    return Evaluated(summary, distrust)


def write_whole(
    output: Path,
    run: Mapping[str, Any],
    summary: dict[str, Any],
    outcomes: Sequence[Outcome],
    plan: EvaluationPlan,
    *,
    later: Sequence[Path] = (),
) -> None:
    """Write the result; what the files beside it say of the same model in other contexts, and in the other form, is added
    to ``summary``. What stands at ``later`` will be written anew and says nothing."""
    found = companions(output, run, outcomes, leave_out=later)
    summary["other_contexts"] = other_contexts(found.contexts)
    if plan.context == "gold" and unanswered_reason(outcomes) is None:
        others = {name: result.outcomes for name, result in answered(found.contexts).items()}
        summary["reading"] = [one.as_json() for one in reading_of(outcomes, others, seed=plan.seed)]
    if (other := found.other_form) is not None and (both := both_forms(outcomes, other.outcomes, seed=plan.seed)):
        summary["both_forms"] = {**both.as_json(), "path": str(other.path), "distrust": list(other.facts.distrust)}
    write_result(output, run=run, summary=summary, outcomes=outcomes)


def without_place(model_key: Mapping[str, Any]) -> dict[str, Any]:
    """What a resumed run must have in common of the model: where its files are known, they count and not their place."""
    known = model_key.get("files_sha256") is not None
    return {name: value for name, value in model_key.items() if not (known and name == "model")}


def _adapter_facts(job: Job, trained: TrainedOn, shared: Sequence[str] | None) -> dict[str, Any] | None:
    if job.adapter is None:
        return None
    folder, manifest = job.adapter
    return {
        "path": str(folder),
        "run_sha256": sha256_file(folder / "run.json") if manifest is not None else None,
        "weights_sha256": adapter_weights_sha256(folder, manifest),
        "trained_on": {name: list(ids) for name, ids in asdict(trained).items()},
        "shared_clusters": None if shared is None else len(shared),
    }


def distrust_reasons(trained: TrainedOn, unknown: bool) -> tuple[str, ...]:
    """What the adapter has seen, as reasons; ``unknown``: there is one that does not say what it was trained on."""
    reasons = []
    if trained.count:
        reasons.append(f"{Distrust.TRAINED}: {trained.count} 問はアダプタの学習に使われた問題です（--allow-trained）")
    if trained.dev:
        reasons.append(
            f"{Distrust.DEV}: {len(trained.dev)} 問はアダプタのチェックポイントを選ぶのに使われた問題です（--allow-trained）"
        )
    if unknown:
        reasons.append(
            f"{Distrust.UNKNOWN}: アダプタに run.json がなく、学習に使った問題が混じっているか分かりません（--allow-trained）"
        )
    return tuple(reasons)
