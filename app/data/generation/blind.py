"""How far the candidates give their truth away without the law: a word count learned on half of the laws, tried on the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...core.files import sha256_text

GRAM_CHARS = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """A question as the word count sees it."""

    law: str
    texts: Mapping[str, str]  # by letter
    true: Mapping[str, bool]  # by letter
    correct: str  # the letter to be chosen


def blind_accuracy(questions: Sequence[Judged]) -> float | None:
    """Share of questions whose answer a naive Bayes over character pairs finds without question or law, 0 to 1.

    It is learned on the laws of one half and tried on those of the other, both ways. Where several candidates lead, each
    is worth its share. None where one half holds no candidate of one of the two truths.
    """
    halves = [[one for one in questions if _half(one.law) == half] for half in (0, 1)]
    credit = 0.0
    for learn, test in (halves, halves[::-1]):
        odds = _log_odds(learn)
        if odds is None or not test:
            return None
        credit += sum(_credit(one, odds) for one in test)
    return credit / len(questions)


def _half(law: str) -> int:
    return int(sha256_text(law)[:8], 16) % 2


def _grams(text: str) -> list[str]:
    marked = f"^{text}$"  # the first and the last words tell most
    return [marked[index : index + GRAM_CHARS] for index in range(len(marked) - GRAM_CHARS + 1)]


def _log_odds(questions: Sequence[Judged]) -> dict[str, float] | None:
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for one in questions:
        for letter, text in one.texts.items():
            counts[one.true[letter]].update(set(_grams(text)))
    totals = {truth: counter.total() for truth, counter in counts.items()}
    if not all(totals.values()):
        return None
    return {
        gram: math.log((counts[True][gram] + 1) / totals[True]) - math.log((counts[False][gram] + 1) / totals[False])
        for gram in counts[True].keys() | counts[False].keys()
    }


def _credit(one: Judged, odds: Mapping[str, float]) -> float:
    sign = 1 if one.true[one.correct] else -1
    scores = {
        letter: sign * sum(odds.get(gram, 0.0) for gram in set(_grams(text))) / max(1, len(set(_grams(text))))
        for letter, text in one.texts.items()
    }
    best = max(scores.values())
    leaders = [letter for letter, score in scores.items() if score == best]
    return 1 / len(leaders) if one.correct in leaders else 0.0
