"""The authored text form of one invented law, read into chapters, articles, paragraphs and items.

The form is the one a printed statute has, so that an author writes law and not markup::

    題名: 汐凪市港湾条例
    （empty line ends the header）
    第一章　総則
    （目的）
    第一条　この条例は、…
    ２　前項の…
    一　item
    イ　subitem
    第十九条から第二十一条まで　削除
    附則　（令和六年汐凪市条例第三号）
    別表第一（第五条関係）
    ｜区分｜金額｜

Ruby is written ``｜艀《はしけ》``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.core.errors import DataError

_DIGITS = "一二三四五六七八九"
_KANJI = "[一二三四五六七八九十百]+"
_HEADER = re.compile(r"([^:：\s]+)[:：]\s*(.*)")
_CHAPTER = re.compile(rf"第({_KANJI})章((?:の{_KANJI})*)　.+")
_SECTION = re.compile(rf"第({_KANJI})節((?:の{_KANJI})*)　.+")
_ARTICLE = re.compile(rf"(第({_KANJI})条((?:の{_KANJI})*)(?:から第({_KANJI})条まで)?)　(.+)")
_CAPTION = re.compile(r"（[^。]+）")
_PARAGRAPH = re.compile(r"([０-９]+)　(.+)")
_ITEM = re.compile(rf"(({_KANJI})((?:の{_KANJI})*))　(.+)")
_SUBITEM = re.compile(r"([イロハニホヘトチリヌ])　(.+)")
_SUPPLEMENT = re.compile(r"附則(?:　（(.+)）)?")
_TABLE = re.compile(rf"(別表第{_KANJI})（(.+関係)）")
_RUBY = re.compile(r"｜([^｜《》]+)《([^《》]+)》")

HEADER_KEYS = ("題名", "かな", "略称", "番号", "元号", "年", "号", "公布", "種別", "法令ID", "履歴ID")


@dataclass(frozen=True, slots=True)
class Subitem:
    """イロハ under an item."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """号: ``num`` is ``2`` or ``2_2``, ``label`` as printed (``二``)."""

    num: str
    label: str
    text: str
    subitems: tuple[Subitem, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """項: ``label`` is the printed number, empty where none is printed."""

    num: int
    label: str
    text: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A chapter or section: ``num`` as in the XML, ``title`` as printed."""

    num: str
    title: str


@dataclass(frozen=True, slots=True)
class Article:
    """条: ``num`` is ``3``, ``3_2`` (第三条の二) or ``19:21`` (a deleted range)."""

    num: str
    title: str
    caption: str
    paragraphs: tuple[Paragraph, ...]
    chapter: Heading | None = None
    section: Heading | None = None

    @property
    def deleted(self) -> bool:
        """Whether the article only says 削除."""
        return self.paragraphs[0].text == "削除"


@dataclass(frozen=True, slots=True)
class Supplement:
    """附則: of the law itself, or of an amending law whose number is ``amend_law_num``."""

    amend_law_num: str | None
    articles: tuple[Article, ...]
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """別表: its first row is the header."""

    title: str
    related: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SampleLaw:
    """One invented law; ``header`` has every key of HEADER_KEYS."""

    header: dict[str, str]
    articles: tuple[Article, ...]
    supplements: tuple[Supplement, ...]
    tables: tuple[Table, ...]

    @property
    def title(self) -> str:
        """法令名."""
        return self.header["題名"]

    @property
    def law_id(self) -> str:
        """法令ID."""
        return self.header["法令ID"]

    @property
    def revision_id(self) -> str:
        """Name of the folder and file in the layout of e-Gov's bulk download."""
        return self.header["履歴ID"]

    def article(self, num: str) -> Article:
        """The article numbered ``num``. Raises DataError."""
        for article in self.articles:
            if article.num == num:
                return article
        raise DataError(f"{self.title}: 第{num}条 がありません。")


def kanji_number(text: str) -> int:
    """``百二十三`` as 123; for 1 to 999."""
    hundreds, _, rest = text.rpartition("百")
    tens, found, ones = rest.rpartition("十")
    total = (_DIGITS.index(hundreds) + 1 if hundreds else 1) * 100 if "百" in text else 0
    if found:
        total += (_DIGITS.index(tens) + 1 if tens else 1) * 10
    return total + (_DIGITS.index(ones) + 1 if ones else 0)


def plain(text: str) -> str:
    """``text`` without its ruby."""
    return _RUBY.sub(r"\1", text)


def ruby_parts(text: str) -> Iterator[tuple[str, str | None]]:
    """(text, None) for plain pieces and (base, reading) for ruby, in order."""
    end = 0
    for match in _RUBY.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], None
        yield match[1], match[2]
        end = match.end()
    if end < len(text):
        yield text[end:], None


def split_sentences(text: str) -> list[str]:
    """Sentences of a provision; a 。 inside （） or 「」 ends none."""
    sentences, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "（「") - (character in "）」")
        if character == "。" and depth == 0:
            sentences.append(text[start : position + 1])
            start = position + 1
    return [*sentences, text[start:]] if start < len(text) else sentences


