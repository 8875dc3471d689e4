"""What brackets take in or leave out (除く, 含む, に限る), and the rules that they give in a definition and elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..words.spelling import modern_kana, split_top
from .passages import Passage, citation
from .rules import Modality, Rule

MAX_CASE_CHARS = 40
_DEFINES = re.compile(r"[^、「」（）]{0,24}「(?P<term>[^「」]{2,24})」とは、(?P<body>.+)をいう$")
_LIMITED = r"(?P<noun>[一-龥ァ-ヶー]{2,12})（(?P<inner>[^（）「」。]+?)(?P<verb>を除く|を含む|に限る)。"
BRACKET = re.compile(_LIMITED + "）")
_IN_TEXT = re.compile(_LIMITED + "(?:以下[^（）]*)?）")  # also where it goes on to give what it has limited a name
_POINTS_OUT = re.compile(
    r"以下|次に|次の|次条|各号|前|同|第[^、]{1,10}[条項号]|この|その|当該|それ|これ|省令で定める|府令で定める|政令で定める"
)
# After an exclusion the definition may go on: what is left out of 施設（Xを除く。）であって… is left out of the term.
_GOES_ON = re.compile(r"(?:であ(?:つ|っ)て|で|のうち)、")


def defining_rules(sentence: str, *, article: str, paragraph: str) -> Iterator[Rule]:
    """A rule 「T」には、Xが含まれる (or not) for each short bracket of a definition; ``sentence`` without its 。"""
    match = _DEFINES.fullmatch(sentence)
    if match is None:
        return
    for bracket in BRACKET.finditer(match["body"]):
        tail = match["body"][bracket.end() :]
        if not (tail == "" or (bracket["verb"] == "を除く" and _GOES_ON.match(tail))) or bracket["verb"] == "に限る":
            continue
        case = named_case(bracket)
        if case:
            modality: Modality = "plain_not" if bracket["verb"] == "を除く" else "plain"
            action = f"{case}が含まれる"
            yield Rule(article, paragraph, None, f"「{match['term']}」に", "", "", action, modality, "", False, False)


_TWICE = re.compile("限り|除き|除く|含み|以外")  # a limit of a limit


def bracketed_rules(passage: Passage) -> Iterator[Rule]:
    """A rule 第一条第一項の「T」には、Xが含まれる (or not) for each short bracket of a paragraph, whatever its sentences are like."""
    for item, text in ((None, passage.lead), *passage.items):
        words = modern_kana(text)
        cited_words = words if item else modern_kana(passage.text)
        for bracket in _IN_TEXT.finditer(words):
            noun, case = bracket["noun"], named_case(bracket)
            # 「当該療養」 names nothing by itself, and of a word that stands there twice nobody can tell which is meant.
            if not case or _POINTS_OUT.search(noun) or cited_words.count(noun) > 1 or _TWICE.search(case):
                continue
            case = f"{case}以外の{noun}" if bracket["verb"] == "に限る" else case
            modality: Modality = "plain" if bracket["verb"] == "を含む" else "plain_not"
            cited = citation("", passage, item, digits=False, named=False)
            subject, action = f"{cited}の「{noun}」に", f"{case}が含まれる"
            yield Rule(passage.article, passage.paragraph, item, subject, "", "", action, modality, "", False, False)


def named_case(bracket: re.Match[str]) -> str:
    """What is left out or taken in, named by itself: of 食品（…のものを除く。） …の食品; "" where the words point elsewhere."""
    inner = bracket["inner"]
    if _POINTS_OUT.search(inner) or len(inner) > MAX_CASE_CHARS or len(split_top(inner)) > 2 or "及び" in inner:
        return ""
    return re.sub(
        r"(?:もの|の者)$",
        lambda match: match.group()[:-2] + ("の" if match.group() == "の者" else "") + bracket["noun"],
        inner,
    )
