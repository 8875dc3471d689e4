"""References to provisions in running text: 金商法第27条の2第1項, 同法第三条, 前条第二項, 同項, 附則第4条, 別表第一, 民709.

The same reader serves questions (no law of their own; a bare 第5条 belongs to the law last named) and statutes (a bare
第五条 belongs to the law it stands in). Reading is done on folded text, so 漢数字, full-width and plain digits are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...data.law_numbers import folded_key
from .citation_patterns import (
    CHANGED,
    CONNECTOR,
    ENDS_AS_LAW,
    EXCLUDED,
    NAME_TAIL,
    NUMBER_BEFORE,
    NUMBER_IN,
    ORDER_OF_IT,
    QUESTION,
    SAME,
    SELF,
    SHORT,
    STATUTE,
    UNKNOWN,
)
from .citation_text import fold, fold_question
from .law_names import Doubt, LawNames, NameSpan
from .mention import Mention, Place


def find_mentions(text: str, names: LawNames, place: Place | None = None) -> list[Mention]:
    """Every reference in ``text``, in order. A relative one that leads nowhere (前条 of 第一条) is left out."""
    folded, breaks = (fold(text), frozenset[int]()) if place is not None else fold_question(text)
    reader = _Reader(folded, names, place, breaks)
    inside = names.names_holding_references(folded) if place is None else []
    for match in (QUESTION if place is None else STATUTE).finditer(folded):
        if any(start <= match.start() and match.end() <= end for start, end in inside):
            continue
        mention = reader.mention(match)
        if mention is not None:
            reader.found.append(mention)
    return reader.found if place is not None else _with_exclusions(reader.found, folded)


def _with_exclusions(found: Sequence[Mention], folded: str) -> list[Mention]:
    """The references with those marked that 「…を除く」 takes out: the one before it and those joined to that."""
    out = list(found)
    for number, mention in enumerate(found):
        if not EXCLUDED.match(folded, mention.end):
            continue
        first = number
        while first > 0 and found[first].joined_by:
            first -= 1
        out[first : number + 1] = [replace(one, excluded=True) for one in out[first : number + 1]]
    return out


@dataclass(frozen=True, slots=True)
class _Law:
    """The law of a reference, as far as it is known."""

    law_ids: tuple[str, ...]
    text: str = ""  # the name as written
    start: int = -1  # where the name starts
    doubt: Doubt = ""
    near: tuple[str, ...] = ()
    amending: str | None = None


class _Reader:
    """Reads the references of one folded text."""

    def __init__(self, folded: str, names: LawNames, place: Place | None, breaks: frozenset[int]) -> None:
        self.folded = folded
        self.names = names
        self.place = place
        self.breaks = breaks
        self.found: list[Mention] = []
        self._spans: list[NameSpan] | None = None
        self._bare_end = -1  # where a number without 条 ended last

    def mention(self, match: re.Match[str]) -> Mention | None:
        """The reference at ``match``; None if it leads nowhere."""
        previous = self.found[-1] if self.found else None
        joined = previous is not None and bool(CONNECTOR.fullmatch(self.folded[previous.end : match.start()]))
        if match["lone_item"]:
            return _next_item(match, previous, self.folded) if joined and previous is not None else None
        law = self._law(match, joined, previous)
        article = self._article(match, joined, previous, law)
        if article is None or (law.text and self.names.longer_name(self.folded, law.start, law.text)):
            return None
        start = law.start if law.text else match.start()
        if match["bare"]:
            goes_on = joined and previous is not None and previous.end == self._bare_end
            if not goes_on and not (law.law_ids and law.text and law.start + len(law.text) == match.start()):
                return None
            self._bare_end = match.end()
        if match["appendix"] and not (law.law_ids or law.text):
            return None  # 次の別表 of some text, not of a law
        return Mention(
            text=self.folded[start : match.end()],
            start=start,
            end=match.end(),
            law_ids=law.law_ids,
            law_text=law.text,
            part=_part(match, joined, previous, law),
            article=article,
            paragraph=_paragraph(match, previous, self.place),
            item=folded_key(match["item"], match["item_branch"]) if match["item"] else None,
            joined_by=self.folded[previous.end : match.start()] if joined and previous is not None else "",
            subitem=match["subitem"],
            amending=law.amending,
            doubt=law.doubt,
            near=law.near,
        )

    def _article(self, match: re.Match[str], joined: bool, previous: Mention | None, law: _Law) -> str | None:
        if match["appendix"] or match["dashed"]:
            return str(match["appendix"] or match["dashed"])
        if match["article"] or match["bare"]:
            branch = match["branch"] if match["article"] else match["bare_branch"]
            return folded_key(match["article"] or match["bare"], branch)
        if match["lone_paragraph"] and (match["supplement"] or (law.text and self.place is None)):
            return ""  # 附則第2項, 施行期日令第2項: nothing there has an article
        return _relative_article(match, joined, previous, self.place)

    def _law(self, match: re.Match[str], joined: bool, previous: Mention | None) -> _Law:
        start = match.start()
        relative = match["relative"] or match["lone_near_paragraph"]
        if relative or (match["lone_paragraph"] and not match["supplement"]):
            named = None if relative or self.place is not None else self._named_before(start)
            if named is not None:
                return named
            # Relative references stay in the law of what they refer to.
            if previous is not None and (_follows(match, joined) or self.place is None):
                return _of(previous)
            return _Law((self.place.law_id,) if self.place else ())
        written = bool(match["article"] or match["bare"]) and self.place is None
        named = self._named_before(
            start, stems=written and not match["supplement"], supplement=bool(match["supplement"])
        )
        if named is not None:
            return replace(named, amending=match["amending"]) if match["amending"] else named
        if joined and previous is not None:
            return replace(_of(previous), amending=match["amending"] or previous.amending)
        return replace(self._from_context(match, start), amending=match["amending"] or self._amending_before(match))

    def _amending_before(self, match: re.Match[str]) -> str | None:
        """平成29年法律第44号附則: the number of the amending law that stands before its 附則."""
        found = NUMBER_BEFORE.search(self.folded, max(0, match.start() - 40), match.start())
        return found.group() if found and match["supplement"] else None

    def _from_context(self, match: re.Match[str], start: int) -> _Law:
        before = self.folded[max(0, start - 100) : start]
        last = before[-12:]
        if SELF.search(last):
            return _Law((self.place.law_id,) if self.place else self._last_named(start))
        if SAME.search(last):
            return _Law(self._last_named(start))
        if self.place is None and CHANGED.search(last):
            return _Law((), doubt="version", near=self._last_named(start))
        order = ORDER_OF_IT.search(last) if self.place is None else None
        if order:
            return _Law(self._short(order[1], start), order[1], start - len(order[1]))
        short = SHORT.search(last)
        if short:
            return _Law(self._short(short[1], start), short[1], start - len(short[1]))
        unknown = (UNKNOWN.search(before) if ENDS_AS_LAW.search(last) else None) or self._unknown_before_number(before)
        if unknown:
            name = re.sub(r"^(?:及び|又は|に関する|に係る|する|に伴う|[のを等・、])+", "", unknown[1])
            return _Law((), name, start - len(before) + unknown.end(1) - len(name))
        if self.place is not None:
            return _Law((self.place.law_id,))
        if self.found or any(span.end <= start for span in self._names):
            return _Law(self._last_named(start))
        return _Law(self._names[0].law_ids if self._names else ())

    @staticmethod
    def _unknown_before_number(before: str) -> re.Match[str] | None:
        """X法等の一部を改正する法律（平成十七年法律第一号）: a law that is named but not known."""
        tail = NAME_TAIL.search(before) if before.endswith((")", ")の")) else None
        return UNKNOWN.search(before, 0, tail.start()) if tail and NUMBER_IN.search(tail[1] or "") else None

    @property
    def _names(self) -> list[NameSpan]:
        # Looked for only where a text needs them: statutes mostly name the law right before the article.
        if self._spans is None:
            self._spans = self.names.find(self.folded, self.breaks)
        return self._spans

    def _named_before(self, start: int, *, stems: bool = False, supplement: bool = False) -> _Law | None:
        tail = NAME_TAIL.search(self.folded, max(0, start - 120), start)
        inside = (tail[1] or "") if tail else ""
        for place in dict.fromkeys((start, tail.start() if tail else start)):
            if self.place is not None:
                for word, law_id in self.place.short_names.items():
                    if len(word) > 1 and self.folded.endswith(word, 0, place):
                        return _Law((law_id,), word, place - len(word))
            span = self.names.ending_at(self.folded, place, self.breaks, stems=stems and place == start)
            if span is not None:
                law = _Law((), span.name, span.start, span.doubt, span.law_ids) if span.doubt else _Law(span.law_ids, span.name, span.start)  # fmt: skip
                return law if self.place is not None or place == start else self._checked(law, inside, supplement)
        return None

    def _checked(self, law: _Law, inside: str, supplement: bool) -> _Law:
        """The law of a name with what the parenthesis after it says: its own number, or another law's."""
        number = NUMBER_IN.search(inside)
        if re.search(r"改正[前後]|による改正", inside):
            return replace(law, law_ids=(), doubt="version", near=law.law_ids or law.near)
        if number is None or not self.names.numbered(law.law_ids):
            return law
        owners = self.names.lookup(number.group())
        if set(law.law_ids) <= set(owners):
            return law
        if supplement and not owners:
            return replace(law, amending=number.group())
        return (
            replace(law, law_ids=tuple(sorted({*law.law_ids, *owners})))
            if owners
            else replace(law, law_ids=(), doubt="version", near=law.law_ids)
        )

    def _last_named(self, start: int) -> tuple[str, ...]:
        earlier = [span for span in self._names if span.end <= start]
        mentioned = [mention for mention in self.found if mention.law_text]
        if mentioned and (not earlier or mentioned[-1].start >= earlier[-1].start):
            return mentioned[-1].law_ids
        return earlier[-1].law_ids if earlier else ()

    def _short(self, word: str, start: int) -> tuple[str, ...]:
        if self.place is not None:
            law_id = self.place.short_names.get(word)
            return (law_id,) if law_id else ()
        spans = [span for span in self._names if span.end <= start] or self._names
        acts = [span for span in spans if span.name.endswith(("法", "法律", "憲法"))]
        if word == "法":
            chosen = acts or spans
            return chosen[-1].law_ids if chosen else ()
        orders = [span for span in spans if span.name.endswith(word)]
        if orders:
            return orders[-1].law_ids
        suffix = {"令": "施行令", "規則": "施行規則"}.get(word, word)
        titles = [self.names.lookup(self.names.title(law_id) + suffix) for span in acts[-1:] for law_id in span.law_ids]
        return titles[0] if len(titles) == 1 else ()