def _branch(number: str, branches: str) -> str:
    parts = [number, *(part for part in branches.split("の") if part)]
    return "_".join(str(kanji_number(part)) for part in parts)


@dataclass
class _Reader:
    """Collects lines into provisions; each list holds what is open and not closed yet."""

    place: str
    articles: list[Article] = field(default_factory=list)
    supplements: list[Supplement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    chapter: Heading | None = None
    section: Heading | None = None
    caption: str = ""
    title: str = ""
    num: str = ""
    paragraphs: list[Paragraph] = field(default_factory=list)
    in_supplement: bool = False
    amend_law_num: str | None = None
    supplement_articles: list[Article] = field(default_factory=list)

    def close_article(self) -> None:
        """Store the open article, if any."""
        if not self.title:
            return
        article = Article(self.num, self.title, self.caption, tuple(self.paragraphs), self.chapter, self.section)
        (self.supplement_articles if self.in_supplement else self.articles).append(article)
        self.title, self.caption, self.paragraphs = "", "", []

    def close_supplement(self) -> None:
        """Store the open 附則, if any; what follows 附則 has no chapter."""
        self.close_article()
        self.chapter = self.section = None
        if self.in_supplement:
            articles, paragraphs = tuple(self.supplement_articles), tuple(self.paragraphs)
            self.supplements.append(Supplement(self.amend_law_num, articles, paragraphs))
            self.supplement_articles, self.paragraphs = [], []
        self.in_supplement = False

    def read(self, line: str) -> None:
        """Take one line that is not empty. Raises DataError for a line that fits nowhere."""
        if match := _SUPPLEMENT.fullmatch(line):
            self.close_supplement()
            self.in_supplement, self.amend_law_num = True, match[1]
        elif match := _TABLE.fullmatch(line):
            self.close_supplement()
            self.tables.append(Table(match[1], f"（{match[2]}）", ()))
        elif self.tables and line.startswith("｜") and line.endswith("｜"):
            table = self.tables.pop()
            self.tables.append(Table(table.title, table.related, (*table.rows, tuple(line.strip("｜").split("｜")))))
        elif match := _CHAPTER.fullmatch(line):
            self.close_article()
            self.chapter, self.section = Heading(_branch(match[1], match[2]), line), None
        elif match := _SECTION.fullmatch(line):
            self.close_article()
            self.section = Heading(_branch(match[1], match[2]), line)
        elif _CAPTION.fullmatch(line):
            self.close_article()
            self.caption = line
        elif match := _ARTICLE.fullmatch(line):
            caption = self.caption if not self.title else ""
            self.close_article()
            last = f":{kanji_number(match[4])}" if match[4] else ""
            self.title, self.num, self.caption = match[1], _branch(match[2], match[3]) + last, caption
            self.paragraphs = [Paragraph(1, "", match[5])]
        elif match := _PARAGRAPH.fullmatch(line):
            self.paragraphs.append(Paragraph(int(match[1]), match[1], match[2]))
        elif self.paragraphs and (match := _ITEM.fullmatch(line)):
            self._add_item(Item(_branch(match[2], match[3]), match[1], match[4]))
        elif self.paragraphs and self.paragraphs[-1].items and (match := _SUBITEM.fullmatch(line)):
            last_item = self.paragraphs[-1].items[-1]
            subitems = (*last_item.subitems, Subitem(match[1], match[2]))
            self._replace_last_item(Item(last_item.num, last_item.label, last_item.text, subitems))
        elif self.in_supplement and not self.title and not self.paragraphs:
            self.paragraphs = [Paragraph(1, "", line)]
        else:
            raise DataError(f"{self.place}: 「{line[:20]}」を条・項・号のどれとしても読めません。")

    def _add_item(self, item: Item) -> None:
        last = self.paragraphs.pop()
        self.paragraphs.append(Paragraph(last.num, last.label, last.text, (*last.items, item)))

    def _replace_last_item(self, item: Item) -> None:
        last = self.paragraphs.pop()
        self.paragraphs.append(Paragraph(last.num, last.label, last.text, (*last.items[:-1], item)))


def parse_law(text: str, source: str) -> SampleLaw:
    """The law in ``text``; ``source`` names the file in errors. Raises DataError with the line number."""
    head, _, body = text.partition("\n\n")
    header = {match[1]: match[2].strip() for line in head.split("\n") if (match := _HEADER.fullmatch(line.strip()))}
    if missing := [key for key in HEADER_KEYS if not header.get(key)]:
        raise DataError(f"{source}: 見出しに {'、'.join(missing)} がありません。")
    reader = _Reader(source)
    first = head.count("\n") + 3
    for number, line in enumerate(body.split("\n"), start=first):
        reader.place = f"{source}: {number} 行目"
        if line.strip(" "):
            reader.read(line.strip(" "))
    reader.close_supplement()
    nums = [article.num for article in reader.articles]
    if repeated := sorted({num for num in nums if nums.count(num) > 1}):
        raise DataError(f"{source}: 第{repeated[0]}条 が二つあります。")
    return SampleLaw(header, tuple(reader.articles), tuple(reader.supplements), tuple(reader.tables))
