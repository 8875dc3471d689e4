"""Numbers of a summary, each counted by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from app.core.questions import LETTERS, ORDERS
from app.data.context import ShownPassage
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.result_text import power_lines, summary_lines
from app.evaluation.results.result_words import percent
from app.evaluation.results.summary import summarize, ties
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import wilson_interval

PLAN = EvaluationPlan(context="gold")


def passage(number: int, *, gold: bool, shown: bool = True) -> ShownPassage:
    return ShownPassage(f"p{number}", "架空法", str(number), None, 1.0, "本文", gold, shown)


def test_accuracy_counts_and_groups(question_of: Any, outcome_of: Any) -> None:
    questions = [
        question_of(1, "a", law="甲法", polarity="correct", id="甲法_第1章_選択式_根拠条文_問題番号1"),
        question_of(2, "b", law="甲法", polarity="incorrect", id="甲法_第1章_選択式_関連法令_問題番号1"),
        question_of(3, "c", law="乙法", polarity="incorrect", id="乙法_第3条_根拠条文_00003"),
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
    assert summary["counts"] == {"correct": 2, "wrong": 1, "tied": 0, "unparsed": 1, "failed": 0}
    assert {name: value["correct"] for name, value in summary["by_law"].items()} == {"乙法": 0, "甲法": 2}
    assert {name: value["total"] for name, value in summary["by_polarity"].items()} == {"correct": 1, "incorrect": 3}
    kinds = {name: (value["correct"], value["total"]) for name, value in summary["by_kind"].items()}
    assert kinds == {"その他": (0, 1), "根拠条文": (1, 2), "関連法令": (1, 1)}
    assert "種類別（かっこ内は正解数と 95 % 区間）: その他 0.0 %（0/1、0–79 %）、根拠条文 50.0 %（1/2、9–91 %）、関連法令 100.0 %（1/1、21–100 %）" in summary_lines(summary, PLAN.as_dict())  # fmt: skip
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


def test_ties_and_the_mean_logprob_stand_under_the_headline(question_of: Any, outcome_of: Any, answer_of: Any) -> None:
    questions = [question_of(number, "acc"[number]) for number in range(3)]
    sure = (0.7, 0.7, 0.4, 0.4)  # of two votes each, the first two weigh more
    outcomes = [
        outcome_of(question, [], answers=tuple(
            answer_of(order, LETTERS[order.index(letter)], sure=one)
            for order, letter, one in zip(ORDERS, vote, sure, strict=True)
        ))
        for question, vote in zip(questions, ["aacc", "aacc", "ccca"], strict=True)
    ]  # fmt: skip
    summary = summarize(outcomes, questions, PLAN)
    assert ties(outcomes) == summary["ties"] == {"questions": 2, "correct": 1}
    a = [0.7, 0.7, 0.2, 0.2]  # probability of the right choice in each order
    b = [0.1, 0.1, 0.4, 0.4]
    c = [0.7, 0.7, 0.4, 0.2]
    by_hand = sum(math.log(one) for one in (*a, *b, *c)) / 12
    assert summary["gold_logprob"] == pytest.approx(by_hand)
    lines = summary_lines(summary, PLAN.as_dict())
    assert lines[1:4] == [
        "  内訳: 正解 2、不正解 1、読み取れず 0、失敗 0",
        "  うち同数で決まった問題 2（正解 1）",
        f"正解の文字の対数確率: 平均 {summary['gold_logprob']:.3f}（一様なら -1.386）",
    ]


def test_where_no_vote_is_taken_there_are_no_ties(question_of: Any, outcome_of: Any) -> None:
    for outcome in (outcome_of(question_of(), ["a"]), outcome_of(question_of(), list("aacc"), ensemble=True)):
        assert ties([outcome]) is None
    once = EvaluationPlan(context="gold", orders=1)
    lines = summary_lines(summarize([outcome_of(question_of(), ["a"])], [question_of()], once), once.as_dict())
    assert not any("同数" in line for line in lines)


def test_written_ties_are_counted_apart_and_named(question_of: Any, outcome_of: Any) -> None:
    plan = EvaluationPlan(context="gold", scoring="text")
    questions = [question_of(number) for number in range(2)]
    outcomes = [outcome_of(questions[0], list("aacc"), sure=None), outcome_of(questions[1], [None] * 4)]
    summary = summarize(outcomes, questions, plan)
    assert summary["counts"] == {"correct": 0, "wrong": 0, "tied": 1, "unparsed": 1, "failed": 0}
    assert summary["ties"] == {"questions": 0, "correct": 0}
    assert summary["gold_logprob"] is None
    lines = summary_lines(summary, plan.as_dict())
    assert lines[1] == "  内訳: 正解 0、不正解 0、同数で決まらず 1、読み取れず 1、失敗 0"
    assert not any("対数確率" in line for line in lines)


def test_each_number_stands_with_its_unit(question_of: Any, outcome_of: Any) -> None:
    questions = [question_of(number) for number in range(4)]
    summary = summarize([outcome_of(question, list("ccca")) for question in questions], questions, PLAN)
    lines = summary_lines(summary, PLAN.as_dict())
    (each_order,) = [line for line in lines if line.startswith("選択肢の並び 4 通り: 全体の正解率 75.0 %")]
    (each_question,) = [line for line in lines if line.startswith("  問題ごとに一つの答え:")]
    assert "PriDe" in each_order
    assert each_question == "  問題ごとに一つの答え: 多数決 100.0 %、確率の平均（ensemble） 100.0 %"


def test_groups_have_intervals_and_small_ones_are_dim(question_of: Any, outcome_of: Any) -> None:
    questions = [question_of(number, law="大法" if number < 10 else "小法") for number in range(19)]
    summary = summarize([outcome_of(question, ["c"] * 4) for question in questions], questions, PLAN)
    line = "法令別（かっこ内は正解数と 95 % 区間）: 大法 100.0 %（10/10、72–100 %）、小法 100.0 %（9/9、70–100 %）"
    assert line in summary_lines(summary, PLAN.as_dict())
    colored = summary_lines(summary, PLAN.as_dict(), color=True)
    assert line.replace("小法 100.0 %（9/9、70–100 %）", "\x1b[2m小法 100.0 %（9/9、70–100 %）\x1b[0m") in colored


def test_low_label_mass_is_counted_and_shown(question_of: Any, outcome_of: Any, answer_of: Any) -> None:

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


def test_a_gold_appendix_is_found_for_no_article(question_of: Any, outcome_of: Any) -> None:
    """It has no number, so it is not among what was to be found; the article that is was missed."""
    gold = (("架空法", "5"), ("架空法", "別表第1"))
    annex = replace(passage(1, gold=True), article="")
    outcome = outcome_of(question_of(1), ["c"] * 4, gold_articles=gold, passages=(annex,))
    found = summarize([outcome], [question_of(1)], EvaluationPlan(context="rag", top_k=3))["retrieval"]
    assert (found["questions"], found["recall_at_k"], found["hit_at_k"], found["mrr"]) == (1, 0.0, 0.0, 0.0)
    assert (found["accuracy_given_hit"]["total"], found["accuracy_given_miss"]["total"]) == (0, 1)


def test_choices_that_were_all_not_judged_are_summarised(question_of: Any, outcome_of: Any) -> None:
    plan = EvaluationPlan(context="none", scoring="choice", orders=1)
    question = question_of(1)
    failed = OrderAnswer("abcd", "0" * 64, error="down")
    outcome = replace(outcome_of(question, [], answers=(failed,)), form="choice")
    lines = summary_lines(summarize([outcome], [question], plan), plan.as_dict())
    assert lines[0].startswith("正解率（選択肢ごとの判断） 0.0 %（1 問中 0 問")
