"""第5条から第8条まで（第7条を除く。）: what stands between the ends of a range, and what 除く takes out of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

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
    kept: tuple[str, ...]  # ends of which only a paragraph or an item is taken out

    def has(self, mention: Mention, num: str) -> bool:
        """Whether article ``num`` of the law and part of ``mention`` is one of them."""
        same = (self.law_ids, self.part) == (mention.law_ids, mention.part)
        return same and num not in self.kept and self.first <= article_sort_key(num) <= self.last


def taken_out(mentions: Sequence[Mention], number: int) -> list[TakenOut]:
    """What 除く takes out of the range that begins with the reference ``number``: what is named right behind the list that
    the range stands in, or right before it."""
    first, behind = number, number + 1
    while first > 0 and mentions[first].joined_by and not mentions[first - 1].excluded:
        first -= 1
    while behind < len(mentions) and mentions[behind].joined_by and not mentions[behind].excluded:
        behind += 1
    named = [*takewhile(lambda one: one.leads_on, reversed(mentions[:first]))][::-1]
    named += takewhile(lambda one: one.excluded, mentions[behind:])
    found: list[TakenOut] = []
    for start, here in zip([None, *named], named):  # noqa: B905  # one before each
        if start is None or here.joined_by != "から" or (start.law_ids, start.part) != (here.law_ids, here.part):
            start = here
        ends = (start, here)
        if all(one.article and not one.step for one in ends):
            low, high = (article_sort_key(one.article) for one in ends)
            kept = tuple(one.article for one in ends if not whole(one))
            found.append(TakenOut(here.law_ids, here.part, low, high, kept))
    return found


def whole(mention: Mention) -> bool:
    """Whether an article is named, and not a paragraph or an item of it."""
    return mention.paragraph is None and mention.item is None


def is_article(num: str) -> bool:
    """Whether the key is that of one article (27_2), which can be an end of a range."""
    return re.fullmatch(r"\d+(?:_\d+)*", num) is not None
