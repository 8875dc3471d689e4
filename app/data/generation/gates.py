"""What a generated set must satisfy before it is written: no habit that needs no law may answer it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...core.errors import DataError
from ...core.questions import LETTERS, Question

MAX_OVERLAP = 0.40
MAX_LONGEST = 0.27
LETTER_SHARE = 0.25
LETTER_MARGIN = 0.02
SMALL_SET = 100  # questions


@dataclass(frozen=True, slots=True)
class Gate:
    """One measured value and the range it must lie in."""

    name: str
    value: float
    least: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether the value lies in the range."""
        return self.least <= self.value <= self.most


def gates(
    questions: Sequence[Question],
    lexical_overlap: Callable[[Sequence[Question]], tuple[float, int] | None],
    longest_choice: Callable[[Sequence[Question]], float],
) -> list[Gate]:
    """The gates of a set. The two floors are those that every evaluation prints, handed in by the program."""
    lexical = lexical_overlap(questions)
    counts = Counter(question.correct for question in questions if len(question.choices) == len(LETTERS))
    # A set of a few questions cannot be even to two points: one question more or less is allowed in it.
    margin = max(LETTER_MARGIN, 1 / max(1, counts.total()))
    spare = 1 / len(questions) if len(questions) < SMALL_SET else 0.0
    return [
        Gate("語の重なりだけで選んだ正答率", lexical[0] if lexical else 0.0, 0.0, MAX_OVERLAP + spare),
        Gate("最も長い選択肢を選んだ正答率", longest_choice(questions), 0.0, MAX_LONGEST + spare),
        *(
            Gate(f"正解が {letter} の割合", counts[letter] / max(1, counts.total()), LETTER_SHARE - margin, LETTER_SHARE + margin)
            for letter in LETTERS
        ),
    ]  # fmt: skip


def check_gates(found: Sequence[Gate]) -> None:
    """Raises DataError naming every gate that does not hold."""
    failed = [
        f"{gate.name} {gate.value:.1%}（{gate.least:.0%}〜{gate.most:.0%} のはず）" for gate in found if not gate.holds
    ]
    if failed:
        raise DataError(f"作った問題が検査に通りません: {'、'.join(failed)}。--seed か --count を変えてください。")
