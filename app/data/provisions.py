"""Gold context as provisions: law, article, paragraph, item and the text that stands under each heading.

lawqa_jp writes its contexts as Markdown: ``## 法令名``, ``### 第27条の2``, ``#### 第1項``, ``##### 第3号``. Digits may be
full-width or kanji, a level may be left out, and some laws are guidelines or Q&A whose sections are numbered in their own
way (``#### 4-2``, ``### （問12）``, ``###### Ⅲ－２－４ …``). The text of a retrieved context, whose headings read
``[1] 法令名 第N条第M項``, is read by the same function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..core.questions import ArticleRef, plain
from .folding import fold_text
from .law_numbers import FOLDED_BRANCH, IROHA, article_label, folded_key, item_label, paragraph_label

WHOLE_TEXT = "本文"
_SUBITEM_NAME = f"[{IROHA[:23]}]"  # the rest, ウ and ア among it, heads sections of guidelines
_HEADING = re.compile(r"[ \t　]*(#{1,7})[ \t　]*(\S.*)")
_PASSAGE = re.compile(r"\[(\d+)\][ \t　]*(\S.*)")
# A retrieved article has its paragraphs and items at the beginning of lines.
_PART = re.compile(
    r"[ \t　]*(第[0-9０-９]+[項号](?:の[0-9０-９]+)*|[一二三四五六七八九十百]+(?:の[一二三四五六七八九十]+)*"
    rf"|{_SUBITEM_NAME})　+"
)
_NUMBER = rf"第?(\d+)条({FOLDED_BRANCH})"
_NOTES = r"(?:\((?:[^()]|\([^()]*\))*\))*"
# 第 is left out where the digits cannot be those of a branch: 27条1項, but 第27条の2第1項.
_PARAGRAPH_OF = rf"(?:(?:第|(?<=[条則)]))(\d+)項{_NOTES})?"
_ITEM_OF = rf"(?:(?:第|(?<=[条項)]))(\d+)号({FOLDED_BRANCH}){_NOTES})?"
_ARTICLE = re.compile(rf"{_NUMBER}{_NOTES}")
_ARTICLE_RANGE = re.compile(rf"{_NUMBER}{_NOTES}(?:から|[~〜-])第?(\d+)条({FOLDED_BRANCH})(?:まで)?(?:\(.*\)|削除)?")
_PARAGRAPH = re.compile(r"第?(\d+)項(?:\(.*\))?")
_ITEM = re.compile(rf"第?(\d+)号({FOLDED_BRANCH})(?:\(.*\))?")
_SUBITEM = re.compile(rf"\(?({_SUBITEM_NAME})\)?")
_SUPPLEMENT = re.compile(rf"附則(?:\(.*?\))?(?:{_NUMBER}{_NOTES})?{_PARAGRAPH_OF}")
# All levels in one heading: 第27条の2(見出し)第1項第3号イ.
_COMBINED = re.compile(
    rf"(?:(附則){_NOTES})?{_NUMBER}{_NOTES}(?=第|(?<=[条)])\d){_PARAGRAPH_OF}{_ITEM_OF}"
    rf"({_SUBITEM_NAME})?(?:本文|ただし書き?|但書|柱書き?|前段|後段)?"
)
_ONE_OF_SEVERAL = (
    rf"(?:附則{_NOTES})?(?:第?\d+条{FOLDED_BRANCH}{_NOTES})?(?:第?\d+項{_NOTES})?(?:第?\d+号{FOLDED_BRANCH}{_NOTES})?"
)
_SEVERAL = re.compile(rf"(?=[附第\d]){_ONE_OF_SEVERAL}(?:(?:[、,・]|及び|並びに|又は|若しくは|と){_ONE_OF_SEVERAL})+")
_GUIDELINE = re.compile(rf"(?:.*\))?関係{_NOTES}")  # 第27条の2 関係, 第4条 （届出）関係: what a guideline says of it
_MOST_IN_RANGE = 100
_CITATION_WORDS = 8  # before a caption, at most: each is read by itself
_ANSWER = re.compile(r"\(?(?:答え?|回答|A\d*)\)?")
_QUESTION = re.compile(r"\(?(?:問|質問|Q)(\d+(?:-\d+)*)\)?")
_DASHED = re.compile(r"([A-Z]+|\d+)((?:-\d+)+)")
_NUMBERED = re.compile(r"(第\d+[章節款編部]?|[IVX]+(?=\.)|\d+(?![\d.]*[%年月日条項号]))")
_ANNEX = re.compile(
    rf"(?:別[表紙記図](?:様式|書式)?|様式|書式)第?\d+{FOLDED_BRANCH}(?:号(?:様式|書式)?{FOLDED_BRANCH})?"
    rf"|第?\d+号(?:様式|書式){FOLDED_BRANCH}|別[表紙記図](?:様式|書式)?"
)
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

    @property
    def ref(self) -> ArticleRef:
        """The provision as a question's gold article; the law's title in the form that clusters compare."""
        return ArticleRef(law_key(self.law), self.article, self.paragraph, self.item)

    @property
    def label(self) -> str:
        """How the provision is named in Japanese, without the law: ``第27条の2第1項第3号イ``."""
        parts = ["" if self.article == WHOLE_TEXT else section_label(self.article)]
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
        return (law_key(law_title), _section([title]))
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
    place = Provision("", WHOLE_TEXT, None, None, None, False, "", 0)
    sections: list[tuple[int, str]] = []
    lines: list[str] = []
    retrieved = False
    start = position = 0

    def close() -> None:
        text = "\n".join(lines)
        stripped = text.strip()
        for one in _each(place):
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
            level, title = len(heading.group(1)), heading.group(2).strip()
            if level <= 2:
                place = Provision(title, WHOLE_TEXT, None, None, None, False, "", 0)
                sections = []
            elif _ANSWER.fullmatch(fold_text(title).upper()):
                place = replace(place, paragraph=None, item=None, subitem=None)  # an answer belongs to its question
            else:
                sections = [section for section in sections if section[0] < level]
                place = _enter(place, sections, level, title)
        elif passage:
            place = _retrieved(passage.group(2).strip())
            sections, retrieved = [], True
        elif part:
            number = part.group(1)
            place = _enter(place, sections, 3, _item_name(number) if number[0] in "一二三四五六七八九十百" else number)
            lines, start = [line[part.end() :]], position + part.end()
        else:
            lines.append(line)
        position += len(line) + 1
    close()
    return _with_own_articles(found)


def _with_own_articles(found: list[Provision]) -> list[Provision]:
    # An empty article entry made by its heading is dropped when a paragraph under it has text.
    filled = {provision.ref.article_key for provision in found if provision.text}
    return [provision for provision in found if provision.text or provision.ref.article_key not in filled]


def _each(place: Provision) -> list[Provision]:
    """The place for each article that its heading names."""
    return [replace(place, article=one) for one in place.article.split("、")] if place.is_article else [place]


def _item_name(number: str) -> str:
    """``二の三`` as ``第二号の三``."""
    first, *branches = number.split("の")
    return f"第{first}号" + "".join(f"の{branch}" for branch in branches)


def _enter(place: Provision, sections: list[tuple[int, str]], level: int, title: str) -> Provision:
    """The place after a heading of level 3 or deeper."""
    if named := _named(place, title) or _captioned(place, title):
        return named
    if match := _SUBITEM.fullmatch(fold_text(title).upper()):
        return replace(place, subitem=match.group(1))
    sections.append((level, title))
    return replace(place, article=_section([title for _, title in sections]), is_article=False,
                   paragraph=None, item=None, subitem=None)  # fmt: skip


def _named(place: Provision, title: str) -> Provision | None:
    """The place that a heading names by number, None if it does not."""
    key = fold_text(title).upper()
    named = _without_law(key, place.law)
    if match := _COMBINED.fullmatch(named):
        supplement, article, branch, paragraph, item, item_branch, subitem = match.groups()
        return replace(place, article=(supplement or "") + folded_key(article, branch), is_article=True,
                       paragraph=paragraph, item=folded_key(item, item_branch) if item else None, subitem=subitem)  # fmt: skip
    if match := _ARTICLE.fullmatch(named) or _ARTICLE_RANGE.fullmatch(named):
        numbers = [folded_key(*pair) for pair in zip(*[iter(match.groups())] * 2, strict=True)]
        # What has been deleted is one article in the statute too.
        article = ":".join(numbers) if len(numbers) == 1 or named.endswith("削除") else "、".join(_between(*numbers))
        return replace(place, article=article, is_article=True, paragraph=None, item=None, subitem=None)
    if match := _SUPPLEMENT.fullmatch(named):
        article = "附則" + (folded_key(*match.group(1, 2)) if match.group(1) else "")
        return replace(place, article=article, is_article=True, paragraph=match.group(3), item=None, subitem=None)
    if match := _PARAGRAPH.fullmatch(key):
        return replace(place, paragraph=match.group(1), item=None, subitem=None)
    if match := _ITEM.fullmatch(key):
        return replace(place, item=folded_key(*match.group(1, 2)), subitem=None)
    return _several(place, named) if _SEVERAL.fullmatch(named) else None


def _between(first: str, last: str) -> list[str]:
    """The articles from the one to the other (``27_2`` to ``27_4``), as far as their numbers tell: those that stand
    between with a branch of their own (``27_3_2``) are not known, and of two levels the range itself is left."""
    (*above, start), (*same, end) = first.split("_"), last.split("_")
    count = int(end) - int(start) + 1
    if above != same or not 1 < count <= _MOST_IN_RANGE:
        return [f"{first}:{last}"]
    return ["_".join([*above, str(int(start) + number)]) for number in range(count)]


def _several(place: Provision, named: str) -> Provision | None:
    """The place that a list names: its articles, joined for ``_each``; of 第1項、第2項 the article they stand in."""
    articles, supplement = [], ""
    for said, *number in re.findall(rf"(附則)?{_NUMBER}", re.sub(_NOTES, "", named)):
        supplement = supplement or said  # 附則第1条及び第2条 are both of the 附則
        articles.append(supplement + folded_key(*number))
    if articles:
        return replace(place, article="、".join(dict.fromkeys(articles)), is_article=True,
                       paragraph=None, item=None, subitem=None)  # fmt: skip
    if not place.is_article:
        return None
    return replace(place, paragraph=None if "項" in named else place.paragraph, item=None, subitem=None)


def _captioned(place: Provision, title: str) -> Provision | None:
    """The place that the words before a caption name (第709条　不法行為), None without one.

    ``第27条の2 関係`` heads a guideline's section, ``附則 別表`` an appendix. 第1項 総則 is a paragraph in an article only.
    """
    words = title.split()
    if _GUIDELINE.fullmatch(fold_text(words[-1])):
        return None
    for count in range(min(len(words) - 1, _CITATION_WORDS), 0, -1):
        named = _named(place, " ".join(words[:count]))
        if named is None:
            continue
        if named.is_article and ("条" in words[count - 1] or not _ANNEX.match(fold_text(words[count]).upper())):
            return named
    return None


def _without_law(key: str, law: str) -> str:
    """A heading without the name of the law that it stands under (民法第27条の2 under 民法).

    Another law's name stays: a guideline's section called 金商法第2条 is no article of the guideline.
    """
    name = fold_text(law_key(law)).upper()
    rest = key.removeprefix(name)
    return rest if name and re.match(r"第|附則|\d", rest) else key


def _section(titles: list[str]) -> str:
    """What a guideline's section is called, by the headings above it: its deepest number with a dash or a question's
    number; else the numbers of all levels; else the deepest heading itself."""
    keys = [fold_text(title).upper() for title in titles]
    for key in reversed(keys):
        if match := _QUESTION.match(key):
            return ("Q" if "Q" in match.group() else "問") + match.group(1)
        if match := _DASHED.match(key):
            return match.group()
        if match := _ANNEX.match(key):
            return _annex_name(match.group())
    numbers = [match.group() for key in keys if (match := _NUMBERED.match(key))]
    return " ".join(numbers) if numbers else (titles[-1] if titles else WHOLE_TEXT)


def _annex_name(name: str) -> str:
    """``別表1`` and ``別表第1`` alike, as they are most often written."""
    return re.sub("[ノ之]", "の", re.sub(r"第?(\d)", r"第\1", name, count=1))


def _retrieved(title: str) -> Provision:
    """The place named by ``法令名 第27条の2第1項``, the heading of a retrieved passage."""
    law, _, label = title.rpartition(" ")
    match = _CITED.match(fold_text(label))
    if not law or not match:
        law, _, label = title.partition(" ")  # 別表第一（第三条関係）, or a guideline's section: 第4 12
        annex = _ANNEX.match(fold_text(label).upper())
        article = _annex_name(annex.group()) if annex else label.strip() or WHOLE_TEXT
        return Provision(law, article, None, None, None, False, "", 0)
    supplement, article, branch, paragraph, item, item_branch = match.groups()
    return Provision(law.strip(), (supplement or "") + folded_key(article, branch), paragraph,
                     folded_key(item, item_branch) if item else None, None, True, "", 0)  # fmt: skip


def gold_articles(context: str | None) -> tuple[ArticleRef, ...]:
    """Every provision that the context's headings name, in order, each once."""
    if not context:
        return ()
    refs = [provision.ref for provision in parse_provisions(context) if provision.law]
    return tuple(dict.fromkeys(refs))
