"""第5条から第8条まで（第7条を除く。）: what stands between the ends of a range, and what 除く takes out of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...data.law_numbers import article_sort_key
from ..text.mention import Mention

Key = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Whole articles of a law that 除く names: one, or a range."""

    law_ids: tuple[str, ...]
    part: str
    first: Key
    last: Key

    def has(self, mention: Mention, num: str) -> bool:
        """Whether article ``num`` of the law and part of ``mention`` is one of them."""
        same = (self.law_ids, self.part) == (mention.law_ids, mention.part)
        return same and self.first <= article_sort_key(num) <= self.last


def taken_out(mentions: Sequence[Mention]) -> list[TakenOut]:
    """What the references of a text take out."""
    found: list[TakenOut] = []
    for mention in mentions:
        if not mention.excluded or mention.paragraph or not mention.article:
            continue
        here = article_sort_key(mention.article)
        start = found.pop().first if found and mention.joined_by == "から" else here
        found.append(TakenOut(mention.law_ids, mention.part, start, here))
    return found


def is_article(num: str) -> bool:
    """Whether the key is that of one article (27_2), which can be an end of a range."""
    return re.fullmatch(r"\d+(?:_\d+)*", num) is not None
