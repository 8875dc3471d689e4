"""What can be scored without a model: the ladder that every accuracy is read against."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.core.questions import LETTERS, Question

CHANCE = 1 / len(LETTERS)


class Answerable(Protocol):
    """A question or its outcome: all that a rule without a model or a context looks at."""

    @property
    def choices(self) -> Mapping[str, str]:
        """Text by letter, in the file's own order."""
        ...

    @property
    def correct(self) -> str:
        """The right letter."""
        ...


def always_one_letter(questions: Sequence[Answerable]) -> tuple[str, float]:
    """The letter that is right most often in the file's order, and the accuracy of always answering it."""
    counts = Counter(question.correct for question in questions)
    letter = max(LETTERS, key=lambda letter: counts[letter])
    return letter, counts[letter] / len(questions)


def longest_choice(questions: Sequence[Answerable]) -> float:
    """Accuracy of answering the longest choice; where several are longest, each is worth its share."""
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
    sign = -1 if question.polarity in ("incorrect", "not_applicable") else 1
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
        "chance": CHANCE,
        "always_one_letter": {"letter": letter, "accuracy": always},
        "longest_choice": longest_choice(questions),
    }


def _credit(scores: dict[str, float] | dict[str, int], correct: str) -> float:
    best = max(scores.values())
    leaders = [letter for letter in LETTERS if scores[letter] == best]
    return 1 / len(leaders) if correct in leaders else 0.0
