"""Questions whose answer is in doubt: listed with reasons, counted apart, never dropped.

The list is ``known_items.json`` beside this file, explained in ``docs/known-items.md``. Items are found by what they ask
(``content_hash``), so that they are recognised under other ids, orders and file names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...core.files import read_json
from .outcomes import Outcome

LIST = Path(__file__).with_name("known_items.json")
KINDS = {
    "amended": "出題後に法令が改正された",
    "doubtful_gold": "正解とされた選択肢が条文と合わない",
    "miscited": "問題文の条番号が誤っている",
}


@dataclass(frozen=True, slots=True)
class KnownItem:
    """One question in doubt."""

    id: str  # lawqa_jp's ファイル名
    question_sha256: str
    kind: str  # a key of KINDS
    reason: str  # Japanese, one sentence
    evidence: str  # provision and date it can be checked by


@dataclass(frozen=True, slots=True)
class SplitAccuracy:
    """Accuracy of all questions and of those not in doubt."""

    items: tuple[KnownItem, ...]  # those among the questions
    with_items: float
    without_items: float | None  # None when every question is in doubt
    questions_without: int


@cache
def known_items() -> dict[str, KnownItem]:
    """The list by question hash. Raises DataError when the file cannot be read."""
    items = [KnownItem(**item) for item in read_json(LIST)["items"]]
    return {item.question_sha256: item for item in items}


def split_accuracy(outcomes: Sequence[Outcome]) -> SplitAccuracy:
    """Accuracy with and without the questions in doubt. Raises ValueError for no outcomes."""
    if not outcomes:
        raise ValueError("no outcomes")
    listed = known_items()
    sound = [outcome for outcome in outcomes if outcome.question_sha256 not in listed]
    return SplitAccuracy(
        items=tuple(listed[outcome.question_sha256] for outcome in outcomes if outcome.question_sha256 in listed),
        with_items=_accuracy(outcomes),
        without_items=_accuracy(sound) if sound else None,
        questions_without=len(sound),
    )


def _accuracy(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.status == "correct" for outcome in outcomes) / len(outcomes)
