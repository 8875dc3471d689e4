"""An invented law in the 法令標準XML of e-Gov (XMLSchemaForJapaneseLaw_v3), as bytes that are the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from lxml import etree

from tools.sample.law import (
    Article,
    Heading,
    Item,
    Paragraph,
    SampleLaw,
    Supplement,
    Table,
    ruby_parts,
    split_sentences,
)


def _text(parent: etree._Element, tag: str, text: str, **attributes: str) -> etree._Element:
    """Append ``<tag>`` with ``text``, its ruby as Ruby/Rt elements."""
    element = etree.SubElement(parent, tag, attributes)
    last: etree._Element | None = None
    for piece, reading in ruby_parts(text):
        if reading is not None:
            last = etree.SubElement(element, "Ruby")
            last.text = piece
            etree.SubElement(last, "Rt").text = reading
        elif last is None:
            element.text = piece
        else:
            last.tail = piece
    return element


def _sentences(parent: etree._Element, text: str) -> None:
    sentences = split_sentences(text)
    has_proviso = any(sentence.startswith("ただし") for sentence in sentences[1:])
    for number, sentence in enumerate(sentences, start=1):
        attributes = {"Num": str(number), "WritingMode": "vertical"}
        if has_proviso:
            attributes = {"Function": "proviso" if sentence.startswith("ただし") else "main", **attributes}
        _text(parent, "Sentence", sentence, **attributes)


def _item_sentence(parent: etree._Element, text: str) -> None:
    """One sentence, or two columns where a full-width space parts a term from its value."""
    columns = text.split("　")
    if len(columns) == 1:
        _sentences(parent, text)
        return
    for number, column in enumerate(columns, start=1):
        _sentences(etree.SubElement(parent, "Column", Num=str(number)), column)


def _item(parent: etree._Element, item: Item) -> None:
    element = etree.SubElement(parent, "Item", Num=item.num)
    _text(element, "ItemTitle", item.label)
    _item_sentence(etree.SubElement(element, "ItemSentence"), item.text)
    for number, subitem in enumerate(item.subitems, start=1):
        child = etree.SubElement(element, "Subitem1", Num=str(number))
        _text(child, "Subitem1Title", subitem.label)
        _item_sentence(etree.SubElement(child, "Subitem1Sentence"), subitem.text)


def _paragraph(parent: etree._Element, paragraph: Paragraph) -> None:
    element = etree.SubElement(parent, "Paragraph", Num=str(paragraph.num))
    _text(element, "ParagraphNum", paragraph.label)
    _sentences(etree.SubElement(element, "ParagraphSentence"), paragraph.text)
    for item in paragraph.items:
        _item(element, item)


def _article(parent: etree._Element, article: Article) -> None:
    element = etree.SubElement(parent, "Article", Num=article.num)
    if article.caption:
        _text(element, "ArticleCaption", article.caption)
    _text(element, "ArticleTitle", article.title)
    for paragraph in article.paragraphs:
        _paragraph(element, paragraph)


def _grouped(articles: Sequence[Article], level: str) -> list[tuple[Heading | None, list[Article]]]:
    return [(heading, list(group)) for heading, group in groupby(articles, key=lambda one: getattr(one, level))]


def _range(articles: Sequence[Article]) -> str:
    """``（第三条―第九条）``, ``（第一条・第二条）`` or ``（第一条）``."""
    first, last = articles[0].title.partition("から")[0], articles[-1].title
    last = last.rpartition("から")[2].removesuffix("まで")
    if first == last:
        return f"（{first}）"
    return f"（{first}{'・' if len(articles) == 2 else '―'}{last}）"


def _toc(parent: etree._Element, law: SampleLaw) -> None:
    toc = etree.SubElement(parent, "TOC")
    _text(toc, "TOCLabel", "目次")
    for chapter, articles in _grouped(law.articles, "chapter"):
        if chapter is None:
            continue
        element = etree.SubElement(toc, "TOCChapter", Num=chapter.num)
        _text(element, "ChapterTitle", chapter.title)
        sections = _grouped(articles, "section")
        if sections == [(None, articles)]:
            _text(element, "ArticleRange", _range(articles))
        for section, members in sections:
            if section is not None:
                child = etree.SubElement(element, "TOCSection", Num=section.num)
                _text(child, "SectionTitle", section.title)
                _text(child, "ArticleRange", _range(members))
    if law.supplements:
        _text(etree.SubElement(toc, "TOCSupplProvision"), "SupplProvisionLabel", "附則")


def _main_provision(parent: etree._Element, law: SampleLaw) -> None:
    main = etree.SubElement(parent, "MainProvision")
    for chapter, articles in _grouped(law.articles, "chapter"):
        outer = main
        if chapter is not None:
            outer = etree.SubElement(main, "Chapter", Num=chapter.num)
            _text(outer, "ChapterTitle", chapter.title)
        for section, members in _grouped(articles, "section"):
            inner = outer
            if section is not None:
                inner = etree.SubElement(outer, "Section", Num=section.num)
                _text(inner, "SectionTitle", section.title)
            for article in members:
                _article(inner, article)


def _supplement(parent: etree._Element, supplement: Supplement) -> None:
    attributes = {"AmendLawNum": supplement.amend_law_num} if supplement.amend_law_num else {}
    element = etree.SubElement(parent, "SupplProvision", attributes)
    _text(element, "SupplProvisionLabel", "附　則")
    for article in supplement.articles:
        _article(element, article)
    for paragraph in supplement.paragraphs:
        _paragraph(element, paragraph)


def _table(parent: etree._Element, table: Table, number: int) -> None:
    appendix = etree.SubElement(parent, "AppdxTable", Num=str(number))
    _text(appendix, "AppdxTableTitle", table.title)
    _text(appendix, "RelatedArticleNum", table.related)
    element = etree.SubElement(etree.SubElement(appendix, "TableStruct"), "Table")
    for row in table.rows:
        cells = etree.SubElement(element, "TableRow")
        for cell in row:
            _sentences(etree.SubElement(cells, "TableColumn"), cell)


def law_xml(law: SampleLaw) -> bytes:
    """The XML file of ``law``: UTF-8, indented, with the declaration e-Gov's files open with."""
    header = law.header
    month, day = header["公布"].split("-")
    root = etree.Element(
        "Law",
        Era=header["元号"],
        Lang="ja",
        LawType=header["種別"],
        Num=header["号"],
        Year=header["年"],
        PromulgateMonth=month,
        PromulgateDay=day,
    )
    _text(root, "LawNum", header["番号"])
    body = etree.SubElement(root, "LawBody")
    _text(body, "LawTitle", law.title, Kana=header["かな"], Abbrev=header["略称"], AbbrevKana="")
    if law.articles[0].chapter is not None:
        _toc(body, law)
    _main_provision(body, law)
    for supplement in law.supplements:
        _supplement(body, supplement)
    for number, table in enumerate(law.tables, start=1):
        _table(body, table, number)
    _indent(root)
    content: bytes = etree.tostring(root, encoding="UTF-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + content + b"\n"


def _indent(element: etree._Element, depth: int = 0) -> None:
    """Indent elements that hold elements only; text and ruby stay untouched."""
    if (
        len(element) == 0
        or element.text is not None
        or any(child.tail for child in element)
        or element[0].tag == "Ruby"
    ):
        return
    element.text = "\n" + "  " * (depth + 1)
    for child in element:
        _indent(child, depth + 1)
        child.tail = "\n" + "  " * (depth + 1)
    element[-1].tail = "\n" + "  " * depth
