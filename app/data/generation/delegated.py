"""Questions for what an order fills in of an Act, both of them in the context.

``member``  what is, or is not, the thing that the Act leaves to the order; the candidates are things
``said``    the right, or the wrong, statement about one or two of them; the candidates are sentences

Wrong are the things that the order fills in elsewhere, and things of its own with another number or turned into their
opposite. Both the member and the stranger are said to belong and said not to, so that no ending answers by itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .amounts import amounts, narrower, others
from .book import Book
from .drafts import Draft, Option, Wants, answer_first, chars, citation, needed, render_context, spelled, with_items
from .fillings import Filling
from .inflection import is_dictionary_form, negative_stem
from .paraphrase import paraphrase
from .passages import Passage
from .requests import list_requests, statement_requests
from .statements import MAX_TEXTS

SAID = 0.5  # of the questions, those whose candidates are sentences
MAX_THING_CHARS = 60
_BELONGS = ("{thing}は、{name}に該当する", "{name}には、{thing}が含まれる", "{thing}は、{name}に当たる")
_NOT = ("{thing}は、{name}に該当しない", "{name}には、{thing}は含まれない", "{thing}は、{name}に当たらない")
_ONLY = ("{name}は、{thing}である", "{name}は、{thing}とされている", "{name}は、{thing}と定められている")


@dataclass(frozen=True, slots=True)
class _Thing:
    """One thing and whether it is what the Act leaves to the order."""

    text: str
    own: bool
    edit: str
    place: tuple[str, str, str | None]  # in the order
    number: str | None  # of the item that must be shown
    was: str = ""
    now: str = ""


def delegated_draft(
    book: Book, article: str, wants: Wants, random_: random.Random, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question about what an order fills in of ``article``; None where it has none or too few other things."""
    here = [one for one in book.fillings if one.act.article == article]
    random_.shuffle(here)
    said = random_.random() < SAID
    for filling in here:
        near = [one for one in book.fillings if one.is_beside(filling)]
        random_.shuffle(near)
        near.sort(key=lambda one: (one.noun[-1] != filling.noun[-1], one.act.article != article))
        for other in near[:4]:
            draft = (_said if said else _member)(book, filling, other, wants, random_, max_chars, count)
            if draft is not None:
                return draft
    return None


def _member(
    book: Book, filling: Filling, other: Filling, wants: Wants, random_: random.Random, max_chars: int, count: int
) -> Draft | None:
    own, strange = _things(filling, other, random_)
    # Things of another sort are no candidates: 「十億円」 among persons.
    if other.noun[-1] != filling.noun[-1]:
        strange = [one for one in strange if one.edit != "other_list"]
    in_needed, out_needed = needed(wants, count)
    if len(own) < in_needed or len(strange) < out_needed:
        return None
    chosen = [*own[:in_needed], *strange[:out_needed]]
    digits = random_.random() < 0.7
    options = [
        Option(_worded(one.text, digits, random_), one.own, one.edit, one.place, one.was, one.now) for one in chosen
    ]
    names = _names(book, filling, digits)
    requests = list_requests(names, wants)
    shown = _shown(book, [filling, other], chosen, random_, max_chars)
    return None if shown is None else _draft(book, filling, wants, requests, options, shown, random_)


def _said(
    book: Book, filling: Filling, other: Filling, wants: Wants, random_: random.Random, max_chars: int, count: int
) -> Draft | None:
    digits = random_.random() < 0.7
    true: list[Option] = []
    false: list[Option] = []
    chosen: dict[str, _Thing] = {}
    for one, against in ((filling, other), (other, filling)):
        own, strange = _things(one, against, random_)
        if one.noun[-1] != against.noun[-1]:
            strange = [thing for thing in strange if thing.edit != "other_list"]
        for thing in [*own[:2], *strange[:3]]:
            option = _statement(one, thing, random_.random() < 0.5, book, digits, random_)
            (true if option.true else false).append(option)
            chosen[option.texts[0]] = thing
    random_.shuffle(true)
    random_.shuffle(false)
    needed_true, needed_false = needed(wants, count)
    options = _apart(true, needed_true, ())
    options += _apart(false, needed_false, options)
    if len(options) < count:
        return None
    things = [chosen[option.texts[0]] for option in options]
    shown = _shown(book, [filling, other], things, random_, max_chars)
    topics = (book.title, f"{book.title}及び{filling.order.law}")
    requests = statement_requests(topics, wants)
    return None if shown is None else _draft(book, filling, wants, requests, options, shown, random_)


def _apart(options: Sequence[Option], count: int, taken: Sequence[Option]) -> list[Option]:
    """Options of different provisions or words: what one says, none of the others denies."""
    chosen: list[Option] = []
    for option in options:
        if len(chosen) < count and all(option.was != one.was for one in [*chosen, *taken]):
            chosen.append(option)
    return chosen


