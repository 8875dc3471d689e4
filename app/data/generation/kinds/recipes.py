"""The kinds of questions, how often each is wanted, and how many candidates a question has."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..law.book import Book
from .across import across_draft
from .acts import act_draft
from .bases import basis_draft
from .blanks import blank_draft
from .delegated import delegated_draft
from .drafts import Draft, Wants
from .lists import list_draft
from .statements import Cues, statement_draft

# Shares of the kinds, as counted on the open 100 of lawqa_jp, where 48 show an Act with an order and 22 ask for a provision:
# 16 of 100 is what all Acts together give of "delegated" for 3,000 questions (docs/generated-questions.md).
MIX: dict[str, float] = {
    "statement": 0.43, "delegated": 0.16, "list": 0.13, "basis": 0.11, "across": 0.09, "blank": 0.05, "act": 0.03,
}  # fmt: skip
OF_ORDERS = ("delegated", "across")  # kinds that only a law with its orders gives
# lawqa_jp has four candidates everywhere; other exams have others, and what is learned should not hang on four.
SIZES: dict[int, float] = {4: 0.80, 5: 0.15, 3: 0.04, 2: 0.01}
MAX_PER_LAW = 16
MAX_AHEAD = 0.03  # of its number, that a kind may be ahead of the one furthest behind


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make."""

    count: int  # questions
    seed: int
    max_context_chars: int  # headings included
    per_law: int = MAX_PER_LAW  # questions of one law at most
    max_ahead: float = MAX_AHEAD
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)

    def quota(self, *, orders: bool = True) -> dict[str, int]:
        """Questions of each kind; ``orders`` False where the laws have none: then other questions for a provision take the
        place of those across two laws. The rounding falls to the largest share."""
        mix = dict(self.mix)
        if not orders:
            mix["basis"] = mix.get("basis", 0) + mix.get("across", 0)
            mix = {kind: share for kind, share in mix.items() if kind not in OF_ORDERS}
        total = sum(mix.values())
        quota = {kind: round(self.count * share / total) for kind, share in mix.items()}
        largest = max(quota, key=lambda kind: quota[kind])
        quota[largest] += self.count - sum(quota.values())
        return quota


def make_draft(
    kind: str, book: Book, article: str, wants: Wants, random_: random.Random, cues: Cues, max_chars: int
) -> Draft | None:
    """A question of the kind about the article, None where it does not give one."""
    count = random_.choices(list(SIZES), list(SIZES.values()))[0]
    draft = _draft(kind, book, article, wants, random_, cues, max_chars, count)
    # Many articles give four candidates but not five.
    return draft or (_draft(kind, book, article, wants, random_, cues, max_chars, 4) if count > 4 else None)


def _draft(
    kind: str, book: Book, article: str, wants: Wants, random_: random.Random, cues: Cues, max_chars: int, count: int
) -> Draft | None:
    match kind:
        case "statement":
            return statement_draft(book, article, wants, random_, cues, max_chars=max_chars, count=count)
        case "list":
            listing = next((one for one in book.listings if one.article == article), None)
            return list_draft(book, listing, wants, random_, max_chars=max_chars, count=count) if listing else None
        case "delegated":
            return delegated_draft(book, article, wants, random_, max_chars=max_chars, count=count)
        case "across":
            return across_draft(book, article, random_, max_chars=max_chars, count=count)
        case "act":
            return act_draft(book, article, wants, random_, max_chars=max_chars, count=count)
        case "basis":
            return basis_draft(book, article, wants, random_, max_chars=max_chars, count=count)
        case _:
            return blank_draft(book, article, random_, max_chars=max_chars, count=count)
