"""One law in e-Gov's 法令標準XML → articles 条, paragraphs 項, items 号, supplementary provisions 附則, tables 別表.

Read leniently (69 of 2,093 real Acts do not satisfy the schema) and without loss: an element that has no place of its
own is kept as a block of text where it stands, and named in ``Law.notes``. Ruby readings (Rt) are left out of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from ...core.errors import DataError
from ..law_numbers import article_key
from .law import Appendix, Article, Law, Paragraph, Part, PartKind, Provisions, TableHeader
from .tables import table_lines
from .xml_text import parse_xml, text_of

_REVISION = re.compile(r"([0-9A-Z]+)_(\d{4})(\d{2})(\d{2})_([0-9A-Z]+)$")
_HEADINGS = ("Part", "Chapter", "Section", "Subsection", "Division")
_ERA_START = {"Meiji": 1867, "Taisho": 1911, "Showa": 1925, "Heisei": 1988, "Reiwa": 2018}
# repeal_status of 法令API Version 2 that means that the law is law no more (Suspend is: its effect is put off).
REPEALED = {"Repeal": "廃止", "Expire": "失効", "LossOfEffectiveness": "実効性喪失"}
_REPEALING = "8"  # the amendment_type of a revision that repeals the law; its repeal_status may not say so


def how_repealed(repeal_status: str, amendment_type: str) -> str:
    """廃止, 失効 … as the API's ``revision_info`` says it; empty for a law that is law."""
    return REPEALED.get(repeal_status, REPEALED["Repeal"] if amendment_type == _REPEALING else "")


def revision_date(revision_id: str) -> str | None:
    """The day from which a revision is in force (ISO), as its id says it; None for a name that holds none."""
    matched = _REVISION.match(revision_id)
    return f"{matched[2]}-{matched[3]}-{matched[4]}" if matched else None


def law_id_in(revision_id: str) -> str:
    """The law id that a revision id begins with; a name that is no revision id is the law's id as a whole."""
    matched = _REVISION.match(revision_id)
    return matched[1] if matched else revision_id


def title_in(data: bytes) -> str:
    """The title in a law file, without reading the rest; empty where it has none."""
    matched = re.search(rb"<LawTitle[^>]*>([^<]*)<", data)
    return matched[1].decode("utf-8", "replace").strip() if matched else ""


def parse_law(data: bytes, name: str) -> Law:
    """The law in ``data``; ``name`` is its file name (``<revision id>.xml``), used for the id and in messages.

    Raises DataError when the XML is broken or holds no law.
    """
    root = parse_xml(data, name)
    # 法令API Version 2 wraps the law: law_data_response > law_full_text > Law.
    law = root if root.tag == "Law" else root.find(".//Law")
    body = None if law is None else law.find("LawBody")
    main = None if body is None else body.find("MainProvision")
    title = None if body is None else body.find("LawTitle")
    number = None if law is None else law.find("LawNum")
    law_num = "" if number is None else text_of(number).strip()
    # Four of 8,958 files have an empty LawTitle; they are known by their number.
    law_title = text_of(title).strip() if title is not None else ""
    if law is None or body is None or main is None or not (law_title or law_num):
        raise DataError(
            f"{name}: 法令標準XMLではありません（Law・LawTitle・MainProvision のいずれかがない）。"
            "e-Gov の法令XMLを使ってください。"
        )
    stem = PurePosixPath(name).stem
    reader = _Reader()
    main_provisions = Provisions("main", "", None, tuple(reader.articles(main, ())))
    supplements: list[Provisions] = []
    appendices: list[Appendix] = []
    before: list[Paragraph] = []
    for child in body:
        match child.tag:
            case "LawTitle" | "MainProvision" | "TOC":
                pass
            case "SupplProvision":
                supplements.append(reader.supplement(child, appendices))
            case "Preamble":
                before.extend(reader.paragraph(element) for element in child.iter("Paragraph"))
            case "EnactStatement":
                before.append(Paragraph("", "", "", text_of(child), ()))
            case _:
                appendices.append(reader.appendix(child))
    preamble = Provisions("preamble", "", None, (Article("", "", "", (), tuple(before), "", False),))
    return Law(
        law_id=law_id_in(stem),
        revision_id=stem,
        title=law_title or law_num,
        kana="" if title is None else title.get("Kana", ""),
        abbreviations=()
        if title is None
        else tuple(part for part in re.split("[,、，]", title.get("Abbrev", "")) if part),
        law_num=law_num,
        law_type=law.get("LawType", ""),
        promulgated=_promulgated(law),
        valid_from=revision_date(stem),
        main=main_provisions,
        preamble=preamble if before else None,
        supplements=tuple(supplements),
        appendices=tuple(appendices + reader.strays),
        notes=tuple(reader.notes if law_title else [*reader.notes, "LawTitle が空"]),
        repealed=how_repealed(
            root.findtext("./revision_info/repeal_status") or "", root.findtext("./revision_info/amendment_type") or ""
        ),
    )


def _promulgated(law: Any) -> str | None:
    start = _ERA_START.get(law.get("Era", ""))
    numbers = [law.get(key, "") for key in ("Year", "PromulgateMonth", "PromulgateDay")]
    if start is None or not all(number.isdigit() for number in numbers):
        return None
    year, month, day = map(int, numbers)
    return f"{start + year:04d}-{month:02d}-{day:02d}"


