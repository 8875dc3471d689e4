"""A comparison by parts of its questions: how many each side has right of every kind, of every way of asking, and of those
whose provisions stand in one law or in several.

Only counted: a part has too few questions for a test, and with several parts one of them always looks better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ...data.question_kinds import kind_of
from ..results.outcomes import Outcome
from ..results.result_words import POLARITY_NAMES

COUNTED_ONLY = "数えただけで、検定はしていません"


def count_text(count: float) -> str:
    """A number of questions; with one decimal where it is a mean and not whole."""
    return f"{count:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Part:
    """The questions of one kind; with several further runs ``after``, ``won`` and ``lost`` are means over them."""

    name: str  # as a reader calls it
    questions: int
    before: int  # right in the first run
    after: float
    won: float
    lost: float

    @property
    def text(self) -> str:
        """``36 問中 17 → 26 問（正解になった 12、不正解になった 3）``."""
        changed = f"正解になった {count_text(self.won)}、不正解になった {count_text(self.lost)}"
        return f"{self.questions} 問中 {self.before} → {count_text(self.after)} 問（{changed}）"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """All questions by one property; ``parts`` by its values, in their order."""

    title: str
    parts: Mapping[str, Part]

    def as_json(self) -> dict[str, dict[str, float]]:
        """For ``compare_runs.py --json`` and cross_fit.json."""
        return {
            value: {"n": part.questions, "before": part.before, "after": part.after, "won": part.won, "lost": part.lost}
            for value, part in self.parts.items()
        }

    def lines(self) -> list[str]:
        """For a terminal; nothing where all questions are of one kind."""
        if len(self.parts) < 2:
            return []
        return [f"{self.title}（{COUNTED_ONLY}）:", *(f"  {part.name}: {part.text}" for part in self.parts.values())]


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """The questions by kind, by what they ask for, and by how many laws their right provisions are of."""

    by_kind: Breakdown
    by_polarity: Breakdown
    by_laws: Breakdown

    def as_json(self) -> dict[str, Any]:
        """For ``compare_runs.py --json`` and cross_fit.json."""
        return {field.name: getattr(self, field.name).as_json() for field in fields(self)}

    def lines(self) -> list[str]:
        """For a terminal."""
        return [line for one in self.telling for line in one.lines()]

    @property
    def telling(self) -> list[Breakdown]:
        """Those that tell questions apart."""
        return [one for field in fields(self) if len((one := getattr(self, field.name)).parts) > 1]


def breakdowns(rows: Sequence[tuple[Outcome, ...]]) -> Breakdowns:
    """The first run against the further ones; a row has a question's outcome in each (``aligned_outcomes``)."""
    return Breakdowns(
        _breakdown("種類別", rows, lambda one: kind_of(one.id), {}),
        _breakdown("問い方別", rows, lambda one: one.polarity, POLARITY_NAMES),
        _breakdown("根拠条文のある法令の数別", rows, _laws, _LAWS_NAMES),
    )


_LAWS_NAMES = {"0": "根拠条文のない問題", "1": "一つの法令", "2": "二つ以上の法令（法律とその政令など）"}


def _laws(outcome: Outcome) -> str:
    return str(min(2, len({law for law, _ in outcome.gold_articles})))


def _breakdown(
    title: str, rows: Sequence[tuple[Outcome, ...]], value_of: Callable[[Outcome], str], names: Mapping[str, str]
) -> Breakdown:
    values = sorted({value_of(row[0]) for row in rows})
    return Breakdown(
        title,
        {value: _part(names.get(value, value), [row for row in rows if value_of(row[0]) == value]) for value in values},
    )


def _part(name: str, rows: Sequence[tuple[Outcome, ...]]) -> Part:
    right = [[outcome.predicted == outcome.correct for outcome in row] for row in rows]
    runs = len(rows[0]) - 1
    return Part(
        name=name,
        questions=len(rows),
        before=sum(before for before, *_ in right),
        after=sum(sum(after) for _, *after in right) / runs,
        won=sum(sum(after) for before, *after in right if not before) / runs,
        lost=sum(runs - sum(after) for before, *after in right if before) / runs,
    )
