"""Cross-fitting: the results of k folds as one result in which every question was asked exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core.errors import DataError
from ...core.manifests import now
from ...core.questions import Question
from ...core.runs import asked_differently, differing_facts
from ..results.doubts import doubts
from ..results.file import Result
from ..results.outcomes import Outcome
from ..results.summary import summarize
from ..running.plan import EvaluationPlan


def pool_outcomes(folds: Sequence[Result], questions: Sequence[Question]) -> list[Outcome]:
    """The folds' outcomes in the order of ``questions``, with the clusters of the whole file.

    Raises DataError when a question is missing or asked twice, when a fold holds a question its adapter was trained
    on, or when folds were asked in different ways.
    """
    first = folds[0]
    found: dict[str, Outcome] = {}
    for fold in folds:
        # Of the model what is below the adapters.
        models = differing_facts(fold.run.get("model") or {}, first.run.get("model") or {})
        if different := asked_differently(first.run, fold.run) + [f"model.{name}" for name in models]:
            raise DataError(
                f"{first.path} と {fold.path}: {'、'.join(different)} が違うので一つにまとめられません。評価をやり直してください。"
            )
        if fold.facts.trained_ids:
            raise DataError(f"{fold.path}: アダプタが学習した問題で採点しています。分割からやり直してください。")
        for outcome in fold.outcomes:
            if outcome.id in found:
                raise DataError(
                    f"{fold.path}: 問題 {outcome.id} が二つの組で評価されています。分割からやり直してください。"
                )
            found[outcome.id] = outcome
    wanted = {question.id for question in questions}
    if wanted != set(found):
        missing = sorted(wanted - set(found)) or sorted(set(found) - wanted)
        raise DataError(
            f"{len(wanted)} 問のうち評価されたのは {len(wanted & set(found))} 問です（例 {missing[0]}）。"
            "すべての組の評価が終わっているか確かめてください。"
        )
    return [replace(found[question.id], cluster=question.cluster) for question in questions]


def pool_results(
    folds: Sequence[Result], questions: Sequence[Question], *, header: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], list[Outcome]]:
    """``run``, ``summary`` and outcomes of the pooled result, ready for ``write_result``."""
    outcomes = pool_outcomes(folds, questions)
    plan = EvaluationPlan(**folds[0].run["plan"])
    summary = summarize(outcomes, questions, plan)
    summary["seconds"] = round(sum(float(fold.summary["seconds"]) for fold in folds), 2)
    run = {
        **header,
        "finished_at": now(),
        "plan": plan.as_dict(),
        "prompt_version": folds[0].run["prompt_version"],
        "data": dict(data),
        # The adapters differ from fold to fold and stand below.
        "model": {
            name: value for name, value in folds[0].run["model"].items() if name not in ("adapter_sha256", "lora_path")
        },
        "adapter": {
            "path": [fold.run["adapter"]["path"] for fold in folds],
            "run_sha256": [fold.run["adapter"].get("run_sha256") for fold in folds],
            "weights_sha256": [fold.run["adapter"]["weights_sha256"] for fold in folds],
            "trained_on": {"by_id": [], "by_content": []},
        },
        "index": folds[0].run.get("index"),
        "folds": [{"result": str(fold.path), "questions": len(fold.outcomes)} for fold in folds],
        "notes": list(dict.fromkeys(note for fold in folds for note in fold.facts.notes)),
        "distrust": [*doubts(outcomes, summary), *_reasons_of(folds)],
    }
    return run, summary, outcomes


def _reasons_of(folds: Sequence[Result]) -> list[str]:
    """Why single folds are not to be trusted: models that each answer one letter look balanced together."""
    reasons = []
    for number, fold in enumerate(folds, start=1):
        for reason in fold.facts.distrust:
            kind, colon, rest = reason.partition(":")
            reasons.append(f"{kind}: {number} 組目の{rest.strip()}" if colon else f"{number} 組目: {reason}")
    return reasons
