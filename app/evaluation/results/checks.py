"""What a result file says beside its answers must follow from them: headline, summary, and how they were asked.

Everything that can be counted again is counted again; a file whose numbers its own answers do not give is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.errors import DataError
from ...core.models import misfits
from ...core.prompts import prompt_version
from ...core.questions import ORDERS, orders_of
from ...core.requests import read_request
from ...core.runs import Distrust, distrust_code
from ..running.plan import CONTEXTS
from ..statistics import wilson_interval
from .agreement import Difference, differences
from .answers import collapse_reasons
from .floors import floors_of_answers
from .known_items import KINDS
from .outcomes import Outcome
from .run_facts import RunFacts
from .summary import outcome_summary

AGAIN = "評価をやり直してください。"
# Results of before 0.2.0 (they lack this part) counted the four orders of a question as four in these.
_LATER_PART = "other_contexts"
_COUNTED_OTHERWISE = ("chi_square", "chi_square_p")


def check_run(path: Path, run: Mapping[str, Any]) -> RunFacts:
    """What comparisons and reports rely on: how it was asked, whom, and what to trust. Raises DataError unless it is there."""
    try:
        facts = RunFacts.model_validate(run)
    except ValidationError as error:
        raise DataError(f"{path}: run の {'、'.join(misfits(error))} が欠けているか壊れています。{AGAIN}") from None
    # Pooled folds name their adapters in run.adapter alone, and no untuned model is evaluated in folds.
    model = facts.model
    said = {"model.adapter_sha256": model.adapter_sha256, "model.lora_path": model.lora_path, "folds": facts.folds}
    used = [name for name, value in said.items() if value]
    if facts.adapter is None and used:
        raise DataError(
            f"{path}: run.adapter は null（調整なし）ですが、run.{used[0]} はアダプタを使ったと述べています。"
            f"書き換えられた結果は使えません。{AGAIN}"
        )
    if facts.trained_ids and not facts.distrust:
        raise DataError(f"{path}: 学習に使った問題で採点した結果なのに、run.distrust が空です。{AGAIN}")
    return facts


def check_asking(path: Path, facts: RunFacts, outcomes: Sequence[Outcome]) -> None:
    """Raise DataError where the run says of the answers what they are not: their number, their orders, the ensemble."""
    plan = facts.plan
    stated: dict[str, tuple[Any, set[Any]]] = {
        "data.questions": (facts.data.questions, {len(outcomes)}),
        "plan.orders": (plan.orders, {_orders(outcome) for outcome in outcomes}),
        "plan.ensemble": (plan.ensemble, {outcome.ensemble for outcome in outcomes}),
    }
    form = "choice" if plan.scoring == "choice" else "letter"
    for outcome in outcomes:
        if outcome.form != form:
            raise DataError(f"{path}: run.plan.scoring は {plan.scoring} ですが、{outcome.id} の form は {outcome.form} です。{AGAIN}")  # fmt: skip
        if form == "choice" and facts.prompt_version == prompt_version("choice"):
            request = read_request(outcome.question)
            for answer in outcome.answers:
                if answer.error is None and (answer.sign, answer.told) != (request.sign, request.told):
                    raise DataError(f"{path}: {outcome.id} の sign・told が問題文の求め方と合いません。書き換えられた結果は使えません。{AGAIN}")  # fmt: skip
    for name, (value, found) in stated.items():
        if value is not None and found != {value}:
            counted = "・".join(sorted(map(str, found)))
            raise DataError(f"{path}: run.{name} は {value} ですが、結果では {counted} です。{AGAIN}")


def _orders(outcome: Outcome) -> int:
    """The plan's ``orders`` of which these are the answers: 4 asks in every order of the question, 1 in its own."""
    asked = [answer.order for answer in outcome.answers]
    every = orders_of(len(outcome.choices))
    return len(ORDERS) if len(asked) > 1 and len(asked) == len(every) else len(asked)


