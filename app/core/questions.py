"""A law question, its choices in an order, and the articles it is about."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from app.core.files import sha256_text

LETTERS = ("a", "b", "c", "d")

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


@dataclass(frozen=True, slots=True)
class Question:
    """One four-choice question."""

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
    order: str = "abcd"


def reorder(question: Question, order: str) -> Question:
    """The question with its choices shown in ``order``.

    Raises ValueError if ``order`` is not a permutation of abcd or the question is already reordered.
    """
    if sorted(order) != list(LETTERS):
        raise ValueError(f"order {order!r} is not a permutation of abcd")
    if question.order != "abcd":
        raise ValueError(f"question {question.id} is already in order {question.order}")
    choices = {shown: question.choices[original] for shown, original in zip(LETTERS, order, strict=True)}
    return replace(question, choices=choices, correct=LETTERS[order.index(question.correct)], order=order)


def original_letter(shown: str, order: str) -> str:
    """The letter, in the file's own order, of the choice that ``order`` shows under ``shown``."""
    return order[LETTERS.index(shown)]


def content_hash(question: str, choices: Mapping[str, str]) -> str:
    """SHA-256 of what is asked, whatever the id, the order of the choices, widths and spaces.

    Two files that carry the same question under other ids or in another order give the same hash: this is what a leak
    between training and test is recognised by.
    """
    # Sorted after folding: a full-width Ａ stands elsewhere than an A.
    question, *texts = ("".join(unicodedata.normalize("NFKC", part).split()) for part in (question, *choices.values()))
    return sha256_text("\x1f".join([question, *sorted(texts)]))
