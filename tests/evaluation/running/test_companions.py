"""Which results beside a new one are its model in another context, or in the other form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.report.page import rungs
from app.evaluation.results.file import Result, read_result, write_result
from app.evaluation.results.order_answer import OrderAnswer, judged
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.summary import summarize
from app.evaluation.running.companions import companions, other_contexts
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import wilson_interval


def run_of(context: str, *, finished_at: str = "2026-01-01T00:00:00+00:00", **changes: Any) -> dict[str, Any]:
    plan = EvaluationPlan(context=context, top_k=3 if context == "rag" else 0).as_dict()  # type: ignore[arg-type]
    return {
        "plan": {**plan, **changes.pop("plan", {})},
        "prompt_version": "1",
        "model": {"backend": "hf", "model": "m", "adapter_sha256": None, "load_in_4bit": False, "device": "cpu"}
        | changes.pop("model", {}),
        "finished_at": finished_at,
        "distrust": [],
        **changes,
    }


@pytest.fixture
def write(tmp_path: Path, question_of: Any, outcome_of: Any) -> Any:
    """Write a result on four questions of which the first ``right`` are right; gives its outcomes."""

    def written(name: str, run: dict[str, Any], right: int = 2, first: int = 0) -> Any:
        questions = [question_of(first + number, "a") for number in range(4)]
        outcomes = [
            outcome_of(question, ["a" if number < right else "b"] * 4) for number, question in enumerate(questions)
        ]
        summary = summarize(outcomes, questions, EvaluationPlan(**run["plan"]))
        write_result(tmp_path / name, run=run, summary=summary, outcomes=outcomes)
        return outcomes

    return written


def test_the_other_contexts_of_the_same_model_are_found(tmp_path: Path, write: Any) -> None:
    write("rag.json", run_of("rag", distrust=["COLLAPSED"]), right=3)
    write("closed.json", run_of("none", model={"device": "cuda"}), right=1)  # the device changes no model
    outcomes = write("gold.json", run_of("gold"), right=4)
    found = other_contexts(companions(tmp_path / "gold.json", run_of("gold"), outcomes).contexts)
    assert [(one["context"], one["correct"], one["total"], one["accuracy"]) for one in found] == [
        ("none", 1, 4, 0.25),
        ("rag", 3, 4, 0.75),
    ]
    assert found[0]["ci95"] == list(wilson_interval(1, 4))
    assert found[0]["path"] == str(tmp_path / "closed.json")
    assert [one["distrust"] for one in found] == [[], ["COLLAPSED"]]
    assert [one["top_k"] for one in found] == [0, 3]


def test_of_several_the_latest_counts(tmp_path: Path, write: Any) -> None:
    write("b_old.json", run_of("none", finished_at="2026-01-01T00:00:00+00:00"), right=1)
    write("a_new.json", run_of("none", finished_at="2026-02-01T00:00:00+00:00"), right=2)
    outcomes = write("gold.json", run_of("gold"))
    (found,) = other_contexts(companions(tmp_path / "gold.json", run_of("gold"), outcomes).contexts)
    assert Path(found["path"]).name == "a_new.json"


@pytest.mark.parametrize(
    "run",
    [
        run_of("gold"),  # the same context
        run_of("none", model={"model": "other"}),
        run_of("none", model={"adapter_sha256": "f" * 64}),
        run_of("none", model={"load_in_4bit": True}),
        run_of("none", plan={"few_shot": True}),
        run_of("none", plan={"ensemble": True}),
        run_of("none", plan={"cot": True, "budget_tokens": 64}),
        run_of("none", prompt_version="0"),
        run_of("none", model={"chat_format": "plain"}),
        run_of("none", model={"dtype": "float32"}),
        run_of("none", plan={"orders": 1}),
    ],
)
def test_what_differs_by_more_than_the_context_is_no_rung(tmp_path: Path, write: Any, run: dict[str, Any]) -> None:
    write("other.json", run)
    outcomes = write("gold.json", run_of("gold"))
    assert other_contexts(companions(tmp_path / "gold.json", run_of("gold"), outcomes).contexts) == []


def test_other_questions_and_other_files_are_no_rungs(
    tmp_path: Path, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write("elsewhere.json", run_of("none"), first=10)
    (tmp_path / "questions.json").write_text('{"samples": []}', "utf-8")
    (tmp_path / "list.json").write_text("[1]", "utf-8")
    outcomes = write("gold.json", run_of("gold"))
    assert other_contexts(companions(tmp_path / "gold.json", run_of("gold"), outcomes).contexts) == []
    assert capsys.readouterr().err == ""
    whole = (tmp_path / "elsewhere.json").read_text("utf-8")
    (tmp_path / "cut.json").write_text(whole[: len(whole) // 2], "utf-8")
    assert other_contexts(companions(tmp_path / "gold.json", run_of("gold"), outcomes).contexts) == []
    assert "cut.json" in capsys.readouterr().err


def test_rungs_are_printed_and_drawn_once(tmp_path: Path, write: Any) -> None:
    write("closed.json", run_of("none", distrust=["COLLAPSED"]), right=1)
    outcomes = write("gold.json", run_of("gold"), right=4)
    closed, gold = read_result(tmp_path / "closed.json"), read_result(tmp_path / "gold.json")
    summary = dict(gold.summary) | {
        "other_contexts": other_contexts(companions(gold.path, gold.run, outcomes).contexts)
    }
    lines = summary_lines(summary, gold.run["plan"])
    assert "同じモデルの別の文脈: 文脈なし 25.0 %（closed.json、信用できない結果）" in lines
    with_rung = Result(gold.path, gold.run, summary, gold.outcomes)
    drawn = [rung for rung in rungs([with_rung]) if rung.other]
    assert [(rung.label, rung.accuracy, rung.run) for rung in drawn] == [("closed（文脈なし）", 0.25, None)]
    assert drawn[0].low == pytest.approx(wilson_interval(1, 4).low)
    assert [rung for rung in rungs([with_rung, closed]) if rung.other] == []  # it stands there as a run


def in_choices(**changes: Any) -> dict[str, Any]:
    """The run of the same model in the choice form."""
    plan = {"scoring": "choice", "orders": 1, "ensemble": False, "cited_words": True, **changes.pop("plan", {})}
    return run_of("gold", prompt_version="choice-1", plan=plan, **changes)


@pytest.fixture
def judged_choices(question_of: Any, outcome_of: Any) -> list[Outcome]:
    """The outcomes of the four questions in the choice form."""
    answer = OrderAnswer("abcd", "p", log_odds=(1.0, 0.0, 0.0, 0.0), masses=(1.0,) * 4, sign=1, told=True)
    questions = [question_of(number, "a") for number in range(4)]
    return [outcome_of(one, [], form="choice", answers=(judged(answer, "a"),)) for one in questions]


def partner(folder: Path, outcomes: Any, run: dict[str, Any] | None = None, **given: Any) -> str | None:
    """The name of what ``companions`` takes for the other form."""
    found = companions(folder / "choice.json", run or in_choices(), outcomes, **given).other_form
    return None if found is None else found.path.name


def test_the_same_model_in_the_other_form_is_found_and_the_latest_counts(
    tmp_path: Path, write: Any, judged_choices: Any
) -> None:
    write("old.json", run_of("gold", finished_at="2026-01-01T00:00:00+00:00"), right=1)
    letters = write("new.json", run_of("gold", finished_at="2026-02-01T00:00:00+00:00"), right=2)
    assert partner(tmp_path, judged_choices) == "new.json"
    # What the same run will write anew is not taken, nor is another result in the same form.
    assert partner(tmp_path, judged_choices, leave_out=[tmp_path / "new.json"]) == "old.json"
    assert partner(tmp_path, letters, run_of("gold")) is None


@pytest.mark.parametrize(
    "run",
    [
        run_of("none"),
        run_of("gold", model={"model": "other"}),
        run_of("gold", model={"dtype": "float16"}),
        run_of("gold", model={"chat_format": "chatml"}),
        run_of("gold", adapter={"weights_sha256": "f" * 64}),
        run_of("gold", plan={"scoring": "both"}),
        run_of("gold", plan={"cot": True}),
        run_of("gold", prompt_version="0"),
    ],
)
def test_what_differs_by_more_than_the_form_is_not_its_other_form(
    tmp_path: Path, write: Any, judged_choices: Any, run: dict[str, Any]
) -> None:
    write("other.json", run)
    assert partner(tmp_path, judged_choices) is None
    write("examples.json", run_of("gold", plan={"few_shot": True}))  # only letters have them
    assert partner(tmp_path, judged_choices) == "examples.json"


def test_what_cannot_be_put_together_does_not_hide_what_can(
    tmp_path: Path, write: Any, judged_choices: Any, outcome_of: Any, question_of: Any
) -> None:
    write("four.json", run_of("gold", finished_at="2026-01-01T00:00:00+00:00"))
    later = run_of("gold", finished_at="2026-02-01T00:00:00+00:00", plan={"orders": 1})
    questions = [question_of(number, "a") for number in range(4)]
    once = [outcome_of(one, ["a"]) for one in questions]
    summary = summarize(once, questions, EvaluationPlan(**later["plan"]))
    write_result(tmp_path / "once.json", run=later, summary=summary, outcomes=once)
    assert partner(tmp_path, judged_choices) == "four.json"


def test_other_words_in_the_context_are_no_other_form(tmp_path: Path, write: Any, judged_choices: Any) -> None:
    write("letters.json", run_of("gold"))
    assert partner(tmp_path, judged_choices) == "letters.json"
    changed = [replace(judged_choices[0], context="別の条文"), *judged_choices[1:]]
    assert partner(tmp_path, changed) is None
    assert partner(tmp_path, judged_choices[1:]) is None


def test_a_neighbour_whose_run_is_damaged_stops_nothing(tmp_path: Path, judged_choices: Any) -> None:
    for number, plan in enumerate(({"scoring": ["letter"], "context": "gold"}, {"scoring": {}, "context": "gold"}, {})):
        value = {"kind": "evaluation", "run": {"plan": plan}, "results": []}
        (tmp_path / f"{number}.json").write_text(json.dumps(value), "utf-8")
    assert partner(tmp_path, judged_choices) is None
