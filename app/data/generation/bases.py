"""Questions for the provision that lays a rule down, every candidate a citation that stands in the context."""

from __future__ import annotations

import random

from .book import Book, Passage
from .checks import says_same
from .claims import Claim
from .drafts import Draft, Option, chars, citation, neighbours, render_context, with_items
from .paraphrase import paraphrase
from .requests import article_requests
from .statements import MAX_TEXTS

LONG_TITLE_CHARS = 18  # above it the request names the law, not every candidate


def basis_draft(book: Book, article: str, random_: random.Random, *, max_chars: int, count: int = 4) -> Draft | None:
    """A question for one provision of ``article`` among others in the context."""
    rules = [rule for rule in book.rules if rule.article == article]
    if not rules:
        return None
    rule = random_.choice(rules)
    own = [one for one in book.passages if one.article == article]
    right = next((one for one in own if one.paragraph == rule.paragraph), None)
    if right is None:
        return None
    scene: list[Passage] = [with_items(right, [rule.item] if rule.item else [], random_, 4)]
    rest = [one for one in own if one is not right]
    random_.shuffle(rest)
    for passage in [*rest[:3], *neighbours(book, article, random_)]:
        slim = with_items(passage, [], random_, 3)
        if chars([*scene, slim]) <= max_chars and len(_places(scene)) < count:
            scene.append(slim)
    places = [place for place in _places(scene) if place != (right.article, right.paragraph, rule.item)]
    if rule.item is not None:  # the paragraph itself is no wrong answer for what its item says
        places = [place for place in places if place != (right.article, right.paragraph, None)]
    else:
        places = [place for place in places if place[:2] != (right.article, right.paragraph)]
    saying = {one.place for one in book.rules if says_same(one, rule)}
    places = [place for place in places if place not in saying]
    if len(places) < count - 1:
        return None
    random_.shuffle(places)
    # A citation of the same depth as the right one first, so that its form does not tell it.
    places.sort(key=lambda place: (place[2] is None) != (rule.item is None))
    digits, named = random_.random() < 0.8, len(book.title) <= LONG_TITLE_CHARS
    by_place = {(one.article, one.paragraph): one for one in scene}
    options = [
        Option(
            (citation(book.title, by_place[place[:2]], place[2], digits=digits, named=named),),
            place == rule.place,
            "citation",
            place,
        )
        for place in [rule.place, *places[: count - 1]]
    ]
    texts = Claim(True, "as_is", rule, rule).texts(digits=digits)
    whats = tuple(paraphrase(text, random_) + "こと" for text in random_.sample(texts, min(MAX_TEXTS, len(texts))))
    requests = article_requests(whats, "" if named else f"{book.title}の")
    return Draft("basis", tuple(random_.sample(requests, min(MAX_TEXTS, len(requests)))), "other", tuple(options),
                 render_context(book.title, scene), book.title, book.revision_id, tuple(scene), article)  # fmt: skip


def _places(scene: list[Passage]) -> list[tuple[str, str, str | None]]:
    """Everything the scene lets one cite."""
    found: list[tuple[str, str, str | None]] = []
    for one in scene:
        found += [
            (one.article, one.paragraph, None),
            *((one.article, one.paragraph, number) for number, _ in one.items),
        ]
    return found
