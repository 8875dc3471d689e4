"""Names that laws go by: titles, numbers, abbreviations, names other laws define for them, former names.

Names are compared folded (NFKC, no spaces, numbers in plain digits), so 昭和23年法律第25号 meets 昭和二十三年法律第二十五号.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...data.law_numbers import ERA, YEAR
from .tokens import normalize

# A name of a better kind hides the same name of a worse kind: 会社法 is the law of that title, whoever else defines it.
# ``local`` names lead nowhere for certain; ``stem`` is a name only right before a number (民709).
KINDS = ("title", "number", "common", "abbreviation", "defined", "former", "local")
STEM = "stem"
MIN_DEFINERS = 2  # laws outside a law's own family that must give it a name before others may use it

Doubt = Literal["", "local", "version"]

LAW_NUMBER = ERA + r"[^（）。、「」]{1,10}年[^（）。、「」]{1,14}第[^（）。、「」]{1,10}号"

_HELD = re.compile(r"\d+条|別表|様式|\d+項")
_SUFFIX_CHARS = 6  # a longer name is no common ending of titles
_REMARK = re.compile(
    r"(?<=[―\-][〇一二三四五六七八九0-9])（[^（）]+）$|(?<=[―\-][〇一二三四五六七八九0-9]{2})（[^（）]+）$"
)  # 人事院規則一四―七（政治的行為）
_ORDERS = ("施行令", "施行規則", "施行細則")
_WORD = re.compile(r"[一-龥々ァ-ヶー]")
# Words that end where a law's name begins, though no particle stands between.
_NEUTRAL = re.compile(r"(?:現行|上記|前記|前掲|下記|当該|同様|但し|ただし|及|又|各|右)$")
_VERSION = re.compile(
    r"(?:(?:改正(?:される|された)?[前後]|廃止前|施行前|旧|新)(?:の|における)?|改正|当時の"
    rf"|(?:\d{{4}}年|{YEAR})(?:\d+月(?:\d+日)?)?(?:改正[前後]?の?|(?:当時|時点|現在)?の))$"
)
_NUMBER_DASH = re.compile(r"(?<=\d)[‐‑‒–—―−─ー](?=\d)")
_VERSION_ENDS = "前後旧新正のる"  # its last characters: most names have none of them before
# What follows shows that the name is only the beginning of another law's.
_LONGER = re.compile(
    r"(?:等|及び[^。「」\n]{1,60}?|の[一1]部)?(?:の[一1]部を改正する|の[一1]部改正|の施行に伴う|の施行に関する|の特例|の整備|に関する|に基づく|に係る)"
    r"[^。「」\n]{0,80}?(?:法律|政令|省令|府令|規則)(?![一-龥])"
)


def name_key(text: str) -> str:
    """The name as it is compared."""
    return even_dashes("".join(normalize(text).split()))


def even_dashes(folded: str) -> str:
    """人事院規則14―7 and 14ー7 with the same dash, character for character."""
    return _NUMBER_DASH.sub("-", folded)


@dataclass(frozen=True, slots=True)
class NameSpan:
    """A law named in a folded text."""

    start: int
    end: int
    name: str  # as folded
    law_ids: tuple[str, ...]  # more than one: the name is ambiguous
    doubt: Doubt = ""  # local: a name some law uses for itself only; version: not today's text (旧, 改正前)


class LawNames:
    """Finds law names in text, the longest at each place."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """``rows``: (name, law_id, kind)."""
        best: dict[str, tuple[int, set[str]]] = {}
        stems: dict[str, set[str]] = defaultdict(set)
        self._titles: dict[str, str] = {}
        self._numbered: set[str] = set()
        for name, law_id, kind in rows:
            key = name_key(name)
            if kind == STEM:
                stems[key].add(law_id)
                continue
            if kind == "title":
                self._titles.setdefault(law_id, name)
                for other in {modern_spelling(name), _REMARK.sub("", name)} - {name}:
                    _take(best, name_key(other), KINDS.index("common"), law_id)
            if kind == "number":
                self._numbered.add(law_id)
            _take(best, key, KINDS.index(kind), law_id)
            if "・" in key and kind != "title":  # 動産・債権譲渡特例法 without its dot
                _take(best, key.replace("・", ""), KINDS.index(kind), law_id)
        local, former = KINDS.index("local"), KINDS.index("former")
        self._laws = {key: tuple(sorted(ids)) for key, (_, ids) in best.items() if len(key) > 1}
        self._local = {key for key, (rank, _) in best.items() if rank == local}
        self._former = {key for key, (rank, _) in best.items() if rank == former}
        self._stems = {key: tuple(sorted(ids)) for key, ids in stems.items()}
        self._lengths = _lengths(self._laws)
        self._stem_lengths = _lengths(self._stems)
        # Titles that hold what looks like a reference: 金商法第二条に規定する定義に関する…, 輸出令別表第二の規定に基づき….
        self._holding = [key for key in self._laws if _HELD.search(key)]
        # Keyed by what stands before the article, which is a law name too.
        self._with_article: dict[str, list[str]] = defaultdict(list)
        for key in self._laws:
            inner = re.search(r"第\d+条", key) if "条" in key else None
            if inner:
                self._with_article[key[: inner.start()]].append(key)

    def longer_name(self, folded: str, start: int, law_text: str) -> bool:
        """Whether a name that holds an article itself (金融商品取引法第二条に規定する定義に関する…) starts at ``start``."""
        return any(folded.startswith(name, start) for name in self._with_article.get(law_text, ()))

    def names_holding_references(self, folded: str) -> list[tuple[int, int]]:
        """Where the names stand that hold an article or a table themselves: nothing in them is a reference."""
        return [
            (match.start(), match.end())
            for key in self._holding
            if key in folded
            for match in re.finditer(re.escape(key), folded)
        ]

    def numbered(self, law_ids: Collection[str]) -> bool:
        """Whether the numbers (昭和…年法律第…号) of all these laws are known."""
        return bool(law_ids) and self._numbered.issuperset(law_ids)

    def former(self, name: str) -> bool:
        """Whether the name is only what a law was called before (証券取引法)."""
        return name_key(name) in self._former

    def title(self, law_id: str) -> str:
        """Title of a law."""
        return self._titles[law_id]

    def lookup(self, name: str) -> tuple[str, ...]:
        """Ids of the laws of this name; empty when unknown, or when only some law uses it for itself."""
        key = name_key(name)
        return () if key in self._local else self._laws.get(key, ())

    def find(self, folded: str, breaks: Collection[int] = ()) -> list[NameSpan]:
        """Every law named in the text for certain, in order; names inside longer names left out.

        ``breaks`` are places where a space stood before the text was folded: a name may begin there.
        """
        spans: list[NameSpan] = []
        for end in range(1, len(folded) + 1):
            span = self.ending_at(folded, end, breaks)
            if span is None or span.doubt or _LONGER.match(folded, end):
                continue
            while spans and spans[-1].start >= span.start:
                spans.pop()
            if not spans or spans[-1].end <= span.start:
                spans.append(span)
        return spans

    def ending_at(self, folded: str, end: int, breaks: Collection[int] = (), *, stems: bool = False) -> NameSpan | None:
        """The longest law name that ends at position ``end``; with ``stems`` also 民 and 刑訴, which stand before numbers."""
        if end < len(folded) and end not in breaks and folded[end] in _GOES_ON:
            return None
        listed = self._listed(folded, end, breaks, self._laws, self._lengths)
        if listed is None or listed.doubt == "local":  # 道交法施行令: some law's own word, but an Act's name and 施行令
            listed = self._order_of(folded, end, breaks) or listed
        return listed or (self._listed(folded, end, breaks, self._stems, self._stem_lengths) if stems else None)

    def _listed(
        self,
        folded: str,
        end: int,
        breaks: Collection[int],
        laws: Mapping[str, tuple[str, ...]],
        lengths: Mapping[str, Sequence[int]],
    ) -> NameSpan | None:
        for length in lengths.get(folded[end - 1 : end], ()):
            start = end - length
            name = folded[start:end] if start >= 0 else ""
            if name not in laws:
                continue
            begins = _begins(folded, start, breaks)
            if begins is not None:
                return NameSpan(start, end, name, laws[name], begins or ("local" if name in self._local else ""))
        return None

    def _order_of(self, folded: str, end: int, breaks: Collection[int]) -> NameSpan | None:
        """特商法施行規則: the order whose title is that of the Act 特商法 and 施行規則."""
        if folded[end - 1 : end] not in ("令", "則"):
            return None
        suffix = next((one for one in _ORDERS if folded.endswith(one, 0, end)), None)
        act = suffix and self._listed(folded, end - len(suffix), breaks, self._laws, self._lengths)
        if not suffix or not act:
            return None
        orders = {
            found
            for law_id in act.law_ids
            for title in title_names(self._titles.get(law_id, ""))
            for found in self.lookup(title + suffix)
        }
        return NameSpan(act.start, end, folded[act.start : end], tuple(sorted(orders)), act.doubt) if orders else None


def _take(best: dict[str, tuple[int, set[str]]], key: str, rank: int, law_id: str) -> None:
    """Enter a law under a name, if no law has it by a better kind."""
    known = best.get(key)
    if known is None or rank < known[0]:
        best[key] = (rank, {law_id})
    elif rank == known[0]:
        known[1].add(law_id)


# 会社法人 is not 会社法, 民法学 not 民法.
_GOES_ON = "人務律制案典的学犯"


def _begins(folded: str, start: int, breaks: Collection[int]) -> Doubt | None:
    """Whether a name can begin at ``start`` (None: it is the tail of a longer word), and as which version of the law."""
    if start > 0 and folded[start - 1] in _VERSION_ENDS and _VERSION.search(folded, max(0, start - 24), start):
        return "version"
    if start == 0 or start in breaks or not _WORD.match(folded[start - 1]):
        latin = start > 0 and start not in breaks and folded[start - 1 : start + 1].isascii()
        return None if latin and folded[start - 1 : start + 1].isalnum() else ""
    return "" if _NEUTRAL.search(folded, max(0, start - 6), start) else None


def _lengths(keys: Iterable[str]) -> dict[str, list[int]]:
    """Last character → lengths of the names that end with it, longest first."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for key in keys:
        lengths[key[-1]].add(len(key))
    return {last: sorted(some, reverse=True) for last, some in lengths.items()}


