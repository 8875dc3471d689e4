"""References to provisions in running text: 金商法第27条の2第1項, 同法第三条, 前条第二項, 同項, 附則第4条, 別表第一, 民709.

The same reader serves questions (no law of their own; a bare 第5条 belongs to the law last named) and statutes (a bare
第五条 belongs to the law it stands in). Reading is done on folded text, so 漢数字, full-width and plain digits are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...data.law_numbers import folded_key
from .citation_patterns import CONNECTOR, EXCLUDED, LEADS_ON, QUESTION, STATUTE
from .citation_text import fold, fold_question
from .cited_law import CitedLaw, LawReader, follows
from .law_names import LawNames
from .mention import Mention, Place

_Place = tuple[str, int]  # an article and the step from it
_STEPS = {"前条": -1, "次条": 1}


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
        taken = EXCLUDED.match(folded, mention.end)
        if taken is None:
            continue
        following = found[number + 1].start if number + 1 < len(found) else -1
        leads = bool(LEADS_ON.fullmatch(folded, taken.end(), following)) if following >= taken.end() else False
        first = number
        while first > 0 and found[first].joined_by:
            first -= 1
        out[first : number + 1] = [replace(one, excluded=True, leads_on=leads) for one in out[first : number + 1]]
    return out


class _Reader:
    """Reads the references of one folded text."""

    def __init__(self, folded: str, names: LawNames, place: Place | None, breaks: frozenset[int]) -> None:
        self.folded = folded
        self.names = names
        self.place = place
        self.found: list[Mention] = []
        self._laws = LawReader(folded, names, place, breaks, self.found)
        self._bare_end = -1  # where a number without 条 ended last

    def mention(self, match: re.Match[str]) -> Mention | None:
        """The reference at ``match``; None if it leads nowhere."""
        previous = self.found[-1] if self.found else None
        joined = previous is not None and bool(CONNECTOR.fullmatch(self.folded[previous.end : match.start()]))
        if match["lone_item"]:
            return _next_item(match, previous, self.folded) if joined and previous is not None else None
        law = self._laws.of(match, joined, previous)
        place = self._article(match, joined, previous, law)
        if place is None or (law.text and self.names.longer_name(self.folded, law.start, law.text)):
            return None
        start = law.start if law.text else match.start()
        if match["bare"] or match["preamble"] or (match["dashed"] and not match["dashed_unit"]):
            goes_on = not match["preamble"] and joined and previous is not None and previous.end == self._bare_end
            between = self.folded[law.start + len(law.text) : match.start()]
            if not goes_on and not (law.law_ids and law.text and between in ("", "の" if match["preamble"] else "")):
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
            article=place[0],
            paragraph=_paragraph(match, previous, self.place),
            item=folded_key(match["item"], match["item_branch"]) if match["item"] else None,
            joined_by=self.folded[previous.end : match.start()] if joined and previous is not None else "",
            subitem=match["subitem"],
            amending=match["table_amending"] or law.amending,
            doubt=law.doubt,
            near=law.near,
            loose=match["loose"] or "",
            row=bool(match["row"]),
            step=place[1],
        )

    def _article(self, match: re.Match[str], joined: bool, previous: Mention | None, law: CitedLaw) -> _Place | None:
        if match["appendix"] or match["dashed"]:
            return str(match["appendix"] or match["dashed"]), 0
        if match["preamble"]:
            return "", 0
        if match["article"] or match["bare"]:
            branch = match["branch"] if match["article"] else match["bare_branch"]
            return folded_key(match["article"] or match["bare"], branch), 0
        if match["lone_paragraph"] and (match["supplement"] or (law.text and self.place is None)):
            return "", 0  # 附則第2項, 施行期日令第2項: nothing there has an article
        return _relative_article(match, joined, previous, self.place)


def _next_item(match: re.Match[str], previous: Mention, folded: str) -> Mention | None:
    """第3号 of 第2条第1号及び第3号; None where no item stands before it."""
    if previous.item is None:
        return None
    item = folded_key(match["lone_item"], match["lone_item_branch"])
    between = folded[previous.end : match.start()]
    return replace(
        previous, text=match.group(), start=match.start(), end=match.end(), item=item, subitem=None, joined_by=between, law_text=""
    )  # fmt: skip


def _part(match: re.Match[str], joined: bool, previous: Mention | None, law: CitedLaw) -> str:
    if match["appendix"] or match["preamble"]:
        return "appendix" if match["appendix"] else "preamble"
    if match["supplement"]:
        return "amendment" if law.amending else "supplement"
    goes_on = follows(match, joined) or (joined and not law.text and not match["relative"])
    if previous is not None and goes_on and previous.part in ("supplement", "amendment"):
        return previous.part  # 附則第2条及び第3条
    return "main"


def _relative_article(
    match: re.Match[str], joined: bool, previous: Mention | None, place: Place | None
) -> _Place | None:
    relative = match["relative"]
    if relative in _STEPS:
        step = _STEPS[relative]
        if place is None:  # 709条及び次条; any other 前条 is one that the text quotes
            if not joined or previous is None or previous.part != "main":
                return None
            # 次条 after 次条 goes on, 前条及び次条 are both beside the article before them.
            return previous.article, step + (previous.step if previous.step * step > 0 else 0)
        if place.article not in place.articles:
            return None
        index = place.articles.index(place.article) + step
        return (place.articles[index], 0) if 0 <= index < len(place.articles) else None
    if (
        relative == "同条"
        or match["lone_near_paragraph"] == "同項"
        or (match["lone_paragraph"] and (joined or place is None))
    ):
        return (previous.article, previous.step) if previous else None
    return (place.article, 0) if place is not None else None


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
