"""Names that laws go by: titles, numbers, abbreviations, names other laws define for them, former names.

Names are compared folded (NFKC, no spaces, numbers in plain digits), so 昭和23年法律第25号 meets 昭和二十三年法律第二十五号.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.retrieval.tokens import normalize

# A name of a better kind hides the same name of a worse kind: 会社法 is the law of that title, whoever else defines it.
KINDS = ("title", "number", "common", "abbreviation", "defined", "former")

# Abbreviations in everyday use that neither e-Gov's Abbrev nor another law's definition gives for every corpus.
COMMON = {
    "金融商品取引法": ("金商法",),
    "金融商品取引法施行令": ("金商法施行令", "金商令"),
    "金融商品取引業等に関する内閣府令": ("金商業等府令", "金商業府令", "業府令"),
    "企業内容等の開示に関する内閣府令": ("開示府令", "企業内容等開示府令"),
    "金融商品取引法第二条に規定する定義に関する内閣府令": ("定義府令", "金商法定義府令"),
    "有価証券の取引等の規制に関する内閣府令": ("取引規制府令",),
    "発行者以外の者による株券等の公開買付けの開示に関する内閣府令": ("他社株府令", "公開買付府令", "他社株買付府令"),
    "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律": ("薬機法", "医薬品医療機器等法", "医薬品医療機器法"),
    "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律施行令": ("薬機法施行令", "薬機令"),
    "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律施行規則": ("薬機法施行規則", "薬機則"),
    "個人情報の保護に関する法律": ("個人情報保護法", "個情法"),
    "私的独占の禁止及び公正取引の確保に関する法律": ("独占禁止法", "独禁法"),
    "不当景品類及び不当表示防止法": ("景品表示法", "景表法"),
    "特定商取引に関する法律": ("特定商取引法", "特商法"),
    "労働基準法": ("労基法",),
    "労働契約法": ("労契法",),
    "労働組合法": ("労組法",),
    "労働安全衛生法": ("安衛法", "労安法"),
    "民事訴訟法": ("民訴法", "民訴"),
    "刑事訴訟法": ("刑訴法", "刑訴"),
    "行政事件訴訟法": ("行訴法",),
    "行政手続法": ("行手法",),
    "国家公務員法": ("国公法",),
    "地方公務員法": ("地公法",),
    "地方自治法": ("自治法",),
    "資金決済に関する法律": ("資金決済法",),
    "投資信託及び投資法人に関する法律": ("投信法", "投資信託法"),
    "宅地建物取引業法": ("宅建業法",),
    "不動産登記法": ("不登法",),
    "犯罪による収益の移転防止に関する法律": ("犯罪収益移転防止法", "犯収法"),
    "外国為替及び外国貿易法": ("外為法",),
    "日本国憲法": ("憲法",),
    "道路交通法": ("道交法",),
    "国税通則法": ("通則法",),
    "租税特別措置法": ("措置法", "租特法"),
}  # fmt: skip

_NAME_END = re.compile(r"(?:法|法律|令|規則|規程|条例|憲法|基準|則)$")
# Defined inside one law only and meaning another law in the next: 旧法, 改正後厚年令, 特別措置法 …
_LOCAL = re.compile(r"^(?:旧|新|本|改正|平成|昭和|令和|附則|別表|特別措置法|緊急措置法|特例法|特例政令|特例省令|施行法|施行令|施行規則|整備法|基本法|刑事特別法|設置法|法|令|規則)")  # fmt: skip
_NUMBER = r"(?:明治|大正|昭和|平成|令和)[^（）。、「」]{1,10}年[^（）。、「」]{1,14}第[^（）。、「」]{1,10}号"
_DEFINITION = re.compile(
    rf"（({_NUMBER})(?:。以下(?:この[^「」（）。]{{1,12}}において)?「([^」（）]{{1,30}})」という)?"
)
_PLAIN_NAME = re.compile(r"(?:^|[^一-龥々ァ-ヶー])([一-龥々ァ-ヶー]{2,30}(?:法|令|規則|規程))$")


def name_key(text: str) -> str:
    """The name as it is compared."""
    return "".join(normalize(text).split())


def title_names(title: str) -> list[str]:
    """The title, and the inner one of ``昭和…号（私的独占の禁止及び公正取引の確保に関する法律）``."""
    matched = re.fullmatch(rf"{_NUMBER}（(.+)）", title)
    return [title, matched[1]] if matched else [title]


def mined_names(
    texts: Iterable[str], numbers: Mapping[str, str], titles: Mapping[str, str]
) -> Counter[tuple[str, str, str]]:
    """How often each (name, law_id, kind) is used for a law whose number stands beside it.

    ``numbers`` maps law number → law id, ``titles`` law id → today's title. ``defined``: 「以下「金商法」という」;
    ``former``: another name before the same number (薬事法（昭和三十五年法律第百四十五号）).
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for text in texts:
        if "号" not in text:
            continue
        for match in _DEFINITION.finditer(text):
            law_id = numbers.get(match[1])
            if law_id is None:
                continue
            if match[2] and _NAME_END.search(match[2]) and not _LOCAL.match(match[2]) and len(match[2]) > 2:
                found[match[2], law_id, "defined"] += 1
            before = text[max(0, match.start() - 60) : match.start()]
            plain = _PLAIN_NAME.search(before)
            if plain and not before.endswith(titles[law_id]) and not _LOCAL.match(plain[1]):
                found[plain[1], law_id, "former"] += 1
    return found


