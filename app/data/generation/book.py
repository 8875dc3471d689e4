"""One law as questions are made from it: paragraphs to show, rules, lists, and what was passed over and why."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from ..egov.law import Article, Law, Paragraph, Part
from ..law_numbers import NUMBER, article_key, to_int
from .definitions import defining_rules
from .references import resolve
from .rules import Rule, exemption, read_rule
from .spelling import hiragana_share, modern_kana, sentences, without_definitions
from .wordings import force

MIN_HIRAGANA_SHARE = 0.8  # below it a law is written in prewar katakana
MAX_LIST_ITEMS = 12
MAX_ITEM_CHARS = 70


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph as a context shows it."""

    article: str  # key of the 条
    paragraph: str  # number of the 項
    alone: bool  # the article has this paragraph only, so a citation does not name it
    caption: str  # （見出し） of the article, without its brackets
    lead: str  # 柱書, as printed
    items: tuple[tuple[str, str], ...]  # (key of the 号, text), subitems joined to it by line breaks

    @property
    def chars(self) -> int:
        """Characters of the statute's words in it."""
        return len(self.lead) + sum(len(text) for _, text in self.items)

    @property
    def text(self) -> str:
        """Everything printed in it."""
        return "\n".join([self.lead, *(text for _, text in self.items)])


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
    listings: tuple[Listing, ...]
    articles: tuple[str, ...]  # keys in order
    passed_over: Counter[str] = field(default_factory=Counter)  # paragraphs by reason

    def rules_of(self, passages: tuple[Passage, ...]) -> list[Rule]:
        """The rules that stand in the passages, in their order."""
        return [
            rule
            for one in passages
            for rule in self.rules
            if (rule.article, rule.paragraph) == (one.article, one.paragraph)
        ]


_APPLIES_OTHER = re.compile(r"準用(?:する|される|した)")
_REPLACES = re.compile(r"読み?替え|とあるのは")
_BY_REFERENCE = re.compile(r"「[^」]+」とは、[^。]{0,40}第[^。]{1,14}条[^。]{0,20}に規定する[^。]*をいう")
_LIST_WORDS = re.compile(
    r"次の各号|次に掲げる|左の|左に掲げる|次の(?!事業年度|会計年度|年度|国会|通常|選挙|総会|期|日)|当該各号|各号に(?:定|掲)"
)
_LIST = re.compile(
    r"(?P<marker>(?:次の各号の(?:いずれか|一)に該当する|次のいずれかに該当する|次の各号(?:のいずれか)?に掲げる|次に掲げる))"
    r"(?P<noun>者|場合|とき|事項|書類|事業|業務|行為|事務|もの|要件|基準|事由|施策|措置|費用|物|施設|財産)"
)
_UNUSABLE_ITEM = re.compile(r"^その他|^前|前号|各号|準用|別表|次に|次の|のほか")


def read_book(law: Law) -> Book:
    """The law's main provisions, read. What cannot be asked about sensibly is counted in ``passed_over``."""
    passed: Counter[str] = Counter()
    passages: list[Passage] = []
    rules: list[Rule] = []
    listings: list[Listing] = []
    keys = tuple(article.num for article in law.main.articles if article.num and ":" not in article.num)
    for article in law.main.articles:
        if not article.num or ":" in article.num or article.deleted:
            passed["条番号がない・削除"] += max(1, len(article.paragraphs))
            continue
        for paragraph in article.paragraphs:
            reason = _unaskable(paragraph)
            if reason:
                passed[reason] += 1
                continue
            passage = _passage(article, paragraph)
            passages.append(passage)
            found, lists = _read(law.title, keys, article, paragraph, passage, passed)
            rules += found
            listings += lists
    rules += _with_cited_items(rules, passages)
    return Book(law.law_id, law.revision_id, law.title, tuple(passages), tuple(rules), tuple(listings), keys, passed)


def _unaskable(paragraph: Paragraph) -> str:
    """Why a paragraph is not used at all; "" if it is."""
    text = paragraph.text
    if not text.strip():
        return "柱書がない"
    if hiragana_share(text) < MIN_HIRAGANA_SHARE and len(text) > 10:
        return "片仮名書き"
    if _REPLACES.search(text):
        return "読替え"
    if _APPLIES_OTHER.search(text):
        return "準用"
    if _BY_REFERENCE.search(text):
        return "引用による定義"
    return ""


def _passage(article: Article, paragraph: Paragraph) -> Passage:
    # 「第7号から第10号まで　削除」 has a key of two numbers.
    items = tuple(
        (part.num, _part_text(part))
        for part in paragraph.parts
        if part.num and ":" not in part.num and part.text.strip() != "削除"
    )
    caption = (article.caption or paragraph.caption).strip("（）")
    return Passage(
        article.num, paragraph.num or "1", len(article.paragraphs) == 1, caption, paragraph.text.strip(), items
    )


