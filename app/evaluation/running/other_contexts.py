"""The upper rungs of the ladder: what the same model scored on the same questions with another context.

They are looked for among the result files beside the new one, so that closed book, retrieved and gold context, run one
after another into one folder, are read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import DataError
from ...core.files import read_json
from ...core.manifests import moment
from ..results.file import KIND, Result, read_result
from ..results.outcomes import Outcome
from ..statistics import wilson_interval
from .plan import CONTEXTS

# What must be equal for two results to differ by their context only; batch size, seed and budget change no letter score.
_ASKED = ("scoring", "cot", "few_shot", "few_shot_source", "cited_words", "orders", "ensemble")
_MODEL = ("backend", "adapter_sha256", "load_in_4bit", "bnb", "host", "num_ctx", "think")


def companions(output: Path, run: Mapping[str, Any], outcomes: Sequence[Outcome]) -> dict[str, Result]:
    """For each other context, the latest result in the folder of ``output`` that differs from ``run`` by it alone, on the
    same questions. A file that says it is a result but cannot be read is left out and named in the log."""
    found: dict[str, Result] = {}
    for path in sorted(output.parent.glob("*.json")):
        if path.resolve() == output.resolve():
            continue
        result = _candidate(path, run)
        if result is None or _questions(result.outcomes) != _questions(outcomes):
            continue
        context = result.run["plan"]["context"]
        latest = found.get(context)
        if latest is None or moment(result.run.get("finished_at")) > moment(latest.run.get("finished_at")):
            found[context] = result
    return {context: found[context] for context in CONTEXTS if context in found}


def other_contexts(found: Mapping[str, Result]) -> list[dict[str, Any]]:
    """What a summary says about ``companions``: ``{context, top_k, accuracy, ci95, correct, total, path, finished_at,
    distrust}`` of each."""
    return [_rung(result) for result in found.values()]


def _candidate(path: Path, run: Mapping[str, Any]) -> Result | None:
    """The file as a result, if it is one that was asked as ``run`` was, in another context."""
    try:
        value = read_json(path)
        if not isinstance(value, dict) or value.get("kind") != KIND or not _differs_by_context(value.get("run"), run):
            return None
        return read_result(path)
    except DataError as error:
        log(f"注意: 目安に使いません。{error}")
        return None


def _differs_by_context(other: Any, run: Mapping[str, Any]) -> bool:
    if not isinstance(other, dict) or not isinstance(other.get("plan"), dict):
        return False
    context = other["plan"].get("context")
    return context in CONTEXTS and context != run["plan"]["context"] and _identity(other) == _identity(run)


def _identity(run: Mapping[str, Any]) -> tuple[Any, ...]:
    plan, model = run["plan"], run.get("model") or {}
    asked = tuple(plan.get(name) for name in _ASKED)
    # The budget and the temperature shape what is written, and with it the answer.
    writes = plan.get("cot") or asked[0] not in ("letter", "choice")
    written = (plan.get("budget_tokens"), plan.get("temperature")) if writes else ()
    # The adapters of a cross-fitted result stand in run.adapter alone.
    weights = (run.get("adapter") or {}).get("weights_sha256")
    # Where the model's files are known they count, not what the folder is called.
    name = model.get("files_sha256") or model.get("model")
    return (run.get("prompt_version"), asked, written, weights, name, tuple(model.get(name) for name in _MODEL))


def _questions(outcomes: Sequence[Outcome]) -> set[tuple[str, str, str]]:
    return {(outcome.id, outcome.question_sha256, outcome.correct) for outcome in outcomes}


def _rung(result: Result) -> dict[str, Any]:
    correct, total = sum(outcome.status == "correct" for outcome in result.outcomes), len(result.outcomes)
    return {
        "context": result.run["plan"]["context"],
        "top_k": result.run["plan"].get("top_k"),
        "accuracy": correct / total,
        "ci95": list(wilson_interval(correct, total)),
        "correct": correct,
        "total": total,
        "path": str(result.path),
        "finished_at": result.run.get("finished_at"),
        "distrust": list(result.run.get("distrust", [])),
    }
