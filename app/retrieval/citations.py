"""References to provisions in running text: 金商法第27条の2第1項, 同法第三条, 前条第二項, 同項, 附則第4条.

The same reader serves questions (no law of their own; a bare 第5条 belongs to the law last named) and statutes (a bare
第五条 belongs to the law it stands in). Reading is done on folded text, so 漢数字, full-width and plain digits are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.retrieval.law_names import LawNames, NameSpan
from app.retrieval.tokens import normalize

_BRANCH = r"(?:の\d+)*"
_ARTICLE = rf"第?(?P<article>\d+)条(?P<branch>{_BRANCH})(?![件例約文項理])"
_RELATIVE = r"(?P<relative>前条|次条|同条|本条|この条)"
_PARAGRAPH = r"(?:第?(?P<paragraph>\d+)項|(?P<near_paragraph>前項|次項|同項|この項))"
_ITEM = rf"(?:第(?P<item>\d+)号(?P<item_branch>{_BRANCH}))"
_MENTION = re.compile(
    rf"(?:(?P<supplement>附則)(?:抄)?)?(?:(?:{_ARTICLE}|{_RELATIVE})(?:{_PARAGRAPH})?|{_PARAGRAPH.replace('(?P<', '(?P<lone_')}){_ITEM}?"
)
_CONNECTOR = re.compile(
    r"(?:及び|又は|若しくは|並びに|かつ|、|,|・|から|と|や|まで(?:及び|又は|若しくは|並びに|、)?)+$"
)
_SAME = re.compile(r"同(法律|法|政令|令|府令|省令|規則|条例|規程)(?:の)?$")
_SELF = re.compile(r"(?:この|本)(?:法律|法|政令|令|府令|省令|規則|条例|規程)(?:の)?$")
_SHORT = re.compile(r"(?:^|[^一-龥々ァ-ヶー])(法|令|規則|府令|省令|施行令|施行規則)(?:の)?$")
_UNKNOWN = re.compile(r"((?:[一-龥々ァ-ヶー、]|及び|の|に関する){2,40}(?:法律|法|令|規則|条例|規程))(?:の)?$")
_NAME_TAIL = re.compile(r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?の?$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a statute a text stands: what 前条, 同項 and 法 mean there."""

    law_id: str
    article: str
    paragraph: str
    articles: Sequence[str]  # keys of the law's articles in order
    short_names: Mapping[str, str] = field(default_factory=dict)  # 法, 令 … as this law defines them → law id


@dataclass(frozen=True, slots=True)
class Mention:
    """One reference, as far as the text alone tells."""

    text: str  # as folded, law name included
    start: int
    end: int
    law_ids: tuple[str, ...]  # none: the law is not known; several: its name is ambiguous
    law_text: str  # the name as written; empty where the law follows from the context
    part: str  # main or supplement
    article: str
    paragraph: str | None
    item: str | None
    joined_by: str  # 及び, から …: what stands between the reference before and this one; empty for other text


def fold(text: str) -> str:
    """The text as references are read in it: ``normalize`` without spaces."""
    return re.sub(r"[ 　\t]", "", normalize(text))


def find_mentions(text: str, names: LawNames, place: Place | None = None) -> list[Mention]:
    """Every reference in ``text``, in order. A relative one that leads nowhere (前条 of 第一条) is left out."""
    reader = _Reader(fold(text), names, place)
    for match in _MENTION.finditer(reader.folded):
        mention = reader.mention(match)
        if mention is not None:
            reader.found.append(mention)
    return reader.found


class _Reader:
    """Reads the references of one folded text."""

    def __init__(self, folded: str, names: LawNames, place: Place | None) -> None:
        self.folded = folded
        self.names = names
        self.place = place
        self.found: list[Mention] = []
        self._spans: list[NameSpan] | None = None

    def mention(self, match: re.Match[str]) -> Mention | None:
        """The reference at ``match``; None if it leads nowhere."""
        previous = self.found[-1] if self.found else None
        joined = previous is not None and bool(_CONNECTOR.fullmatch(self.folded[previous.end : match.start()]))
        article = _article(match, joined, previous, self.place)
        if article is None:
            return None
        law_ids, law_text, start = self._law(match, joined, previous)
        if law_text and self.names.longer_name(self.folded, start, law_text):
            return None
        return Mention(
            text=self.folded[start : match.end()],
            start=start,
            end=match.end(),
            law_ids=law_ids,
            law_text=law_text,
            part="supplement" if match["supplement"] else "main",
            article=article,
            paragraph=_paragraph(match, previous, self.place),
            item=match["item"] + match["item_branch"].replace("の", "_") if match["item"] else None,
            joined_by=self.folded[previous.end : match.start()] if joined and previous is not None else "",
        )

    def _law(self, match: re.Match[str], joined: bool, previous: Mention | None) -> tuple[tuple[str, ...], str, int]:
        """Law ids, the name as written, and where the reference starts."""
        start = match.start()
        if match["relative"] or match["lone_paragraph"] or match["lone_near_paragraph"]:
            # Relative references stay in the law of what they refer to.
            if previous is not None and (_follows(match, joined) or self.place is None):
                return previous.law_ids, "", start
            return ((self.place.law_id,) if self.place else ()), "", start
        named = self._named_before(start)
        if named is not None:
            return named.law_ids, named.name, named.start
        if joined and previous is not None:
            return previous.law_ids, "", start
        before = self.folded[max(0, start - 60) : start]
        if _SELF.search(before):
            return ((self.place.law_id,) if self.place else self._last_named(start)), "", start
        if _SAME.search(before):
            return self._last_named(start), "", start
        short = _SHORT.search(before)
        if short:
            return self._short(short[1], start), short[1], start - len(short[1])
        unknown = _UNKNOWN.search(before)
        if unknown:
            return (), unknown[1], start - len(unknown[1])
        if self.place is not None:
            return (self.place.law_id,), "", start
        return self._last_named(start) or (self._names[0].law_ids if self._names else ()), "", start

    @property
    def _names(self) -> list[NameSpan]:
        # Looked for only where a text needs them: statutes mostly name the law right before the article.
        if self._spans is None:
            self._spans = self.names.find(self.folded)
        return self._spans

    def _named_before(self, start: int) -> NameSpan | None:
        for end in (start, _NAME_TAIL.search(self.folded, max(0, start - 120), start)):
            if end is None:
                continue
            place = end if isinstance(end, int) else end.start()
            if self.place is not None:
                for word, law_id in self.place.short_names.items():
                    if len(word) > 1 and self.folded.endswith(word, 0, place):
                        return NameSpan(place - len(word), place, word, (law_id,))
            span = self.names.ending_at(self.folded, place)
            if span is not None:
                return span
        return None

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


def _follows(match: re.Match[str], joined: bool) -> bool:
    """Whether a relative reference goes on from the reference before it (同条, 同項, 第一項及び第三項)."""
    return (
        match["relative"] == "同条"
        or match["lone_near_paragraph"] == "同項"
        or bool(match["lone_paragraph"] and joined)
    )


def _article(match: re.Match[str], joined: bool, previous: Mention | None, place: Place | None) -> str | None:
    if match["article"]:
        return str(match["article"] + match["branch"].replace("の", "_"))
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