def _next_item(match: re.Match[str], previous: Mention, folded: str) -> Mention | None:
    """第3号 of 第2条第1号及び第3号; None where no item stands before it."""
    if previous.item is None:
        return None
    item = folded_key(match["lone_item"], match["lone_item_branch"])
    between = folded[previous.end : match.start()]
    return replace(
        previous, text=match.group(), start=match.start(), end=match.end(), item=item, subitem=None, joined_by=between, law_text=""
    )  # fmt: skip


def _of(previous: Mention) -> _Law:
    return _Law(previous.law_ids, doubt=previous.doubt, near=previous.near)


def _follows(match: re.Match[str], joined: bool) -> bool:
    """Whether a relative reference goes on from the reference before it (同条, 同項, 第一項及び第三項)."""
    return (
        match["relative"] == "同条"
        or match["lone_near_paragraph"] == "同項"
        or bool(match["lone_paragraph"] and joined)
    )


def _part(match: re.Match[str], joined: bool, previous: Mention | None, law: _Law) -> str:
    if match["appendix"]:
        return "appendix"
    if match["supplement"]:
        return "amendment" if law.amending else "supplement"
    goes_on = _follows(match, joined) or (joined and not law.text and not match["relative"])
    if previous is not None and goes_on and previous.part in ("supplement", "amendment"):
        return previous.part  # 附則第2条及び第3条
    return "main"


def _relative_article(match: re.Match[str], joined: bool, previous: Mention | None, place: Place | None) -> str | None:
    relative = match["relative"]
    if relative in ("前条", "次条"):
        if place is None or place.article not in place.articles:
            return None
        index = place.articles.index(place.article) + (-1 if relative == "前条" else 1)
        return place.articles[index] if 0 <= index < len(place.articles) else None
    if (
        relative == "同条"
        or match["lone_near_paragraph"] == "同項"
        or (match["lone_paragraph"] and (joined or place is None))
    ):
        return previous.article if previous else None
    return place.article if place is not None else None


def _paragraph(match: re.Match[str], previous: Mention | None, place: Place | None) -> str | None:
    number = match["paragraph"] or match["lone_paragraph"]
    if number:
        return str(number)
    near = match["near_paragraph"] or match["lone_near_paragraph"]
    if near == "同項":
        return previous.paragraph if previous else None
    if near and place is not None and place.paragraph.isdigit():
        return str(int(place.paragraph) + {"前項": -1, "次項": 1, "この項": 0}[near])
    return None
