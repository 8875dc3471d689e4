"""A reasoning as it is written: provisions named once in full, sentences quoted, differences put into words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...core.questions import Question
from ..folding import fold_text
from ..provisions import Provision
from .alignment import Sentence, cite
from .kinds import Contrast
from .quantities import quantities

MAX_QUOTE_CHARS = 150  # a longer sentence is quoted in two pieces with （略） between them
MAX_LEAD_CHARS = 90
LISTING = re.compile(r"次(?:の各号)?に掲げる|次の(?:各号の)?(?:いずれか|各号)")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The reasoning and what it holds, for the manifest."""

    text: str
    quotes: int = 0  # sentences or clauses quoted as deciding
    agreement: bool = False  # says why the answer is the answer, in its own words
    contrasts: int = 0  # other choices of which it says what they hold
    others: int = 3  # other choices that there are

    @property
    def is_full(self) -> bool:
        """A quote, the answer explained, and every other choice explained."""
        return self.quotes > 0 and self.agreement and self.contrasts == self.others

    @property
    def is_empty(self) -> bool:
        """No deciding sentence was found."""
        return self.quotes == 0


@dataclass
class Draft:
    """Sentences of a reasoning as they are found."""

    parts: list[str] = field(default_factory=list)
    law: str = ""  # last law named; the next provision of it goes without
    quotes: int = 0
    agreement: bool = False
    contrasts: int = 0

    def finish(self, others: int) -> Reasoning:
        """The reasoning as it stands, of a question with so many choices beside the answer."""
        return Reasoning("".join(self.parts), self.quotes, self.agreement, self.contrasts, others)

    def place(self, provision: Provision) -> str:
        """``借地借家法第13条第1項``; without the law where the sentence before named the same one."""
        label = provision.label.replace(" ", "の")
        if provision.law == self.law and label:
            return label if provision.is_article else f"同{label}"
        self.law = provision.law
        joint = "の" if label and not provision.is_article else ""
        return provision.law + joint + label


def quote(draft: Draft, sentence: Sentence, spans: Sequence[tuple[int, int]], sentences: Sequence[Sentence]) -> str:
    """Name the provision and quote it; an item of a list together with the lead sentence it belongs to.

    Returns the quoted words of the sentence itself.
    """
    lead = lead_of(sentence, sentences)
    cited = cite(sentence, spans or [(0, 1)], MAX_QUOTE_CHARS)
    if lead is None:
        draft.parts.append(f"{draft.place(sentence.provision)}は{cited}とする。")
        draft.quotes += 1
        return cited
    opening = cite(lead, _spans_of_pattern(LISTING, lead), MAX_LEAD_CHARS)
    label = sentence.provision.label.removeprefix(lead.provision.label)
    draft.parts.append(f"{draft.place(lead.provision)}は{opening}とし、その{label}に{cited}とある。")
    draft.quotes += 2
    return cited


def lead_of(sentence: Sentence, sentences: Sequence[Sentence]) -> Sentence | None:
    """The sentence that introduces the list a numbered item stands in."""
    own = sentence.provision
    if own.item is None:
        return None
    for other in sentences:
        above = other.provision
        same = (above.law, above.article, above.paragraph) == (own.law, own.article, own.paragraph)
        if same and above.item is None and LISTING.search(other.text):
            return other
    return None


def contrast_text(draft: Draft, letter: str, contrast: Contrast) -> str:
    """The sentence that tells a difference; it names the provision, so a law is written out only where it changes."""
    said, written = contrast.choice_phrase, contrast.text_phrase
    if contrast.sentence is None:
        return f"選択肢{letter}の「{said}」に当たる語は、引用した文にない。"
    place = draft.place(contrast.sentence.provision)
    if contrast.kind == "added":
        return f"選択肢{letter}の「{said}」に当たる語は、{place}の文にない。"
    if contrast.kind == "omitted":
        return f"選択肢{letter}には、{place}にある「{written}」が抜けている。"
    if contrast.kind == "excluded":
        return f"選択肢{letter}は「{said}」についていうが、{place}では「{written}」として外されている。"
    return f"選択肢{letter}は「{said}」とするが、{place}は「{written}」とする。"


def against_limit(question: Question, letter: str, contrast: Contrast) -> str:
    """A number of a wrong choice reckoned against the statute's limit, where the answer too has a number of its own."""
    if contrast.kind != "number":
        return ""
    limit = next(iter(quantities(fold_text(contrast.text_phrase))), None)
    said = next(iter(quantities(fold_text(contrast.choice_phrase))), None)
    answers = [
        one for one in quantities(fold_text(question.choices[question.correct])) if limit and one.unit == limit.unit
    ]
    if limit is None or said is None or not limit.limit or any(one.value == limit.value for one in answers):
        return ""
    outcomes = {one.meets(limit) for one in answers if one.value != said.value}
    return (
        reckoned_text(letter, contrast.choice_phrase, contrast.text_phrase)
        if outcomes == {not said.meets(limit)}
        else ""
    )


def reckoned_text(letter: str, said: str, limit: str) -> str:
    """Whether a number meets a limit, as a sentence; '' if the two cannot be compared."""
    ours, theirs = quantities(fold_text(said)), quantities(fold_text(limit))
    met = ours[0].meets(theirs[0]) if ours and theirs else None
    return "" if met is None else f"選択肢{letter}の「{said}」は「{limit}」に{'当たる' if met else '当たらない'}。"


def spans_of(phrase: str, sentence: Sentence) -> list[tuple[int, int]]:
    folded = fold_text(phrase)
    place = sentence.folded.text.find(folded) if folded else -1
    return [(place, place + len(folded))] if place >= 0 else []


def _spans_of_pattern(pattern: re.Pattern[str], sentence: Sentence) -> list[tuple[int, int]]:
    match = pattern.search(sentence.folded.text)
    return [match.span()] if match else [(0, 1)]
