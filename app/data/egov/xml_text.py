"""The text of 法令標準XML: parsed without DTD, entities or network, and every element as what a reader sees of it."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from ...core.errors import DataError
from .tables import table_lines

MAX_XML_BYTES = 64 * 2**20  # the largest law in force has 4 MB
_ROW_ENDS = {"ListSentence", "Sublist1Sentence", "Item", "TableStructTitle", "Paragraph", "RemarksLabel"}  # fmt: skip
_CELL_ENDS = {"Column", "ItemTitle"}
FIGURE = "〔図〕"  # where a figure or a formula stood that is only a picture
_SHOWN = {"Fig", "ArithFormula", "Table", "Sup"}  # shown as something else than their text
_INDENT = re.compile(r"[ \t]*[\r\n]\s*")


def parse_xml(data: bytes, name: str) -> Any:
    """Root element, parsed without DTD, entities or network. Raises DataError for anything that is not plain XML."""
    if len(data) > MAX_XML_BYTES:
        raise DataError(f"{name}: {len(data):,} バイトあります（上限 {MAX_XML_BYTES:,}）。法令XMLか確かめてください。")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True)  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DataError(
            f"{name}: XML として読めません（{error.lineno} 行目: {error.msg}）。ファイルを取り直してください。"
        ) from None
    if root.getroottree().docinfo.doctype:
        raise DataError(f"{name}: DOCTYPE（実体宣言）を含む XML は読みません。e-Gov の法令XMLを使ってください。")
    return root


def text_of(element: Any) -> str:
    """All text of an element in order, without ruby readings and without the indentation of pretty-printed XML.

    A figure is 〔図〕, a superscript ^8, a table one line a row (``tables.py``).
    """
    if not len(element) and element.tag not in _SHOWN:
        return _clean(element.text)
    pieces: list[str] = []
    _flatten(element, pieces)
    return "".join(pieces).strip("\n　")


def _clean(text: str | None) -> str:
    if not text:
        return ""
    return _INDENT.sub("", text) if "\n" in text else text


def _flatten(element: Any, pieces: list[str]) -> None:
    if element.tag == "Table":
        pieces.append("\n".join([*table_lines(element, text_of)[0], ""]))
    elif element.tag == "Fig" or (element.tag == "ArithFormula" and not "".join(element.itertext()).strip()):
        pieces.append(FIGURE)
    elif element.tag != "Rt":
        if element.tag == "Sup":
            pieces.append("^")
        pieces.append(_clean(element.text))
        for child in element:
            _flatten(child, pieces)
            pieces.append(_clean(child.tail))
        if element.tag in _ROW_ENDS:
            pieces.append("\n")
        elif element.tag in _CELL_ENDS:
            pieces.append("　")
