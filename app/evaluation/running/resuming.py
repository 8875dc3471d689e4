"""Asking what is not answered yet: the one loop that goes on from the answers of an interrupted run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.cli import log, progress
from ...core.questions import Question
from ...core.runs import ResumeKey
from ...data.context import Context
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import ScoringBackend
from ..results.outcomes import Outcome
from .plan import EvaluationPlan
from .progress_file import ProgressFile
from .runner import run_questions


def outcomes_of(
    output: Path,
    key: ResumeKey,
    questions: Sequence[Question],
    plan: EvaluationPlan,
    *,
    load_backend: Callable[[], ScoringBackend],
    contexts: Callable[[Question], Context],
    model_key: Mapping[str, Any],
    resume: bool,
    label: str,
    few_shot: FewShot = BUILTIN,
) -> tuple[list[Outcome], dict[str, Any]]:
    """The outcome of every question in its order, and what is known of the model.

    Each answer is stored beside ``output`` as soon as it is there. With ``resume`` those of a run with the same ``key``
    are taken over, and ``load_backend`` is called only when something is left to ask. Raises DataError when the stored
    answers are of other settings or of another model.
    """
    kept = ProgressFile(output, key, questions, resume=resume)
    done = dict(kept.done)
    left = [question for question in questions if question.id not in done]
    facts: dict[str, Any] = {**model_key, **kept.model}
    if left:
        backend = load_backend()
        facts |= backend.facts()
        kept.check_model(facts, written=plan.writes_text)
        fresh = run_questions(backend, left, contexts, plan, on_outcomes=kept.append_to(facts), few_shot=few_shot)
        try:
            done |= {outcome.id: outcome for outcome in progress(fresh, total=len(left), label=label)}
        except KeyboardInterrupt:
            log("ここまでの答えは残っています。同じ引数に --resume を付けると続きから行います。")
            raise
    return [done[question.id] for question in questions], facts
