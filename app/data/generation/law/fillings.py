"""What an order fills in that an Act leaves to it: 「法第三条第一項の政令で定める軽微な変更は、…の変更とする」.

Nearly half the questions of the open 100 show an Act with such a provision of its order, and ask what the two together say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...egov.law import Article, Law, Paragraph
from ...law_numbers import BRANCH, NUMBER, SUBITEM, article_key, number_key, to_int
from ..words.amounts import amounts
from ..words.spelling import modern_kana, sentences, without_brackets
from .checks import overlapping
from .passages import MIN_ITEM_CHARS, Passage, article_keys, cleaned, passage_of, plain_items, unaskable

MAX_WORDS = 60  # of what fills in, said in one phrase
MIN_SHARED_CHARS = 4  # of one of several things named together, which is no other list's where it stands in this one
MAX_ALIKE = 0.6  # share of character pairs: a thing above it may be one of the others in other words
_BY = r"(?:政令|[一-龥]{1,8}[省府]令|主務省令|[一-龥]{2,8}委員会規則)"
_HEAD = re.compile(
    rf"法(?P<article>第{NUMBER}条{BRANCH})(?:第(?P<paragraph>{NUMBER})項)?"
    rf"(?:第(?P<item>{NUMBER})号(?P<branch>{BRANCH}){SUBITEM}?)?(?:本文|ただし書|前段|後段)?(?:に規定する|の規定により|の)"
    rf"(?P<name>(?P<sort>[^、は]{{2,24}}(?:で|として))?{_BY}で定める(?P<noun>[^、はをがに「」]{{1,16}}))は"
)
_LEFT_TO = re.compile(rf"({_BY})で定める")
_LISTS = re.compile(
    r"次(?:のとおり|に掲げる[^、]{1,12}|の各号に掲げる[^、]{1,12}|の(?:各号の)?いずれかに該当する[^、]{1,8})"
)
# Says where to look instead of what, ends one of several clauses, or hangs on what stands before it.
_ELSEWHERE = re.compile(
    r"次[のに]|各号|別表|別記|様式|前[条項号二三四]|同[条項号法]|それぞれ|応じ|ごとに|区分|とし、|とする|ただし|この限り|規定する(?:もの|者)?$|掲げる(?:もの|者)?$|告示|定める(?:もの|者|ところ|額|方法|基準)?$"
)
_ENDS = re.compile(r"(?:[一-龥ァ-ヶー]|こと|もの|とき|書面等)$")
_EITHER = re.compile(r"又は|若しくは|及び|並びに|、")
_PARENT = re.compile(r"(?<![一-龥])法(?=第)")
_CATCH_ALL = re.compile(r"^その他|のほか、|参考となる|必要と認める")
_NOT_NAMED = ("もの", "とき", "こと", "ところ")  # 「政令で定めるもの」 says nothing of what it is
_OF_ANY_SORT = "項類者"  # 事項, 書類 and 者 have many names
# Of these a list has two columns, which the items do not show.
_MEASURED = re.compile(r"(?:値|額|率|割合|数|量|式|係数|手数料)$")
# Points to words that do not stand beside it, or to an article without saying of which law.
_POINTS = re.compile(
    rf"^(?:当該|その)|(?<![法令則律条項])第{NUMBER}[条項号]|(?:(?<![一-龥])|その他)[法令](?![一-龥])|この[条項号]"
)


@dataclass(frozen=True, slots=True)
class Filling:
    """One thing that an Act leaves to its order, and what the order says it is."""

    act: Passage  # the paragraph of the Act
    item: str | None  # key of its 号
    name: str  # 政令で定める軽微な変更, as both print it
    noun: str  # 軽微な変更
    order: Passage  # the paragraph of the order
    revision_id: str  # of the order
    things: tuple[tuple[str | None, str], ...]  # (key of the 号, words): one with None, or the items of a list

    @property
    def listed(self) -> bool:
        """Whether the order lists several."""
        return self.things[0][0] is not None

    @property
    def by(self) -> str:
        """What the Act leaves it to: 政令, 港湾省令."""
        match = _LEFT_TO.search(self.name)
        return match[1] if match else ""

    @property
    def closed(self) -> bool:
        """Whether nothing else can be the thing: a list with 「その他…」 or 「前各号に掲げるもののほか、…」 leaves that open."""
        return not any(_CATCH_ALL.search(text) for _, text in self.order.items)

    def is_beside(self, other: Filling) -> bool:
        """Whether the other stands in the same order, elsewhere."""
        return self.order.law == other.order.law and self.order.place != other.order.place

    def has(self, text: str) -> bool:
        """Whether a thing may be one of those filled in, in other words too."""
        items = [words for _, words in (*self.things, *self.order.items)]
        # 「施工年月日又は工事番号」 beside 「施工年月日」.
        if any(len(part) >= MIN_SHARED_CHARS and part in words for part in _EITHER.split(text) for words in items):
            return True
        if not self.listed:  # 三十日 and 一月
            sizes = {one.size for words in items for one in amounts(words)}
            if any(one.size in sizes for one in amounts(text)):
                return True
        return any(overlapping(text, words) > MAX_ALIKE or text in words or words in text for words in items)


@dataclass(frozen=True, slots=True)
class _Opening:
    """How a paragraph of an order begins: what of the Act it fills in."""

    act: Passage
    item: str | None
    name: str
    noun: str
    rest: str  # between は、 and とする; "" where it goes on otherwise
    order: Law
    article: Article
    paragraph: Paragraph


def read_fillings(title: str, passages: tuple[Passage, ...], orders: tuple[Law, ...]) -> tuple[Filling, ...]:
    """Everything that the orders fill in of the Act with this title.

    What two of their provisions fill in is left out, also where one of them cannot be read: the other is not all of it.
    """
    acts = {(one.article, one.paragraph): one for one in passages}
    alone = {one.article for one in passages if one.alone}
    found = [opening for order in orders for opening in _openings(acts, alone, order)]
    often = Counter((one.act.place, one.item, one.name) for one in found)
    once = [one for one in found if often[one.act.place, one.item, one.name] == 1]
    return tuple(filling for one in once if (filling := _filling(title, one)) is not None)


def _openings(acts: dict[tuple[str, str], Passage], alone: set[str], order: Law) -> Iterator[_Opening]:
    for article in order.main.articles:
        if article.num and ":" not in article.num and not article.deleted:
            for paragraph in article.paragraphs:
                if paragraph.text.startswith("法") and (opening := _opening(acts, alone, order, article, paragraph)):
                    yield opening


def _opening(
    acts: dict[tuple[str, str], Passage], alone: set[str], order: Law, article: Article, paragraph: Paragraph
) -> _Opening | None:
    parts = sentences(modern_kana(paragraph.text))
    # Brackets of what is filled in say for which other provisions too; those of what fills in count.
    head, _, rest = parts[0].partition("は、")
    match = _HEAD.fullmatch(without_brackets(head) + "は")
    if match is None or (match["noun"].endswith(_NOT_NAMED) and not match["sort"]):
        return None
    key = article_key(match["article"])
    if match["paragraph"] is None and key not in alone:
        return None
    act = acts.get((key or "", str(to_int(match["paragraph"] or "一"))))
    item = number_key(match["item"], match["branch"]) if match["item"] else None
    words = act and (act.lead if item is None else f"{act.lead}\n{dict(act.items).get(item, '')}")
    if act is None or not words or words.count(match["name"]) != 1 or act.text.count(match["name"]) != 1:
        return None
    whole = len(parts) == 1 and rest.endswith("とする")
    plain = replace(paragraph, text=without_brackets(paragraph.text))
    rest = rest.removesuffix("とする") if whole and not unaskable(plain) else ""
    return _Opening(act, item, match["name"], match["noun"], rest, order, article, paragraph)


def _filling(title: str, opening: _Opening) -> Filling | None:
    """What fills in, read; None where it says where to look instead, or is not one phrase or list."""
    order, article, paragraph, noun = opening.order, opening.article, opening.paragraph, opening.noun
    keys = article_keys(order)

    def clean(text: str) -> str | None:
        one = cleaned(text, order.title, keys, article.num, paragraph.num or "1")
        one = one and _PARENT.sub(title, one)
        return one if one and _ENDS.search(one) and not _ELSEWHERE.search(one) and not _POINTS.search(one) else None

    things: list[tuple[str | None, str]] = []
    if _LISTS.fullmatch(opening.rest):
        things = (
            [] if _MEASURED.search(noun) else [item for item in plain_items(paragraph, clean) if _is_of(noun, item[1])]
        )
        if len(things) < 2:
            return None
    elif opening.rest and not paragraph.parts:
        one = clean(opening.rest)
        if one and MIN_ITEM_CHARS <= len(one) <= MAX_WORDS:
            things = [(None, one)]
    if not things:
        return None
    shown = passage_of(order.title, article, paragraph)
    return Filling(opening.act, opening.item, opening.name, noun, shown, order.revision_id, tuple(things))


def _is_of(noun: str, words: str) -> bool:
    """Whether the words can be the sort of thing that the Act names: 設備 are no 工事."""
    return noun[-1] in _OF_ANY_SORT or words[-1] == noun[-1]
