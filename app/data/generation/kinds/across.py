"""Questions for the provision that lays something down, with an Act and its order among the candidates.

``thing``    what belongs to the thing that the Act leaves to the order: the answer is the order's 号, or its paragraph
``contents`` what that thing is: the answer is the order's paragraph, not the Act's that leaves it to the order
``leaves``   who leaves to the order what it fills in: the answer is the Act's provision, not the order's
``rule``     what the Act's own paragraph lays down: the answer is the Act's, not the order's that fills it in

Many of lawqa_jp's questions for a provision name provisions of both; which of the two says it is what they ask. They
mostly tell the Act's rule instead of citing it, so that the way to the order leads through the Act.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..law.book import Book
from ..law.checks import overlapping, says_same
from ..law.fillings import MAX_ALIKE, Filling
from ..law.passages import Passage, citation, cleaned
from ..words.spelling import modern_kana, sentences
from .descriptions import MIN_APART, descriptions, told_apart
from .drafts import (
    Draft,
    Option,
    Style,
    cited_names,
    draft_about,
    draw_style,
    neighbours,
    render_context,
    spelled,
    with_items,
)
from .requests import article_requests, contents_requests, leaves_requests, thing_requests
from .scenes import MAX_NAMED_CHARS, Place

MAX_TOLD_CHARS = 130  # of the Act's sentence, or of a rule
TOLD = 0.6  # of the questions for the order, those that tell the Act's sentence instead of citing it, where it is short
CITED_TOO = 0.5  # of those that cite the Act's provision, the ones with it among the candidates
LIMITS = (2, 3, 4)  # items shown of a paragraph
MAX_PASSAGES = 5
HIDDEN = 0.25  # of the questions, those with one candidate that is not shown


@dataclass(frozen=True, slots=True)
class Spot:
    """A provision as a candidate cites it."""

    passage: Passage
    item: str | None

    @property
    def key(self) -> tuple[tuple[str, str, str], str | None]:
        """Where it stands, however much of its paragraph is shown."""
        return self.passage.place, self.item

    @property
    def place(self) -> Place:
        """Where it stands in its law."""
        return self.passage.article, self.passage.paragraph, self.item


@dataclass(frozen=True, slots=True)
class _Asked:
    """A provision that is asked for."""

    right: Spot
    requests: Callable[[Sequence[Passage]], Sequence[str]]  # for it, where these are shown
    is_wrong: Callable[[Spot], bool]  # of another provision: it surely is no answer
    trap: Spot | None  # the other law's provision that belongs to it; it has to be a candidate


_Form = Callable[[Book, Filling, Style, random.Random], _Asked | None]


def across_draft(book: Book, article: str, random_: random.Random, *, max_chars: int, count: int = 4) -> Draft | None:
    """A question for one provision of ``article`` or of an order that fills in something of it; None where it has none."""
    here = [one for one in book.fillings if one.act.article == article and len(one.order.law) <= MAX_NAMED_CHARS]
    drafts = (_draft(book, filling, random_, max_chars, count) for filling in random_.sample(here, len(here)))
    return next((draft for draft in drafts if draft), None)


def _draft(book: Book, filling: Filling, random_: random.Random, max_chars: int, count: int) -> Draft | None:
    style = draw_style(book, random_)
    forms: dict[_Form, float] = {_thing: 0.4, _contents: 0.2, _leaves: 0.15, _rule: 0.25}
    for form in sorted(forms, key=lambda one: random_.random() ** (1 / forms[one]), reverse=True):
        asked = form(book, filling, style, random_)
        if asked is None:
            continue
        shown = _shown(book, filling, asked.right, random_, max_chars)
        requests = asked.requests(shown)
        chosen = _chosen(book, asked, shown, filling.noun, count - 1, random_)
        if not requests or chosen is None:
            continue
        options = [
            Option(
                (citation(spot.passage.law, spot.passage, spot.item, digits=style.digits, named=True),),
                spot is asked.right,
                "citation",
                spot.place,
            )
            for spot in (asked.right, *chosen)
        ]
        return draft_about(book, filling.act.article, "across", "other", requests, options, shown, random_)
    return None


_GOES_ON = re.compile(r"次に掲げ|次の各号|次のと")  # what follows is not told


def _told(book: Book, filling: Filling, style: Style, random_: random.Random) -> str:
    """The Act's sentence in which the thing stands that the order fills in; "" where it is long or of an item."""
    act = filling.act
    (first, *_) = sentences(modern_kana(act.lead))
    plain = cleaned(first, book.title, book.articles, act.article, act.paragraph) if filling.item is None else None
    text = style.text(plain, random_) if plain else ""
    text = text.removesuffix("とする") if text.endswith("ものとする") else text
    told = filling.name in text and len(text) <= MAX_TOLD_CHARS and not _GOES_ON.search(text)
    return f"{book.title}では、{text}とされている。" if told else ""