def checked_summary(
    path: Path, run: Mapping[str, Any], summary: Mapping[str, Any], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """The summary with everything that the outcomes decide counted again; parts that an earlier version of the program
    did not write are thereby there.

    Raises DataError, one line, when the headline is of other questions or a stored number is not the one counted.
    """
    if summary.get("total") != len(outcomes):
        raise DataError(
            f"{path}: 見出しは {summary.get('total')} 問ですが、結果は {len(outcomes)} 問分しかありません。{AGAIN}"
        )
    if not outcomes:
        return dict(summary)
    correct = sum(outcome.status == "correct" for outcome in outcomes)
    if summary.get("correct") != correct:
        raise DataError(
            f"{path}: 正解数が合いません（見出し {summary.get('correct')}、結果から数えると {correct}）。{AGAIN}"
        )
    plan = run["plan"]
    counted = outcome_summary(
        outcomes,
        context=plan.get("context"),
        top_k=plan.get("top_k") or 0,
        cited_words=bool(plan.get("cited_words")),
    )
    uneven = len({len(outcome.choices) for outcome in outcomes}) > 1
    found = [*_counted(summary, counted, uneven=uneven), *_floors(summary, outcomes), *_known(summary, outcomes)]
    if found:
        more = f" ほか {len(found) - 1} か所" if len(found) > 1 else ""
        raise DataError(
            f"{path}: summary の {found[0]}{more}が回答と合いません。書き換えられた結果は使えません。{AGAIN}"
        )
    broken = [name for name, right in _shapes(summary, len(outcomes)).items() if not right]
    if broken:
        raise DataError(f"{path}: summary の {'、'.join(broken)} が壊れています。{AGAIN}")
    for reason in collapse_reasons(counted):
        if not any(distrust_code(text) is Distrust.COLLAPSED for text in run["distrust"]):
            raise DataError(f"{path}: run.distrust に {reason} がありません。書き換えられた結果は使えません。{AGAIN}")
    return {"reading": [], "both_forms": None, **summary, **counted}  # the first two stand in no result of before 0.3.0


def _counted(summary: Mapping[str, Any], counted: Mapping[str, Any], *, uneven: bool) -> Iterator[Difference]:
    """Where the stored summary differs from the counted one; ``uneven`` are questions with different numbers of choices."""
    for name, expected in counted.items():
        stored = summary.get(name, expected)  # a part of a later version than the file's
        if name == "counts" and isinstance(stored, dict) and "tied" not in stored:
            # Until 0.2.0 a tie of written answers counted as unparsed.
            expected = {status: number for status, number in expected.items() if status != "tied"} | {
                "unparsed": expected["unparsed"] + expected["tied"]
            }
        if name == "cited_words" and isinstance(stored, dict) and "right" not in stored:
            # The option's first results did not count the right choices apart.
            expected = {key: number for key, number in expected.items() if key != "right"}
        if name == "statements" and uneven and isinstance(stored, dict) and isinstance(expected, dict):
            # Until 0.2.0 questions with few choices weighed as much as those with many.
            stored = stored | {"ci95": expected["ci95"]}
        if name == "collapse" and isinstance(stored, dict) and _LATER_PART not in summary:
            stored = stored | {key: expected[key] for key in _COUNTED_OTHERWISE if key in stored}
        yield from differences(stored, expected, name)


def _floors(summary: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Iterator[Difference]:
    stored = summary.get("floors")
    if isinstance(stored, dict):  # what overlaps with the gold articles cannot be counted without their text
        expected = {**floors_of_answers(outcomes), "lexical_overlap": stored.get("lexical_overlap")}
        yield from differences(stored, expected, "floors")


def _known(summary: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Iterator[Difference]:
    """The list of items in doubt grows with the program; that the stored one is counted right can be checked."""
    stored = summary.get("known_items")
    if not isinstance(stored, dict) or not _is_items(stored.get("items")):
        return
    doubtful = {item["id"] for item in stored["items"]}
    sound = [outcome.status == "correct" for outcome in outcomes if outcome.id not in doubtful]
    expected = {
        "items": stored["items"],
        "accuracy_without": sum(sound) / len(sound) if sound else None,
        "questions_without": len(outcomes) - len(doubtful),
    }
    yield from differences(stored, expected, "known_items")


def _shapes(summary: Mapping[str, Any], total: int) -> dict[str, bool]:
    """Whether the parts that the answers do not decide are what their readers expect; a part may be absent."""
    floors, known = summary.get("floors", {}), summary.get("known_items", {})
    lexical = floors.get("lexical_overlap") if isinstance(floors, dict) else None
    return {
        "floors": isinstance(floors, dict),
        "floors.lexical_overlap": lexical is None
        or (
            isinstance(lexical, dict)
            and _is_share(lexical.get("accuracy"))
            and _is_count(lexical.get("questions"))
            and lexical["questions"] <= total
        ),
        "known_items": isinstance(known, dict) and _is_items(known.get("items", [])),
        "other_contexts": isinstance(summary.get("other_contexts", []), list)
        and all(_is_other(other, total) for other in summary.get("other_contexts", [])),
        "reading": isinstance(summary.get("reading", []), list)
        and all(_is_reading(row, summary, total) for row in summary.get("reading", [])),
        "both_forms": summary.get("both_forms") is None or _is_both(summary["both_forms"], summary, total),
        "seconds": summary.get("seconds") is None or _is_number(summary["seconds"]),
    }


def _is_other(other: Any, total: int) -> bool:
    """Whether it is a result in another context (``other_contexts``) on as many questions, with the numbers it gives."""
    if not isinstance(other, dict) or other.get("context") not in CONTEXTS or not isinstance(other.get("path"), str):
        return False
    correct: Any = other.get("correct")
    if other.get("total") != total or not _is_count(correct) or correct > total or not _is_texts(other.get("distrust")):
        return False
    counted = {"accuracy": correct / total, "ci95": list(wilson_interval(correct, total))}
    return not any(differences({name: other.get(name) for name in counted}, counted))


def _is_reading(row: Any, summary: Mapping[str, Any], total: int) -> bool:
    """Whether it is what the law adds against one context (``app/evaluation/reading.py``), to the accuracy stated here."""
    if not isinstance(row, dict) or row.get("context") not in CONTEXTS or row.get("questions") != total:
        return False
    accuracy = row.get("accuracy")
    if not isinstance(accuracy, list) or len(accuracy) != 2 or not all(map(_is_share, accuracy)) or not _is_gain(row):
        return False
    stated = [accuracy[1], accuracy[1] - accuracy[0]]
    return not any(differences([summary["accuracy"], row["difference"]], stated)) and isinstance(
        row.get("conclusion"), str
    )


def _is_both(row: Any, summary: Mapping[str, Any], total: int) -> bool:
    """Whether it is what both forms know together (``app/evaluation/both_forms.py``), to the accuracy stated here."""
    if not isinstance(row, dict) or row.get("questions") != total or not isinstance(row.get("path"), str):
        return False
    ways, steps = ("choice", "letter", "together"), ("against_choice", "against_letter")
    if not all(isinstance(row.get(name), dict) for name in (*ways, *steps)) or not _is_texts(row.get("distrust")):
        return False
    known = all(
        _is_share(row[name].get("accuracy"))
        and _is_number(row[name].get("gold_logprob"))
        and _is_share(row[name].get("pair_order"))
        for name in ways
    )
    if not known or not all(_is_gain(row[name]) for name in steps):
        return False
    together = row["together"]["accuracy"]
    stated = [row[name]["difference"] for name in steps]
    counted = [together - row["choice"]["accuracy"], together - row["letter"]["accuracy"]]
    own = (row["choice"]["accuracy"], row["letter"]["accuracy"])
    return not any(differences(stated, counted)) and summary["accuracy"] in own


def _is_gain(value: Mapping[str, Any]) -> bool:
    """Whether it is a difference as ``Gain`` stores it: everything that is printed of it is there."""
    if not all(_is_number(value.get(name)) for name in ("difference", "p_value", "p_greater")):
        return False
    scores = [name for name in ("logprob", "calibrated", "pair_order") if value.get(f"{name}_change") is not None]
    return (
        "ci95" in value
        and _is_interval(value["ci95"])
        and all(
            _is_number(value[f"{name}_change"])
            and _is_number(value.get(f"{name}_p_value"))
            and f"{name}_ci95" in value
            and _is_interval(value[f"{name}_ci95"])
            for name in scores
        )
    )


def _is_interval(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)))


def _is_items(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("id"), str) and item.get("kind") in KINDS for item in value
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
