"""A question before its wordings and letters are settled, and the context it is asked about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ....core.questions import Polarity
from ...law_numbers import article_label, article_sort_key, item_label, paragraph_label
from ..law.book import Book
from ..law.fillings import Filling
from ..law.passages import Passage, citation
from ..words.paraphrase import in_kana, paraphrase
from ..words.spelling import arabic_digits

Wants = Literal["correct", "incorrect"]
MAX_SHOWN_ITEMS = 5
MAX_TEXTS = 8  # wordings of a request or a candidate
DIGITS = 0.7  # of the questions, those with numbers in digits


@dataclass(frozen=True, slots=True)
class Option:
    """One candidate in all its wordings."""

    texts: tuple[str, ...]
    true: bool  # it fits the request made positive: the statement holds, the thing is in the list, the article says so
    edit: str  # what was done to make it
    place: tuple[str, str, str | None]  # article, paragraph, item it comes from; of the order where it is asked about
    was: str = ""
    now: str = ""
    cue: str = ""


def needed(wants: Wants, count: int) -> tuple[int, int]:
    """How many candidates are to be true and how many false: one of them is the answer."""
    return (1, count - 1) if wants == "correct" else (count - 1, 1)


def answer_first(options: Sequence[Option], wants: Wants) -> tuple[Option, ...]:
    """The options with the answer before the others."""
    return tuple(sorted(options, key=lambda one: one.true == (wants == "incorrect")))


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its candidates; the one to be chosen stands first."""

    kind: str
    requests: tuple[str, ...]  # the question in several wordings
    polarity: Polarity
    options: tuple[Option, ...]
    context: str
    law: str
    revision_id: str
    passages: tuple[Passage, ...]  # shown
    main: str  # key of the article asked about
    beside: tuple[str, ...] = ()  # revision ids of the other laws shown


def draft_about(
    book: Book,
    main: str,
    kind: str,
    polarity: Polarity,
    requests: Sequence[str],
    options: Sequence[Option],
    shown: Sequence[Passage],
    random_: random.Random,
) -> Draft:
    """The question about the article ``main`` with some of its requests, what is shown rendered as its context."""
    some = random_.sample(list(requests), min(MAX_TEXTS, len(requests)))
    context = render_context(book.title, shown)
    return Draft(kind, tuple(some), polarity, tuple(options), context, book.title, book.revision_id, tuple(shown), main)


def render_context(title: str, passages: Sequence[Passage]) -> str:
    """Passages under lawqa_jp's headings, those of the law with this title first, each law's in its own order."""
    lines: list[str] = []
    law = article = ""
    for passage in sorted(passages, key=lambda one: (one.law != title, one.law, _order(one))):
        if passage.law != law:
            law, article = passage.law, ""
            lines.append(f"## {law}")
        if passage.article != article:
            lines.append(f"### {article_label(passage.article)}")
            article = passage.article
        if not passage.alone:
            lines.append(f"#### {paragraph_label(passage.paragraph)}")
        lines.append(passage.lead)
        for number, text in passage.items:
            lines += [f"##### {item_label(number)}", text]
    return "\n".join(lines)


def _order(passage: Passage) -> tuple[tuple[tuple[int, ...], ...], int]:
    return article_sort_key(passage.article), int(passage.paragraph) if passage.paragraph.isdigit() else 0


def cited_names(title: str, filling: Filling, *, digits: bool) -> tuple[str, ...]:
    """What an order fills in, as the provision of the Act with this title calls it."""
    cited = citation(title, filling.act, filling.item, digits=digits, named=True)
    return f"{cited}に規定する{filling.name}", f"{cited}の{filling.name}"


def with_items(
    passage: Passage, wanted: Sequence[str], random_: random.Random, limit: int = MAX_SHOWN_ITEMS
) -> Passage:
    """The passage with the wanted items and at most ``limit`` in all, in their order; lawqa_jp leaves items out alike."""
    if len(passage.items) <= limit:
        return passage
    keep = set(wanted)
    spare = [number for number, _ in passage.items if number not in keep]
    keep |= set(random_.sample(spare, max(0, min(len(spare), limit - len(keep)))))
    return replace(passage, items=tuple(item for item in passage.items if item[0] in keep))


def neighbours(book: Book, article: str, random_: random.Random) -> list[Passage]:
    """Passages of the articles around ``article``, nearest first and drawn among the nearest."""
    keys = list(dict.fromkeys(passage.article for passage in book.passages))
    if article not in keys:
        return []
    here = keys.index(article)
    near = [key for key in keys[max(0, here - 4) : here + 5] if key != article]
    random_.shuffle(near)
    return [passage for key in near for passage in book.passages if passage.article == key]


def chars(passages: Sequence[Passage]) -> int:
    """Characters of statute text shown."""
    return sum(passage.chars for passage in passages)


@dataclass(frozen=True, slots=True)
class Style:
    """How all candidates of a question are written."""

    digits: bool  # 第3条 for 第三条
    kana: bool  # または for 又は
    titles: tuple[str, ...]  # of laws, which stay as they are

    def text(self, text: str, random_: random.Random) -> str:
        """The text in this style, some of its fixed forms in other words."""
        return paraphrase(spelled(text, self.digits), random_, kana=self.kana, titles=self.titles)

    def texts(self, text: str, random_: random.Random, times: int) -> tuple[str, ...]:
        """At most as many different ones."""
        return tuple(dict.fromkeys(self.text(text, random_) for _ in range(times)))


def draw_style(book: Book, random_: random.Random) -> Style:
    """A style for a question about the law."""
    return Style(random_.random() < DIGITS, in_kana(random_), book.titles)


def spelled(text: str, digits: bool) -> str:
    """The text with numbers in digits where asked."""
    return arabic_digits(text) if digits else text
