"""More of the law in a context than its question needs, until it is as long as those of lawqa_jp."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .checks import overlapping
from .drafts import Draft, render_context, with_items
from .passages import Passage

# Lengths of the contexts of the open 100 at its deciles, over the longest but a few (700 characters).
LENGTHS = (0.47, 0.60, 0.69, 0.75, 0.83, 0.88, 0.91, 0.94, 1.0)
MAX_SAME_LEAD = 0.8  # share of character pairs: a paragraph above it may say what a candidate says
NEAR, NEXT = 6, 2  # articles before and after it that are looked at, and those of them that come first


def filled_up(
    draft: Draft, passages: Sequence[Passage], orders: Sequence[Passage], random_: random.Random, max_chars: int
) -> Draft:
    """The draft with paragraphs of the articles around its own beside those it has, up to a length drawn like lawqa_jp's.

    ``passages`` are those of the law that may be shown, ``orders`` those of its orders that fill in what the draft shows
    and come first. A question for the provision that says something is left as it
    is: what is shown there is chosen by what can be told apart.
    """
    wanted = random_.choice(LENGTHS) * max_chars
    if draft.kind == "basis" or len(draft.context) >= wanted:
        return draft
    shown = list(draft.passages)
    keys = list(dict.fromkeys(one.article for one in passages))
    here = keys.index(draft.main) if draft.main in keys else 0
    near = {key: abs(place - here) for place, key in enumerate(keys) if abs(place - here) <= NEAR}
    places = {one.place for one in shown}
    spare = [one for one in passages if one.article in near and one.place not in places]
    # lawqa_jp shows few paragraphs, long ones with their brackets, rather than many short ones.
    weights = {one.place: one.chars * random_.uniform(0.4, 1.0) for one in spare}
    spare.sort(key=lambda one: (near[one.article] > NEXT, -weights[one.place]))
    for passage in [*(one for one in dict.fromkeys(orders) if one.place not in places), *spare]:
        slim = with_items(passage, [], random_, 0 if draft.kind in ("list", "delegated") else 3)
        if len(render_context(draft.law, [*shown, slim])) > wanted:
            continue
        if all(overlapping(slim.lead, one.lead) <= MAX_SAME_LEAD for one in shown):
            shown.append(slim)
    return replace(draft, context=render_context(draft.law, shown), passages=tuple(shown))
