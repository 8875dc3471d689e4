"""More of the law in a context than its question needs, until it is as long as those of lawqa_jp.

Those show few articles, with long paragraphs and their brackets, rather than many short ones; and questions that share an
article belong to one cluster, so that articles shown for nothing would join what could be split.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from ..law.checks import overlapping
from ..law.passages import Passage
from .drafts import Draft, render_context, with_items

# Near the deciles of the lengths of the open 100's contexts, over 700 characters (.47 .62 .73 .79 .83 .89 .90 .95 1.0).
LENGTHS = (0.47, 0.60, 0.69, 0.75, 0.83, 0.88, 0.91, 0.94, 1.0)
MAX_SAME_LEAD = 0.8  # share of character pairs: a paragraph above it may say what a candidate says
MAX_ARTICLES = 3  # of the Act and its orders; nearly all contexts of the open 100 have no more
NEAR, NEXT = 6, 2  # articles before and after it that are looked at, and those of them that come first


def filled_up(
    draft: Draft, passages: Sequence[Passage], orders: Sequence[Passage], random_: random.Random, max_chars: int
) -> Draft:
    """The draft with paragraphs of the articles around its own beside those it has, up to a length drawn like lawqa_jp's.

    ``passages`` are those of the law that may be shown, ``orders`` those of its orders that fill in what the draft shows
    and come first. A question for the provision that says something is left as it is: what is shown there is chosen by
    what can be told apart.
    """
    wanted = random_.choice(LENGTHS) * max_chars
    if draft.kind in ("basis", "across") or len(draft.context) >= wanted:
        return draft
    shown = list(draft.passages)
    most = max(MAX_ARTICLES, _articles(shown))
    for passage in _spare(draft, passages, orders, random_):
        slim = with_items(passage, [], random_, 0 if draft.kind in ("list", "delegated") else 3)
        longer = [*shown, slim]
        if (
            _articles(longer) <= most
            and len(render_context(draft.law, longer)) <= wanted
            and all(overlapping(slim.lead, one.lead) <= MAX_SAME_LEAD for one in shown)
        ):
            shown = longer
    return replace(draft, context=render_context(draft.law, shown), passages=tuple(shown))


def _spare(
    draft: Draft, passages: Sequence[Passage], orders: Sequence[Passage], random_: random.Random
) -> list[Passage]:
    """What may be added, in the order that it is tried: what orders fill in, then the articles that are shown already,
    then those around them, long paragraphs before short ones."""
    keys = list(dict.fromkeys(one.article for one in passages))
    if draft.main not in keys:  # it must not be shown, so the draft is not kept
        return []
    here = keys.index(draft.main)
    near = {key: abs(place - here) for place, key in enumerate(keys) if abs(place - here) <= NEAR}
    places = {one.place for one in draft.passages}
    articles = {one.article for one in draft.passages if one.law == draft.law}
    spare = [one for one in passages if one.article in near and one.place not in places]
    rank = {one.place: random_.uniform(0.4, 1.0) * one.chars for one in spare}
    turn = {key: random_.random() for key in near}
    spare.sort(
        key=lambda one: (one.article not in articles, near[one.article] > NEXT, turn[one.article], -rank[one.place])
    )
    return [*(one for one in dict.fromkeys(orders) if one.place not in places), *spare]


def _articles(passages: Sequence[Passage]) -> int:
    return len({(one.law, one.article) for one in passages})
