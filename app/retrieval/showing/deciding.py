"""The sentence of an article that says most about what was asked, with its 項 and 号: what a result shows by default."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...data.law_numbers import item_label, paragraph_label
from ..store.rows import PassageRow
from ..text.tokens import tokenize

MAX_CHARS = 200  # of a sentence that are shown
LEAD_CHARS = 80  # of the 柱書 before an item
ITEMS, ITEM_CHARS = 3, 60  # items after a 柱書, and of each
_TELLING = re.compile(r"[^ぁ-ん]")  # a token of hiragana alone tells no sentence from another
_HIRAGANA = re.compile(r"[ぁ-ん]")
_LENGTH = 20  # tokens added to a sentence's length, so that a very short one is not best for one word
_LEADS = re.compile("次の|次に|各号")
_PRINTED = re.compile(r"[一二三四五六七八九十百〇の]+　")  # 三　…: the source still has the number
_BRACKETS = {"）": "（", "」": "「", "』": "『"}
_REPLACED = 0.5  # of the worth of a sentence that only puts words in the place of others


@dataclass(frozen=True, slots=True)
class Deciding:
    """A sentence and where it stands in its article."""

    place: str  # 第2項第3号; empty where the article has one paragraph and the sentence is its own
    text: str  # a line each: the beginning of the 柱書 before an item, or the items after a 柱書; … where it was cut
    sentence: str  # the sentence alone


def in_reading_order(hits: Sequence[PassageRow], query: str) -> tuple[PassageRow, ...]:
    """``hits`` with the earliest first that has every word of ``query`` that the best has: 第1項 says the rule, what comes
    after it the rest. Only words without hiragana count: 敷金を is no other word than 敷金の."""
    asked = {token for token in tokenize(query) if not _HIRAGANA.search(token)}
    if not hits or not asked:
        return tuple(hits)
    has = [asked & {token for _, text in row.lines for token in tokenize(text)} for row in hits]
    equal = [place for place, words in enumerate(has) if words >= has[0]]
    first = min(equal, key=lambda place: hits[place].passage_id)
    return (hits[first], *(row for place, row in enumerate(hits) if place != first))


def deciding_sentence(passages: Sequence[PassageRow], hits: Sequence[PassageRow], query: str) -> Deciding:
    """The sentence of the best of ``hits`` (default: of the article's ``passages``) that has most words of ``query``.

    A sentence is worth the share of the query's words that it has, less for its length; of equals the first is taken.
    """
    asked = {token for token in tokenize(query) if _TELLING.search(token)}
    passage = (hits or passages)[0]
    best = ("", "", -1.0)
    for path, text in passage.lines:
        for sentence in sentences(text):
            tokens = set(tokenize(sentence))
            worth = len(tokens & asked) / (len(tokens) + _LENGTH) ** 0.5
            # 「…」とあるのは「…」とする: words put in the place of others, which decide nothing by themselves.
            worth *= _REPLACED if "とあるのは" in sentence else 1.0
            if worth > best[2]:
                best = (path, sentence, worth)
    path, sentence, _ = best
    paragraph = paragraph_label(passage.paragraph) if passage.paragraph.isdigit() and len(passages) > 1 else ""
    item = item_label(path.split(".")[0]) if path else ""
    cut = _around(sentence, asked)
    lead = passage.lines[0][1]
    text = cut
    if path and lead:
        text = f"{_start(lead, LEAD_CHARS)}\n　{_numbered(path, cut)}"
    elif not path and _LEADS.search(sentence):
        items = [(at, line) for at, line in passage.lines if at and "." not in at]
        shown = [f"　{_numbered(at, _start(line, ITEM_CHARS))}" for at, line in items[:ITEMS]]
        more = [f"　（ほか {len(items) - ITEMS} 号）"] if len(items) > ITEMS else []
        text = "\n".join([cut, *shown, *more])
    return Deciding(paragraph + item, text, cut.strip("…"))


def _start(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[:chars] + "…"


def _numbered(path: str, text: str) -> str:
    """A line of an item with its number, which the line has itself where the source printed it."""
    return text if "." not in path and _PRINTED.match(text) else f"{item_label(path.split('.')[0])}　{text}"


def sentences(text: str) -> list[str]:
    """The sentences of a line; a 。 within parentheses or a quotation ends none."""
    found: list[str] = []
    start = depth = 0
    steps = _depth_steps(text)
    for place, mark in enumerate(text):
        depth += steps.get(place, 0)
        if mark == "。" and depth == 0:
            found.append(text[start : place + 1])
            start = place + 1
    return [one for one in (*found, text[start:]) if one.strip()] or [text]


def _depth_steps(text: str) -> dict[int, int]:
    """Place → 1 where a bracket is opened, -1 where it is closed. One without its partner counts for nothing: a 「 that
    somebody forgot to close would else make one sentence of all that follows."""
    steps: dict[int, int] = {}
    opened: list[int] = []
    waiting = dict.fromkeys(_BRACKETS.values(), 0)  # of each kind in ``opened``
    for place, mark in enumerate(text):
        if mark in waiting:
            opened.append(place)
            waiting[mark] += 1
        elif mark in _BRACKETS and waiting[_BRACKETS[mark]]:
            partner = ""
            while partner != _BRACKETS[mark]:  # what was opened inside and not closed there has no partner
                first = opened.pop()
                partner = text[first]
                waiting[partner] -= 1
            steps |= {first: 1, place: -1}
    return steps


def _around(sentence: str, asked: set[str]) -> str:
    """The sentence, or the part of at most ``MAX_CHARS`` that has most of the words asked for."""
    if len(sentence) <= MAX_CHARS:
        return sentence
    starts = [
        0,
        *(match.end() for match in re.finditer("[、（]", sentence) if match.end() + MAX_CHARS // 2 < len(sentence)),
    ]
    best = max(starts, key=lambda start: (len(set(tokenize(sentence[start : start + MAX_CHARS])) & asked), -start))
    end = best + MAX_CHARS
    return ("…" if best else "") + sentence[best:end] + ("…" if end < len(sentence) else "")