class _Reader:
    """Walks one law; keeps what stood in no known place."""

    def __init__(self) -> None:
        self.strays: list[Appendix] = []
        self.notes: list[str] = []

    def articles(self, container: Any, headings: tuple[str, ...]) -> Iterator[Article]:
        """Articles of a provision body in order; paragraphs without an article are gathered into one without number."""
        loose: list[Paragraph] = []
        empty = True
        for child in container:
            tag = child.tag
            if tag == "Paragraph":
                loose.append(self.paragraph(child))
                continue
            if loose:
                yield Article("", "", "", headings, tuple(loose), "", False)
                loose, empty = [], False
            if tag == "Article":
                empty = False
                yield self.article(child, headings)
            elif tag in _HEADINGS:
                empty = False
                heading = child.find(f"{tag}Title")
                yield from self.articles(child, (*headings, "" if heading is None else text_of(heading).strip()))
            elif not (tag.endswith("Title") or tag in ("SupplProvisionLabel",)):
                self.stray(child, container)
        if loose:
            yield Article("", "", "", headings, tuple(loose), "", False)
        elif empty and headings:
            # 第三章　削除: a heading with nothing under it is still part of the law.
            yield Article("", "", "", headings, (), "", True)

    def article(self, element: Any, headings: tuple[str, ...]) -> Article:
        """One article."""
        title = caption = ""
        paragraphs: list[Paragraph] = []
        notes: list[str] = []
        for child in element:
            match child.tag:
                case "ArticleTitle":
                    title = text_of(child).strip()
                case "ArticleCaption":
                    caption = text_of(child).strip()
                case "Paragraph":
                    paragraphs.append(self.paragraph(child))
                case _:
                    notes.append(text_of(child))
        return Article(
            num=element.get("Num") or article_key(title) or "",
            title=title,
            caption=caption,
            headings=headings,
            paragraphs=tuple(paragraphs),
            note="\n".join(notes),
            deleted=element.get("Delete") == "true" or _says_deleted(paragraphs),
        )

    def paragraph(self, element: Any) -> Paragraph:
        """One paragraph."""
        label = caption = text = ""
        parts: list[Part] = []
        for child in element:
            match child.tag:
                case "ParagraphNum":
                    label = text_of(child).strip()
                case "ParagraphCaption":
                    caption = text_of(child).strip()
                case "ParagraphSentence":
                    text += text_of(child)
                case "Item":
                    parts.append(self.item(child))
                case _:
                    parts.append(Part(None, "", text_of(child), ()))
        return Paragraph(element.get("Num", ""), label, caption, text, tuple(parts))

    def item(self, element: Any) -> Part:
        """One item or sub-item with what stands under it."""
        title = text = ""
        children: list[Part] = []
        for child in element:
            tag = child.tag
            if tag.endswith("Title") and not title:
                title = text_of(child).strip()
            elif tag.endswith("Sentence") and tag != "ListSentence":
                text += text_of(child)
            elif tag.startswith("Subitem"):
                children.append(self.item(child))
            else:
                children.append(Part(None, "", text_of(child), ()))
        return Part(element.get("Num", ""), title, text, tuple(children))

    def supplement(self, element: Any, appendices: list[Appendix]) -> Provisions:
        """One 附則; its tables go to ``appendices``."""
        label = element.find("SupplProvisionLabel")
        amend = element.get("AmendLawNum") or None
        for child in list(element):
            if child.tag.startswith("SupplProvisionAppdx"):
                appendices.append(replace(self.appendix(child), amend_law_num=amend))
                element.remove(child)
        kind: PartKind = "amendment" if amend else "supplement"
        text = "" if label is None else text_of(label).strip()
        return Provisions(kind, text, amend, tuple(self.articles(element, ())))

    def appendix(self, element: Any) -> Appendix:
        """別表, 様式 and the like."""
        title = related = ""
        pieces: list[str] = []
        for child in element:
            if child.tag.endswith("Title") and not title:
                title = text_of(child).strip()
            elif child.tag == "RelatedArticleNum":
                related = text_of(child).strip()
            else:
                pieces.append(text_of(child))
        if not len(element):
            pieces.append(text_of(element))
        text = "\n".join(piece for piece in pieces if piece)
        return Appendix(element.tag, element.get("Num"), title, related, text, _header_rows(element, text))

    def stray(self, element: Any, container: Any) -> None:
        """Keep an element that the schema does not put there."""
        text = text_of(element)
        if text.strip():
            self.notes.append(f"{container.tag} の中の {element.tag}")
            self.strays.append(Appendix(element.tag, element.get("Num"), "", "", text))


def _header_rows(element: Any, text: str) -> tuple[TableHeader, ...]:
    """Where the header rows of the tables under ``element`` stand among the lines of its text."""
    lines = text.split("\n")
    found: list[TableHeader] = []
    start = 0
    for table in element.iter("Table"):
        rows, headers = table_lines(table, text_of)
        if next(table.iterancestors("Table"), None) is not None or not rows or rows[0] not in lines[start:]:
            continue
        first = lines.index(rows[0], start)
        start = first + len(rows)
        if headers < len(rows):
            found.append(TableHeader(first, headers, start))
    return tuple(found)


def _says_deleted(paragraphs: list[Paragraph]) -> bool:
    return len(paragraphs) == 1 and not paragraphs[0].parts and paragraphs[0].text.strip() == "削除"
