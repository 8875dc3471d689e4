"""One law as questions are made from it: paragraphs to show, rules, lists, what its orders fill in, and what was passed
over and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ...egov.law import Article, Law, Paragraph
from ..words.spelling import modern_kana, sentences, without_definitions
from .composing import SPEAKS_OF_ALL, with_cited_items, with_filled_in
from .definitions import bracketed_rules, defining_rules
from .fillings import Filling, read_fillings
from .passages import Passage, article_keys, cleaned, passage_of, plain_items, unaskable
from .rules import Rule, exemption, read_rule
from .wordings import force


@dataclass(frozen=True, slots=True)
class Listing:
    """A paragraph that lists things under its lead: 次に掲げる事項, 次の各号のいずれかに該当する者."""

    article: str
    paragraph: str
    lead: str  # cleaned sentence
    marker: str  # the words of the lead that stand for the list: 次の各号のいずれかに該当する, 次に掲げる
    noun: str  # what the items are: 者, 事項, 場合, とき …
    items: tuple[tuple[str, str], ...]  # (key of the 号, cleaned text without its 。)


@dataclass(frozen=True, slots=True)
class Book:
    """A law, read for questions."""

    law_id: str
    revision_id: str
    title: str
    passages: tuple[Passage, ...]  # in the order of the law
    rules: tuple[Rule, ...]
    bracketed: tuple[Rule, ...]  # what brackets take in or leave out
    listings: tuple[Listing, ...]
    articles: tuple[str, ...]  # keys in order
    passed_over: Counter[str] = field(default_factory=Counter)  # paragraphs by reason
    fillings: tuple[Filling, ...] = ()  # what its orders fill in
    refilled: dict[Rule, tuple[Rule, ...]] = field(default_factory=dict)  # rules so filled in, each with wrong ones

    @property
    def titles(self) -> tuple[str, ...]:
        """Of the law and of the orders that fill in something of it."""
        return tuple(dict.fromkeys([self.title, *(one.order.law for one in self.fillings)]))

    def passage_at(self, article: str, paragraph: str, law: str = "") -> Passage:
        """The paragraph of the law, or of the order beside it with the title ``law``."""
        place = (law or self.title, article, paragraph)
        return next(one for one in chain(self.passages, (each.order for each in self.fillings)) if one.place == place)

    def beside(self, passages: Sequence[Passage]) -> tuple[str, ...]:
        """Revision ids of the orders that the passages are of, each once."""
        ids = {one.order.law: one.revision_id for one in self.fillings}
        return tuple(dict.fromkeys(ids[one.law] for one in passages if one.law != self.title))

    def rules_of(self, passages: Sequence[Passage]) -> list[Rule]:
        """The rules that stand in the passages, in their order."""
        return _standing_in(self.rules, passages)

    def bracketed_in(self, passages: Sequence[Passage]) -> list[Rule]:
        """What the brackets of the passages take in or leave out, in their order."""
        return _standing_in(self.bracketed, passages)


def _standing_in(rules: Sequence[Rule], passages: Sequence[Passage]) -> list[Rule]:
    places = [(one.article, one.paragraph) for one in passages]
    return [rule for place in places for rule in rules if (rule.article, rule.paragraph) == place]


_LIST_WORDS = re.compile(
    r"次の各号|次に掲げる|左の|左に掲げる|次の(?!事業年度|会計年度|年度|国会|通常|選挙|総会|期|日)|当該各号|各号に(?:定|掲)"
)
_LIST = re.compile(
    r"(?P<marker>(?:次の各号の(?:いずれか|一)に該当する|次のいずれかに該当する|次の各号(?:のいずれか)?に掲げる|次に掲げる))"
    r"(?P<noun>者|場合|とき|事項|書類|事業|業務|行為|事務|もの|要件|基準|事由|施策|措置|費用|物|施設|財産)"
)


def read_book(law: Law, orders: tuple[Law, ...] = ()) -> Book:
    """The law's main provisions, read with the orders that fill in what it leaves to them.

    What cannot be asked about sensibly is counted in ``passed_over``.
    """
    passed: Counter[str] = Counter()
    passages: list[Passage] = []
    rules: list[Rule] = []
    listings: list[Listing] = []
    keys = article_keys(law)
    for article in law.main.articles:
        if not article.num or ":" in article.num or article.deleted:
            passed["条番号がない・削除"] += max(1, len(article.paragraphs))
            continue
        for paragraph in article.paragraphs:
            reason = unaskable(paragraph)
            if reason:
                passed[reason] += 1
                continue
            passage = passage_of(law.title, article, paragraph)
            passages.append(passage)
            found, lists = _read(law.title, keys, article, paragraph, passage, passed)
            rules += found
            listings += lists
    # What a definition's brackets take in is said of the word that it defines.
    defining = {(law.title, *rule.place[:2]) for rule in rules if rule.subject.startswith("「")}
    fillings = read_fillings(law.title, tuple(passages), orders)
    filled = with_filled_in(rules, fillings)
    rules += [*with_cited_items(rules, passages), *filled]
    return Book(
        law.law_id,
        law.revision_id,
        law.title,
        tuple(passages),
        tuple(rules),
        tuple(rule for one in passages if one.place not in defining for rule in bracketed_rules(one)),
        tuple(listings),
        keys,
        passed,
        fillings,
        filled,
    )


def _read(
    title: str, keys: tuple[str, ...], article: Article, paragraph: Paragraph, passage: Passage, passed: Counter[str]
) -> tuple[list[Rule], list[Listing]]:
    """The rules and lists of one paragraph; what gives neither is counted."""
    number = passage.paragraph
    parts = sentences(modern_kana(paragraph.text))
    if defined := _defining(article.num, number, parts):
        return defined, []
    provisos = [part for part in parts[1:] if part.startswith(("ただし", "但し"))]
    case = ""
    if len(provisos) == 1:
        case = cleaned(exemption(without_definitions(provisos[0]) or ""), title, keys, article.num, number) or ""
        case = "" if _LIST_WORDS.search(case) else case
    sentence = cleaned(parts[0], title, keys, article.num, number)
    if sentence is None:
        passed["限定の括弧が長い・参照が決まらない"] += 1
        return [], []
    if _LIST_WORDS.search(sentence):
        listing = _listing(sentence, article, paragraph, title, keys)
        if listing is None:
            passed["列記を読めない"] += 1
            return [], []
        return composed(listing), [listing]
    rule = read_rule(
        sentence,
        article=article.num,
        paragraph=number,
        exception=case or "",
        open_ended=len(parts) > (2 if case else 1),
    )
    if rule is None or not force(rule.action, rule.modality):
        passed["文の形が決まらない"] += 1
        return [], []
    return [rule], []


def _defining(article: str, number: str, parts: list[str]) -> list[Rule]:
    return [rule for part in parts for rule in defining_rules(part, article=article, paragraph=number)]


def _listing(lead: str, article: Article, paragraph: Paragraph, title: str, keys: tuple[str, ...]) -> Listing | None:
    match = _LIST.search(lead)
    if match is None or len(_LIST_WORDS.findall(lead)) != 1:
        return None
    items = tuple(plain_items(paragraph, lambda text: cleaned(text, title, keys, article.num, paragraph.num or "1")))
    if len(items) < 2:
        return None
    return Listing(article.num, paragraph.num or "1", lead, match["marker"], match["noun"], items)


def composed(listing: Listing) -> list[Rule]:
    """The rules of a list with each item put in the place of 次の各号のいずれかに該当する…."""
    found = []
    for number, item in listing.items:
        sentence = put_in(listing, item)
        rule = read_rule(sentence, article=listing.article, paragraph=listing.paragraph) if sentence else None
        if rule is not None and rule.action.endswith(
            "ことをする"
        ):  # of 「次に掲げる行為をしてはならない」 and an item …すること
            rule = replace(rule, action=rule.action.removesuffix("ことをする"))
        if rule is not None and force(rule.action, rule.modality):
            found.append(replace(rule, item=number))
    return found


# 「Xが」 before it would stand beside another subject, or seem to be the one who finds it so.
_OWN_SUBJECT = re.compile(
    r"(?<!理由)(?<!事由)(?<!おそれ)(?<!必要)(?<!事情)が(?:あ[るつっ]|な[いく]|困難|不明|生じ|消滅)|と認める(?:とき|場合)?$"
)


def put_in(listing: Listing, item: str) -> str | None:
    """The lead with one item in the place of the list; None where the item does not fit the words around it."""
    before, _, after = listing.lead.partition(listing.marker + listing.noun)
    # 「次に掲げる業務ごとに」 speaks of all of them, and 「次に掲げる場合を除き」 is not what it is with one of them left out.
    if SPEAKS_OF_ALL.match(after):
        return None
    after = after.removeprefix("のいずれか")
    # The item names its subject again, has another, or is what somebody else finds.
    if before.endswith("が") and (before[-5:-1] in item or _OWN_SUBJECT.search(item)):
        return None
    if listing.noun in ("とき", "場合"):
        if item.endswith(("とき", "場合")):
            if re.match(r"に該当する(?:とき|場合)", after):  # not 「…違反したときに該当するとき」
                item, after = item.removesuffix("とき").removesuffix("場合"), after.removeprefix("に該当する")
            elif after.startswith("において"):  # not 「終えたときにおいては」
                item = item.removesuffix("とき").removesuffix("場合") + "場合"
            return f"{before}{item}{after}"
        if item.endswith("者") and before.endswith("が"):
            return f"{before}{item}である{listing.noun}{after}"
        return None
    if listing.noun == "者":
        return f"{before}{item}{after}" if item.endswith("者") else None
    if listing.noun == "行為":
        return f"{before}{item}{after}" if item.endswith(("行為", "こと")) else None
    if listing.noun in ("事項", "書類", "業務", "事業", "事務", "措置"):
        return f"{before}{item}{after}" if re.search(r"[一-龥]$", item) and "、" not in item else None
    return None
