"""Questions whose choices are names of provisions (根拠条文): which provision each choice names, and its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.questions import Question
from ..folding import fold_text
from ..law_numbers import FOLDED_BRANCH, SUBITEM, folded_key
from ..provisions import law_key
from .alignment import Sentence

_NAME = re.compile(
    rf"(?P<law>.*?)(?:第?(?P<article>\d+)条(?P<branch>{FOLDED_BRANCH})|(?<=.)(?P<annex>別表第?\d+))?"
    rf"(?:第(?P<paragraph>\d+)項)?(?:第(?P<item>\d+)号(?P<item_branch>{FOLDED_BRANCH}))?(?P<subitem>{SUBITEM})?"
    r"(?P<part>本文|ただし書)?[。]?"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A provision as a choice names it."""

    law: str  # as folded; empty when the choice leaves it to the question
    article: str  # 27_2, or 別表第1
    paragraph: str | None
    item: str | None
    subitem: str | None
    part: str | None  # 本文 or ただし書


def named_provisions(question: Question) -> dict[str, Named] | None:
    """The provision that each choice names; None unless every choice is such a name and nothing else."""
    found = {letter: named_provision(text) for letter, text in question.choices.items()}
    named = {letter: one for letter, one in found.items() if one is not None}
    return named if len(named) == len(found) else None


def named_provision(choice: str) -> Named | None:
    """The provision that a choice names; None unless it is such a name and nothing else."""
    text = fold_text(choice)
    match = _NAME.fullmatch(text)
    if match is None or not (match["article"] or match["annex"] or match["item"]):
        return None
    article = folded_key(match["article"], match["branch"]) if match["article"] else (match["annex"] or "")
    item = folded_key(match["item"], match["item_branch"]) if match["item"] else None
    return Named(match["law"], article, match["paragraph"], item, match["subitem"], match["part"])


def sentences_of(named: Named, sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences of the provision that is named; empty when the context does not hold it.

    An article alone means all of its numbered paragraphs with their items; of an article without any, the text that
    stands under it, or all of it when there is none. 第1項 also means the text of an article whose first paragraph, as in
    a statute, has no number.
    """
    same = [
        sentence
        for sentence in sentences
        if _same_law(named.law, sentence.provision.law)
        and (sentence.provision.article == named.article or (not named.article and not sentence.provision.is_article))
    ]
    numbers = {sentence.provision.paragraph for sentence in same} - {None}
    paragraph = None if named.paragraph == "1" and "1" not in numbers else named.paragraph
    exact = [
        sentence
        for sentence in same
        if sentence.provision.paragraph == paragraph
        and sentence.provision.item == named.item
        and sentence.provision.subitem in (None, named.subitem)
    ]
    if named.subitem and not any(sentence.provision.subitem for sentence in exact):
        exact = [sentence for sentence in exact if sentence.text.startswith(named.subitem)]
    if paragraph is None and named.item is None and not (named.paragraph and numbers):
        exact = same if numbers and not named.subitem else exact or same
    if named.part:
        exact = [one for one in exact if one.text.startswith("ただし") == (named.part == "ただし書")]
    return exact


def _same_law(named: str, written: str) -> bool:
    # 金商法 and the like stay unresolved; a choice without a law means whichever law has the article.
    # 法律施76条の5 is a slip in the data: a law's title with stray characters after it still names that law.
    title = fold_text(law_key(written))
    return not named or title == named or (named.startswith(title) and len(named) - len(title) == 1)
