"""Results beside a new one: of the same model on the same questions, with another context or in the other form.

So closed book, retrieved and gold context, and the two forms of asking, run one after another into one folder, are read
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    for result in _results_beside(output, lambda other: _differs_by_context(other, run)):
        context = result.run["plan"]["context"]
        if _questions(result.outcomes) == _questions(outcomes) and _is_later(result, found.get(context)):
            found[context] = result
    return {context: found[context] for context in CONTEXTS if context in found}


def in_other_form(output: Path, run: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Result | None:
    """The latest result in the folder of ``output`` that differs from ``run`` by the form alone: letters in every order for
    judged choices, or the other way round; of the same questions with the same words in the context."""
    found: Result | None = None
    for result in _results_beside(output, lambda other: _differs_by_form(other, run)):
        same = _questions(result.outcomes) == _questions(outcomes) and _shown(result.outcomes) == _shown(outcomes)
        if same and _is_later(result, found):
            found = result
    return found


def other_contexts(found: Mapping[str, Result]) -> list[dict[str, Any]]:
    """What a summary says about ``companions``: ``{context, top_k, accuracy, ci95, correct, total, path, finished_at,
    distrust}`` of each."""
    return [_rung(result) for result in found.values()]


def _results_beside(output: Path, wanted: Callable[[Mapping[str, Any]], bool]) -> Iterator[Result]:
    """The results in the folder of ``output``, but for itself, whose ``run`` is wanted."""
    for path in sorted(output.parent.glob("*.json")):
        if path.resolve() == output.resolve():
            continue
        try:
            value = read_json(path)
            run = value.get("run") if isinstance(value, dict) and value.get("kind") == KIND else None
            if isinstance(run, dict) and isinstance(run.get("plan"), dict) and wanted(run):
                yield read_result(path)
        except DataError as error:
            log(f"注意: 目安に使いません。{error}")


def _is_later(result: Result, than: Result | None) -> bool:
    return than is None or moment(result.run.get("finished_at")) > moment(than.run.get("finished_at"))


def _differs_by_context(other: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    context = other["plan"].get("context")
    return context in CONTEXTS and context != run["plan"]["context"] and _identity(other) == _identity(run)


def _differs_by_form(other: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    plans = (other["plan"], run["plan"])
    if sorted(str(plan.get("scoring")) for plan in plans) != ["choice", "letter"] or any(plan.get("cot") for plan in plans):
        return False
    same_context = plans[0].get("context") == plans[1].get("context") is not None
    return same_context and _model_identity(other) == _model_identity(run)


def _identity(run: Mapping[str, Any]) -> tuple[Any, ...]:
    plan = run["plan"]
    asked = tuple(plan.get(name) for name in _ASKED)
    # The budget and the temperature shape what is written, and with it the answer.
    writes = plan.get("cot") or asked[0] not in ("letter", "choice")
    written = (plan.get("budget_tokens"), plan.get("temperature")) if writes else ()
    return (run.get("prompt_version"), asked, written, *_model_identity(run))


def _model_identity(run: Mapping[str, Any]) -> tuple[Any, ...]:
    model = run.get("model") or {}
    # The adapters of a cross-fitted result stand in run.adapter alone.
    weights = (run.get("adapter") or {}).get("weights_sha256")
    # Where the model's files are known they count, not what the folder is called.
    name = model.get("files_sha256") or model.get("model")
    return (weights, name, tuple(model.get(name) for name in _MODEL))


def _questions(outcomes: Sequence[Outcome]) -> set[tuple[str, str, str]]:
    return {(outcome.id, outcome.question_sha256, outcome.correct) for outcome in outcomes}


def _shown(outcomes: Sequence[Outcome]) -> dict[str, str | None]:
    return {outcome.id: outcome.context for outcome in outcomes}


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
