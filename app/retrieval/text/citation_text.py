"""Text as references are read in it: folded, and in a question with its shorthand written out.

Statutes write every reference in full. People write 709、710条, 5~7条, 第5条ないし第7条, 憲21Ⅰ; these become 709条、710条,
5条から7条, 憲21第1項 before anything is read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

from ...core.radicals import without_radicals
from ...data.folding import Folded
from ...data.law_numbers import (
    ARTICLE_END,
    FOLDED_BRANCH,
    ITEM_END,
    KANJI_RUN,
    PARAGRAPH_END,
    arabic_numerals,
)
from .law_names import even_dashes
from .tokens import normalize

MAX_NOTED = 400  # characters of a text in which the words of a note are looked up
_SPACE = re.compile(r"[ 　\t]+")
_ROMAN = {one: number for number, one in enumerate("ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫ", start=1)} | {
    one: number for number, one in enumerate(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"), start=1)
}
# After a number or 条: Ⅰ and ① are paragraphs, ① after Ⅰ is an item. One plain letter before other words may be a person
# (709条Iの責任, 709条V、Wの責任), and X is one after 条 unless ① follows.
_NO_PERSON = "(?=$|[。）)①-⑳]|本文|但書|ただし|前段|後段|柱書|[、・](?![A-Za-zＡ-Ｚａ-ｚ]))"
_MARKED = re.compile(
    r"(?<=[0-9０-９一二三四五六七八九十百条])"
    rf"(?P<roman>[Ⅰ-Ⅻ]|(?:IX|IV|VI{{1,3}}|I{{2,3}}|(?<!条)I|[IV]{_NO_PERSON}|(?<!条)X{_NO_PERSON}|X(?=[①-⑳]))(?![A-Za-z]))?"
    r"(?P<circled>[①-⑳]*)"
)
_TILDE = "~〜～"
_BETWEEN = rf"(?:、|,|・|及び|又は|若しくは|並びに|および|または|から|ないし|乃至|[{_TILDE}])"
_UNIT = rf"(?:条{ARTICLE_END}|項{PARAGRAPH_END}|号{ITEM_END})"
_NUMBER = re.compile(rf"第?\d+{FOLDED_BRANCH}")
_LIST = re.compile(
    rf"(?<![のノ之\d])(?P<numbers>{_NUMBER.pattern}(?:{_BETWEEN}{_NUMBER.pattern})+)(?P<unit>{_UNIT})(?P<branch>{FOLDED_BRANCH})"
)
_SIGN = re.compile(rf"§+(?P<number>\d+)(?P<branch>{FOLDED_BRANCH})")
# 第27の2条 is 第27条の2; 別表第1の2号 is a row of 別表第1.
_INNER = re.compile(
    r"(?<![表式図記のノ之第\d.])(?P<number>第?\d+)(?P<branch>(?:[のノ之]\d+)+)(?P<unit>条|号)(?![のノ之]\d)"
)
_BRANCHES = re.compile(r"(?P<article>\d+条)の\d+(?:(?:[、・,]|及び|又は)の\d+)+")  # 197条の2・の3
# 27条の12〜14 and 27条の12から14まで go on in the branches; 27条の12〜14条 and 27条の12から14日 do not.
_BRANCH_RANGE = re.compile(
    rf"(?P<article>\d+条)の(?P<first>\d+)(?:から|ないし|乃至|[-{_TILDE}])の?(?P<last>\d+)"
    r"(?=$|まで|[、。・「」()\[\]:;?!\n/はがをにでとも]|及び|又は|の(?!\d))"
)
# A dash between two whole references is a range; within one (27-2条) it may be anything.
_RANGE = re.compile(
    rf"(?<=[条項号\d])(?:ないし|乃至|[{_TILDE}])(?={_NUMBER.pattern})"
    rf"|(?:(?<=[条項号])|(?P<branch>(?<=条)(?:[のノ之]\d+)+))[-‐‑‒–—―−─](?={_NUMBER.pattern}{_UNIT})"
)
# 平29法44, H15法57, 平29・6・2法44: the number of a law as footnotes have it.
_SHORT_NUMBER = re.compile(
    r"(?:(?<![一-龥々a-z\d])|(?<=則)|(?<=法)(?!令))(?P<era>[明大昭平令mtshr])(?:治|正|和|成)?\.?(?P<year>\d+|元)年?(?:[・.]\d+[・.]\d+)?"
    r"(?P<kind>法律?|政令?|勅令?)第?(?P<number>\d+)(?![\d条項])号?"
)
_ERAS = dict(zip("明大昭平令mtshr", ("明治", "大正", "昭和", "平成", "令和") * 2, strict=True))
_KINDS = {"法": "法律", "政": "政令", "勅": "勅令"}
_SAME = str.maketrans("〔〕條號", "()条号")


def fold(text: str) -> str:
    """The text as references are read in it: ``normalize`` without spaces."""
    return _SPACE.sub("", normalize(text))


def fold_with_places(text: str) -> Folded | None:
    """``fold`` with the way back to the characters of the text; None where a character cannot be folded by itself."""
    plain = without_radicals(text)  # one character for one
    pieces = [unicodedata.normalize("NFKC", character).lower() for character in plain]
    joined, places = "".join(pieces), [place for place, piece in enumerate(pieces) for _ in piece]
    out: list[tuple[str, int, int]] = []
    last = 0
    for match in KANJI_RUN.finditer(joined):
        out += [(joined[place], places[place], places[place] + 1) for place in range(last, match.start())]
        first, end = places[match.start()], places[match.end() - 1] + 1
        out += [(digit, first, end) for digit in arabic_numerals(match.group())]
        last = match.end()
    out += [(joined[place], places[place], places[place] + 1) for place in range(last, len(joined))]
    kept = [one for one in out if not _SPACE.fullmatch(one[0])]
    folded = Folded("".join(one[0] for one in kept), tuple(one[1] for one in kept), tuple(one[2] for one in kept))
    return folded if folded.text == fold(text) else None


def as_written(text: str, folded: str) -> str:
    """The stretch of ``text`` that folds to ``folded``, so that a note can say 一般法 and not 1般法; else ``folded``."""
    if len(text) > MAX_NOTED or not folded:
        return folded
    starts = [place for place in range(len(text)) if fold(text[place:]).startswith(folded)]
    for end in range(starts[-1] + 1 if starts else len(text), len(text) + 1):
        if starts and fold(text[starts[-1] : end]) == folded:
            return text[starts[-1] : end].strip()
    return folded


def fold_question(text: str) -> tuple[str, frozenset[int]]:
    """A question's text as references are read in it, and the places in it where a space stood.

    A name may begin at such a place though a character comes before it: 不法行為 民法709条.
    """
    pieces = [_written_out(piece) for piece in _SPACE.split(text.replace("付則", "附則"))]
    folded, breaks = "".join(pieces), set[int]()
    size = 0
    for piece in pieces[:-1]:
        size += len(piece)
        breaks.add(size)
    signs: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_SIGN, lambda match: f"{match['number']}条{match['branch']}"),
        (_LIST, _each_with_unit),
        (_INNER, lambda match: _with_unit(match["number"] + match["branch"], match["unit"])),
        (_BRANCHES, lambda match: re.sub("(?<=[、・,び又は])の", f"{match['article']}の", match[0])),
        (_BRANCH_RANGE, _each_with_article),
        (_RANGE, lambda match: f"{match['branch'] or ''}から"),
    )
    for pattern, written in signs:
        folded, breaks = _replaced(pattern, written, folded, breaks)
    return folded, frozenset(breaks)


def _replaced(
    pattern: re.Pattern[str], written: Callable[[re.Match[str]], str], text: str, breaks: Collection[int]
) -> tuple[str, set[int]]:
    """``text`` with every match written anew, and ``breaks`` where they are then (those inside a match are gone)."""
    out: list[str] = []
    moved: set[int] = set()
    last = shift = 0
    for match in pattern.finditer(text):
        moved.update(place + shift for place in breaks if last <= place <= match.start())
        new = written(match)
        out += [text[last : match.start()], new]
        shift += len(new) - (match.end() - match.start())
        last = match.end()
    moved.update(place + shift for place in breaks if place >= last)
    return "".join([*out, text[last:]]), moved


def _written_out(text: str) -> str:
    """A piece of a question without spaces, folded, its marks and short law numbers written out."""
    folded = even_dashes(normalize(_marks_written_out(text)).translate(_SAME))
    return _SHORT_NUMBER.sub(
        lambda match: f"{_ERAS[match['era']]}{match['year']}年{_KINDS[match['kind'][0]]}第{match['number']}号", folded
    )


def _marks_written_out(text: str) -> str:
    def written(match: re.Match[str]) -> str:
        unit = "号" if match["roman"] else "項"
        circled = "、".join(f"第{ord(mark) - ord('①') + 1}{unit}" for mark in match["circled"])
        return f"第{_ROMAN[match['roman']]}項{circled}" if match["roman"] else circled

    return _MARKED.sub(written, text)


def _each_with_unit(match: re.Match[str]) -> str:
    numbers = _NUMBER.sub(lambda number: _with_unit(number[0], match["unit"]), match["numbers"])
    return re.sub(rf"ないし|乃至|[{_TILDE}]", "から", numbers) + match["branch"]


def _each_with_article(match: re.Match[str]) -> str:
    if int(match["last"]) <= int(match["first"]):
        return match[0]  # 27条の12-3 is no range
    return f"{match['article']}の{match['first']}から{match['article']}の{match['last']}"


def _with_unit(number: str, unit: str) -> str:
    """``第27の2`` and 条 → ``第27条の2``."""
    first, *branches = re.split("[のノ之]", number)
    return first + unit + "".join(f"の{branch}" for branch in branches)
