"""One reference of a text and what it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .rows import ArticleRow

Status = Literal[
    "found",
    "unknown_law",
    "ambiguous_law",
    "other_version",  # 旧民法, 改正前の…: not the text of the day
    "no_revision",  # the index has no revision of the law for the day
    "unknown_article",
    "ambiguous_article",
    "unknown_paragraph",
    "unknown_item",
    "deleted",
    "excluded",  # …を除く
    "cut",  # a range with more articles than are taken
]
# What is said beside a result, without anything being wrong with the reference.
REMARKS = ("excluded", "cut")


@dataclass(frozen=True, slots=True)
class Resolved:
    """One reference of a text and what it leads to."""

    text: str  # as read
    status: Status
    article: ArticleRow | None
    paragraph: str | None
    item: str | None
    note: str  # in Japanese, empty when found
    start: int  # position in the folded text
