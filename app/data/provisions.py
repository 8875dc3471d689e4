"""Gold context as provisions: law, article, paragraph, item and the text that stands under each heading.

lawqa_jp writes its contexts as Markdown: ``## 法令名``, ``### 第27条の2``, ``#### 第1項``, ``##### 第3号``. Digits may be
full-width or kanji, a level may be left out, and some laws are guidelines or Q&A whose sections are numbered in their own
way (``#### 4-2``, ``### （問12）``, ``###### Ⅲ－２－４ …``). The text of a retrieved context, whose headings read
``[1] 法令名 第N条第M項``, is read by the same function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ..core.questions import ArticleRef, plain
from .folding import fold_text
from .headings import (
    SUBITEM_NAME,
    SUPPLEMENT,
    WHOLE_TEXT,
    Changes,
    annex,
    in_supplement,
    named,
    named_subitem,
    section,
    without_title,
)
from .law_numbers import FOLDED_BRANCH, article_label, folded_key, item_label, paragraph_label

_HEADING = re.compile(r"[ \t　]*(#{1,7})[ \t　]*(\S.*)")
_PASSAGE = re.compile(r"\[(\d+)\][ \t　]*(\S.*)")
# A retrieved article has its paragraphs and items at the beginning of lines.
_PART = re.compile(
    r"[ \t　]*(第[0-9０-９]+[項号](?:の[0-9０-９]+)*|[一二三四五六七八九十百]+(?:の[一二三四五六七八九十]+)*"
    rf"|{SUBITEM_NAME})　+"
)
_ANSWER = re.compile(r"\(?(?:答え?|回答|A\d*)\)?")
_STRUCTURE = re.compile(r"第\d+[編章節款目部]")
_NUMBER = rf"第?(\d+)条({FOLDED_BRANCH})"
_CITED = re.compile(rf"(附則)?{_NUMBER}(?:第(\d+)項)?(?:第(\d+)号({FOLDED_BRANCH}))?")


@dataclass(frozen=True, slots=True)
class Provision:
    """The text under one heading, with the headings it stands under."""

    law: str  # as written in the heading
    article: str  # "27_2" of 第27条の2; for a guideline its section, "4-2", "問12"; "本文" where nothing is named
    paragraph: str | None  # number of the 項
    item: str | None  # number of the 号, "2_3" for 第2号の3
    subitem: str | None  # イ, ロ, ハ
    is_article: bool  # a 条 of a law, not a section of a guideline
    text: str  # without the heading
    start: int  # position of the text in the context
    together: str | None = None  # what the heading calls several articles that have the text in common

    @property
    def ref(self) -> ArticleRef:
        """The provision as a question's gold article; the law's title in the form that clusters compare."""
        return ArticleRef(law_key(self.law), self.article, self.paragraph, self.item)

    @property
    def label(self) -> str:
        """How the provision is named in Japanese, without the law: ``第27条の2第1項第3号イ``."""
        parts = [self.together or ("" if self.article == WHOLE_TEXT else section_label(self.article))]
        if self.paragraph is not None:
            parts.append(paragraph_label(self.paragraph))
        if self.item is not None:
            parts.append(item_label(self.item))
        return "".join(parts) + (self.subitem or "")


def law_key(title: str) -> str:
    """A law's title for comparison: folded widths, without trailing abbreviations and editions in round brackets.

    ``…留意事項について（企業内容等開示ガイドライン）`` and ``…留意事項について`` are one document. Kanji numbers stay.
    """
    folded = plain(title)
    return re.sub(r"(?:\([^()]*\))+$", "", folded) or folded


def article_key(law_title: str, part: str, article: str, title: str = "") -> tuple[str, str]:
    """A retrieved article as the gold articles of a question name it; ``part`` and ``title`` as in RetrievedPassage.

    Appendices have no number, only their ``title`` tells them apart: it is read as a heading would be.
    """
    if part == "appendix":
        return (law_key(law_title), section([title]))
    return (law_key(law_title), article if part in ("main", "preamble") else f"附則{article}")


def section_label(article: str) -> str:
    """``27_2`` as ``第27条の2``, ``附則1`` as ``附則第1条``; a guideline's section, which is no number, as it is."""
    head, key = ("附則", article[2:]) if article.startswith("附則") else ("", article)
    return head + article_label(key) if re.fullmatch(r"\d+(?:_\d+)*(?::\d+(?:_\d+)*)?", key) else article