def _named(book: Book, filling: Filling, style: Style, random_: random.Random) -> tuple[str, str, Spot | None]:
    """What goes before a request for the order, what it calls the thing, and the Act's provision as a candidate."""
    trap = Spot(filling.act, filling.item)
    told = _told(book, filling, style, random_) if random_.random() < TOLD else ""
    if told:
        return told, f"この「{filling.name}」", trap
    name = random_.choice(cited_names(book.title, filling, digits=style.digits))
    return "", name, trap if random_.random() < CITED_TOO else None


def _thing(book: Book, filling: Filling, style: Style, random_: random.Random) -> _Asked:
    item, thing = random_.choice(filling.things)
    before, name, trap = _named(book, filling, style, random_)
    requests = thing_requests(spelled(thing, style.digits), name, listed=filling.listed)  # quoted, so in no other words

    def is_wrong(spot: Spot) -> bool:
        if spot.passage.place == filling.order.place and None in (item, spot.item):
            return False  # the paragraph of its item, an item of its paragraph
        words = dict(spot.passage.items).get(spot.item or "", "")
        return thing not in words and overlapping(thing, words) <= MAX_ALIKE

    return _Asked(Spot(filling.order, item), lambda _: [before + request for request in requests], is_wrong, trap)


def _contents(book: Book, filling: Filling, style: Style, random_: random.Random) -> _Asked:
    before, name, trap = _named(book, filling, style, random_)
    requests = [before + request for request in contents_requests(name)]
    place = filling.order.place
    return _Asked(Spot(filling.order, None), lambda _: requests, lambda spot: spot.passage.place != place, trap)


# 「政令で定める程度の医療」 leaves the 程度 to it.
_OF_SOMETHING = re.compile(r"(?:程度|額|率|数|方法|範囲|種類)の")


def _leaves(book: Book, filling: Filling, style: Style, random_: random.Random) -> _Asked | None:
    if len(filling.noun) == 1 or _OF_SOMETHING.match(filling.noun):  # 「者の定めがありますが」
        return None
    order = Spot(filling.order, None)
    cited = citation(filling.order.law, filling.order, None, digits=style.digits, named=True)
    act, item = filling.act, filling.item

    def is_wrong(spot: Spot) -> bool:
        # The whole paragraph leaves it to the order too, and its other items speak of something else.
        return spot.passage.place != act.place or None not in (item, spot.item)

    requests = leaves_requests(cited, filling.noun, filling.by)
    return _Asked(Spot(act, item), lambda _: requests, is_wrong, order if random_.random() < CITED_TOO else None)


def _rule(book: Book, filling: Filling, style: Style, random_: random.Random) -> _Asked | None:
    act, right = filling.act, Spot(filling.act, None)
    # What all items of a list share stands in its lead, so no item is asked for.
    rules = [one for one in book.rules if one.also is None and one.place == right.place]
    if not rules:
        return None
    rule = random_.choice(rules)
    saying = {one.place for one in book.rules if says_same(one, rule)}
    whats = [
        one
        for one in descriptions(rule, "", random_, digits=style.digits, goes_on=True)
        if one.told != "about" and len(one.text) <= MAX_TOLD_CHARS
    ]

    def requests(shown: Sequence[Passage]) -> Sequence[str]:
        others = [one.text for one in shown if one.place != act.place]
        told = [one for one in whats if told_apart(one.text, act.text, others, MIN_APART)]
        return article_requests(told[0].text, "", told[0].told) if told else ()

    def is_wrong(spot: Spot) -> bool:
        return spot.passage.place != act.place and (spot.passage.law != book.title or spot.place not in saying)

    return _Asked(right, requests, is_wrong, Spot(filling.order, None))


