"""A question with choices: typed, or of a file, and which choice the model takes from the articles found for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import DataError
from ..core.prompts import Form
from ..core.questions import CHOICE_LETTERS, MOST_CHOICES, Question
from ..core.requests import question_polarity
from ..data.context import Context
from ..evaluation.both_forms import pooled
from ..evaluation.results.outcomes import Outcome
from ..evaluation.running.asking import ask, check_both_forms, check_lettered
from ..evaluation.running.plan import EvaluationPlan
from ..llm.backend import ScoringBackend
from ..retrieval.showing.context_text import FormattedContext
from .options import AnswerForm

_CHOICE = re.compile(r"[ \t　]*([a-fａ-ｆA-FＡ-Ｆ])[\s.．、)）:：][ \t　]*(\S.*)")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model takes of a question's choices."""

    question: Question
    chosen: str | None  # letters; None where nothing could be read
    probabilities: dict[str, float]  # of each letter to be (among) the right ones
    context: FormattedContext


def typed_question(text: str, choices: Sequence[str] = ()) -> Question:
    """A question as a person types it: its choices given apart, or as lines ``a …`` at its end.

    Raises DataError where there are not two to six choices, or two are the same.
    """
    asked, found = (text.strip(), list(choices)) if choices else _parted(text)
    if not asked:
        raise DataError("問題の文がありません。選択肢の前に書いてください。")
    if not 2 <= len(found) <= MOST_CHOICES:
        raise DataError(f"選択肢が {len(found)} 個です（2〜{MOST_CHOICES} 個）。")
    if len({one.strip() for one in found}) != len(found) or not all(one.strip() for one in found):
        raise DataError("選択肢に空のものか、同じものがあります。")
    return Question(
        id="typed",
        question=asked,
        choices={letter: one.strip() for letter, one in zip(CHOICE_LETTERS, found, strict=False)},
        correct="a",  # one choice is asked for; which one nobody has said
        context=None,
        articles=(),
        cluster="typed",
        polarity=question_polarity(asked),
        source="",
        law="",
    )


def has_choices(text: str) -> bool:
    """Whether the text ends in lines ``a …``, ``b …``: a question with choices."""
    return len(_parted(text)[1]) > 1


def _parted(text: str) -> tuple[str, list[str]]:
    """The question and its choices, whose letters have to stand in order from a; a further line belongs to its choice."""
    asked: list[str] = []
    found: list[str] = []
    for line in text.strip().splitlines():
        match = _CHOICE.match(line)
        letter = None if match is None else match[1].translate(_PLAIN).lower()
        if match is not None and len(found) < MOST_CHOICES and letter == CHOICE_LETTERS[len(found)]:
            found.append(match[2].strip())
        elif found:
            found[-1] += f"\n{line}"
        else:
            asked.append(line)
    return "\n".join(asked).strip(), found


_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def choose(
    backend: ScoringBackend,
    question: Question,
    context: FormattedContext,
    form: AnswerForm,
    *,
    few_shot: bool = False,
    cited_words: bool = False,
) -> Choice:
    """The choice that the model takes, asked as evaluation asks: every choice by itself, for the letter in all orders, or
    both ways (``evaluation.both_forms``).

    Raises DataError for a question with several right answers, or of a single statement, that is to be answered by a letter.
    """
    check_form([question], form)
    asked: tuple[Form, ...] = ("choice", "letter") if form == "both" else (form,)
    outcome, *letters = (
        _asked(backend, question, context, one, few_shot=few_shot, cited_words=cited_words) for one in asked
    )
    if letters:
        outcome = pooled(outcome, *letters)
    return Choice(question, outcome.predicted, dict(sorted((outcome.mean_probabilities() or {}).items())), context)


def check_form(questions: Sequence[Question], form: AnswerForm) -> None:
    """Raise DataError, one line, for the first question that cannot be asked in this form."""
    if form == "both":
        check_both_forms(questions)
    elif form == "letter":
        check_lettered(questions, "文字では答えられません。--form choice を付けて、選択肢ごとに判断させてください。")


def _asked(
    backend: ScoringBackend,
    question: Question,
    context: FormattedContext,
    form: Form,
    *,
    few_shot: bool,
    cited_words: bool,
) -> Outcome:
    by_letter = form == "letter"
    plan = EvaluationPlan(
        context="rag",
        top_k=max(1, len(context.used)),
        scoring=form,
        orders=4 if by_letter else 1,
        ensemble=by_letter,
        few_shot=few_shot and by_letter,
        cited_words=cited_words and not by_letter,
    )
    (outcome,) = ask(backend, [(question, Context(context.text or None))], plan)
    return outcome