def modern_spelling(title: str) -> str:
    """失火ノ責任ニ関スル法律 as people write it today: 失火の責任に関する法律. Titles with hiragana stay as they are."""
    if re.search("[ぁ-ん]", title) or not re.search("[一-龥々][ノニヲ]", title):
        return title
    return re.sub("[ァ-ン]", lambda match: chr(ord(match[0]) - 0x60), title).replace("及", "及び")


def title_names(title: str) -> list[str]:
    """The title, and the inner one of ``昭和…号（私的独占の禁止及び公正取引の確保に関する法律）``."""
    matched = re.fullmatch(rf"{LAW_NUMBER}（(.+)）", title)
    return [title, matched[1]] if matched else [title]


def defined_kinds(
    definers: Mapping[tuple[str, str], Collection[str]],
    former: Iterable[tuple[str, str]],
    titles: Mapping[str, str],
) -> Iterator[tuple[str, str, str]]:
    """(name, law id, kind) of the names that laws give other laws: ``defined`` where others may use it, else ``local``.

    Names of ``former`` (name, law id) that are the ending of another law's title are no former title but its end: local.

    ``definers``: (name, law id) → ids of the laws that give it; ``titles``: law id → title. A name is anybody's when two
    laws outside the named law's own family (its orders) give it, all to that one law, and no other law's title ends
    with it: 補償法 is three laws' word for one and fits five.
    """
    targets: dict[str, set[str]] = defaultdict(set)
    for name, law_id in definers:
        targets[name].add(law_id)
    endings = Counter(title[-size:] for title in titles.values() for size in range(2, _SUFFIX_CHARS + 1))

    def shared(name: str, law_id: str) -> bool:
        return endings[name] - int(titles.get(law_id, "").endswith(name)) > 0

    for (name, law_id), given in sorted(definers.items()):
        title = title_names(titles.get(law_id, ""))[-1]
        others = [one for one in given if not (title and titles.get(one, "").startswith(title))]
        certain = len(others) >= MIN_DEFINERS and len(targets[name]) == 1
        yield name, law_id, "defined" if certain and not shared(name, law_id) else "local"
    for name, law_id in former:
        yield name, law_id, "local" if shared(name, law_id) else "former"
