"""Questions for what an order fills in of an Act, both of them in the context.

``member``  what is, or is not, the thing that the Act leaves to the order; the candidates are things
``said``    the right, or the wrong, statement about one or two of them; the candidates are sentences

Wrong are the things that the order fills in elsewhere, and things of its own with another number. Both the member and
the stranger are said to belong and said not to, so that no ending answers by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..law.book import Book
from ..law.checks import overlapping
from ..law.fillings import Filling
from ..law.passages import MAX_LIST_ITEMS, Passage
from ..words.amounts import amounts, narrower, others
from .drafts import (
    Draft,
    Option,
    Style,
    Wants,
    answer_first,
    cited_names,
    draft_about,
    draw_style,
    needed,
    render_context,
    with_items,
)
from .requests import list_requests, statement_requests

SAID = 0.5  # of the questions, those whose candidates are sentences
MAX_THING_CHARS = 60
MAX_VALUES = 5  # other amounts, the usual first
TRIES = 6  # other things beside one
MANY_ITEMS, FEW_ITEMS = 6, 4  # of a list that is too long to be shown whole
_BELONGS = ("{thing}は、{name}に該当する", "{name}には、{thing}が含まれる", "{thing}は、{name}に当たる")
_NOT = ("{thing}は、{name}に該当しない", "{name}には、{thing}は含まれない", "{thing}は、{name}に当たらない")
# A length of time holds the shorter ones, so of one thing nothing is said to be in it.
_ONLY = ("{name}は、{thing}である", "{name}は、{thing}とされている", "{name}は、{thing}と定められている")
_NOT_THIS = ("{name}は、{thing}ではない", "{name}は、{thing}とはされていない")


@dataclass(frozen=True, slots=True)
class _Thing:
    """One thing that may be what the Act leaves to the order."""

    text: str
    edit: str
    place: tuple[str, str, str | None]  # in the order, with the item that must be shown
    was: str = ""
    now: str = ""

    @property
    def own(self) -> bool:
        """Whether it is."""
        return self.edit == "filled_in"

    @property
    def printed(self) -> str:
        """Its words before any change."""
        return self.was or self.text


def delegated_draft(
    book: Book, article: str, wants: Wants, random_: random.Random, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question about what an order fills in of ``article``; None where it has none or too few other things."""
    here = [one for one in book.fillings if one.act.article == article]
    random_.shuffle(here)
    forms = (_said, _member) if random_.random() < SAID else (_member, _said)
    for form in forms:
        for filling in here:
            near = [one for one in book.fillings if one.is_beside(filling)]
            random_.shuffle(near)
            # Things of another sort, or of another topic, are told apart without the law.
            alike = {one.order.place: overlapping(filling.order.text, one.order.text) for one in near}
            near.sort(key=lambda one: (one.noun[-1] != filling.noun[-1], -alike[one.order.place]))
            for other in [*near[:TRIES], *([] if filling.listed else [filling])]:  # one amount is asked about by itself
                draft = form(book, filling, other, wants, random_, max_chars, count)
                if draft is not None:
                    return draft
    return None


def _member(
    book: Book, filling: Filling, other: Filling, wants: Wants, random_: random.Random, max_chars: int, count: int
) -> Draft | None:
    own, strange = _things(filling, other, random_)
    in_needed, out_needed = needed(wants, count)
    # Of one thing nothing is said to be in it: 「期間に含まれないもの」.
    if wants == "incorrect" and not filling.listed:
        return None
    if len(own) < in_needed or len(strange) < out_needed:
        return None
    chosen = [*own[:in_needed], *strange[:out_needed]]
    style = draw_style(book, random_)
    options = [
        Option(style.texts(one.text, random_, 3), one.own, one.edit, one.place, one.was, one.now) for one in chosen
    ]
    requests = list_requests(cited_names(book.title, filling, digits=style.digits), wants)
    shown = _shown(book, list(dict.fromkeys([filling, other])), chosen, random_, max_chars)
    if shown is None:
        return None
    ordered = answer_first(options, wants)
    return draft_about(book, filling.act.article, "delegated", wants, requests, ordered, shown, random_)


def _said(
    book: Book, filling: Filling, other: Filling, wants: Wants, random_: random.Random, max_chars: int, count: int
) -> Draft | None:
    if other is filling:
        return None
    style = draw_style(book, random_)
    said: list[tuple[Option, _Thing]] = []
    for one, against in ((filling, other), (other, filling)):
        own, strange = _things(one, against, random_)
        for thing in [*own[:2], *strange[:3]]:
            if "は、" in thing.text:  # 「法人であるときは、その名称は、…に該当する」
                continue
            # What holds at ten persons at most is not denied of all that have twenty at most.
            positive = thing.edit == "number" or random_.random() < 0.5
            said.append((_statement(book, one, thing, positive, style, random_), thing))
    random_.shuffle(said)
    chosen: list[tuple[Option, _Thing]] = []
    for truth, wanted in zip((True, False), needed(wants, count), strict=True):
        chosen += _apart([one for one in said if one[0].true is truth], wanted, chosen)
    options = [option for option, _ in chosen]
    # The only one that says no, or yes, would be found without the law.
    answer = options[0 if wants == "correct" else -1].cue if options else ""
    if len(options) < count or (count > 2 and [one.cue for one in options].count(answer) < 2):
        return None
    shown = _shown(book, [filling, other], [thing for _, thing in chosen], random_, max_chars)
    topics = (book.title, f"{book.title}とその{filling.order.law.removeprefix(book.title)}")
    requests = statement_requests(topics, wants)
    if shown is None:
        return None
    ordered = answer_first(options, wants)
    return draft_about(book, filling.act.article, "delegated", wants, requests, ordered, shown, random_)


