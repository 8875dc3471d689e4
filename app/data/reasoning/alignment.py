"""Where a choice stands in a statute: sentences, the characters they share, and quotes cut at clause borders.

All matching is done on folded text (see ``folding``); what is quoted is the source, character for character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise

from ..folding import Folded, fold
from ..provisions import Provision

# Shorter runs (を, の, こと) are shared by any two Japanese sentences.
MIN_BLOCK_CHARS = 3
MIN_TAIL_CHARS = 8
_OMISSION = re.compile(r"[ 　]*（[\d,]+字省略）")  # a retrieved article says so where it was cut
_BULLET = re.compile(r"[ \t　]*[-‐－・*][ \t　]*")


@dataclass(frozen=True)
class Sentence:
    """One sentence or list item of a provision; ``text`` stands in the context exactly so."""

    provision: Provision
    text: str

    @cached_property
    def folded(self) -> Folded:
        """The folded text."""
        return fold(self.text)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of folded characters that a choice and a sentence share."""

    choice: int  # start in the folded choice
    sentence: int  # start in the folded sentence
    size: int


@dataclass(frozen=True)
class Alignment:
    """A choice laid against a sentence."""

    choice: Folded
    sentence: Sentence
    blocks: tuple[Block, ...]  # in order, each of MIN_BLOCK_CHARS or more

    @cached_property
    def coverage(self) -> float:
        """Share of the choice's folded characters that stand in the sentence in the same order, 0 to 1."""
        return sum(block.size for block in self.blocks) / max(1, len(self.choice.text))


def split_sentences(provisions: Sequence[Provision]) -> list[Sentence]:
    """The sentences of the provisions. A line ends a sentence, and so does 。 outside brackets; bullets are left off."""
    found: list[Sentence] = []
    for provision in provisions:
        for line in provision.text.split("\n"):
            if _OMISSION.fullmatch(line):
                continue
            bullet = _BULLET.match(line)
            start, depth = (bullet.end() if bullet else 0), 0
            for position, character in enumerate(line):
                depth += (character in "（(「『") - (character in "）)」』")
                if character == "。" and depth <= 0:
                    found.append(Sentence(provision, line[start : position + 1].strip()))
                    start = position + 1
            if line[start:].strip():
                found.append(Sentence(provision, line[start:].strip()))
    return [sentence for sentence in found if sentence.folded.text]


def align(choice: Folded, sentence: Sentence) -> Alignment:
    """The choice laid against the sentence by longest common blocks (Ratcliff and Obershelp 1988, as in difflib)."""
    matcher = SequenceMatcher(None, choice.text, sentence.folded.text, autojunk=False)
    blocks = tuple(Block(*match) for match in matcher.get_matching_blocks() if match.size >= MIN_BLOCK_CHARS)
    return Alignment(choice, sentence, blocks)


def alignments(choice: str, sentences: Sequence[Sentence], *, at_most: int = 6) -> list[Alignment]:
    """The choice laid against the sentences that share most character pairs with it, best coverage first.

    Of sentences that cover a choice equally, the shorter decides: it says little else.
    """
    folded = fold(choice)
    pairs = _pairs(folded.text)
    shared = [len(pairs & _pairs(sentence.folded.text)) for sentence in sentences]
    ranked = sorted(range(len(sentences)), key=lambda index: -shared[index])[:at_most]
    found = [align(folded, sentences[index]) for index in ranked]
    return sorted(found, key=lambda one: (-round(one.coverage, 3), len(one.sentence.text)))


def shared_spans(text: str, sentence: Sentence, gram: int = 4) -> list[tuple[int, int]]:
    """Ranges of the folded sentence whose ``gram`` characters also stand in folded ``text``, in whatever order."""
    marked = _gram_marks(sentence.folded.text, text, gram)
    return _runs(marked)


def held_share(text: str, weights: Sequence[float], sentence: Sentence, gram: int = 4) -> float:
    """Share, by weight, of the folded ``text`` whose ``gram`` characters stand in the sentence in whatever order."""
    marked = _gram_marks(text, sentence.folded.text, gram)
    return sum(weight for weight, mark in zip(weights, marked, strict=True) if mark) / (sum(weights) or 1.0)


def shared_runs(text: str, sentence: Sentence, gram: int = 4) -> list[tuple[int, int]]:
    """Ranges of folded ``text`` whose ``gram`` characters stand in the sentence, in whatever order."""
    return _runs(_gram_marks(text, sentence.folded.text, gram))


