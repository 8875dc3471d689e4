"""What is asked in each order and how scores and texts become outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.prompts import build_mc_prompt_cot, build_mc_prompt_direct
from app.core.questions import LETTERS, ORDERS, reorder
from app.data.context import Context
from app.data.few_shot import FewShot, examples_for
from app.evaluation.running.asking import ask, failed, prompts_of, reasoning_part
from app.evaluation.running.plan import EvaluationPlan

NONE = Context(None)


def knows(question: Any) -> Callable[[str], str]:
    """A model that finds the right choice by its text wherever it stands."""
    text = question.choices[question.correct]
    return lambda prompt: next(letter for letter in LETTERS if f"\n{letter} {text}" in prompt)


def test_four_orders_are_four_prompts_built_like_training_records(question_of: Any) -> None:
    question = question_of()
    plan = EvaluationPlan(context="gold", orders=4)
    prompts = prompts_of(question, question.context, plan)
    assert len(set(prompts)) == 4
    for order, prompt in zip(ORDERS, prompts, strict=True):
        shown = question if order == "abcd" else reorder(question, order)
        assert prompt == build_mc_prompt_direct(shown.question, shown.choices, question.context, few_shot=False)


def test_few_shot_examples_are_those_of_the_records(question_of: Any) -> None:
    question = question_of()
    prompt = prompts_of(question, None, EvaluationPlan(context="none", few_shot=True, orders=1))[0]
    assert prompt == build_mc_prompt_direct(question.question, question.choices, few_shot=examples_for(question))
    assert "【例2】" in prompt


def test_examples_of_a_file_are_shown_in_every_order(question_of: Any) -> None:
    question = question_of()
    few_shot = FewShot("file:0:pool.json", tuple(question_of(number) for number in range(2, 8)))
    prompts = prompts_of(question, None, EvaluationPlan(context="none", few_shot=True), few_shot)
    assert prompts[0] == build_mc_prompt_direct(
        question.question, question.choices, few_shot=examples_for(question, few_shot.pool)
    )
    assert all("【例2】\n問" in prompt and "図書室" not in prompt for prompt in prompts)


def test_a_text_that_the_budget_ended_is_marked(question_of: Any, scripted: Any) -> None:
    backend = scripted(lambda prompt: "a", text_of=lambda prompt: "Answer: c" * 9)
    plan = EvaluationPlan(context="none", scoring="text", cot=True, orders=1, budget_tokens=20)
    answer = ask(backend, [(question_of(), NONE)], plan)[0].answers[0]
    assert (answer.text_letter, answer.text_status, answer.truncated) == ("c", "ok", True)


def test_a_model_that_knows_is_right_in_every_order(question_of: Any, scripted: Any) -> None:
    question = question_of(correct="b")
    backend = scripted(knows(question))
    outcome = ask(backend, [(question, NONE)], EvaluationPlan(context="none"))[0]
    assert [answer.predicted for answer in outcome.answers] == ["b", "d", "a", "c"]
    assert [answer.chosen for answer in outcome.answers] == ["b"] * 4
    assert (outcome.predicted, outcome.status, outcome.share_right) == ("b", "correct", 1.0)
    assert outcome.mean_probabilities() == pytest.approx({"a": 0.05, "b": 0.85, "c": 0.05, "d": 0.05})
    assert backend.shared == [True]


def test_a_model_that_always_says_a_is_right_in_one_order_of_four(question_of: Any, scripted: Any) -> None:
    question = question_of(correct="d")
    outcome = ask(scripted(lambda prompt: "a"), [(question, NONE)], EvaluationPlan(context="none"))[0]
    assert [answer.chosen for answer in outcome.answers] == ["a", "c", "b", "d"]
    assert outcome.share_right == 0.25
    assert outcome.mean_probabilities() == pytest.approx(dict.fromkeys(LETTERS, 0.25))


def test_one_order_batches_over_questions(question_of: Any, scripted: Any) -> None:
    questions = [question_of(number, correct) for number, correct in enumerate("abcd", start=1)]
    backend = scripted(lambda prompt: "c")
    outcomes = ask(backend, [(question, NONE) for question in questions], EvaluationPlan(context="none", orders=1))
    assert [outcome.status for outcome in outcomes] == ["wrong", "wrong", "correct", "wrong"]
    assert [outcome.id for outcome in outcomes] == ["q1", "q2", "q3", "q4"]
    assert backend.shared == [False]


def test_text_scoring_reads_what_was_written(question_of: Any, scripted: Any) -> None:
    texts = iter(["Answer: c", "aまたはb", "", "わかりません"])
    backend = scripted(lambda prompt: "a", lambda prompt: next(texts))
    questions = [question_of(number) for number in range(1, 5)]
    plan = EvaluationPlan(context="none", scoring="text", orders=1)
    outcomes = ask(backend, [(question, NONE) for question in questions], plan)
    assert [outcome.status for outcome in outcomes] == ["correct", "unparsed", "unparsed", "unparsed"]
    assert [outcome.answers[0].text_status for outcome in outcomes] == ["ok", "ambiguous", "empty", "unparsed"]
    assert outcomes[0].answers[0].logprobs is None
    assert backend.prompts == []


def test_both_scores_letters_and_keeps_the_text_beside_them(question_of: Any, scripted: Any) -> None:
    backend = scripted(lambda prompt: "c", lambda prompt: "Answer: b")
    plan = EvaluationPlan(context="none", scoring="both", orders=1)
    answer = ask(backend, [(question_of(), NONE)], plan)[0].answers[0]
    assert (answer.predicted, answer.text_letter, answer.text) == ("c", "b", "Answer: b")


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        ("Reasoning: 第1条による。\nAnswer: b", "Reasoning: 第1条による。"),
        ("Reasoning: 予算が尽きて", "Reasoning: 予算が尽きて"),
        ("Reasoning: x\n**Answer:** b\nまだ続く", "Reasoning: x"),
        ("Reasoning: 「Answer: a」と書く\nAnswer：c", "Reasoning: 「Answer: a」と書く"),
        ("Answer: a", ""),
        ("", ""),
    ],
)
def test_a_forced_answer_follows_the_reasoning_alone(
    question_of: Any, scripted: Any, text: str, reasoning: str
) -> None:
    assert reasoning_part(text) == reasoning
    question = question_of()
    backend = scripted(lambda prompt: "c", lambda prompt: text)
    outcome = ask(backend, [(question, NONE)], EvaluationPlan(context="none", cot=True, orders=1))[0]
    prompt = build_mc_prompt_cot(question.question, question.choices)
    assert backend.generated == [prompt]
    assert backend.prompts == [f"{prompt}\n<<{reasoning}>>"]
    assert (outcome.predicted, outcome.status) == ("c", "correct")  # never "unknown", whatever was written


def test_a_failed_question_has_no_answer_but_its_prompts(question_of: Any) -> None:
    outcome = failed(question_of(), NONE, EvaluationPlan(context="none"), "時間切れ")
    assert (outcome.predicted, outcome.status) == (None, "failed")
    assert {answer.error for answer in outcome.answers} == {"時間切れ"}
    assert len({answer.prompt_sha256 for answer in outcome.answers}) == 4
