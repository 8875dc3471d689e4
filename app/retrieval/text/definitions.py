"""Terms that a statute defines: 「以下「特定証券情報」という。」, 「この法律で「医薬品」とは、…をいう。」, and the items of a 定義 article.

Read from the text alone and the same every time. Names that a statute gives to other laws (以下「法」という) are names
of laws, not terms; ``law_names.py`` reads those.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .tokens import normalize

Scope = Literal["law", "division", "article"]

MAX_TERM_CHARS = 40
MAX_BEFORE_CHARS = 160  # of the text in front of （以下「X」という。） that are kept as its meaning
MAX_TEXT_CHARS = 300

_NAMED = re.compile(r"「([^「」]+)」(?P<verb>とは|と(?:いう|いい|総称する|総称し|称する|称し))")
_JOINED_BEFORE = re.compile(r"「([^「」]+)」(?:、|及び|又は|若しくは|並びに)$")
_LIMIT = re.compile(r"(?:において|で|にいう)?(?:これらを|単に|それぞれ|併せて)*$")
_DIVISION = re.compile(r"この(?:編|章|節|款|目)(?:(?:及び|から|、)[^条項号]*)?$")
_WHOLE = re.compile(r"(?:この|本)(?:法律|法|政令|令|府令|省令|規則|規程|条例|勅令|憲法|命令)$")
_NARROW = re.compile(r"[条項号表]|[イ-ン]$|この")
_TERM_LIST = re.compile(r"用語の(?:意義|定義)は")
_LIST_SCOPE = re.compile(r"^(この[^、。]{1,6}?|本[^、。]{1,3}?)(?:において|で)")
_LISTED = re.compile(
    r"(?:[一二三四五六七八九十百〇の]+　|[ァ-ヿ]　|[（(][^（()）]{1,4}[）)]　|[0-9０-９]+　)?([^　。、「」]{2,40})　(.+)",
    re.DOTALL,
)
_LAW_NUMBER = re.compile(r"第[^（）。、「」]{1,14}号[。）]?$")
_LAW_WORD = re.compile(r"(?:法律|法|令|規則|規程|条例|条約|協定|告示|命令)$")
_NO_LAW = re.compile(r"(?:方法|手法|療法|製法|用法|工法|作法|寸法|技法|指令|司令|辞令|号令)$")


@dataclass(frozen=True, slots=True)
class Definition:
    """A term and what it means where it was defined."""

    term: str  # as printed
    key: str  # as compared
    scope: Scope  # law: from here on in the law; division: in the chapter or section; article: in the article or a part of it
    text: str  # the defining words; … where they were cut


def term_key(text: str) -> str:
    """A term, or a text in which terms are looked for, as they are compared."""
    return "".join(normalize(text).split())


def definitions_in(lines: Sequence[tuple[str, str]]) -> list[Definition]:
    """The terms that a passage (its ``(path, text)`` lines) defines, in order, each once."""
    found: dict[str, Definition] = {}
    listing = bool(lines) and lines[0][0] == "" and bool(_TERM_LIST.search(lines[0][1]))
    limit = _LIST_SCOPE.match(lines[0][1]) if listing else None
    for path, text in lines:
        listed = _LISTED.fullmatch(text) if listing and path and "." not in path else None
        if listed is not None:
            scope = _scope(limit[1] if limit else "")
            definition = Definition(listed[1], term_key(listed[1]), scope, _cut(f"{listed[1]}　{listed[2]}"))
            found.setdefault(definition.key, definition)
        for definition in _named(text):
            found.setdefault(definition.key, definition)
    return list(found.values())


def _named(text: str) -> Iterator[Definition]:
    """Terms in 「」 that the sentence around them defines."""
    if "」と" not in text:
        return
    starts = _sentence_starts(text)
    limits: dict[int, str] = {}  # of each sentence: この章において holds for the second 「Y」とは too
    for match in _NAMED.finditer(text):
        if text.count("「", 0, match.start()) != text.count("」", 0, match.start()):
            continue  # inside the quotation of another provision: 「…（以下「甲」という。）」とあるのは
        terms = [match[1]]
        start = match.start()
        while (joined := _JOINED_BEFORE.search(text, 0, start)) is not None:
            terms.insert(0, joined[1])
            start = joined.start()
        clause = max(text.rfind(mark, 0, start) for mark in "。（）、") + 1
        opened = starts[bisect_right(starts, start) - 1]
        explained = match["verb"] == "とは"
        if explained:
            closing = _sentence_end(text, match.end())
            if not re.search(r"をい(?:う|い)", text[match.end() : closing]):
                continue
            meaning = _cut(text[opened:closing])
        elif _LAW_NUMBER.search(text, 0, clause):
            continue
        else:
            meaning = _before(text, opened, match.end())
        limit = _LIMIT.sub("", text[max(opened, clause) : start])
        if explained:
            limit = limits.setdefault(opened, limit)
        scope = _scope(limit)
        for term in terms:
            key = term_key(term)
            if len(key) > 1 and len(term) <= MAX_TERM_CHARS and (explained or not _names_a_law(term)):
                yield Definition(term, key, scope, meaning)


def _names_a_law(term: str) -> bool:
    return bool(_LAW_WORD.search(term)) and not _NO_LAW.search(term)


def _scope(limit: str) -> Scope:
    """What 以下この条, この章, 第三項, この法律 … say about where a term holds; nothing said is the law from here on."""
    words = limit.removeprefix("以下").removeprefix("、")
    if not words or _WHOLE.search(words):
        return "law"
    if _DIVISION.search(words):
        return "division"
    return "article" if _NARROW.search(words) else "law"


def _sentence_starts(text: str) -> list[int]:
    """Where the sentences of a line begin; a 。 inside parentheses ends none."""
    starts = [0]
    depth = 0
    for place, mark in enumerate(text):
        if mark == "（":
            depth += 1
        elif mark == "）":
            depth -= 1
        elif mark == "。" and depth == 0:
            starts.append(place + 1)
    return starts


def _sentence_end(text: str, place: int) -> int:
    """After the 。 that ends the sentence in which ``place`` stands, or before the ） that does."""
    depth = 0
    for index in range(place, len(text)):
        mark = text[index]
        if mark == "（":
            depth += 1
        elif mark == "）":
            depth -= 1
            if depth < 0:
                return index
        elif mark == "。" and depth == 0:
            return index + 1
    return len(text)


def _before(text: str, opened: int, end: int) -> str:
    """The words in front of 「X」という, and the ） after it."""
    start = max(opened, end - MAX_BEFORE_CHARS)
    tail = re.compile(r"。?）?").match(text, end)
    return ("…" if start > opened else "") + text[start : tail.end() if tail else end].strip()


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"
