"""What a question for a provision shows, and what of it is surely a wrong answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..law.book import Book
from ..law.checks import says_same
from ..law.passages import Passage, citation
from ..law.rules import Rule
from .drafts import chars, neighbours, with_items

Place = tuple[str, str, str | None]  # article, paragraph, item

MAX_NAMED_CHARS, MAX_SHORT_CHARS = 40, 12  # titles above it are not repeated in every candidate, every sentence
NAMED, FULL_WIDTH = 0.9, 0.15  # shares of the questions, as on the open 100
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown, and how provisions are written in the candidates."""

    book: Book
    passages: tuple[Passage, ...]
    named: bool
    full_width: bool

    def cite(self, place: Place, digits: bool = True) -> str:
        """The place as the candidates write it; also of a provision of the law that is not shown."""
        passage = self.book.passage_at(*place[:2])
        text = citation(self.book.title, passage, place[2], digits=digits, named=False)
        return (self.book.title if self.named else "") + self.written(text)

    def written(self, text: str) -> str:
        """A text with its digits as wide as those of the citations."""
        return text.translate(_FULL_WIDTH) if self.full_width else text

    def text(self, place: Place) -> str:
        """The words of a place: its lead with its item, all of them where it names none."""
        passage = self.book.passage_at(*place[:2])
        return "\n".join([passage.lead, *(text for number, text in passage.items if place[2] in (None, number))])

    def lead(self, place: Place) -> str:
        """The words that the items of a place's paragraph share."""
        return self.book.passage_at(*place[:2]).lead

    @property
    def places(self) -> list[Place]:
        """Everything that is shown under a heading of its own."""
        return [
            place
            for one in self.passages
            for place in (
                (one.article, one.paragraph, None),
                *((one.article, one.paragraph, number) for number, _ in one.items),
            )
        ]

    @property
    def hidden(self) -> list[Place]:
        """Provisions of the shown articles that are not shown themselves."""
        shown, articles = set(self.places), {one.article for one in self.passages}
        whole = Scene(self.book, tuple(one for one in self.book.passages if one.article in articles), False, False)
        return [place for place in whole.places if place not in shown]

    def wrong(self, rule: Rule, places: Sequence[Place]) -> list[Place]:
        """Of the places those that surely do not lay the rule down."""
        saying = {one.place for one in self.book.rules if says_same(one, rule)}
        return [
            place for place in places if (place not in saying if place[:2] != rule.place[:2] else _beside(rule, place))
        ]


def _beside(rule: Rule, place: Place) -> bool:
    """Whether a place of the rule's own paragraph is a wrong answer for it: another item for an item; the paragraph is
    none for its item, nor an item for its paragraph, and items of one effect are told apart by their words."""
    return None not in (rule.item, place[2]) and place[2] != rule.item


def set_scene(
    book: Book, rule: Rule, random_: random.Random, max_chars: int, count: int, *, ruled: bool = False
) -> Scene | None:
    """The rule's paragraph with others of its article, of other articles, or of both; ``ruled`` takes only others that
    hold a rule themselves."""
    own = [one for one in book.passages if one.article == rule.article]
    right = next((one for one in own if one.paragraph == rule.paragraph), None)
    if right is None:
        return None
    limit = random_.choice((2, 3, 4))
    passages = [with_items(right, [rule.item] if rule.item else [], random_, max(limit, 1 + (rule.item is not None)))]
    siblings = [one for one in own if one is not right]
    random_.shuffle(siblings)
    around = neighbours(book, rule.article, random_)
    random_.shuffle(around)
    beside = list({one.article: one for one in around}.values())  # one paragraph of each article
    near = [*siblings, *beside]
    rest = random_.choice((near, near, [*siblings[:1], *beside, *siblings[1:]], [*beside, *siblings]))
    with_rules = {(one.article, one.paragraph) for one in book.rules}
    for passage in rest:
        if ruled and (passage.article, passage.paragraph) not in with_rules:
            continue
        slim = with_items(passage, [], random_, random_.choice((0, 2, 3)))
        if chars([*passages, slim]) <= max_chars and len(passages) < count:
            passages.append(slim)
    # Where the request names the law anyway, the candidates stay short.
    named = len(book.title) <= (MAX_SHORT_CHARS if ruled else MAX_NAMED_CHARS) and random_.random() < NAMED
    return Scene(book, tuple(passages), named, random_.random() < FULL_WIDTH)
