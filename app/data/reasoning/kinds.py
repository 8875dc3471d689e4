"""One difference between a statement and a sentence of a statute: its kind and the words on both sides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..folding import Folded
from .alignment import Alignment, Sentence
from .quantities import quantities

Kind = Literal["number", "negation", "excluded", "limit", "wording", "added", "omitted", "absent"]
# A number that differs needs no reading; a word that stands nowhere is only a hint.
RANK: dict[Kind, int] = {
    "number": 50, "excluded": 45, "negation": 40, "limit": 34, "omitted": 32, "wording": 24, "added": 22, "absent": 0
}  # fmt: skip
WORD = re.compile(r"[\u4e00-\u9fff々ア-ヴーa-z]{2,}")
CONTENT = re.compile(r"[\u4e00-\u9fff々ア-ヴーa-z]")
# Pairs that statutes and questions use for one another (当時会社 is a slip in the data for 当事会社).
SAME_MEANING = (
    ("場合", "とき"), ("又は", "若しくは"), ("及び", "並びに"), ("及び", "又は"), ("責任", "責め"), ("義務", "責め"), ("建造", "築造"),
    ("方法", "手段"), ("当時", "当事"), ("定め", "規定"), ("賃料", "借賃"), ("終了", "満了"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contrast:
    """One place where a statement departs from a sentence."""

    kind: Kind
    choice_phrase: str  # as written in the choice; empty for omitted
    text_phrase: str  # as written in the sentence; empty for added and absent
    sentence: Sentence | None  # None for absent: the word stands nowhere in the context
    strength: float  # to compare contrasts of one choice


def make_contrast(
    kind: Kind, alignment: Alignment, choice: str, said: tuple[int, int], written: tuple[int, int], anchors: float
) -> Contrast:
    """A contrast from the folded ranges of its two sides; stronger the longer the shared words beside them.

    ``anchors`` are the characters shared on both sides of the difference.
    """
    if kind == "limit":  # 以上 for 未満 is said with its number
        said = _with_quantity(alignment.choice.text, said)
        written = _with_quantity(alignment.sentence.folded.text, written)
    if kind == "number":  # only the quantities themselves, not the words they stand among
        said = _quantity_span(alignment.choice.text, said)
        written = _quantity_span(alignment.sentence.folded.text, written)
    return Contrast(
        kind,
        _source(choice, alignment.choice, said),
        _source(alignment.sentence.text, alignment.sentence.folded, written),
        alignment.sentence,
        RANK[kind] + anchors * max(alignment.coverage, 0.2),
    )


def _with_quantity(folded: str, span: tuple[int, int]) -> tuple[int, int]:
    before = [one.start for one in quantities(folded) if one.start < span[0] < one.end]
    return (before[0], span[1]) if before else span


def _quantity_span(folded: str, span: tuple[int, int]) -> tuple[int, int]:
    inside = [one for one in quantities(folded) if span[0] <= one.start < span[1]]
    return (inside[0].start, inside[0].end) if inside else span


def _source(text: str, folded: Folded, span: tuple[int, int]) -> str:
    if span[0] >= span[1]:
        return ""
    first, last = folded.source_span(*span)
    return text[first:last].strip("、。 　\n")
