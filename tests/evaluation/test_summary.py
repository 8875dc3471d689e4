"""Numbers of a summary, each counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.questions import LETTERS
from app.evaluation.contexts import ShownPassage
from app.evaluation.display import percent, power_lines, summary_lines
from app.evaluation.plan import EvaluationPlan
from app.evaluation.statistics import wilson_interval
from app.evaluation.summary import collapse, summarize

PLAN = EvaluationPlan(context="gold")


def passage(number: int, *, gold: bool, shown: bool = True) -> ShownPassage:
    return ShownPassage(f"p{number}", "架空法", str(number), None, 1.0, "本文", gold, shown)


def test_accuracy_counts_and_groups(question_of: Any, outcome_of: Any) -> None:
    questions = [
        question_of(1, "a", law="甲法", polarity="correct"),
        question_of(2, "b", law="甲法", polarity="incorrect"),
        question_of(3, "c", law="乙法", polarity="incorrect"),
        question_of(4, "d", law="乙法", polarity="incorrect"),
    ]
    outcomes = [
        outcome_of(questions[0], ["a"] * 4),
        outcome_of(questions[1], ["b", "b", "b", "a"]),
        outcome_of(questions[2], ["a"] * 4),
        outcome_of(questions[3], [None] * 4),
    ]
    summary = summarize(outcomes, questions, PLAN)
    assert (summary["accuracy"], summary["correct"], summary["total"]) == (0.5, 2, 4)
    assert summary["ci95"] == list(wilson_interval(2, 4))
    assert summary["counts"] == {"correct": 2, "wrong": 1, "unparsed": 1, "failed": 0}
    assert {name: value["correct"] for name, value in summary["by_law"].items()} == {"乙法": 0, "甲法": 2}
    assert {name: value["total"] for name, value in summary["by_polarity"].items()} == {"correct": 1, "incorrect": 3}
    assert summary["by_gold_position"]["c"]["accuracy"] == 0.0
    orders = summary["orders"]
    assert orders["accuracy"] == pytest.approx((1 + 0.75 + 0 + 0) / 4)
    assert orders["all_orders_right"] == 0.25
    assert orders["consistency"] == 0.5  # the first and the third; an unread answer is not consistent
    assert orders["ensemble_accuracy"] is None  # one question has no scores
    # shown right letters of the four questions in the four orders: every letter once per question
    assert orders["recall_by_position"] == pytest.approx({"a": 1 / 4 + 1 / 4, "b": 2 / 4, "c": 1 / 4, "d": 2 / 4})
    assert summary["label_histogram"] == {"a": 3, "b": 3, "c": 2, "d": 4, "none": 4}
    assert summary["tokens"] == {"prompt": 0, "new": 0}


def test_a_model_that_knows_everything(question_of: Any, outcome_of: Any) -> None:
    questions = [question_of(number, LETTERS[number % 4]) for number in range(8)]
    summary = summarize([outcome_of(question, [question.correct] * 4) for question in questions], questions, PLAN)
    orders = summary["orders"]
    assert orders["rstd"] == 0.0
    for name in (
        "accuracy",
        "all_orders_right",
        "consistency",
        "majority_accuracy",
        "ensemble_accuracy",
        "pride_accuracy",
    ):
        assert orders[name] == 1.0
    assert orders["position_prior"] == pytest.approx(dict.fromkeys(LETTERS, 0.25))
    assert summary["collapse"]["collapsed"] is False
    assert summary["collapse"]["chi_square"] == 0.0


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


def test_low_label_mass_is_counted_and_shown(question_of: Any, outcome_of: Any, answer_of: Any) -> None:
    from dataclasses import replace

    answers = tuple(replace(answer_of("abcd", "c"), mass=mass) for mass in (0.1,))
    question = question_of()
    plan = EvaluationPlan(context="none", orders=1)
    summary = summarize([outcome_of(question, [], answers=answers)], [question], plan)
    assert summary["label_mass"] == {"mean": 0.1, "min": 0.1, "below_half": 1, "answers": 1}
    assert any("1 回は 0.5 未満" in line for line in summary_lines(summary, plan.as_dict()))


def test_retrieval_is_counted_by_hand(question_of: Any, outcome_of: Any) -> None:
    plan = EvaluationPlan(context="rag", top_k=3)
    two = (("架空法", "1"), ("架空法", "2"))
    guideline = (("架空指針", "4-2"),)
    cases = [
        # found first, one of two found second, only in a passage that did not fit, missed, no article of a law
        (["c"] * 4, (("架空法", "1"),), (passage(1, gold=True), passage(9, gold=False))),
        (["c"] * 4, two, (passage(9, gold=False), passage(1, gold=True))),
        (["a"] * 4, (("架空法", "1"),), (passage(9, gold=False), passage(1, gold=True, shown=False))),
        (["a"] * 4, (("架空法", "1"),), (passage(9, gold=False),)),
        (["c"] * 4, guideline, (passage(9, gold=False),)),
    ]
    questions = [question_of(number) for number in range(len(cases))]
    outcomes = [
        outcome_of(question, chosen, gold_articles=gold, passages=passages)
        for question, (chosen, gold, passages) in zip(questions, cases, strict=True)
    ]
    found = summarize(outcomes, questions, plan)["retrieval"]
    assert found["questions"] == 4
    assert found["without_law_article"] == 1
    assert found["recall_at_k"] == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert found["hit_at_k"] == 0.75
    assert found["all_gold_at_k"] == 0.5
    assert found["mrr"] == pytest.approx((1 + 0.5 + 0.5 + 0) / 4)
    assert found["passages_left_out"] == 1
    assert found["accuracy_given_hit"] == {"correct": 2, "total": 2, "accuracy": 1.0}
    assert found["accuracy_given_miss"] == {"correct": 0, "total": 2, "accuracy": 0.0}


def test_text_readings_are_summed(question_of: Any, outcome_of: Any, answer_of: Any) -> None:
    rows = [("c", "c", "ok"), ("a", "c", "ok"), ("c", None, "unparsed")]
    questions = [question_of(number) for number in range(3)]
    outcomes = [
        outcome_of(question, [], answers=(
            answer_of("abcd", letter, text="x", text_letter=text_letter, text_status=status, text_rule=""),
        ))
        for question, (letter, text_letter, status) in zip(questions, rows, strict=True)
    ]  # fmt: skip
    found = summarize(outcomes, questions, EvaluationPlan(context="gold", scoring="both", orders=1))["text"]
    assert found == {
        "answers": 3,
        "status": {"ok": 2, "unparsed": 1},
        "accuracy": pytest.approx(2 / 3),
        "agrees_with_letter": 0.5,
    }


def test_outcomes_and_questions_must_be_the_same(question_of: Any, outcome_of: Any) -> None:
    with pytest.raises(ValueError, match="differ"):
        summarize([outcome_of(question_of(1), ["a"])], [question_of(2)], PLAN)


def test_percent_and_power() -> None:
    assert percent(0.4286) == "42.9 %"
    assert percent(None) == "—"
    assert power_lines(40)[1:] == [
        "  80 % の確率で見分けられるのは約 22 ポイント以上の差です。",
        "  10 ポイントの差を見分けられる確率は 15.0 % です。",
    ]
    assert "どんな差も" in power_lines(4)[1]
