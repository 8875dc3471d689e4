"""A paragraph of a law as a context shows it, and which paragraphs are not used at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...egov.law import Article, Law, Paragraph, Part
from ...law_numbers import article_label, item_label, paragraph_label
from ..words.references import kanji_numbers, resolve
from ..words.spelling import hiragana_share, modern_kana, sentences, without_definitions

MIN_HIRAGANA_SHARE = 0.8  # below it a law is written in prewar katakana
MAX_LIST_ITEMS = 12
MIN_ITEM_CHARS, MAX_ITEM_CHARS = 2, 70
_STRUCK_OUT = re.compile(r"[\s―－ー─-]+")
_UNUSABLE_ITEM = re.compile(r"^その他|^前|前号|各号|準用|別表|次に|次の|のほか|については、")


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


def citation(title: str, passage: Passage, item: str | None, *, digits: bool, named: bool) -> str:
    """``借地借家法第13条第2項第1号``; the paragraph is left out where the article has one only."""
    paragraph = "" if passage.alone else paragraph_label(passage.paragraph)
    label = article_label(passage.article) + paragraph + item_label(item)
    if not digits:
        label = kanji_numbers(label)
    return (title if named else "") + label


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
    if has_lost_its_levels(paragraph):
        return "号とその下のイ・ロの区別がない"
    return ""


# 「次のイ又はロに掲げる場合の区分に応じ」, 「次に掲げる事項」: what follows stands below it.
_ABOVE = re.compile(
    r"次に掲げる|次の(?:各号|いずれ|とおり|[ァ-ヶ])|(?<![ァ-ヶー])[イロハニホヘト](?:又は|若しくは|及び|並びに|から|に|の)"
)


def has_lost_its_levels(paragraph: Paragraph) -> bool:
    """Whether its 号 have no printed numbers and one of them goes on in イ, ロ, which then were numbered as 号.

    So it is where a law's structure was inferred from its text; e-Gov's own files print every number.
    """
    items = [part for part in paragraph.parts if part.num]
    return not any(part.title for part in items) and any(_ABOVE.search(part.text) for part in items)


def passage_of(title: str, article: Article, paragraph: Paragraph) -> Passage:
    """The paragraph as a context shows it, of the law with this title."""
    # 「第7号から第10号まで　削除」 has a key of two numbers.
    items = tuple(
        (part.num, _part_text(part))
        for part in paragraph.parts
        if part.num and ":" not in part.num and part.text.strip() != "削除" and not _STRUCK_OUT.fullmatch(part.text)
    )
    caption = (article.caption or paragraph.caption).strip("（）")
    return Passage(
        article.num, paragraph.num or "1", len(article.paragraphs) == 1, caption, paragraph.text.strip(), items, title
    )


def _part_text(part: Part) -> str:
    lines = [part.text.strip()]
    lines += [f"- {child.title}　{_part_text(child)}" if child.title else _part_text(child) for child in part.children]
    return "\n".join(lines)


def article_keys(law: Law) -> tuple[str, ...]:
    """Keys of the articles of the main provisions in their order, without ranges that were repealed."""
    return tuple(article.num for article in law.main.articles if article.num and ":" not in article.num)


def cleaned(sentence: str, title: str, keys: tuple[str, ...], article: str, paragraph: str) -> str | None:
    """The sentence without defining brackets, its references written out; None where it says too little by itself."""
    plain = without_definitions(sentence)
    return None if plain is None else resolve(plain, title=title, articles=keys, article=article, paragraph=paragraph)


def plain_items(paragraph: Paragraph, clean: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """Key and words of the 号 that are one short phrase of their own, as ``clean`` leaves them; none of a long list."""
    if len(paragraph.parts) > MAX_LIST_ITEMS or has_lost_its_levels(paragraph):
        return
    for part in paragraph.parts:
        length = len(part.text.strip())
        if not part.num or part.children or "　" in part.text or not MIN_ITEM_CHARS <= length <= MAX_ITEM_CHARS:
            continue
        lines = sentences(modern_kana(part.text))
        words = clean(lines[0]) if len(lines) == 1 else None
        if words and not _UNUSABLE_ITEM.search(words):
            yield part.num, words
