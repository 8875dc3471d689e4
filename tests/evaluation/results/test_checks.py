"""A result whose own answers contradict it is refused in one line; one of an earlier version is completed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.questions import LETTERS, content_hash
from app.data.context import ShownPassage
from app.evaluation.results.file import read_result, write_result
from app.evaluation.results.known_items import known_items
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import wilson_interval

PLAN = EvaluationPlan(context="rag", top_k=2)
PASSAGE = ShownPassage("p1", "架空法", "1", None, 1.0, "本文", True, True)
OTHER = {
    "context": "gold", "top_k": 0, "accuracy": 0.5, "ci95": list(wilson_interval(6, 12)), "correct": 6, "total": 12,
    "path": "gold.json", "finished_at": "2026-01-01", "distrust": [],
}  # fmt: skip


@pytest.fixture
def stored(tmp_path: Path, question_of: Any, outcome_of: Any) -> dict[str, Any]:
    """A whole result of twelve questions in four orders, as JSON."""
    questions = [question_of(number, LETTERS[number % 4]) for number in range(12)]
    votes = ["aaaa", "bbba", "ccaa", "dabc", "abab", "bbbb"] * 2
    outcomes = [
        outcome_of(question, list(vote), passages=(PASSAGE,)) for question, vote in zip(questions, votes, strict=True)
    ]
    run = {
        "plan": PLAN.as_dict(), "prompt_version": "1", "adapter": None, "distrust": [], "data": {"questions": 12},
        "model": {"model": "tiny", "adapter_sha256": None, "lora_path": None},
    }  # fmt: skip
    summary = {**summarize(outcomes, questions, PLAN), "seconds": 1.0, "other_contexts": [OTHER]}
    write_result(tmp_path / "whole.json", run=run, summary=summary, outcomes=outcomes)
    value: dict[str, Any] = json.loads((tmp_path / "whole.json").read_text("utf-8"))
    return value


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(value), "utf-8")
        return read_result(path)

    return call


def put(value: dict[str, Any], place: str, new: Any) -> dict[str, Any]:
    """A copy with ``new`` at a dotted place."""
    changed = copy.deepcopy(value)
    *folders, name = place.split(".")
    inner: Any = changed
    for folder in folders:
        inner = inner[folder]
    inner[name] = new
    return changed


def test_a_whole_result_reads_as_it_was_written(stored: Any, read: Any) -> None:
    assert read(stored).summary == stored["summary"]


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        ("accuracy", 0.75, r"summary の accuracy（記録は 0\.75、回答から計算すると 0\.[0-9]+）が回答と合いません"),
        ("accuracy", None, "accuracy（記録は null"),
        ("ci95", [0.0, 1.0], r"ci95\[0\].*ほか 1 か所"),
        ("ci95", [0.1], r"ci95（記録は \[0\.1\]"),
        ("label_histogram.a", 0, r"label_histogram\.a（記録は 0"),
        ("label_histogram", {}, r"label_histogram\.a（記録は なし"),
        ("orders", {}, r"orders\.orders（記録は なし、回答から計算すると 4）"),
        ("orders", None, "orders（記録は null"),
        ("orders.pride_accuracy", 1.0, r"orders\.pride_accuracy"),
        ("orders.ensemble_accuracy", 1.0, r"orders\.ensemble_accuracy"),
        ("collapse.collapsed", True, r"collapse\.collapsed（記録は True、回答から計算すると False）"),
        ("collapse.chi_square", 0.5, r"collapse\.chi_square"),
        ("by_law.架空法.ci95", [0.9, 1.0], r"by_law\.架空法\.ci95\[0\]"),
        ("by_law", {"架空法二": {}}, r"by_law\.架空法（記録は なし"),
        ("counts.wrong", 0, r"counts\.wrong"),
        ("counts.tied", 1, r"counts\.tied"),
        ("ties.questions", 0, r"ties\.questions（記録は 0、回答から計算すると 6）"),
        ("gold_logprob", -0.1, "gold_logprob"),
        ("label_mass.below_half", 3, r"label_mass\.below_half"),
        ("retrieval.mrr", 0.1, r"retrieval\.mrr"),
        ("retrieval", None, "retrieval（記録は null"),
        ("text", {"answers": 3}, "text"),
        ("without_context", 2, "without_context"),
        ("tokens.prompt", 9, r"tokens\.prompt"),
        ("floors.chance", 0.1, r"floors\.chance"),
        ("floors.always_one_letter.accuracy", 0.1, r"floors\.always_one_letter\.accuracy"),
        ("floors.longest_choice", 0.1, r"floors\.longest_choice"),
        ("known_items.questions_without", 9, r"known_items\.questions_without"),
        ("known_items.accuracy_without", 0.9, r"known_items\.accuracy_without"),
    ],
)
def test_a_number_that_the_answers_do_not_give_is_refused(
    stored: Any, read: Any, place: str, new: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(put(stored, f"summary.{place}", new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        ("floors", [], "floors"),
        ("floors.lexical_overlap", {"accuracy": 2, "questions": 3}, r"floors\.lexical_overlap"),
        ("floors.lexical_overlap", {"questions": 3}, r"floors\.lexical_overlap"),
        ("floors.lexical_overlap", {"accuracy": 0.5, "questions": 13}, r"floors\.lexical_overlap"),
        ("known_items", {"items": [{"id": "q1"}]}, "known_items"),
        ("other_contexts", {}, "other_contexts"),
        ("other_contexts", [{**OTHER, "accuracy": 0.9}], "other_contexts"),
        ("other_contexts", [{**OTHER, "ci95": [0, 1]}], "other_contexts"),
        ("other_contexts", [{**OTHER, "total": 11}], "other_contexts"),
        ("other_contexts", [{**OTHER, "correct": 13}], "other_contexts"),
        ("other_contexts", [{**OTHER, "context": "all"}], "other_contexts"),
        ("other_contexts", [{**OTHER, "path": None}], "other_contexts"),
        ("other_contexts", [{**OTHER, "distrust": None}], "other_contexts"),
        ("seconds", "long", "seconds"),
    ],
)
def test_a_part_that_its_readers_could_not_read_is_refused(
    stored: Any, read: Any, place: str, new: Any, message: str
) -> None:
    with pytest.raises(DataError, match=rf"summary の {message} が壊れています"):
        read(put(stored, f"summary.{place}", new))


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        ("plan.context", "web", r"run の plan\.context が"),
        ("plan.top_k", None, r"run の plan\.top_k が"),
        ("distrust", [1], r"run の distrust\[0\] が"),
        ("model.base_model", "x", r"run の model\.base_model が"),
        ("index", True, "run の index が"),
        ("index", {"retriever": []}, r"run の index\.retriever が"),
        ("packages", [], "run の packages が"),
        ("command", "x", "run の command が"),
        ("prompt_version", 1, "run の prompt_version が"),
        ("finished_at", [], "run の finished_at が"),
        ("distrust", None, "run の distrust が"),
        ("model", [], "run の model が"),
        ("model.adapter_sha256", "ab" * 32, r"run\.adapter は null（調整なし）ですが、run\.model\.adapter_sha256"),
        ("model.lora_path", "runs/x", r"run\.adapter は null（調整なし）ですが、run\.model\.lora_path"),
        ("folds", [{"result": "x", "questions": 12}], r"run\.adapter は null（調整なし）ですが、run\.folds"),
        ("adapter", {"path": "runs/x"}, r"run の adapter\.trained_on が"),
        ("adapter", {"trained_on": {"by_id": ["q1"], "by_content": [], "dev": "q2"}}, r"adapter\.trained_on"),
        ("adapter", {"trained_on": {"by_id": ["q1"], "by_content": []}}, r"run\.distrust が空です"),
        ("adapter", {"trained_on": {"by_id": [], "by_content": [], "dev": ["q1"]}}, r"run\.distrust が空です"),
        ("data.questions", 13, r"run\.data\.questions は 13 ですが、結果では 12 です"),
        ("plan.orders", 1, r"run\.plan\.orders は 1 ですが、結果では 4 です"),
        ("plan.ensemble", {}, r"run の plan\.ensemble が"),
        ("plan.ensemble", True, r"run\.plan\.ensemble は True ですが、結果では False です"),
        ("plan.orders", "4", r"run の plan\.orders が"),
    ],
)
def test_a_run_that_says_what_the_answers_are_not_is_refused(
    stored: Any, read: Any, place: str, new: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(put(stored, f"run.{place}", new))
    assert "\n" not in str(caught.value)


def test_a_row_that_was_changed_is_refused_with_its_number(stored: Any, read: Any) -> None:
    for field, new, message in (
        ("cluster", None, "2 問目: 結果の行として読めません（cluster"),
        ("question", "別の問題", "2 問目: 問題 q1 の文か選択肢が"),
    ):
        changed = copy.deepcopy(stored)
        changed["results"][1][field] = new
        with pytest.raises(DataError, match=message):
            read(changed)


def test_a_collapse_that_the_result_hides_is_refused(
    tmp_path: Path, read: Any, question_of: Any, outcome_of: Any
) -> None:
    questions = [question_of(number) for number in range(12)]
    outcomes = [outcome_of(question, ["a", "c", "b", "d"]) for question in questions]  # always the letter a
    plan = EvaluationPlan(context="none")
    run = {"plan": plan.as_dict(), "prompt_version": "1", "adapter": None, "distrust": ["COLLAPSED: a"]}
    write_result(tmp_path / "collapsed.json", run=run, summary=summarize(outcomes, questions, plan), outcomes=outcomes)
    value = json.loads((tmp_path / "collapsed.json").read_text("utf-8"))
    assert read(value).summary["collapse"]["collapsed"] is True
    with pytest.raises(DataError, match=r"run\.distrust に COLLAPSED: 回答が a に偏っています.*がありません"):
        read(put(value, "run.distrust", []))


def test_a_result_of_an_earlier_version_is_completed(stored: Any, read: Any) -> None:
    old = copy.deepcopy(stored)
    for later in ("ties", "gold_logprob", "other_contexts", "known_items"):
        del old["summary"][later]
    del old["summary"]["counts"]["tied"]
    old["summary"]["collapse"] |= {"chi_square": 99.0, "chi_square_p": 0.0}  # four orders counted as four
    del old["run"]["data"]
    summary = read(old).summary
    for name in ("ties", "gold_logprob", "counts", "collapse"):
        assert summary[name] == stored["summary"][name]
    assert "other_contexts" not in summary  # not of the answers


def test_ties_of_an_earlier_version_stand_among_the_unparsed(
    tmp_path: Path, read: Any, question_of: Any, outcome_of: Any
) -> None:
    question, plan = question_of(), EvaluationPlan(context="none", scoring="text")
    shown = [("abcd", "a"), ("cadb", "a"), ("bdac", "c"), ("dcba", "b")]  # the choices a and c, twice each
    answers = tuple(
        OrderAnswer(order, "0" * 64, letter, text=letter, text_letter=letter, text_status="ok", text_rule="x")
        for order, letter in shown
    )
    outcome = outcome_of(question, [], answers=answers)
    run = {"plan": plan.as_dict(), "prompt_version": "1", "adapter": None, "distrust": []}
    summary = summarize([outcome], [question], plan)
    assert summary["counts"]["tied"] == 1
    write_result(tmp_path / "r.json", run=run, summary=summary, outcomes=[outcome])
    value = json.loads((tmp_path / "r.json").read_text("utf-8"))
    value["results"][0]["status"] = "unparsed"
    value["summary"]["counts"] = {"correct": 0, "wrong": 0, "unparsed": 1, "failed": 0}
    assert read(value).summary["counts"] == summary["counts"]
    value["summary"]["counts"]["unparsed"] = 0
    with pytest.raises(DataError, match=r"counts\.unparsed（記録は 0、回答から計算すると 1）"):
        read(value)


def test_known_items_are_those_the_file_names(stored: Any, read: Any) -> None:
    item = next(iter(known_items().values()))
    right = [row["status"] == "correct" for row in stored["results"] if row["id"] != "q1"]
    listed = {
        "items": [{"id": "q1", "kind": item.kind, "reason": item.reason}],
        "accuracy_without": sum(right) / len(right),
        "questions_without": 11,
    }
    assert read(put(stored, "summary.known_items", listed)).summary["known_items"] == listed


def test_a_known_item_under_another_id_is_found_again(
    tmp_path: Path, question_of: Any, outcome_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question of the list stands in the file twice, under ids of the user's own."""
    questions = [question_of(number, LETTERS[number % 4]) for number in range(4)]
    outcomes = [outcome_of(one, list("abcd")) for one in questions]
    item = replace(next(iter(known_items().values())), question_sha256=outcomes[1].question_sha256)
    outcomes[2] = replace(outcomes[1], id="mine")
    questions[2] = replace(questions[1], id="mine")
    listed = {item.question_sha256: item}
    for module in ("known_items", "summary"):
        monkeypatch.setattr(f"app.evaluation.results.{module}.known_items", lambda: listed)
    run = {"plan": PLAN.as_dict(), "prompt_version": "1", "adapter": None, "distrust": [], "data": {"questions": 4}, "model": {}}  # fmt: skip
    summary = {**summarize(outcomes, questions, PLAN), "seconds": 1.0}
    write_result(tmp_path / "x.json", run=run, summary=summary, outcomes=outcomes)
    known = read_result(tmp_path / "x.json").summary["known_items"]
    assert ([one["id"] for one in known["items"]], known["questions_without"]) == (["q1", "mine"], 2)


def test_the_stored_hash_is_of_the_stored_question(stored: Any) -> None:
    row = stored["results"][0]
    assert row["question_sha256"] == content_hash(row["question"], row["choices"])
