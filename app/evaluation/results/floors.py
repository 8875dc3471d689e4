"""What can be scored without a model: the ladder that every accuracy is read against."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ...core.questions import LETTERS, Question
from ...core.requests import read_request


class Answerable(Protocol):
    """A question or its outcome: all that a rule without a model or a context looks at."""

    @property
    def choices(self) -> Mapping[str, str]:
        """Text by letter, in the file's own order."""
        ...

    @property
    def correct(self) -> str:
        """The right letter, or letters."""
        ...


def uniform_share(question: Answerable) -> float:
    """The chance of a blind guess: one over the number of answers that the question allows.

    It says how many of its choices are right, so those are all sets of that size; a single statement is true or not.
    """
    count = len(question.choices)
    return 0.5 if count == 1 else 1 / math.comb(count, len(question.correct))


def chance(questions: Sequence[Answerable]) -> float:
    """Accuracy of guessing blindly."""
    return sum(uniform_share(question) for question in questions) / len(questions)


def uniform_logprob(questions: Sequence[Answerable]) -> float:
    """Mean log-probability (natural) of the right answer for a model that spreads its probability evenly."""
    return sum(math.log(uniform_share(question)) for question in questions) / len(questions)


def always_one_letter(questions: Sequence[Answerable]) -> tuple[str, float]:
    """The answer (a letter, or several) that is right most often in the file's order, and the accuracy of always
    giving it; of equally frequent ones the first in the alphabet."""
    counts = Counter(question.correct for question in questions)
    answer = max(sorted({*LETTERS, *counts}, key=lambda one: (len(one), one)), key=lambda one: counts[one])
    return answer, counts[answer] / len(questions)


def longest_choice(questions: Sequence[Answerable]) -> float:
    """Accuracy of answering the longest choice, or as many as are right; where several are longest, each is worth its
    share. A single statement is guessed."""
    return sum(
        _credit({letter: len(text) for letter, text in question.choices.items()}, question.correct)
        for question in questions
    ) / len(questions)


def bigrams(text: str) -> frozenset[str]:
    """Character pairs of the text in one width, without spaces and punctuation."""
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text))
    return frozenset(plain[index : index + 2] for index in range(len(plain) - 1))


def overlap(choice: str, context: str) -> float:
    """Share of the choice's character pairs that occur in the context, 0 to 1."""
    pairs = bigrams(choice)
    return len(pairs & bigrams(context)) / len(pairs) if pairs else 0.0


def lexical_choice(question: Question, context: str) -> dict[str, float]:
    """Score of each choice by wording alone: overlap with the context, negated where the odd one out is asked for."""
    sign = read_request(question.question).sign
    return {letter: sign * overlap(text, context) for letter, text in question.choices.items()}


def lexical_overlap(questions: Sequence[Question]) -> tuple[float, int] | None:
    """Accuracy of the choice that shares most wording with the gold context (least where the question asks for a wrong
    one), and the number of questions that have a context; None if none has."""
    with_context = [(question, question.context) for question in questions if question.context]
    if not with_context:
        return None
    credits = [_credit(lexical_choice(question, context), question.correct) for question, context in with_context]
    return sum(credits) / len(credits), len(credits)


def floors(questions: Sequence[Question]) -> dict[str, Any]:
    """All floors as a result file stores them."""
    lexical = lexical_overlap(questions)
    return {
        **floors_of_answers(questions),
        "lexical_overlap": None if lexical is None else {"accuracy": lexical[0], "questions": lexical[1]},
    }


def floors_of_answers(questions: Sequence[Answerable]) -> dict[str, Any]:
    """The floors that need no context."""
    letter, always = always_one_letter(questions)
    return {
        "chance": chance(questions),
        "always_one_letter": {"letter": letter, "accuracy": always},
        "longest_choice": longest_choice(questions),
    }


def _credit(scores: Mapping[str, float], correct: str) -> float:
    """The chance that the best choices, as many as are right, are exactly the right ones, equal scores in random order."""
    if len(scores) == 1:
        return 0.5  # nothing to compare a single statement with
    last = sorted(scores.values(), reverse=True)[len(correct) - 1]
    sure = {letter for letter, score in scores.items() if score > last}
    equal = [letter for letter, score in scores.items() if score == last]
    if not (sure <= set(correct) <= sure | set(equal)):
        return 0.0
    return 1 / math.comb(len(equal), len(correct) - len(sure))