def _part_text(part: Part) -> str:
    lines = [part.text.strip()]
    lines += [f"- {child.title}　{_part_text(child)}" if child.title else _part_text(child) for child in part.children]
    return "\n".join(lines)


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
        case = _cleaned(exemption(without_definitions(provisos[0]) or ""), title, keys, article.num, number) or ""
        case = "" if _LIST_WORDS.search(case) else case
    cleaned = _cleaned(parts[0], title, keys, article.num, number)
    if cleaned is None:
        passed["限定の括弧が長い・参照が決まらない"] += 1
        return [], []
    if _LIST_WORDS.search(cleaned):
        listing = _listing(cleaned, article, paragraph, title, keys)
        if listing is None:
            passed["列記を読めない"] += 1
            return [], []
        return composed(listing), [listing]
    rule = read_rule(
        cleaned, article=article.num, paragraph=number, exception=case or "", open_ended=len(parts) > (2 if case else 1)
    )
    if rule is None or not force(rule.action, rule.modality):
        passed["文の形が決まらない"] += 1
        return [], []
    return [rule], []


def _defining(article: str, number: str, parts: list[str]) -> list[Rule]:
    return [rule for part in parts for rule in defining_rules(part, article=article, paragraph=number)]


def _cleaned(sentence: str, title: str, keys: tuple[str, ...], article: str, paragraph: str) -> str | None:
    plain = without_definitions(sentence)
    return None if plain is None else resolve(plain, title=title, articles=keys, article=article, paragraph=paragraph)


def _listing(lead: str, article: Article, paragraph: Paragraph, title: str, keys: tuple[str, ...]) -> Listing | None:
    match = _LIST.search(lead)
    if match is None or len(_LIST_WORDS.findall(lead)) != 1:
        return None
    items = []
    for part in paragraph.parts:
        if not part.num or part.children or "　" in part.text or not 2 <= len(part.text.strip()) <= MAX_ITEM_CHARS:
            continue
        sentence = sentences(modern_kana(part.text))
        cleaned = _cleaned(sentence[0], title, keys, article.num, paragraph.num or "1") if len(sentence) == 1 else None
        if cleaned and not _UNUSABLE_ITEM.search(cleaned):
            items.append((part.num, cleaned))
    if len(items) < 2 or len(paragraph.parts) > MAX_LIST_ITEMS:
        return None
    return Listing(article.num, paragraph.num or "1", lead, match["marker"], match["noun"], tuple(items))


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


_CITED_ITEM = re.compile(
    rf"(?P<article>第{NUMBER}条(?:の{NUMBER})*)(?:第(?P<paragraph>{NUMBER})項)?(?:各号|第(?P<item>{NUMBER})号(?!の))に掲げる(?:事項|書類|業務|事由)"
)


def _with_cited_items(rules: list[Rule], passages: list[Passage]) -> list[Rule]:
    """Rules that cite an item (第五条第一項第二号に掲げる事項), with the item's words in the place of the citation."""
    by_place = {(one.article, one.paragraph): one for one in passages}
    found = []
    for rule in rules:
        for part in ("subject", "condition", "action"):
            text = getattr(rule, part)
            matches = list(_CITED_ITEM.finditer(text))
            key = article_key(matches[0]["article"]) if len(matches) == 1 else None
            if key is None or rule.item is not None:
                continue
            match = matches[0]
            passage = by_place.get((key, str(to_int(match["paragraph"] or "一"))))
            wanted = str(to_int(match["item"])) if match["item"] else None
            if passage is None or (passage.article, passage.paragraph) == (rule.article, rule.paragraph):
                continue
            for number, words in passage.items:
                plain = without_definitions(words.strip().removesuffix("。"))
                if wanted in (None, number) and plain and _FITS.fullmatch(plain):
                    found.append(
                        replace(
                            rule, **{part: text.replace(match.group(), plain)}, also=(key, passage.paragraph, number)
                        )
                    )
    return found


# Short, of one part, ending in a noun, and pointing nowhere.
_FITS = re.compile(r"(?!その他|前)(?!.*、.*、)[^。「」（）]{2,45}[一-龥]")

# 「Xが」 before it would stand beside another subject, or seem to be the one who finds it so.
_OWN_SUBJECT = re.compile(
    r"(?<!理由)(?<!事由)(?<!おそれ)(?<!必要)(?<!事情)が(?:あ[るつっ]|な[いく]|困難|不明|生じ|消滅)|と認める(?:とき|場合)?$"
)


def put_in(listing: Listing, item: str) -> str | None:
    """The lead with one item in the place of the list; None where the item does not fit the words around it."""
    before, _, after = listing.lead.partition(listing.marker + listing.noun)
    if after.startswith("ごとに"):
        return None  # 「次に掲げる業務ごとに」 speaks of all of them
    after = after.removeprefix("のいずれか")
    # The item names its subject again, has another, or is what somebody else finds.
    if before.endswith("が") and (before[-5:-1] in item or _OWN_SUBJECT.search(item)):
        return None
    if listing.noun in ("とき", "場合"):
        if item.endswith(("とき", "場合")):
            if re.match(r"に該当する(?:とき|場合)", after):  # not 「…違反したときに該当するとき」
                item, after = item.removesuffix("とき").removesuffix("場合"), after.removeprefix("に該当する")
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
