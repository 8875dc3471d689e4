"""What was answered, and when it has collapsed to one letter: counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.questions import LETTERS
from app.evaluation.results.answers import collapse
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan

PLAN = EvaluationPlan(context="gold")


def always_a(question_of: Any, outcome_of: Any, count: int) -> list[Any]:
    return [outcome_of(question_of(number), ["a", "c", "b", "d"]) for number in range(count)]


def test_a_model_that_always_says_a_has_collapsed(question_of: Any, outcome_of: Any) -> None:
    outcomes = always_a(question_of, outcome_of, 5)
    found = collapse(outcomes)
    assert (found["collapsed"], found["letter"], found["share"], found["entropy_bits"]) == (True, "a", 1.0, 0.0)
    questions = [question_of(number) for number in range(5)]
    summary = summarize(outcomes, questions, PLAN)
    assert summary["orders"]["accuracy"] == 0.25
    assert summary["orders"]["recall_by_position"] == {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert summary["orders"]["rstd"] == pytest.approx(0.4330127)
    text = "\n".join(summary_lines(summary, PLAN.as_dict()))
    assert "COLLAPSED: 回答が a に偏っています（100.0 %）" in text
    assert "\x1b[1;31mCOLLAPSED" in "\n".join(summary_lines(summary, PLAN.as_dict(), color=True))


def test_collapse_is_not_judged_on_few_or_unbalanced_answers(question_of: Any, outcome_of: Any) -> None:
    assert collapse(always_a(question_of, outcome_of, 4))["collapsed"] is None  # 16 answers
    skewed = [outcome_of(question_of(number, "c"), ["c"]) for number in range(40)]
    assert collapse(skewed)["collapsed"] is None  # every right letter is c: answering c is no collapse


def test_one_letter_is_a_collapse_where_the_right_letters_are_unbalanced_but_varied(
    question_of: Any, outcome_of: Any
) -> None:
    gold = "a" * 30 + "b" * 20 + "c" * 10  # 1.46 bits
    all_a = [outcome_of(question_of(number, letter), ["a"]) for number, letter in enumerate(gold)]
    assert collapse(all_a)["collapsed"] is True
    mostly_a = [outcome_of(question_of(n, letter), ["b" if n < 15 else "a"]) for n, letter in enumerate(gold)]
    assert collapse(mostly_a)["share"] == 0.75
    assert collapse(mostly_a)["collapsed"] is None  # 0.81 bits: more than half of the right letters' own
    right = [outcome_of(question_of(number, letter), [letter]) for number, letter in enumerate(gold)]
    assert collapse(right)["collapsed"] is False


def test_the_chi_square_of_a_collapse_counts_questions(question_of: Any, outcome_of: Any) -> None:
    found = collapse(always_a(question_of, outcome_of, 10))
    assert found["chi_square"] == pytest.approx(30.0)


@pytest.mark.parametrize(("b_share", "collapsed"), [(24, False), (26, True)])
def test_collapse_begins_above_60_percent(question_of: Any, outcome_of: Any, b_share: int, collapsed: bool) -> None:
    letters = ["b"] * b_share + (["a", "c", "d"] * 20)[: 40 - b_share]
    outcomes = [outcome_of(question_of(number, LETTERS[number % 4]), [letter]) for number, letter in enumerate(letters)]
    assert collapse(outcomes)["collapsed"] is collapsed


def test_low_entropy_alone_is_a_collapse(question_of: Any, outcome_of: Any) -> None:
    letters = ["a"] * 20 + ["b"] * 20
    outcomes = [outcome_of(question_of(number, LETTERS[number % 4]), [letter]) for number, letter in enumerate(letters)]
    found = collapse(outcomes)
    assert found["entropy_bits"] == 1.0
    assert found["collapsed"] is False  # exactly one bit is not below it
    outcomes += [outcome_of(question_of(40), ["a"])]
    assert collapse(outcomes)["collapsed"] is True
