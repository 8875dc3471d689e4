"""One reference to a provision as its text alone tells it, and where the text stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .law_names import Doubt


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
    part: str  # main, supplement, amendment or appendix
    article: str  # key; empty for a paragraph of a law or 附則 without articles; an appendix's name
    paragraph: str | None
    item: str | None
    joined_by: str  # 及び, から …: what stands between the reference before and this one; empty for other text
    subitem: str | None = None  # イ, イ(1), イ(1)(i)
    amending: str | None = None  # number of the amending law whose 附則 is meant
    doubt: Doubt = ""  # why ``near`` are no ``law_ids``
    near: tuple[str, ...] = ()  # laws that the name may mean
    excluded: bool = False  # 第三百十条を除く
    leads_on: bool = False  # what it is taken out of stands right behind it: 第七条を除く第五条から第八条まで
    loose: str = ""  # what stands behind 条 without saying what it counts: 94条2
    row: bool = False  # 別表第1の3の項: of the number of a table, the last part may be a row of it
    step: int = 0  # 前条 (-1) and 次条 (+1) of ``article``, which the reference before this one names
