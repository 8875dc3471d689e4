"""Asking a model: the prompts of a question in every order, the letter scores, the written answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from app.core.answers import parse_answer
from app.core.files import sha256_text
from app.core.prompts import build_mc_prompt_cot, build_mc_prompt_direct
from app.core.questions import LETTERS, Question, content_hash, reorder
from app.data.few_shot import BUILTIN, FewShot
from app.evaluation.contexts import QuestionContext
from app.evaluation.outcomes import OrderAnswer, Outcome
from app.evaluation.plan import EvaluationPlan
from app.llm.backend import Generation, TextBackend

# A direct answer is a letter; a model that writes more has said its letter by then or never will.
DIRECT_BUDGET_TOKENS = 32
_ANSWER_LINE = re.compile(r"^\s*\**\s*answer\s*\**\s*[:：].*$", re.IGNORECASE | re.MULTILINE | re.DOTALL)


class LetterBackend(TextBackend, Protocol):
    """A backend that can also give the probability of each letter (``HFLoRALLM``)."""

    def encode(self, prompt: str) -> list[int]:
        """Token ids of a prompt."""
        ...

    def forced_answer_row(self, prompt: str, reasoning: str) -> list[int]:
        """Token ids up to the letter behind ``Answer:``."""
        ...

    def score_rows(self, rows: Sequence[Sequence[int]], *, shared_prefix: bool = False) -> Any:
        """Letter scores after each row."""
        ...


def prompts_of(question: Question, context: str | None, plan: EvaluationPlan, few_shot: FewShot = BUILTIN) -> list[str]:
    """The prompt in each order of the plan, built as training records are; ``few_shot`` if the plan wants examples."""
    prompts = []
    for order in plan.order_names:
        shown = question if order == "abcd" else reorder(question, order)
        if plan.cot:
            prompts.append(build_mc_prompt_cot(shown.question, shown.choices, context))
        else:
            examples = few_shot.of(question) if plan.few_shot else False
            prompts.append(build_mc_prompt_direct(shown.question, shown.choices, context, few_shot=examples))
    return prompts


def reasoning_part(text: str) -> str:
    """What was written before the first line ``Answer: …``: the reasoning a forced answer is asked after."""
    return _ANSWER_LINE.split(text, maxsplit=1)[0].strip()


def ask(
    backend: TextBackend,
    questions: Sequence[tuple[Question, QuestionContext]],
    plan: EvaluationPlan,
    few_shot: FewShot = BUILTIN,
) -> list[Outcome]:
    """Ask a few questions in every order of the plan. Letter scoring needs a backend with ``score_rows``.

    Raises BackendError when a remote backend fails; callers decide whether to go on.
    """
    prompts = [prompts_of(question, context.text, plan, few_shot) for question, context in questions]
    answers = [
        [OrderAnswer(order, sha256_text(prompt)) for order, prompt in zip(plan.order_names, each, strict=True)]
        for each in prompts
    ]
    if plan.writes_text:
        flat = [prompt for each in prompts for prompt in each]
        budget = plan.budget_tokens if plan.cot else min(plan.budget_tokens, DIRECT_BUDGET_TOKENS)
        written = iter(backend.generate(flat, max_new_tokens=budget, temperature=plan.temperature))
        answers = [[_with_text(answer, next(written)) for answer in each] for each in answers]
    if plan.scoring != "text":
        answers = _with_letters(backend, prompts, answers, plan)  # type: ignore[arg-type]  # checked by the caller
    return [
        outcome(question, context, each, plan) for (question, context), each in zip(questions, answers, strict=True)
    ]


def failed(
    question: Question, context: QuestionContext, plan: EvaluationPlan, reason: str, few_shot: FewShot = BUILTIN
) -> Outcome:
    """The outcome of a question the backend could not answer."""
    prompts = prompts_of(question, context.text, plan, few_shot)
    answers = [
        OrderAnswer(order, sha256_text(prompt), error=reason)
        for order, prompt in zip(plan.order_names, prompts, strict=True)
    ]
    return outcome(question, context, answers, plan)


def outcome(
    question: Question, context: QuestionContext, answers: Sequence[OrderAnswer], plan: EvaluationPlan
) -> Outcome:
    """The outcome of a question from its answers."""
    return Outcome(
        id=question.id,
        question_sha256=content_hash(question.question, question.choices),
        question=question.question,
        choices=dict(question.choices),
        correct=question.correct,
        law=question.law,
        polarity=question.polarity,
        cluster=question.cluster,
        gold_articles=tuple(dict.fromkeys(ref.article_key for ref in question.articles)),
        context=context.text,
        passages=context.passages,
        answers=tuple(answers),
        ensemble=plan.ensemble,
    )


def _with_text(answer: OrderAnswer, generation: Generation) -> OrderAnswer:
    parsed = parse_answer(generation.text, cut_off=generation.truncated)
    return replace(
        answer,
        predicted=parsed.letter,
        text=generation.text,
        text_letter=parsed.letter,
        text_status=parsed.status,
        text_rule=parsed.rule,
        prompt_tokens=generation.prompt_tokens,
        new_tokens=generation.new_tokens,
        truncated=generation.truncated,
    )


def _with_letters(
    backend: LetterBackend,
    prompts: Sequence[Sequence[str]],
    answers: Sequence[Sequence[OrderAnswer]],
    plan: EvaluationPlan,
) -> list[list[OrderAnswer]]:
    """The answers with the letter scores, which then decide what was predicted."""
    rows = [
        [
            backend.forced_answer_row(prompt, reasoning_part(answer.text or "")) if plan.cot else backend.encode(prompt)
            for prompt, answer in zip(each, of_question, strict=True)
        ]
        for each, of_question in zip(prompts, answers, strict=True)
    ]
    if plan.orders > 1:
        # The orders of a question share instruction, context and question: those run once.
        scores = [backend.score_rows(each, shared_prefix=True) for each in rows]
        logprobs = [line for score in scores for line in score.logprobs.tolist()]
        masses = [float(mass) for score in scores for mass in score.mass]
    else:
        score = backend.score_rows([row for each in rows for row in each])
        logprobs, masses = score.logprobs.tolist(), [float(mass) for mass in score.mass]
    lines = iter(zip(logprobs, masses, [row for each in rows for row in each], strict=True))
    return [[_scored(answer, *next(lines)) for answer in each] for each in answers]


def _scored(answer: OrderAnswer, logprobs: list[float], mass: float, row: Sequence[int]) -> OrderAnswer:
    best = max(range(len(LETTERS)), key=lambda index: logprobs[index])
    return replace(
        answer,
        predicted=LETTERS[best],
        logprobs=tuple(logprobs),
        mass=mass,
        prompt_tokens=len(row),
        new_tokens=answer.new_tokens or 0,
    )
