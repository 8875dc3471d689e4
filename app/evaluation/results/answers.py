"""What was answered: the letters of a run, how often each, and whether they have collapsed to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.collapse import collapse_of
from ...core.prompts import FITS, FITS_NOT
from ...core.questions import CHOICE_LETTERS
from ...core.runs import Distrust
from ..statistics import chi_square_uniform
from .outcomes import Outcome


def answer_name(outcome: Outcome, answer: str) -> str:
    """How an answer is called: its letters; ○ or × for a single statement."""
    return answer if len(outcome.choices) > 1 else FITS if answer else FITS_NOT


def used_letters(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The letters of the question with the most choices; none where all are single statements."""
    most = max(len(outcome.choices) for outcome in outcomes)
    return CHOICE_LETTERS[:most] if most > 1 else ()


def label_histogram(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How often each letter, as shown, was answered; ``none`` where none could be read. Single statements count as
    judged, ○ or ×, where there are any."""
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        for answer in outcome.answers:
            name = None if answer.predicted is None else answer_name(outcome, answer.predicted)
            counts.update(["none"] if name is None else list(name))
    judged = (FITS, FITS_NOT) if any(len(outcome.choices) == 1 for outcome in outcomes) else ()
    return {label: counts[label] for label in (*used_letters(outcomes), *judged, "none")}


def shown_gold(outcomes: Sequence[Outcome]) -> list[tuple[str, str | None]]:
    """(right letter as shown, letter answered) of every answer of the letter form."""
    return [
        (CHOICE_LETTERS[answer.order.index(outcome.correct)], answer.predicted)
        for outcome in outcomes
        for answer in outcome.answers
        if outcome.form == "letter"
    ]


def collapse(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Whether the answers have collapsed to one letter, and the numbers that say so (``app.core.collapse``).

    In the choice form no choice has a place to collapse to: ``collapsed`` is None and the rest is left out.
    """
    if outcomes[0].form == "choice":
        return {"collapsed": None}
    letters = used_letters(outcomes)
    pairs = shown_gold(outcomes)
    histogram = label_histogram(outcomes)
    found = collapse_of(
        [histogram[letter] for letter in letters],
        [sum(gold == letter for gold, _ in pairs) for letter in letters],
    )
    # Letters that not every question has cannot be expected evenly.
    test = None if len({len(outcome.choices) for outcome in outcomes}) > 1 else chi_square_uniform([
        [sum(answer.predicted == letter for answer in outcome.answers) for letter in letters] for outcome in outcomes
    ])  # fmt: skip
    return {
        "collapsed": found.collapsed,
        "letter": letters[found.most],
        "share": found.share,
        "entropy_bits": found.bits,
        "gold_entropy_bits": found.right_bits,
        "chi_square": None if test is None else test.statistic,
        "chi_square_p": None if test is None else test.p_value,
    }


def collapse_reasons(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Why a result with this summary must not be trusted, if its answers have collapsed; else nothing."""
    found = summary["collapse"]
    if not found["collapsed"]:
        return ()
    return (
        f"{Distrust.COLLAPSED}: 回答が {found['letter']} に偏っています"
        f"（{found['share']:.0%}、エントロピー {found['entropy_bits']:.2f} ビット）",
    )
