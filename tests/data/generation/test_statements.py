"""What the request of a statement question is about."""

from __future__ import annotations

import random

from app.data.generation.book import read_book
from app.data.generation.statements import Cues, statement_draft
from tests.data.generation.laws import article, law, paragraph

FIRE = "灯台守は、灯火を消したときは、二週間以内に、その旨を港湾大臣に届け出なければならない。"
BELL = "灯台守は、鐘を壊したときは、三十日以内に、その旨を港湾大臣に届け出なければならない。"


def topics(caption: str) -> dict[bool, set[str]]:
    """By whether the candidates are of one article: which captions stand in the requests."""
    book = read_book(
        law(
            article("1", paragraph("1", FIRE), caption="灯火の届出"),
            article("2", paragraph("1", BELL), caption=caption),
        )
    )
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for seed in range(120):
        draft = statement_draft(book, "1", "correct", random.Random(seed), Cues(), max_chars=700, count=2)
        if draft:
            one = len({option.place[0] for option in draft.options}) == 1
            found[one] |= {name for name in ("灯火の届出", "鐘の届出") if name in "".join(draft.requests)}
    return found


def test_a_caption_is_the_topic_of_the_articles_under_it_only() -> None:
    assert topics("鐘の届出") == {True: {"灯火の届出", "鐘の届出"}, False: set()}
    assert topics("灯火の届出") == {True: {"灯火の届出"}, False: {"灯火の届出"}}