def parse_provisions(context: str) -> list[Provision]:
    """The provisions of a context in the order in which they stand; headings without text of their own are left out.

    An article that is named by a heading only (no text under it) is still returned, with empty text, so that every
    gold article is known. The text under 第709条、第710条 is returned for each of the articles.
    """
    found: list[Provision] = []
    here = _Reader()
    lines: list[str] = []
    retrieved = False
    start = position = 0

    def close() -> None:
        text = "\n".join(lines)
        stripped = text.strip()
        here.supplement_said |= bool(stripped) and here.place.article == SUPPLEMENT
        for one in _each(here.place):
            if stripped:
                found.append(replace(one, text=stripped, start=start + text.index(stripped[0])))
            elif one.is_article and not any(other.ref.article_key == one.ref.article_key for other in found):
                found.append(replace(one, text="", start=start))

    for line in context.split("\n"):
        heading, passage = _HEADING.fullmatch(line), _PASSAGE.fullmatch(line)
        part = _PART.match(line) if retrieved and not passage else None
        if heading or passage or part:
            close()
            lines, start = [], position + len(line) + 1
        if heading:
            retrieved = False
            here.under(len(heading.group(1)), heading.group(2).strip())
        elif passage:
            here = _Reader(_retrieved(passage.group(2).strip()))
            retrieved = True
        elif part:
            number = part.group(1)
            here.enter(3, _item_name(number) if number[0] in "一二三四五六七八九十百" else number)
            lines, start = [line[part.end() :]], position + part.end()
        else:
            lines.append(line)
        position += len(line) + 1
    close()
    return _with_own_articles(found)


@dataclass
class _Reader:
    """Where the headings read so far have led."""

    place: Provision = Provision("", WHOLE_TEXT, None, None, None, False, "", 0)
    title_level: int = 0  # of the heading that named the law
    supplement: int = 0  # level of the heading 附則 that this stands under, 0 outside of one
    supplement_said: bool = False  # text stands under 附則 itself, which then has no articles beside it
    sections: list[tuple[int, str]] = field(default_factory=list)  # of a guideline, with their levels

    def under(self, level: int, title: str) -> None:
        """Go on under a heading."""
        key = fold_text(title).upper()
        if level <= 2 and not (level == 2 and self._inside_title(title, key)):
            law, rest = without_title(title) or (title, "")
            self.place = Provision(law, WHOLE_TEXT, None, None, None, False, "", 0)
            self.title_level, self.supplement, self.sections = level, 0, []
            if rest:
                self.enter(level, rest)
        elif _ANSWER.fullmatch(key):
            self.place = replace(self.place, paragraph=None, item=None, subitem=None)  # it belongs to its question
        else:
            self.sections = [one for one in self.sections if one[0] < level]
            self.enter(level, title)

    def enter(self, level: int, title: str) -> None:
        """Go on at what the heading names below the law."""
        changes = self._named(title) or named_subitem(title)
        if changes is None:
            self.sections.append((level, title))
            changes = _section_of(self.sections)
        if changes.get("article") == SUPPLEMENT and changes["paragraph"] is None:
            self.supplement, self.supplement_said = level, False
        elif self.supplement and (level > self.supplement or (level == self.supplement and not self.supplement_said)):
            changes = in_supplement(changes)
        elif level <= self.supplement:
            self.supplement = 0
        self.place = replace(self.place, **changes)

    def _named(self, title: str) -> Changes | None:
        return named(title, fold_text(law_key(self.place.law)).upper(), in_article=self.place.is_article)

    def _inside_title(self, title: str, key: str) -> bool:
        """Whether a heading of the second level stands inside the law that one of the first names (# 民法, ## 第709条)."""
        return self.title_level == 1 and bool(self._named(title) or _STRUCTURE.match(key))


def _with_own_articles(found: list[Provision]) -> list[Provision]:
    # An empty article entry made by its heading is dropped when a paragraph under it has text, or 附則 an article.
    filled = {provision.ref.article_key for provision in found if provision.text}
    filled |= {(law, SUPPLEMENT) for law, article in filled if article.startswith(SUPPLEMENT)}
    return [provision for provision in found if provision.text or provision.ref.article_key not in filled]


def _each(place: Provision) -> list[Provision]:
    """The place for each article that its heading names."""
    return [replace(place, article=one) for one in place.article.split("、")] if place.is_article else [place]


def _item_name(number: str) -> str:
    """``二の三`` as ``第二号の三``."""
    first, *branches = number.split("の")
    return f"第{first}号" + "".join(f"の{branch}" for branch in branches)


def _section_of(sections: list[tuple[int, str]]) -> Changes:
    """The place of a heading that names no provision, by it and those above it."""
    name = section([title for _, title in sections])
    return {"article": name, "is_article": False, "together": None, "paragraph": None, "item": None, "subitem": None}


def _retrieved(title: str) -> Provision:
    """The place named by ``法令名 第27条の2第1項``, the heading of a retrieved passage."""
    law, _, label = title.rpartition(" ")
    match = _CITED.match(fold_text(label))
    if not law or not match:
        law, _, label = title.partition(" ")  # 別表第一（第三条関係）, or a guideline's section: 第4 12
        return Provision(law, annex(label) or label.strip() or WHOLE_TEXT, None, None, None, False, "", 0)
    supplement, article, branch, paragraph, item, item_branch = match.groups()
    return Provision(law.strip(), (supplement or "") + folded_key(article, branch), paragraph,
                     folded_key(item, item_branch) if item else None, None, True, "", 0)  # fmt: skip


def gold_articles(context: str | None) -> tuple[ArticleRef, ...]:
    """Every provision that the context's headings name, in order, each once."""
    if not context:
        return ()
    refs = [provision.ref for provision in parse_provisions(context) if provision.law]
    return tuple(dict.fromkeys(refs))