def _statement(
    filling: Filling, thing: _Thing, positive: bool, book: Book, digits: bool, random_: random.Random
) -> Option:
    name = random_.choice(_names(book, filling, digits))
    patterns = _BELONGS if positive else _NOT
    if not filling.listed and positive:
        patterns = _ONLY
    texts = tuple(
        dict.fromkeys(
            paraphrase(pattern.format(thing=spelled(thing.text, digits), name=name), random_)
            for pattern in random_.sample(patterns, len(patterns))
        )
    )
    cue = "belongs" if positive else "not"
    return Option(texts, thing.own == positive, thing.edit, thing.place, thing.was or thing.text, thing.now, cue)


def _things(filling: Filling, other: Filling, random_: random.Random) -> tuple[list[_Thing], list[_Thing]]:
    """What is the thing filled in, and what surely is not, each in random order; those that are changed come first of the
    latter half the time."""
    place = (filling.order.article, filling.order.paragraph)
    own = [
        _Thing(text, True, "filled_in", (*place, number), number)
        for number, text in filling.things
        if len(text) <= MAX_THING_CHARS
    ]
    random_.shuffle(own)
    printed = filling.order.text
    strange = [
        _Thing(text, False, "other_list", (other.order.article, other.order.paragraph, number), number)
        for number, text in other.things
        if len(text) <= MAX_THING_CHARS and not filling.has(text)
    ]
    random_.shuffle(strange)
    changed = [
        replacement
        for thing in own
        for replacement in _changed(thing, printed, random_)
        if replacement.text not in printed
    ]
    random_.shuffle(changed)
    # One change of each thing, and not of the thing that stands among the right ones first.
    once = list({one.place: one for one in changed}.values())
    once.sort(key=lambda one: bool(own) and one.place == own[0].place)
    both = [*once[:2], *strange, *once[2:]] if random_.random() < 0.5 else [*strange, *once]
    return own, both


# 「…に関しない事業」 is nothing that anybody would say.
_NEGATED = re.compile(
    r"(?P<verb>.{2,}?[うくぐすつぬぶむる])(?<!関する)(?<!係る)(?<!よる)(?<!おける)(?<!わたる)(?<!属する)(?P<noun>場合|者|とき|行為|こと|もの|法人|会社|施設|事業)$"
)


def _changed(thing: _Thing, printed: str, random_: random.Random) -> Iterator[_Thing]:
    """The thing with another number, or as its opposite."""
    found = amounts(thing.text)
    if len(found) == 1 and thing.text.count(found[0].text) == 1:
        there = amounts(printed)
        values = [value for value in others(found[0], there)[:4] if not narrower(thing.text, found[0], value)]
        if values:
            value = random_.choice(values)
            text = thing.text.replace(found[0].text, value)
            yield _Thing(text, False, "number", thing.place, thing.number, thing.text, value)
    match = _NEGATED.fullmatch(thing.text)
    if match and is_dictionary_form(match["verb"]) and (stem := negative_stem(match["verb"])):
        yield _Thing(f"{stem}ない{match['noun']}", False, "opposite", thing.place, thing.number, thing.text, "ない")


def _worded(text: str, digits: bool, random_: random.Random) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paraphrase(spelled(text, digits), random_) for _ in range(3)))


def _names(book: Book, filling: Filling, digits: bool) -> tuple[str, ...]:
    cited = citation(book.title, filling.act, filling.item, digits=digits, named=True)
    return f"{cited}に規定する{filling.name}", f"{cited}の{filling.name}"


def _shown(
    book: Book, fillings: Sequence[Filling], things: Sequence[_Thing], random_: random.Random, max_chars: int
) -> tuple[Passage, ...] | None:
    """The provisions of the Act and of the order, with the items that the candidates are about; None where they are too
    long."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for thing in things:
        if thing.number:
            wanted.setdefault(thing.place[:2], []).append(thing.number)
    acts = {
        one.act.place: with_items(one.act, [one.item] if one.item else [], random_, 1 + (one.item is not None))
        for one in fillings
    }
    orders = {
        one.order.place: with_items(
            one.order, items := wanted.get((one.order.article, one.order.paragraph), []), random_, max(4, len(items))
        )
        for one in fillings
    }
    passages = (*acts.values(), *orders.values())
    return passages if chars(passages) <= max_chars else None


def _draft(
    book: Book,
    filling: Filling,
    wants: Wants,
    requests: Sequence[str],
    options: Sequence[Option],
    shown: tuple[Passage, ...],
    random_: random.Random,
) -> Draft:
    return Draft(
        "delegated",
        tuple(random_.sample(list(requests), min(MAX_TEXTS, len(requests)))),
        wants,
        answer_first(options, wants),
        render_context(book.title, shown),
        book.title,
        book.revision_id,
        shown,
        filling.act.article,
    )
