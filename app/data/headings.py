"""What the heading of a context names: an article or several, a paragraph, an item, or a guideline's section.

Headings are compared folded (app/data/folding.py): plain digits, half-width brackets, no white space. What one names is
told as ``Changes`` of the place above it, fields of ``Provision`` (app/data/provisions.py).
"""

from __future__ import annotations

import re
from typing import Any

from .folding import fold_text
from .law_numbers import FOLDED_BRANCH, IROHA, NUMBER, article_label, folded_key

Changes = dict[str, Any]  # article, is_article, together, paragraph, item, subitem
WHOLE_TEXT = "本文"
SUPPLEMENT = "附則"
SUBITEM_NAME = f"[{IROHA[:23]}]"  # the rest, ウ and ア among it, heads sections of guidelines
MOST_IN_RANGE = 100  # articles; a longer range is known by its ends

_NUMBER = rf"第?(\d+)条({FOLDED_BRANCH})"
_NOTES = r"(?:\((?:[^()]|\([^()]*\))*\))*"
# 第 is left out where the digits cannot be those of a branch: 27条1項, but 第27条の2第1項.
_PARAGRAPH_OF = rf"(?:(?:第|(?<=[条則)]))(\d+)項{_NOTES})?"
_ITEM_OF = rf"(?:(?:第|(?<=[条項)]))(\d+)号({FOLDED_BRANCH}){_NOTES})?"
_ARTICLE = re.compile(rf"{_NUMBER}{_NOTES}")
_PARAGRAPH = re.compile(r"第?(\d+)項(?:\(.*\))?")
_ITEM = re.compile(rf"第?(\d+)号({FOLDED_BRANCH})(?:\(.*\))?")
_SUBITEM = re.compile(rf"\(?({SUBITEM_NAME})\)?")
_SUPPLEMENT = re.compile(rf"附則(?:\(.*?\))?(?:{_NUMBER}{_NOTES})?{_PARAGRAPH_OF}")
# All levels in one heading: 第27条の2(見出し)第1項第3号イ.
_COMBINED = re.compile(
    rf"(?:(附則){_NOTES})?{_NUMBER}{_NOTES}(?=第|(?<=[条)])\d){_PARAGRAPH_OF}{_ITEM_OF}"
    rf"({SUBITEM_NAME})?(?:本文|ただし書き?|但書|柱書き?|前段|後段)?"
)
# Several articles, paragraphs or items: 第1条、第3条から第5条まで.
_AND = r"(?:[、,・.]|及び|並びに|又は|若しくは|と)"
_TO = r"(?:から|ないし|乃至|[~〜-])"
_PIECE = rf"(?=[附第\d])(附則{_NOTES})?(?:{_NUMBER}{_NOTES})?(?:第?\d+項{_NOTES})?(?:第?\d+号{FOLDED_BRANCH}{_NOTES})?"
_ONE_OF_SEVERAL = re.compile(rf"{_PIECE}(?:({_TO}){_PIECE}(?:まで)?({_NOTES}))?")
_BETWEEN = re.compile(_AND)
_SHORT = re.compile(  # 709・710条, 709~711条
    rf"(?<![\dのノ之])第?(\d+)({FOLDED_BRANCH})(?=(?:(?:{_AND}|{_TO})第?\d+{FOLDED_BRANCH})*(?:{_AND}|{_TO})第?\d+条)"
)
_BRACKETS = re.compile(r"[【〔\[]([^】〕\]]*)[】〕\]]")
_REMARK = re.compile(r"(?<=[条項号)])(?::.*|以下)$")  # 第709条：不法行為
_GUIDELINE = re.compile(rf"(?:.*\))?関係{_NOTES}")  # 第27条の2 関係, 第4条 （届出）関係: what a guideline says of it
_CITATION_WORDS = 8  # before a caption, at most: each is read by itself
_QUESTION = re.compile(r"\(?(?:問|質問|Q)(\d+(?:-\d+)*)\)?")
_DASHED = re.compile(r"([A-Z]+|\d+)((?:-\d+)+)")
_NUMBERED = re.compile(r"(第\d+[章節款編部]?|[IVX]+(?=\.)|\d+(?![\d.]*[%年月日条項号]))")
_ANNEX = re.compile(
    rf"(?:別[表紙記図](?:様式|書式)?|様式|書式)第?\d+{FOLDED_BRANCH}(?:号(?:様式|書式)?{FOLDED_BRANCH})?"
    rf"|第?\d+号(?:様式|書式){FOLDED_BRANCH}|別[表紙記図](?:様式|書式)?"
)
# A law and what stands behind its name in one heading: 民法 第709条. Of digits alone nobody knows a law.
_LAW_BEFORE = re.compile(
    rf"(.+?)(?<![第0-9０-９〇零一二三四五六七八九十百千])(?<!附則)[ \t　]*((?:附則[ \t　]*)?第?{NUMBER}条.*)"
)


def named(title: str, law: str, *, in_article: bool) -> Changes | None:
    """What a heading under ``law`` names by number, with or without a caption; None if it does not.

    ``law`` is the law's name folded and in capitals; ``in_article`` says whether the heading stands in an article, where
    第1項、第2項 names paragraphs.
    """
    return _by_number(title, law, in_article) or _captioned(title, law, in_article)


def named_subitem(title: str) -> Changes | None:
    """What a heading such as イ or （ロ） names."""
    match = _SUBITEM.fullmatch(fold_text(title).upper())
    return {"subitem": match.group(1)} if match else None


