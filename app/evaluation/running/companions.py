"""Results beside a new one: of the same model on the same questions, with another context or in the other form.

So closed book, retrieved and gold context, and the two forms of asking, run one after another into one folder, are read
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import DataError
from ...core.files import read_json
from ...core.manifests import moment
from ...core.prompts import prompt_version
from ..both_forms import pool
from ..comparing.run_differences import differences
from ..results.doubts import unanswered_reason
from ..results.file import KIND, Result, read_result
from ..results.outcomes import Outcome
from ..results.run_facts import RunFacts
from ..statistics import wilson_interval
from .plan import CONTEXTS

# What two results may differ in that are to be put together as the two forms: examples are of letters, words of choices.
_OF_FORMS = {"scoring", "few_shot", "cited_words"}


@dataclass(frozen=True, slots=True)
class Companions:
    """What lies beside a result, of the same model on the same questions; of several the latest."""

    contexts: Mapping[str, Result]  # by context: differing by it alone
    other_form: (
        Result | None
    )  # letters in every order for judged choices, or the other way round, with the same context


def companions(
    output: Path, run: Mapping[str, Any], outcomes: Sequence[Outcome], *, leave_out: Sequence[Path] = ()
) -> Companions:
    """The results in the folder of ``output``, but for itself and ``leave_out``, that belong to it.

    A file that says it is a result but cannot be read is left out and named in the log.
    """
    facts = RunFacts.model_validate(run)
    contexts: dict[str, Result] = {}
    other_form: Result | None = None
    skipped = {path.resolve() for path in (output, *leave_out)}
    for path in sorted(output.parent.glob("*.json")):
        result = None if path.resolve() in skipped else _candidate(path, run)
        if result is None or _questions(result.outcomes) != _questions(outcomes):
            continue
        context = result.run["plan"]["context"]
        if context != run["plan"]["context"]:
            if _differs_by_context(result.facts, facts) and _is_later(result, contexts.get(context)):
                contexts[context] = result
        elif _is_later(result, other_form) and _differs_by_form(result, facts, outcomes):
            other_form = result
    return Companions({context: contexts[context] for context in CONTEXTS if context in contexts}, other_form)


def answered(found: Mapping[str, Result]) -> dict[str, Result]:
    """The companions in other contexts whose wrong answers are the model's; any other is named in the log and left out: a
    server that was away without the law would pass for what the law adds."""
    reasons = {name: unanswered_reason(result.outcomes) for name, result in found.items()}
    for name, reason in reasons.items():
        if reason is not None:
            log(f"注意: {found[name].path} は、条文を読んでいるかの比較に使いません（{reason}）。")
    return {name: result for name, result in found.items() if reasons[name] is None}


def other_contexts(found: Mapping[str, Result]) -> list[dict[str, Any]]:
    """What a summary says about the companions in other contexts: ``{context, top_k, accuracy, ci95, correct, total, path, finished_at,
    distrust}`` of each."""
    return [_rung(result) for result in found.values()]


def _candidate(path: Path, run: Mapping[str, Any]) -> Result | None:
    """The file as a result, if its ``run`` may differ from this one by the context, or by the form."""
    try:
        value = read_json(path)
        other = value.get("run") if isinstance(value, dict) and value.get("kind") == KIND else None
        if not isinstance(other, dict) or not isinstance(other.get("plan"), dict):
            return None
        return read_result(path) if _is_of_other_context(other, run) or _is_of_other_form(other, run) else None
    except DataError as error:
        log(f"注意: 目安に使いません。{error}")
        return None


def _is_later(result: Result, than: Result | None) -> bool:
    return than is None or moment(result.run.get("finished_at")) > moment(than.run.get("finished_at"))


def _is_of_other_context(other: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """As far as can be told without reading the whole file."""
    context, scoring = other["plan"].get("context"), other["plan"].get("scoring")
    weights = [(one.get("adapter") or {}).get("weights_sha256") for one in (other, run)]
    elsewhere = context in CONTEXTS and context != run["plan"]["context"]
    return elsewhere and scoring == run["plan"].get("scoring") and weights[0] == weights[1]


def _differs_by_context(other: RunFacts, facts: RunFacts) -> bool:
    """Whether only the context, and how its articles were found, tells the results apart."""
    asked = [(one.prompt_version, one.plan.orders, one.plan.ensemble) for one in (other, facts)]
    return asked[0] == asked[1] and set(differences(facts, other)) <= {"context"}


def _is_of_other_form(other: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    plans = (other["plan"], run["plan"])
    scorings = sorted(str(plan.get("scoring")) for plan in plans)
    return scorings == ["choice", "letter"] and plans[0].get("context") == plans[1].get("context") is not None


def _differs_by_form(other: Result, facts: RunFacts, outcomes: Sequence[Outcome]) -> bool:
    """Whether only the form tells the results apart, with the prompts of today and the same words in the context, and every
    question can be answered by both together."""
    today = all(
        one.prompt_version == prompt_version("choice" if one.plan.scoring == "choice" else "letter")
        for one in (facts, other.facts)
    )
    alike = set(differences(facts, other.facts)) <= _OF_FORMS and _shown(other.outcomes) == _shown(outcomes)
    return today and alike and pool(outcomes, other.outcomes) is not None


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