def _shown(book: Book, filling: Filling, right: Spot, random_: random.Random, max_chars: int) -> tuple[Passage, ...]:
    """The Act's paragraph, the order's, then what else the orders fill in and the Act's articles around, as far as there
    is room; the Act's first."""
    wanted = {(filling.act.place, filling.item), right.key}

    def slim(passage: Passage) -> Passage:
        items = [key for key, _ in passage.items if (passage.place, key) in wanted]
        return with_items(passage, items, random_, max(len(items), random_.choice(LIMITS)))

    passages = [slim(filling.act), slim(filling.order)]
    around = list({one.article: one for one in neighbours(book, filling.act.article, random_)}.values())
    own = [one for one in book.passages if one.article == filling.act.article and one.place != filling.act.place]
    near = [one for one in book.fillings if one.is_beside(filling)]
    random_.shuffle(near)
    near.sort(key=lambda one: (one.name != filling.name, one.noun[-1] != filling.noun[-1]))  # 期間 beside 期間
    orders = [one.order for one in near]
    acts = [one.act for one in near[:2] if one.act.place != filling.act.place]  # which leave something else to it
    rest = random_.choice(
        (
            [*orders[:1], *own, *around],
            [*orders[:2], *acts, *own[:1], *around],
            [*acts[:1], *orders[:1], *around],
            [*around[:1], *orders],
        )
    )
    for passage in rest:
        longer = [*passages, slim(passage)]
        new = all(passage.place != one.place for one in passages)
        if new and len(longer) <= MAX_PASSAGES and len(render_context(book.title, longer)) <= max_chars:
            passages = longer
    return tuple(passages)


def _spots(passage: Passage) -> list[Spot]:
    return [Spot(passage, None), *(Spot(passage, key) for key, _ in passage.items)]


def _chosen(
    book: Book, asked: _Asked, shown: Sequence[Passage], noun: str, count: int, random_: random.Random
) -> list[Spot] | None:
    """Wrong provisions of both laws, the trap and one as deep as the right one first: neither its law nor its form tells
    it, and no two fall together because one holds the other."""
    right, trap = asked.right, asked.trap
    seen = [spot for one in shown for spot in _spots(one)]
    keys = {spot.key for spot in seen}
    whole = [spot for one in shown for spot in _spots(book.passage_at(one.article, one.paragraph, one.law))]
    hidden = [spot for spot in whole if spot.key not in keys]
    pool = seen + (random_.sample(hidden, 1) if hidden and random_.random() < HIDDEN else [])
    wrong = [spot for spot in random_.sample(pool, len(pool)) if spot.key != right.key and asked.is_wrong(spot)]
    nouns = {one.order.place: one.noun for one in book.fillings}
    chosen: list[Spot] = []

    def take(fits: Callable[[Spot], bool]) -> bool:
        for spot in wrong:
            apart = all(one.passage.place != spot.passage.place or None not in (one.item, spot.item) for one in chosen)
            if spot not in chosen and apart and fits(spot):
                chosen.append(spot)
                return True
        return False

    def is_beside(spot: Spot) -> bool:
        return spot.passage.law == right.passage.law

    def is_like(spot: Spot) -> bool:
        same_sort = nouns.get(spot.passage.place, noun)[-1] == noun[-1]
        return is_beside(spot) and same_sort and (spot.item is None) == (right.item is None)

    far = take(lambda spot: spot.key == trap.key) if trap else take(lambda spot: not is_beside(spot))
    if not far or (count > 1 and not (take(is_like) or take(is_beside))):
        return None
    while len(chosen) < count:
        if not take(lambda _: True):
            return None
    return chosen