def defined_short_names(texts: Iterable[str], numbers: Mapping[str, str]) -> dict[str, str]:
    """What a law calls other laws in its own text (法, 令, 旧法 …): folded word → law id, the first definition of each."""
    found: dict[str, str] = {}
    for text in texts:
        if "以下" not in text or "号" not in text:
            continue
        for match in _DEFINITION.finditer(text):
            law_id = numbers.get(match[1])
            if law_id and match[2]:
                found.setdefault(name_key(match[2]), law_id)
    return found


def common_names(titles: Mapping[str, str]) -> list[tuple[str, str, str, int]]:
    """(name, law_id, ``common``, 1) of the everyday abbreviations of the laws in ``titles`` (law id → title)."""
    return [
        (name, law_id, "common", 1)
        for law_id, title in titles.items()
        for known in title_names(title)
        for name in COMMON.get(known, ())
    ]


@dataclass(frozen=True, slots=True)
class NameSpan:
    """A law named in a folded text."""

    start: int
    end: int
    name: str  # as folded
    law_ids: tuple[str, ...]  # more than one: the name is ambiguous


class LawNames:
    """Finds law names in text, the longest at each place."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """``rows``: (name, law_id, kind)."""
        best: dict[str, tuple[int, set[str]]] = {}
        self._titles: dict[str, str] = {}
        for name, law_id, kind in rows:
            if kind == "title":
                self._titles.setdefault(law_id, name)
            key, rank = name_key(name), KINDS.index(kind)
            known = best.get(key)
            if known is None or rank < known[0]:
                best[key] = (rank, {law_id})
            elif rank == known[0]:
                known[1].add(law_id)
        self._laws = {key: tuple(sorted(law_ids)) for key, (_, law_ids) in best.items() if len(key) > 1}
        lengths: dict[str, set[int]] = defaultdict(set)
        for key in self._laws:
            lengths[key[-1]].add(len(key))
        # Keyed by what stands before the article, which is a law name too.
        self._with_article: dict[str, list[str]] = defaultdict(list)
        for key in self._laws:
            inner = re.search(r"第\d+条", key) if "条" in key else None
            if inner:
                self._with_article[key[: inner.start()]].append(key)
        self._lengths = {last: sorted(some, reverse=True) for last, some in lengths.items()}

    def longer_name(self, folded: str, start: int, law_text: str) -> bool:
        """Whether a name that holds an article itself (金融商品取引法第二条に規定する定義に関する…) starts at ``start``."""
        return any(folded.startswith(name, start) for name in self._with_article.get(law_text, ()))

    def title(self, law_id: str) -> str:
        """Title of a law."""
        return self._titles[law_id]

    def lookup(self, name: str) -> tuple[str, ...]:
        """Ids of the laws of this name; empty when unknown."""
        return self._laws.get(name_key(name), ())

    def find(self, folded: str) -> list[NameSpan]:
        """Every law named in the text, in order; names inside longer names left out."""
        spans: list[NameSpan] = []
        for end in range(1, len(folded) + 1):
            span = self.ending_at(folded, end)
            if span is None:
                continue
            while spans and spans[-1].start >= span.start:
                spans.pop()
            if not spans or spans[-1].end <= span.start:
                spans.append(span)
        return spans

    def ending_at(self, folded: str, end: int) -> NameSpan | None:
        """The longest law name that ends at position ``end``."""
        for length in self._lengths.get(folded[end - 1 : end], ()):
            start = end - length
            if start < 0:
                continue
            laws = self._laws.get(folded[start:end])
            if laws and _stands_alone(folded, start, end):
                return NameSpan(start, end, folded[start:end], laws)
        return None


_WORD = re.compile(r"[一-龥々ァ-ヶー]")


def _stands_alone(text: str, start: int, end: int) -> bool:
    # 会社法人 is not 会社法, 旧民法 is not 民法, and 商法 does not stand in 金商法.
    before, after = text[start - 1 : start], text[end : end + 1]
    if after and after in "人務律制案典的学":
        return False
    if before in ("旧", "新"):
        return False
    return end - start > 4 or not _WORD.match(before)
