"""The words of a choice that tell it from the others and stand in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import combinations

from ...core.questions import Question
from ..folding import fold, fold_text
from .alignment import Alignment, Sentence, shared_runs, whole_words

MAX_PHRASE_CHARS = 50
MIN_PHRASE_CHARS = 6
_REFERENCE = re.compile(r"第?\d+[条項号](?:の\d+)*|[のイロハ]|\d+")


def distinctive_weights(text: str, others: Sequence[str]) -> list[float]:
    """Weight of each character of ``text``: 1 where no other has the words at that place, little where one or more do."""
    shared = [0] * len(text)
    for other in others:
        for match in SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks():
            if match.size >= 4:
                for index in range(match.a, match.a + match.size):
                    shared[index] += 1
    return [(1.0, 0.35, 0.2)[min(count, 2)] for count in shared]


def own_phrases(question: Question, deciding: Sentence) -> list[str]:
    """The answer's words that the sentence has and no other choice, or two phrases that no other choice has both of.

    Words of the question tell nothing. Empty where the answer has nothing of its own that stands in the sentence.
    """
    answer = question.choices[question.correct]
    others = [fold_text(text) for letter, text in question.choices.items() if letter != question.correct]
    folded, asked = fold(answer), fold_text(question.question)
    if folded.text.rstrip("。") in deciding.folded.text and len(answer) <= MAX_PHRASE_CHARS:
        return [answer.rstrip("。")]
    phrases: list[str] = []
    blocks = SequenceMatcher(None, folded.text, deciding.folded.text, autojunk=False).get_matching_blocks()
    runs = [(block.a, block.a + block.size) for block in blocks if block.size >= MIN_PHRASE_CHARS]
    for start, end in dict.fromkeys([*runs, *shared_runs(folded.text, deciding)]):
        words = whole_words(answer, *folded.source_span(start, end))
        words = words if len(words) <= MAX_PHRASE_CHARS else shortened(words)
        key = fold_text(words)
        if (
            key not in deciding.folded.text
            or len(key) < MIN_PHRASE_CHARS
            or not balanced(words)
            or _REFERENCE.fullmatch(key)
        ):
            continue
        if key.rstrip("をはがにのへでとも") not in asked:
            phrases.append(words)
    phrases.sort(key=len, reverse=True)
    for words in phrases:
        if not any(fold_text(words) in other for other in others):
            return [words]
    for first, second in combinations(phrases[:4], 2):
        if not any(fold_text(first) in other and fold_text(second) in other for other in others):
            return [first, second]
    return []


def sentence_phrase(alignment: Alignment, rivals: Sequence[str]) -> str:
    """The words of the sentence that the choice repeats and the other choices have least."""
    weights = distinctive_weights(alignment.choice.text, [fold_text(rival) for rival in rivals])
    found: list[tuple[float, str]] = []
    for block in alignment.blocks:
        start, end = alignment.sentence.folded.source_span(block.sentence, block.sentence + block.size)
        words = whole_words(alignment.sentence.text, start, end)
        words = words if len(words) <= MAX_PHRASE_CHARS else shortened(words)
        if balanced(words) and len(fold_text(words)) >= MIN_PHRASE_CHARS:
            found.append((sum(weights[block.choice : block.choice + block.size]), words))
    return max(found, default=(0.0, ""))[1]


def shortened(words: str) -> str:
    """The last clauses of a long phrase that fit: statutes put what they lay down at the end."""
    rest = words
    while len(rest) > MAX_PHRASE_CHARS and "、" in rest:
        rest = rest.partition("、")[2]
    return rest if len(rest) <= MAX_PHRASE_CHARS else whole_words(rest, len(rest) - MAX_PHRASE_CHARS, len(rest))


def balanced(words: str) -> bool:
    return all(words.count(a) == words.count(b) for a, b in ("（）", "()", "「」")) and "\n" not in words
