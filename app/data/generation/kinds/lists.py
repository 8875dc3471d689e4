"""Questions for what is, or is not, in a list, with another list of the same sort in the context."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from ..law.book import Book, Listing, composed
from ..law.checks import overlapping
from ..law.passages import Passage, citation
from ..law.rules import Rule, read_rule
from ..law.wordings import force
from .descriptions import acts_there, as_noun, of_whom
from .drafts import (
    DIGITS,
    Draft,
    Option,
    Wants,
    answer_first,
    chars,
    draft_about,
    needed,
    spelled,
    with_items,
)
from .requests import list_requests

MAX_SAME_LEAD = 0.8  # share of character pairs: above it two leads may have the same effect
MAX_SHORT = 8  # characters of things that may be one thing when they begin alike
MAX_ALIKE = 0.6  # share of character pairs: items above it may mean the same
_POINTS_BACK = re.compile(r"その(?!旨|都度)|当該")
# 「当該施設の整備に関する事項」 speaks of what its own list's lead named, which the other's does not.
_DANGLES = re.compile(r"当該|その(?!旨|都度)|同[条項号]")
# Who is in the suspension of his sentence was sentenced: 「拘禁刑以上の刑に処せられ、…五年を経過しない者」 may be he.
_SENTENCED = re.compile("刑(?!事)|拘留|罰金|科料")
# 「第二十条の規定による保存をせず」 of the penalties is also 「この法律の規定に違反したとき」, for which a licence is revoked.
_BREACH = re.compile("違反|従わ|(?:せ|さ)ず|しない|しなかつた|怠|偽|拒|妨|忌避")
# Lists whose items are one sort of thing, so that an item of one could be taken for one of the other.
_ALIKE = (
    ("者",),
    ("場合", "とき"),
    ("事由",),
    ("事項",),
    ("書類",),
    ("事業", "業務", "事務", "施策", "措置"),
    ("行為",),
    ("要件", "基準"),
    ("もの", "物"),
)


def list_draft(
    book: Book, listing: Listing, wants: Wants, random_: random.Random, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question about ``listing``; None where no sibling list gives candidates that are surely not in it."""
    siblings = [other for other in book.listings if _sibling(listing, other)]
    random_.shuffle(siblings)
    siblings.sort(
        key=lambda other: (other.article != listing.article, abs(_place(book, other) - _place(book, listing)))
    )
    in_needed, out_needed = needed(wants, count)
    for other in siblings[:4]:
        own = [item for item in of_its_noun(listing) if 3 <= len(item[1]) <= 60]
        outside = [
            item
            for item in of_its_noun(other)
            if 3 <= len(item[1]) <= 60 and not _DANGLES.match(item[1]) and not _in_list(item[1], book, listing)
        ]
        own = [item for item in own if not _in_list(item[1], book, other)]
        if len(own) < in_needed or len(outside) < out_needed:
            continue
        inside, outside = random_.sample(own, in_needed), random_.sample(outside, out_needed)
        passages = [book.passage_at(one.article, one.paragraph) for one in (listing, other)]
        shown = tuple(
            with_items(passage, [number for number, _ in wanted], random_, max(len(wanted), 4))
            for passage, wanted in zip(passages, (inside, outside), strict=True)
        )
        if chars(shown) > max_chars:
            continue
        digits = random_.random() < DIGITS
        options = [
            *(Option(_texts(text, digits), True, "in_list", (listing.article, listing.paragraph, number)) for number, text in inside),
            *(Option(_texts(text, digits), False, "other_list", (other.article, other.paragraph, number)) for number, text in outside),
        ]  # fmt: skip
        requests = list_requests(_things(book, listing, passages[0], digits), wants)
        return draft_about(book, listing.article, "list", wants, requests, answer_first(options, wants), shown, random_)
    return None


def of_its_noun(listing: Listing) -> list[tuple[str, str]]:
    """The items that are what the list is of: in one of cases no 「…した者」."""
    cases = ("とき", "場合")
    return [item for item in listing.items if listing.noun not in cases or item[1].endswith(cases)]


def _sibling(one: Listing, other: Listing) -> bool:
    if (one.article, one.paragraph) == (other.article, other.paragraph):
        return False
    # Two lists of one penalty: what stands in either fits the request.
    if overlapping(one.lead, other.lead) > MAX_SAME_LEAD:
        return False
    return any(one.noun in group and other.noun in group for group in _ALIKE)


def _place(book: Book, listing: Listing) -> int:
    return book.articles.index(listing.article)


def _in_list(text: str, book: Book, listing: Listing) -> bool:
    """Whether the thing may stand in the list, also in an item too long to be a candidate."""
    return any(
        overlapping(text, item) > MAX_ALIKE
        or text in item
        or _short_twins(text, item)
        or (_SENTENCED.search(text) and _SENTENCED.search(item))
        or (_BREACH.search(text) and "違反" in item)
        for _, item in book.passage_at(listing.article, listing.paragraph).items
    )


def _short_twins(one: str, other: str) -> bool:
    """Whether two short things begin alike and may be one: 供給する場所 and 供給地点."""
    return max(len(one), len(other)) <= MAX_SHORT and one[:2] == other[:2]


def _texts(text: str, digits: bool) -> tuple[str, ...]:
    return (spelled(text, digits),)


