"""A law as the program knows it: articles 条, paragraphs 項, items 号, supplementary provisions 附則, tables 別表."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PartKind = Literal["main", "supplement", "amendment", "preamble", "appendix"]


@dataclass(frozen=True, slots=True)
class Part:
    """An item 号, a sub-item イ・（１）, or a block (table, list, figure, quoted text) under a paragraph or item."""

    num: str | None  # key as in the XML (``2_2``); None for a block
    title: str  # 一, イ, （１） … as printed
    text: str  # the sentence itself; columns are separated by 　, table rows by newlines
    children: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph 項 with its lead sentence 柱書 (ただし書 included) and items."""

    num: str  # ``1``
    label: str  # ２, ② … as printed; empty for the first
    caption: str  # 見出し of a paragraph, where a law has no articles
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """An article 条. ``num`` is empty for provisions that stand without an article."""

    num: str  # ``27_2``, ``19:21`` for a deleted range, ``""``
    title: str  # 第二十七条の二
    caption: str  # （見出し）
    headings: tuple[str, ...]  # 編・章・節・款・目, outermost first
    paragraphs: tuple[Paragraph, ...]
    note: str  # SupplNote and anything else that stands in the article outside its paragraphs
    deleted: bool


@dataclass(frozen=True, slots=True)
class Provisions:
    """A body of articles: the main provisions, one 附則, or the preamble."""

    kind: PartKind
    label: str  # 附則 as printed; empty for the main provisions
    amend_law_num: str | None  # 改正法令番号 of an amending 附則
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class TableHeader:
    """Where a table stands among the lines of a text: what is repeated when the text is cut inside it."""

    start: int  # first line of the header
    rows: int  # lines of the header
    end: int  # after the last line of the table


@dataclass(frozen=True, slots=True)
class Appendix:
    """別表, 様式, 別記 … as text."""

    tag: str
    num: str | None
    title: str
    related: str  # （第三条関係）
    text: str
    tables: tuple[TableHeader, ...] = ()
    amend_law_num: str | None = None  # of the amending law in whose 附則 it stands


@dataclass(frozen=True, slots=True)
class Law:
    """One revision of one law."""

    law_id: str
    revision_id: str
    title: str
    kana: str
    abbreviations: tuple[str, ...]
    law_num: str  # 昭和二十三年法律第二十五号
    law_type: str  # Act, CabinetOrder …
    promulgated: str | None  # ISO date
    valid_from: str | None  # ISO date in the revision id; None when the name holds none
    main: Provisions
    preamble: Provisions | None
    supplements: tuple[Provisions, ...]
    appendices: tuple[Appendix, ...]
    notes: tuple[str, ...]  # what was not where the schema puts it
    repealed: str = (
        ""  # 廃止, 失効 … as the API says it of the revision; empty for a law, and where the file does not say
    )


def lines(paragraph: Paragraph) -> list[tuple[str, str]]:
    """The paragraph as (path, text) lines: path ``""`` for the lead 柱書, ``2_2`` for an item, ``2_2.1`` below it."""
    rows = [("", paragraph.text)]

    def walk(parts: tuple[Part, ...], path: str) -> None:
        for part in parts:
            here = path if part.num is None else f"{path}.{part.num}" if path else part.num
            rows.append((here, f"{part.title}　{part.text}" if part.title else part.text))
            walk(part.children, here)

    walk(paragraph.parts, "")
    return rows


def provisions_text(provisions: Provisions) -> str:
    """Everything the parsed articles hold, in document order, headings once: to be compared with the source."""
    pieces: list[str] = []
    last: tuple[str, ...] = ()
    for article in provisions.articles:
        same = 0
        while same < min(len(last), len(article.headings)) and last[same] == article.headings[same]:
            same += 1
        pieces.extend(article.headings[same:])
        last = article.headings
        pieces.extend((article.caption, article.title))
        for paragraph in article.paragraphs:
            pieces.extend((paragraph.caption, paragraph.label))
            pieces.extend(text for _, text in lines(paragraph))
        pieces.append(article.note)
    return "\n".join(pieces)
