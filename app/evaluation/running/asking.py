"""Asking a model: the prompts of a question in every order or of every choice, the scores, the written answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...core.answers import parse_answer
from ...core.errors import DataError
from ...core.files import sha256_text
from ...core.prompts import build_choice_prompt, build_mc_prompt_cot, build_mc_prompt_direct
from ...core.questions import CHOICE_LETTERS, LETTERS, Question, content_hash, reorder
from ...core.requests import read_request
from ...data.cited_words import words_of
from ...data.context import Context
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import Generation, Judgement, LetterReading, ScoringBackend
from ..results.order_answer import OrderAnswer, judged
from ..results.outcomes import Outcome
from .plan import EvaluationPlan

# A direct answer is a letter; a model that writes more has said its letter by then or never will.
DIRECT_BUDGET_TOKENS = 32
_ANSWER_LINE = re.compile(r"^\s*\**\s*answer\s*\**\s*[:：].*$", re.IGNORECASE | re.MULTILINE | re.DOTALL)


def check_questions(questions: Sequence[Question], plan: EvaluationPlan) -> None:
    """Raise DataError, one line, for the first question that cannot be asked as the plan wants.

    A letter is one answer among several; the readers of written answers know a, b, c and d; and only articles that are
    known can be taken out.
    """
    for question in questions:
        if plan.context == "removed" and not question.articles:
            raise DataError(
                f"{question.id}: 正解の条文が分からないので、抜いて尋ねること（--context removed、--reading-test）ができません。"
                "コンテキストの見出しに条のある問題だけのファイルを指定してください。"
            )
    if plan.form == "choice":
        return
    for question in questions:
        if what := no_letter(question):
            raise DataError(
                f"{question.id}: {what}なので、--scoring {plan.scoring} では採点できません。--scoring choice を指定してください。"
            )
        if plan.writes_text and len(question.choices) != len(LETTERS):
            asked = "--use-cot" if plan.cot else f"--scoring {plan.scoring}"
            raise DataError(
                f"{question.id}: 選択肢が {len(question.choices)} 個なので、{asked} では採点できません（書かれた文章を読めるのは四択だけ）。"
                "--scoring choice か letter を指定してください。"
            )


def check_both_forms(questions: Sequence[Question]) -> None:
    """Raise DataError, one line, for the first question that cannot be asked in both forms."""
    check_lettered(
        questions,
        "二つの形では尋ねられません。--both-forms（ask.py では --form both）を外し、choice の形で尋ねてください。",
    )


def check_lettered(questions: Sequence[Question], way_out: str) -> None:
    """Raise DataError, one line, for the first question whose answer is no single letter; it ends in ``way_out``."""
    for question in questions:
        if what := no_letter(question):
            raise DataError(f"{question.id}: {what}なので、{way_out}")


def no_letter(question: Question) -> str:
    """What a question is whose answer is no single letter; "" for one whose answer is."""
    if question.is_statement:
        return "一つの記述の正誤を問う問題"
    return "" if len(question.correct) == 1 else f"正解が {len(question.correct)} つある問題"


def prompts_of(question: Question, context: str | None, plan: EvaluationPlan, few_shot: FewShot = BUILTIN) -> list[str]:
    """The prompt in each order of the plan, or of each choice in the choice form, built as training records are;
    ``few_shot`` if the plan wants examples."""
    if plan.form == "choice":
        words = words_of(question.choices, context, wanted=plan.cited_words)
        return [
            build_choice_prompt(question.question, text, context, words.get(letter))
            for letter, text in question.choices.items()
        ]
    prompts = []
    for order in plan.orders_for(question):
        shown = question if order == question.order else reorder(question, order)
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
    backend: ScoringBackend,
    questions: Sequence[tuple[Question, Context]],
    plan: EvaluationPlan,
    few_shot: FewShot = BUILTIN,
) -> list[Outcome]:
    """Ask a few questions in every order of the plan. Letters and choices need a ``ScoringBackend``.

    Raises BackendError when a remote backend fails; callers decide whether to go on.
    """
    if plan.form == "choice":
        return _judged(backend, questions, plan)
    prompts = [prompts_of(question, context.text, plan, few_shot) for question, context in questions]
    answers = [
        [OrderAnswer(order, sha256_text(prompt)) for order, prompt in zip(plan.orders_for(question), each, strict=True)]
        for (question, _), each in zip(questions, prompts, strict=True)
    ]
    if plan.writes_text:
        flat = [prompt for each in prompts for prompt in each]
        budget = plan.budget_tokens if plan.cot else min(plan.budget_tokens, DIRECT_BUDGET_TOKENS)
        written = iter(backend.generate(flat, max_new_tokens=budget, temperature=plan.temperature))
        answers = [[_with_text(answer, next(written)) for answer in each] for each in answers]
    if plan.scoring != "text":
        letters = [question.letters for question, _ in questions]
        answers = _with_letters(backend, prompts, answers, letters, plan)
    return [
        outcome(question, context, each, plan) for (question, context), each in zip(questions, answers, strict=True)
    ]


def failed(
    question: Question, context: Context, plan: EvaluationPlan, reason: str, few_shot: FewShot = BUILTIN
) -> Outcome:
    """The outcome of a question the backend could not answer."""
    prompts = prompts_of(question, context.text, plan, few_shot)
    if plan.form == "choice":
        return outcome(question, context, [OrderAnswer(question.order, _hash(prompts), error=reason)], plan)
    answers = [
        OrderAnswer(order, sha256_text(prompt), error=reason)
        for order, prompt in zip(plan.orders_for(question), prompts, strict=True)
    ]
    return outcome(question, context, answers, plan)


def outcome(question: Question, context: Context, answers: Sequence[OrderAnswer], plan: EvaluationPlan) -> Outcome:
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
        form=plan.form,
    )


def _hash(prompts: Sequence[str]) -> str:
    """SHA-256 of all prompts of a question in the choice form, a unit separator between them."""
    return sha256_text("\x1f".join(prompts))


def _judged(
    backend: ScoringBackend, questions: Sequence[tuple[Question, Context]], plan: EvaluationPlan
) -> list[Outcome]:
    """The outcomes of questions whose choices were judged one by one."""
    prompts = [prompts_of(question, context.text, plan) for question, context in questions]
    judgements = iter(backend.judge([prompt for each in prompts for prompt in each]))
    return [
        _judged_one(question, context, each, [next(judgements) for _ in each], plan)
        for (question, context), each in zip(questions, prompts, strict=True)
    ]


def _judged_one(
    question: Question,
    context: Context,
    prompts: Sequence[str],
    each: Sequence[Judgement],
    plan: EvaluationPlan,
) -> Outcome:
    request = read_request(question.question)
    answer = OrderAnswer(
        question.order,
        _hash(prompts),
        prompt_tokens=sum(one.prompt_tokens or 0 for one in each),
        new_tokens=0,
        log_odds=tuple(one.log_odds for one in each),
        masses=tuple(one.mass for one in each),
        sign=request.sign,
        told=request.told,
        outside=sum(one.outside for one in each),
    )
    return outcome(question, context, [judged(answer, question.correct)], plan)


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
    backend: ScoringBackend,
    prompts: Sequence[Sequence[str]],
    answers: Sequence[Sequence[OrderAnswer]],
    letters: Sequence[Sequence[str]],
    plan: EvaluationPlan,
) -> list[list[OrderAnswer]]:
    """The answers with the letter scores, which then decide what was predicted."""
    found: dict[tuple[int, int], LetterReading] = {}
    for of in sorted(set(map(tuple, letters))):
        # Prompts with the same letters are read together; the orders of one question share nearly all of theirs.
        places = [
            (number, order)
            for number, own in enumerate(letters)
            if tuple(own) == of
            for order in range(len(prompts[number]))
        ]
        reasonings = [reasoning_part(answers[number][order].text or "") for number, order in places]
        read = backend.read_letters(
            [prompts[number][order] for number, order in places],
            of,
            reasonings=reasonings if plan.cot else None,
            alike=plan.orders > 1 and len(prompts) == 1,
        )
        found |= dict(zip(places, read, strict=True))
    return [
        [_scored(answer, found[number, order]) for order, answer in enumerate(of_question)]
        for number, of_question in enumerate(answers)
    ]


def _scored(answer: OrderAnswer, reading: LetterReading) -> OrderAnswer:
    best = max(range(len(reading.logprobs)), key=lambda index: reading.logprobs[index])
    return replace(
        answer,
        predicted=CHOICE_LETTERS[best],
        logprobs=reading.logprobs,
        mass=reading.mass,
        prompt_tokens=reading.prompt_tokens,
        new_tokens=answer.new_tokens or 0,
        outside=reading.outside or None,
    )