def in_supplement(changes: Changes) -> Changes:
    """``changes`` of a heading that stands under 附則, whose articles are numbered anew."""
    if not changes.get("is_article") or changes["article"].startswith(SUPPLEMENT):
        return changes
    together = changes["together"]
    return {
        **changes,
        "article": "、".join(f"{SUPPLEMENT}{one}" for one in changes["article"].split("、")),
        "together": None if together is None else f"{SUPPLEMENT}{together}",
    }


def without_title(title: str) -> tuple[str, str] | None:
    """The law and the rest of a heading that names both (民法 第709条), None for any other."""
    match = _LAW_BEFORE.fullmatch(title)
    return (match[1].strip(), match[2]) if match and named(match[2], "", in_article=False) else None


def section(titles: list[str]) -> str:
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


def annex(title: str) -> str | None:
    """``別表第1`` of a title that begins with it, however it is written; None for any other."""
    match = _ANNEX.match(fold_text(title).upper())
    return _annex_name(match.group()) if match else None


def _annex_name(name: str) -> str:
    """``別表1`` and ``別表第1`` alike, as they are most often written."""
    return re.sub("[ノ之]", "の", re.sub(r"第?(\d)", r"第\1", name, count=1))


def _by_number(title: str, law: str, in_article: bool) -> Changes | None:
    key = _REMARK.sub("", _BRACKETS.sub(r"(\1)", fold_text(title).upper()))
    heading = _SHORT.sub(r"第\1条\2", _without_law(key, law))
    if match := _COMBINED.fullmatch(heading):
        supplement, article, branch, paragraph, item, item_branch, subitem = match.groups()
        place = _article((supplement or "") + folded_key(article, branch))
        return {**place, "paragraph": paragraph, "item": item and folded_key(item, item_branch), "subitem": subitem}
    if match := _ARTICLE.fullmatch(heading):
        return _article(folded_key(*match.groups()))
    if match := _SUPPLEMENT.fullmatch(heading):
        article = folded_key(*match.group(1, 2)) if match.group(1) else ""
        return {**_article(SUPPLEMENT + article), "paragraph": match.group(3)}
    if match := _PARAGRAPH.fullmatch(key):
        return {"paragraph": match.group(1), "item": None, "subitem": None}
    if match := _ITEM.fullmatch(key):
        return {"item": folded_key(*match.group(1, 2)), "subitem": None}
    return _several(heading, in_article)


def _article(key: str, together: str | None = None) -> Changes:
    return {"article": key, "is_article": True, "together": together, "paragraph": None, "item": None, "subitem": None}


def _several(heading: str, in_article: bool) -> Changes | None:
    """What a list or a range names: its articles; of 第1項、第2項 the article they stand in."""
    deleted = heading.endswith("削除")
    heading, place, supplement, count = heading.removesuffix("削除"), 0, "", 0
    articles: list[str] = []
    labels: list[str] = []
    while match := _ONE_OF_SEVERAL.match(heading, place):
        said, number, branch, to, said_last, last, last_branch, notes = match.groups()
        supplement = supplement or said or said_last or ""  # 附則第1条及び第2条 are both of the 附則
        count += 2 if to else 1
        if number:
            ends = [folded_key(number, branch), *([folded_key(last, last_branch)] if last else [])]
            keys = _between(ends, deleted=deleted, but="除" in (notes or ""))
            articles += [SUPPLEMENT * bool(supplement) + key for key in keys]
            labels.append(SUPPLEMENT * bool(supplement) + article_label(":".join(ends)))
        place = match.end()
        if place == len(heading):
            break
        if not (joint := _BETWEEN.match(heading, place)):
            return None
        place = joint.end()
    if place != len(heading) or count < 2:
        return None
    articles, labels = list(dict.fromkeys(articles)), list(dict.fromkeys(labels))
    if articles:
        return _article("、".join(articles), "、".join(labels) if len(articles) > 1 else None)
    if not in_article:
        return None
    return {"item": None, "subitem": None, **({"paragraph": None} if "項" in heading else {})}


def _between(ends: list[str], *, deleted: bool, but: bool) -> list[str]:
    """The articles from the one to the other (``27_2`` to ``27_4``), as far as their numbers tell: those that stand
    between with a branch of their own (``27_3_2``) are not known, and of two levels, or with some left out, the ends.

    What has been deleted is one article in the statute too: ``19:21``.
    """
    if len(ends) == 1 or deleted:
        return [":".join(ends)]
    (*above, start), (*same, end) = ends[0].split("_"), ends[1].split("_")
    count = int(end) - int(start) + 1
    if but or above != same or not 1 < count <= MOST_IN_RANGE:
        return ends
    return ["_".join([*above, str(int(start) + number)]) for number in range(count)]


def _captioned(title: str, law: str, in_article: bool) -> Changes | None:
    """What the words before a caption name (第709条　不法行為), None without one.

    ``第27条の2 関係`` heads a guideline's section, ``附則 別表`` an appendix. 第1項 総則 is a paragraph in an article only.
    """
    words = title.split()
    if _GUIDELINE.fullmatch(fold_text(words[-1])):
        return None
    for count in range(min(len(words) - 1, _CITATION_WORDS), 0, -1):
        found = _by_number(" ".join(words[:count]), law, in_article)
        if found is None:
            continue
        is_article = found.get("is_article", in_article)
        if is_article and ("条" in words[count - 1] or not _ANNEX.match(fold_text(words[count]).upper())):
            return found
    return None


def _without_law(key: str, law: str) -> str:
    """A heading without the name of the law that it stands under (民法第27条の2 under 民法).

    Another law's name stays: a guideline's section called 金商法第2条 is no article of the guideline.
    """
    rest = key.removeprefix(law)
    return rest if law and re.match(r"第|附則|\d", rest) else key
