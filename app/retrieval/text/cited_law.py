"""The law that a reference is of: named before it, carried on from the reference before, or that of the text itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .citation_patterns import (
    CHANGED,
    ENDS_AS_LAW,
    NAME_TAIL,
    NUMBER_BEFORE,
    NUMBER_IN,
    ORDER_OF_IT,
    SAME,
    SELF,
    SHORT,
    UNKNOWN,
)
from .law_names import Doubt, LawNames, NameSpan
from .mention import Mention, Place


@dataclass(frozen=True, slots=True)
class CitedLaw:
    """The law of a reference, as far as it is known."""

    law_ids: tuple[str, ...]
    text: str = ""  # the name as written
    start: int = -1  # where the name starts
    doubt: Doubt = ""
    near: tuple[str, ...] = ()
    amending: str | None = None


class LawReader:
    """Finds the laws of the references of one folded text; ``found`` are those read so far, which grow with the reading."""

    def __init__(
        self, folded: str, names: LawNames, place: Place | None, breaks: frozenset[int], found: list[Mention]
    ) -> None:
        self.folded = folded
        self.names = names
        self.place = place
        self.breaks = breaks
        self.found = found
        self._spans: list[NameSpan] | None = None

    def of(self, match: re.Match[str], joined: bool, previous: Mention | None) -> CitedLaw:
        """The law of the reference at ``match``, which stands right behind ``previous`` or is ``joined`` to it."""
        start = match.start()
        relative = match["relative"] or match["lone_near_paragraph"]
        if relative or (match["lone_paragraph"] and not match["supplement"]):
            named = None if relative or self.place is not None else self._named_before(start)
            if named is not None:
                return named
            # Relative references stay in the law of what they refer to.
            if previous is not None and (follows(match, joined) or self.place is None):
                return _of(previous)
            return CitedLaw((self.place.law_id,) if self.place else ())
        written = bool(match["article"] or match["bare"] or match["dashed"]) and self.place is None
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

    def _from_context(self, match: re.Match[str], start: int) -> CitedLaw:
        before = self.folded[max(0, start - 100) : start]
        last = before[-12:]
        if SELF.search(last):
            return CitedLaw((self.place.law_id,) if self.place else self._last_named(start))
        if SAME.search(last):
            return CitedLaw(self._last_named(start))
        if self.place is None and CHANGED.search(last):
            return CitedLaw((), doubt="version", near=self._last_named(start))
        order = ORDER_OF_IT.search(last) if self.place is None else None
        if order:
            return CitedLaw(self._short(order[1], start), order[1], start - len(order[1]))
        short = SHORT.search(last)
        if short:
            return CitedLaw(self._short(short[1], start), short[1], start - len(short[1]))
        unknown = (UNKNOWN.search(before) if ENDS_AS_LAW.search(last) else None) or self._unknown_before_number(before)
        if unknown:
            name = re.sub(r"^(?:及び|又は|に関する|に係る|する|に伴う|[のを等・、])+", "", unknown[1])
            return CitedLaw((), name, start - len(before) + unknown.end(1) - len(name))
        if self.place is not None:
            return CitedLaw((self.place.law_id,))
        if self.found or any(span.end <= start for span in self._names):
            return CitedLaw(self._last_named(start))
        return CitedLaw(self._names[0].law_ids if self._names else ())

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

    def _named_before(self, start: int, *, stems: bool = False, supplement: bool = False) -> CitedLaw | None:
        tail = NAME_TAIL.search(self.folded, max(0, start - 120), start)
        inside = (tail[1] or "") if tail else ""
        for place in dict.fromkeys((start, tail.start() if tail else start)):
            if self.place is not None:
                for word, law_id in self.place.short_names.items():
                    if len(word) > 1 and self.folded.endswith(word, 0, place):
                        return CitedLaw((law_id,), word, place - len(word))
            span = self.names.ending_at(self.folded, place, self.breaks, stems=stems and place == start)
            if span is not None:
                law = CitedLaw((), span.name, span.start, span.doubt, span.law_ids) if span.doubt else CitedLaw(span.law_ids, span.name, span.start)  # fmt: skip
                return law if self.place is not None or place == start else self._checked(law, inside, supplement)
        return None

    def _checked(self, law: CitedLaw, inside: str, supplement: bool) -> CitedLaw:
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


def _of(previous: Mention) -> CitedLaw:
    return CitedLaw(previous.law_ids, doubt=previous.doubt, near=previous.near)


def follows(match: re.Match[str], joined: bool) -> bool:
    """Whether a relative reference goes on from the reference before it (同条, 同項, 第一項及び第三項)."""
    return (
        match["relative"] == "同条"
        or match["lone_near_paragraph"] == "同項"
        or bool(match["lone_paragraph"] and joined)
    )