def _apart(
    said: Sequence[tuple[Option, _Thing]], count: int, taken: Sequence[tuple[Option, _Thing]]
) -> list[tuple[Option, _Thing]]:
    """Statements of different things: what one says, none of the others denies."""
    chosen: list[tuple[Option, _Thing]] = []
    for option, thing in said:
        if len(chosen) < count and all(thing.printed != one.printed for _, one in (*chosen, *taken)):
            chosen.append((option, thing))
    return chosen


def _statement(
    book: Book, filling: Filling, thing: _Thing, positive: bool, style: Style, random_: random.Random
) -> Option:
    name = random_.choice(cited_names(book.title, filling, digits=style.digits))
    several, one = (_BELONGS, _ONLY) if positive else (_NOT, _NOT_THIS)
    patterns = several if filling.listed else one
    texts = tuple(
        dict.fromkeys(
            pattern.format(thing=style.text(thing.text, random_), name=name)
            for pattern in random_.sample(patterns, len(patterns))
        )
    )
    cue = "belongs" if positive else "not"
    return Option(texts, thing.own == positive, thing.edit, thing.place, thing.was, thing.now, cue)


def _things(filling: Filling, other: Filling, random_: random.Random) -> tuple[list[_Thing], list[_Thing]]:
    """What is the thing filled in, and what surely is not, each in random order; those that are changed come first of the
    latter half the time."""
    place = (filling.order.article, filling.order.paragraph)
    own = [
        _Thing(text, "filled_in", (*place, number)) for number, text in filling.things if len(text) <= MAX_THING_CHARS
    ]
    random_.shuffle(own)
    printed = filling.order.text
    # Things of another sort are no candidates: 「十億円」 among persons.
    alike = filling.closed and other is not filling and other.noun[-1] == filling.noun[-1]
    strange = [
        _Thing(text, "other_list", (other.order.article, other.order.paragraph, number))
        for number, text in (other.things if alike else ())
        if len(text) <= MAX_THING_CHARS and not filling.has(text)
    ]
    random_.shuffle(strange)
    changed = [
        replacement
        for thing in (own if filling.closed else ())
        for replacement in _changed(thing, printed, random_)
        if replacement.text not in printed
    ]
    random_.shuffle(changed)
    if filling.listed:  # one change of each thing, and not of the thing that stands among the right ones first
        changed = list({one.place: one for one in changed}.values())
        changed.sort(key=lambda one: bool(own) and one.place == own[0].place)
    both = [*changed[:2], *strange, *changed[2:]] if random_.random() < 0.5 else [*strange, *changed]
    kept: dict[str, _Thing] = {}  # 「五年間」 and 「五年」 are one
    for one in (*own, *both):
        kept.setdefault(one.text.removesuffix("間"), one)
    return own, [one for one in both if one is kept[one.text.removesuffix("間")]]


def _changed(thing: _Thing, printed: str, random_: random.Random) -> Iterator[_Thing]:
    """The thing with another number."""
    found = amounts(thing.text)
    if len(found) == 1 and thing.text.count(found[0].text) == 1:
        there = amounts(printed)
        values = [value for value in others(found[0], there)[:MAX_VALUES] if not narrower(thing.text, found[0], value)]
        for value in random_.sample(values, len(values)):
            text = thing.text.replace(found[0].text, value)
            yield _Thing(text, "number", thing.place, thing.text, value)


def _shown(
    book: Book, fillings: Sequence[Filling], things: Sequence[_Thing], random_: random.Random, max_chars: int
) -> tuple[Passage, ...] | None:
    """The provisions of the Act and of the order, with the items that the candidates are about; None where they are too
    long."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for thing in things:
        if thing.place[2]:
            wanted.setdefault(thing.place[:2], []).append(thing.place[2])
    named: dict[Passage, list[str]] = {}
    for one in fillings:
        named.setdefault(one.act, []).extend([one.item] if one.item else [])
    acts = [with_items(act, items, random_, 1 + len(items)) for act, items in named.items()]
    for most in (MAX_LIST_ITEMS, MANY_ITEMS, FEW_ITEMS):  # that a thing is in no list, a whole list says best
        orders = {
            one.order.place: with_items(
                one.order,
                items := wanted.get((one.order.article, one.order.paragraph), []),
                random_,
                max(most, len(items)),
            )
            for one in fillings
        }
        passages = (*acts, *orders.values())
        if len(render_context(book.title, passages)) <= max_chars:
            return passages
    return None
