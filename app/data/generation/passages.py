"""A paragraph of a law as a context shows it, and which paragraphs are not used at all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..egov.law import Article, Paragraph, Part
from .words.spelling import hiragana_share

MIN_HIRAGANA_SHARE = 0.8  # below it a law is written in prewar katakana
MAX_LIST_ITEMS = 12
MAX_ITEM_CHARS = 70
UNUSABLE_ITEM = re.compile(r"^その他|^前|前号|各号|準用|別表|次に|次の|のほか|については、")


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph as a context shows it."""

    article: str  # key of the 条
    paragraph: str  # number of the 項
    alone: bool  # the article has this paragraph only, so a citation does not name it
    caption: str  # （見出し） of the article, without its brackets
    lead: str  # 柱書, as printed
    items: tuple[tuple[str, str], ...]  # (key of the 号, text), subitems joined to it by line breaks
    law: str  # title

    @property
    def place(self) -> tuple[str, str, str]:
        """Law, article and paragraph."""
        return self.law, self.article, self.paragraph

    @property
    def chars(self) -> int:
        """Characters of the statute's words in it."""
        return len(self.lead) + sum(len(text) for _, text in self.items)

    @property
    def text(self) -> str:
        """Everything printed in it."""
        return "\n".join([self.lead, *(text for _, text in self.items)])


_APPLIES_OTHER = re.compile(r"準用(?:する|される|した)")
_REPLACES = re.compile(r"読み?替え|とあるのは")
_BY_REFERENCE = re.compile(r"「[^」]+」とは、[^。]{0,40}第[^。]{1,14}条[^。]{0,20}に規定する[^。]*をいう")


def unaskable(paragraph: Paragraph) -> str:
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


def passage_of(title: str, article: Article, paragraph: Paragraph) -> Passage:
    """The paragraph as a context shows it, of the law with this title."""
    # 「第7号から第10号まで　削除」 has a key of two numbers.
    items = tuple(
        (part.num, _part_text(part))
        for part in paragraph.parts
        if part.num and ":" not in part.num and part.text.strip() != "削除"
    )
    caption = (article.caption or paragraph.caption).strip("（）")
    return Passage(
        article.num, paragraph.num or "1", len(article.paragraphs) == 1, caption, paragraph.text.strip(), items, title
    )


def _part_text(part: Part) -> str:
    lines = [part.text.strip()]
    lines += [f"- {child.title}　{_part_text(child)}" if child.title else _part_text(child) for child in part.children]
    return "\n".join(lines)