def _things(book: Book, listing: Listing, passage: Passage, digits: bool) -> tuple[str, ...]:
    """What the request calls a member of the list: by its number, by its effect, by the sentence around it."""
    named = citation(book.title, passage, None, digits=digits, named=True)
    noun = {"とき": "場合"}.get(listing.noun, listing.noun)
    found = [f"{named}各号に掲げる{noun}"]
    before, _, after = listing.lead.partition(listing.marker + listing.noun)
    text = f"{before}［　　］{after}"  # a quotation, so its numbers stay as they are
    if len(text) <= 90:
        found.append(f"「{text}」という規定の［　　］に入る{noun}")
    return (*found, *(spelled(text, digits) for text in things_by_effect(listing)))


def things_by_effect(listing: Listing) -> list[str]:
    """What the members of the list are, by what the sentence around it says of them: 〜が登録を取り消すことができる場合."""
    noun = {"とき": "場合"}.get(listing.noun, listing.noun)
    before, _, after = listing.lead.partition(listing.marker + listing.noun)
    found: list[str] = []
    rule = next(iter(composed(listing)), None)
    if (
        rule is not None
        and rule.scope == "when"
        and noun == "場合"
        and rule.subject
        and not rule.action.endswith("併科する")
        # 「その登録を取り消す」 where the case named whose: 「製造業者が次の各号のいずれかに該当するとき」.
        and not _POINTS_BACK.match(rule.subject)
        and not rule.action.startswith("当該")
        and not (_POINTS_BACK.match(rule.action) and before.removeprefix(f"{rule.subject}は、"))
    ):
        found += [of_whom(rule.subject, f"{ending}場合") for ending in _endings(rule)]
    elif rule is not None and noun == "者" and rule.subject in dict(listing.items).values() and not rule.condition:
        found += [f"{ending}者" for ending in _endings(rule)]
    place = re.fullmatch(r"(?P<where>[^、]{2,40})に(?:は|おいては)、", before)
    ending = re.fullmatch(r"を(.{2,30})(なければならない|るものとする)", after)
    if place and ending and noun in ("事項", "書類"):  # 「計画には、次に掲げる事項を記載しなければならない」
        verb = ending[1] + {"るものとする": "ることとされている"}.get(ending[2], ending[2])
        found.append(f"{place['where']}に{verb}{noun}")
    return found


def things_listed(listing: Listing) -> list[str]:
    """What the members of the list are, by all that the sentence around it says, when and to whom too: two lists of one
    law may have the same effect in two cases. Empty where the sentence cannot be turned round."""
    return things_by_effect(listing) or _cases(listing) or _objects(listing)


_WHOSE = re.compile(r"[^、]+は、(?P<whose>[^、]{2,30})が")
_OFFENDER = re.compile(r"(?:当該|その)(?=違反行為をした)")


def _cases(listing: Listing) -> list[str]:
    """The list as cases of an effect on somebody whom the lead names beside it: 「組合が次の各号のいずれかに該当するとき」,
    「その登録を取り消すことができる」."""
    before, _, _ = listing.lead.partition(listing.marker + listing.noun)
    rule = next(iter(composed(listing)), None)
    if rule is None or rule.scope != "when" or listing.noun not in ("場合", "とき") or "併科" in rule.action:
        return []
    subject, action = _OFFENDER.sub("", rule.subject), rule.action
    if (match := _WHOSE.fullmatch(before)) and action.startswith("その"):
        action = action.removeprefix("その")
        if not action.startswith(match["whose"]):
            action = f"{match['whose']}の{action}"
    if not subject or any(map(_POINTS_BACK.search, (subject, action))):
        return []
    return [of_whom(subject, f"{ending}場合") for ending in _endings(replace(rule, action=action))]


_DOCUMENT = re.compile(r"を記載した(?P<document>[^、を]{2,20})を(?P<verb>[^、を]+)")
_VERB = re.compile(r"を(?P<verb>[^、をて]+)")
_CLOSE = re.compile(r"(?<!対し)、$")  # before the verb once the object between them is gone


def _objects(listing: Listing) -> list[str]:
    """The list as what somebody does something with: 「港湾大臣に届け出なければならない事項」."""
    rule = read_rule(listing.lead, article=listing.article, paragraph=listing.paragraph)
    words = listing.marker + listing.noun
    if rule is None or rule.scope not in ("", "when") or listing.noun in ("場合", "とき"):
        return []
    if any(map(_POINTS_BACK.search, (rule.subject, rule.condition, rule.action))):
        return []
    if rule.subject == words and not rule.condition:  # 「次に掲げる事項は、議決を経なければならない」
        return [ending + listing.noun for ending in _endings(rule)[:1]]
    if words not in rule.action or not acts_there(rule):
        return []
    before, _, after = rule.action.partition(words)
    before = _CLOSE.sub("", before)
    if match := _DOCUMENT.fullmatch(after):  # 「事項を記載した申請書を提出しなければならない」
        acts = [as_noun(rule, before + act) for act in force(match["verb"], rule.modality)[:1]]
        return [f"{act}{match['document']}に記載する{listing.noun}" for act in acts]
    if match := _VERB.fullmatch(after):
        return [as_noun(rule, before + act) + listing.noun for act in force(match["verb"], rule.modality)[:1]]
    return []


def _endings(rule: Rule) -> tuple[str, ...]:
    endings = force(rule.action, rule.modality)
    # A 者 is punished: 「拘禁刑に処する者」 would be the court.
    return endings[:1] if rule.action.endswith("に処する") else endings