def _gram_marks(text: str, other: str, gram: int) -> list[bool]:
    gram = max(2, min(gram, len(text)))
    marked = [False] * len(text)
    for index in range(len(text) - gram + 1):
        piece = text[index : index + gram]
        starts_number = piece[0].isdigit() and not (index and text[index - 1].isdigit())
        # 3年 does not stand in 13年.
        if re.search(r"(?<!\d)" + re.escape(piece), other) if starts_number else piece in other:
            marked[index : index + gram] = [True] * gram
    return marked


def _runs(marked: Sequence[bool]) -> list[tuple[int, int]]:
    borders = [index for index in range(1, len(marked)) if marked[index] != marked[index - 1]]
    edges = [0, *borders, len(marked)]
    return [(start, end) for start, end in pairwise(edges) if end > start and marked[start]]


def cite(sentence: Sentence, spans: Sequence[tuple[int, int]], max_chars: int) -> str:
    """The sentence in 「」; of one longer than ``max_chars`` the clauses that hold the folded ``spans``, then （略） and
    its end, each piece verbatim: a rule without its predicate says nothing."""
    whole = sentence.text.rstrip("。")
    if len(whole) <= max_chars:
        return f"「{whole}」"
    start, end = _best_run(sentence, spans, max_chars * 2 // 3)
    start += start > 0 and sentence.text[start - 1] in "）)" and sentence.text[start] in "をはがにのでと"
    borders = clause_borders(sentence.text)
    fitting = (border for border in borders if MIN_TAIL_CHARS <= len(sentence.text) - border <= max_chars // 2)
    tail = next(fitting, len(sentence.text))
    if end >= len(sentence.text) or tail >= len(sentence.text):
        return f"「{_clean(sentence.text[start:end])}」"
    if tail <= end:
        return f"「{_clean(sentence.text[start:])}」"
    tail += sentence.text[tail - 1] in "）)" and sentence.text[tail] in "をはがにのでと"
    return f"「{_clean(sentence.text[start:end])}」（略）「{_clean(sentence.text[tail:])}」"


def _clean(words: str) -> str:
    return words.strip("、。 　")


def _best_run(sentence: Sentence, spans: Sequence[tuple[int, int]], max_chars: int) -> tuple[int, int]:
    """The shortest run of whole clauses that holds most of the spans' characters within ``max_chars``.

    The earlier run on ties; a single clause may be longer.
    """
    borders = clause_borders(sentence.text)
    marked = [False] * len(sentence.text)
    for start, end in spans:
        first, last = sentence.folded.source_span(start, end)
        marked[first:last] = [True] * (last - first)
    before = [0]
    for flag in marked:
        before.append(before[-1] + flag)
    runs = [
        (start, end)
        for i, start in enumerate(borders[:-1])
        for end in borders[i + 1 :]
        if end - start <= max_chars or end == borders[i + 1]
    ]
    return max(runs, key=lambda run: (before[run[1]] - before[run[0]], run[0] - run[1], -run[0]))


def clause_borders(text: str) -> list[int]:
    """Ends of clauses: after 、 and 。 outside brackets, and after a long bracket, where statutes go on without 、."""
    borders, depth, opened = [0], 0, 0
    for position, character in enumerate(text):
        if character in "（(「『":
            opened = position if depth == 0 else opened
            depth += 1
        elif character in "）)」』":
            depth -= 1
            if depth == 0 and position - opened > 20 and position + 1 < len(text) and text[position + 1] not in "、。":
                borders.append(position + 1)
        elif character in "、。，" and depth <= 0 and position + 1 < len(text):
            borders.append(position + 1)
    return [*borders, len(text)]


def whole_words(text: str, start: int, end: int) -> str:
    """``text[start:end]`` cut back to where words begin and end: 条の規定による|届 → 規定による."""

    def begins(position: int) -> bool:
        if position <= 0 or position >= len(text):
            return True
        before, here = text[position - 1], text[position]
        return (before in _PUNCTUATION or here in _PUNCTUATION) or (_is_kana(before) and not _is_kana(here))

    while start < end and not begins(start):
        start += 1
    while end > start and not begins(end) and not text[start:end].endswith(_NOUN_ENDS):
        end -= 1
    words = _LINKING_START.sub("", _LINKING_END.sub("", text[start:end].strip("、。 　\n")))
    return words[:-1] if len(words) > 1 and words[-1] in "をはがにのへ" and not _is_kana(words[-2]) else words


_PUNCTUATION = "、。（）()「」『』　 \n"
_NOUN_ENDS = ("とき", "もの", "こと", "ため", "まで")
_LINKING_END = re.compile(r"、?(?:及び|並びに|又は|若しくは)?(?:その|この|当該)?$")
_LINKING_START = re.compile(r"^(?:により|による|について|[をはがにでとのも](?=[^\u3041-\u309f]))")


def _is_kana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"


def _pairs(text: str) -> set[str]:
    return {text[index : index + 2] for index in range(len(text) - 1)}
