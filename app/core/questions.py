"""A law question, its choices in an order, and the articles it is about."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .files import sha256_text
from .radicals import without_radicals

LETTERS = ("a", "b", "c", "d")
# A question may have two to six choices; one alone is a statement to be judged (○×).
MOST_CHOICES = 6
CHOICE_LETTERS = ("a", "b", "c", "d", "e", "f")

# The four orders of lawqa_jp's selection_randomized.json (回答オーダーマップ番号 1..4). The string lists the original
# letters in the order in which they are shown: in "cadb" the choice shown as a is the original c. Over the four
# orders every choice stands once under every letter, so each question has each letter as its answer once.
ORDERS = ("abcd", "cadb", "bdac", "dcba")

Polarity = Literal["correct", "incorrect", "not_applicable", "other"]


@dataclass(frozen=True, slots=True, order=True)
class ArticleRef:
    """One provision: law title, article (``27_2`` is 第27条の2), paragraph and item, ``None`` where not named."""

    law: str
    article: str
    paragraph: str | None = None
    item: str | None = None

    @property
    def article_key(self) -> tuple[str, str]:
        """(law, article): what clusters and retrieval are counted by."""
        return (self.law, self.article)


def orders_of(count: int) -> tuple[str, ...]:
    """The orders in which a question with ``count`` choices is asked: over all of them every choice stands once under
    every letter. Four choices have lawqa_jp's four orders, other numbers their rotations; the file's own comes first."""
    if count == len(LETTERS):
        return ORDERS
    letters = "".join(CHOICE_LETTERS[:count])
    return tuple(letters[start:] + letters[:start] for start in range(count))


@dataclass(frozen=True, slots=True)
class Question:
    """One question with two to six choices, or one statement to be judged.

    ``correct`` holds the right letters in the order shown: one for most questions, several (``bd``) where several
    choices are right, none (``""``) for a single statement that is wrong.
    """

    id: str
    question: str
    choices: dict[str, str]
    correct: str
    context: str | None
    articles: tuple[ArticleRef, ...]
    cluster: str
    polarity: Polarity
    source: str
    law: str
    order: str = ""  # original letters in the order shown; the file's own where nothing is said

    def __post_init__(self) -> None:
        if not self.order:
            object.__setattr__(self, "order", file_order(self.letters))

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of the choices, a first."""
        return CHOICE_LETTERS[: len(self.choices)]

    @property
    def is_statement(self) -> bool:
        """Whether it is one statement to be judged, not a choice among several."""
        return len(self.choices) == 1


def file_order(letters: Sequence[str]) -> str:
    """The order that shows every choice where the file has it."""
    return "".join(letters)


def reorder(question: Question, order: str) -> Question:
    """The question with its choices shown in ``order``.

    Raises ValueError if ``order`` is not a permutation of its letters or the question is already reordered.
    """
    letters = question.letters
    if sorted(order) != list(letters):
        raise ValueError(f"order {order!r} is not a permutation of {''.join(letters)}")
    if question.order != file_order(letters):
        raise ValueError(f"question {question.id} is already in order {question.order}")
    choices = {shown: question.choices[original] for shown, original in zip(letters, order, strict=True)}
    correct = "".join(shown for shown, original in zip(letters, order, strict=True) if original in question.correct)
    return replace(question, choices=choices, correct=correct, order=order)


def original_letter(shown: str, order: str) -> str:
    """The letter, in the file's own order, of the choice that ``order`` shows under ``shown``."""
    return order[CHOICE_LETTERS.index(shown)]


def plain(text: str) -> str:
    """``text`` whatever its widths, its radicals and its spaces: for comparing."""
    return "".join(unicodedata.normalize("NFKC", without_radicals(text)).split())


def right_texts(choices: Mapping[str, str], correct: str) -> frozenset[str]:
    """The texts of the right choices, for comparing the answers of copies that show their choices in other orders."""
    return frozenset(plain(choices[letter]) for letter in correct)


def content_hash(question: str, choices: Mapping[str, str]) -> str:
    """SHA-256 of what is asked, whatever the id, the order of the choices, widths and spaces.

    Two files that carry the same question under other ids or in another order give the same hash: this is what a leak
    between training and test is recognised by.
    """
    # Sorted after folding: a full-width Ａ stands elsewhere than an A.
    question, *texts = (plain(part) for part in (question, *choices.values()))
    return sha256_text("\x1f".join([question, *sorted(texts)]))
