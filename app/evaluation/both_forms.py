"""Both forms of asking together: every choice judged by itself, and the letter asked for in every order.

The two err differently, and a small model knows more than either shows. A question's choices get the mean of two
log-probabilities, each form's own among the choices: the logarithmic opinion pool with even weights (Genest & Zidek 1986),
so nothing is fitted. It needs one right answer a question, since a letter is one answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..core.choices import choice_logprobs
from .gain import Gain, gain_between
from .results.order_answer import OrderAnswer, judged
from .results.outcomes import Outcome

SEED = 42


@dataclass(frozen=True, slots=True)
class Known:
    """What one way of asking knows of the questions; of several runs the mean."""

    accuracy: float
    gold_logprob: float  # of the right answer (natural log), mean over the questions
    pair_order: float  # share of the other choices that the right one is placed above, 0 to 1


@dataclass(frozen=True, slots=True)
class BothForms:
    """What one model knows in each form and in both together, of the same questions with the same context."""

    questions: int
    choice: Known
    letter: Known
    together: Known
    against_choice: Gain  # both together against the choice form
    against_letter: Gain

    def as_json(self) -> dict[str, Any]:
        """As a result file holds it."""
        return {
            "questions": self.questions,
            "choice": asdict(self.choice),
            "letter": asdict(self.letter),
            "together": asdict(self.together),
            "against_choice": self.against_choice.as_json(),
            "against_letter": self.against_letter.as_json(),
        }


@dataclass(frozen=True, slots=True)
class BothChange:
    """Two models, each asked in both forms together: the second, or the mean of its seeds, against the first."""

    questions: int
    before: Known
    after: Known
    gain: Gain
    doubtful: tuple[str, ...]  # results in the other form that say themselves that they must not be trusted

    def as_json(self) -> dict[str, Any]:
        """As ``compare_runs.py --json`` prints it."""
        return {
            "questions": self.questions,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "change": self.gain.as_json(),
            "doubtful": list(self.doubtful),
        }


def pooled(choice: Outcome, letter: Outcome) -> Outcome:
    """The outcome of a question by both forms together; ``choice`` and ``letter`` are its outcomes in each.

    It is one of the choice form whose log-odds are the pooled log-probabilities, the sign of the request turned already.
    Raises ValueError for outcomes without scores, or with more than one right answer.
    """
    if not can_be_pooled(choice, letter):
        raise ValueError(f"{choice.id}: nothing to pool")
    (answer,) = choice.answers
    of_choices = choice_logprobs(answer.log_odds or (), answer.sign or 1)
    of_letters = [_letter_logprob(letter, name) for name in choice.letters]
    mean = tuple((one + other) / 2 for one, other in zip(of_choices, of_letters, strict=True))
    both = OrderAnswer(answer.order, answer.prompt_sha256, log_odds=mean, sign=1, told=answer.told)
    return replace(choice, answers=(judged(both, choice.correct),))


def can_be_pooled(choice: Outcome, letter: Outcome) -> bool:
    """Whether both outcomes have scores, the letters in every order, of one question with several choices and one answer."""
    (answer, *_) = choice.answers
    return (
        (choice.form, letter.form) == ("choice", "letter")
        and len(choice.correct) == 1 < len(choice.choices)
        and answer.log_odds is not None
        and answer.sign is not None
        and len(letter.answers) > 1
        and all(one.probabilities() is not None for one in letter.answers)
    )


def both_forms(
    outcomes: Sequence[Outcome], others: Sequence[Outcome], *, seed: int = SEED, repeats: int = 10_000
) -> BothForms | None:
    """What a model knows by both forms together, from its outcomes in the two; None where a question cannot be pooled."""
    pools = pool(outcomes, others)
    if pools is None:
        return None
    choices, letters = _by_form(outcomes, others)
    return BothForms(
        questions=len(pools),
        choice=_known([choices]),
        letter=_known([letters]),
        together=_known([pools]),
        against_choice=gain_between(choices, [pools], seed=seed, repeats=repeats),
        against_letter=gain_between(letters, [pools], seed=seed, repeats=repeats),
    )


def both_change(
    before: Sequence[Outcome],
    afters: Sequence[Sequence[Outcome]],
    *,
    doubtful: Sequence[str] = (),
    seed: int = SEED,
    repeats: int = 10_000,
) -> BothChange:
    """Two models by their pooled outcomes (``pool``) of the same questions; several ``afters`` are the second's seeds."""
    gain = gain_between(before, afters, seed=seed, repeats=repeats)
    return BothChange(len(before), _known([before]), _known(afters), gain, tuple(doubtful))


def pool(outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> list[Outcome] | None:
    """The pooled outcome of every question, from its outcomes in the two forms, whichever comes first and in any order;
    None where a question cannot be pooled."""
    choices, letters = _by_form(outcomes, others)
    own = {one.id: one for one in letters}
    pairs = [(one, own[one.id]) for one in choices if one.id in own]
    if len(pairs) < len(choices) or not all(can_be_pooled(*pair) for pair in pairs):
        return None
    return [pooled(*pair) for pair in pairs]


def _by_form(outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> tuple[Sequence[Outcome], Sequence[Outcome]]:
    """The outcomes of judged choices, then those of letters."""
    return (outcomes, others) if outcomes[0].form == "choice" else (others, outcomes)


def _letter_logprob(outcome: Outcome, letter: str) -> float:
    """The log-probability of a choice among the letters, the mean over the orders: a liking of places goes out with it."""
    each = [answer.probabilities() or {} for answer in outcome.answers]
    return sum(math.log(max(one[letter], 1e-300)) for one in each) / len(each)


def _known(runs: Sequence[Sequence[Outcome]]) -> Known:
    outcomes = [one for run in runs for one in run]
    return Known(
        accuracy=sum(one.status == "correct" for one in outcomes) / len(outcomes),
        gold_logprob=sum(one.gold_logprob or 0.0 for one in outcomes) / len(outcomes),
        pair_order=sum(one.pairs_won or 0.0 for one in outcomes) / len(outcomes),
    )
