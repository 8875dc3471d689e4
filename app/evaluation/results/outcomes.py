"""The answers to one question in all orders asked, and the answer of them that counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import StrictBool

from ...core.choices import set_logprob
from ...core.prompts import Form
from ...core.questions import CHOICE_LETTERS
from ...data.context import ShownPassage
from .order_answer import OrderAnswer

Status = Literal["correct", "wrong", "tied", "unparsed", "failed"]
STATUSES: tuple[Status, ...] = ("correct", "wrong", "tied", "unparsed", "failed")
# Fields of the choice form alone; a row of the letter form does not name them.
_OF_CHOICES = ("log_odds", "masses", "sign", "told")
_TIE = 1e-9  # scores (natural logarithms) so close differ by rounding alone


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question with its answers; letters are those of the file's own order unless a field says ``shown``."""

    id: str
    question_sha256: str  # app.core.questions.content_hash
    question: str
    choices: Mapping[str, str]
    correct: str
    law: str
    polarity: str
    cluster: str
    gold_articles: tuple[tuple[str, str], ...]  # (law, article), the gold ones
    context: str | None  # as it stood in the prompt
    passages: tuple[ShownPassage, ...]  # as retrieved, best first
    answers: tuple[OrderAnswer, ...]
    ensemble: StrictBool = False
    form: Form = "letter"

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of the choices, a first."""
        return CHOICE_LETTERS[: len(self.choices)]

    def mean_probabilities(self) -> dict[str, float] | None:
        """Probability of each choice averaged over the orders; None without letter scores in every order."""
        each = [answer.probabilities() for answer in self.answers]
        if not each or any(one is None for one in each):
            return None
        return {letter: sum(one[letter] for one in each if one) / len(each) for letter in self.letters}

    def leaders(self) -> tuple[str, ...]:
        """The choices that most orders choose: one, several in a tie, none where no letter could be read."""
        votes = Counter(answer.chosen for answer in self.answers if answer.chosen is not None)
        return tuple(sorted(letter for letter in votes if votes[letter] == max(votes.values())))

    @property
    def vote_tied(self) -> bool:
        """Whether the majority leaves several choices; never with ``ensemble``, which takes no vote."""
        return not self.ensemble and len(self.leaders()) > 1

    @property
    def predicted(self) -> str | None:
        """The answer that counts: the most probable choice with ``ensemble``, else what most orders choose.

        A tie between choices goes to the one of higher mean probability; without probabilities a tie is no answer.
        """
        mean = self.mean_probabilities()
        if self.ensemble:
            return None if mean is None else max(self.letters, key=lambda letter: mean[letter])
        leaders = self.leaders()
        if len(leaders) == 1:
            return leaders[0]
        return None if mean is None else max(leaders, key=lambda letter: mean[letter], default=None)

    @property
    def status(self) -> Status:
        """correct or wrong; where there is no answer: failed when the backend gave nothing at all, tied when letters were
        read but none leads, unparsed when no letter could be read."""
        predicted = self.predicted
        if predicted is not None:
            return "correct" if predicted == self.correct else "wrong"
        if all(answer.error for answer in self.answers):
            return "failed"
        return "tied" if self.vote_tied else "unparsed"

    @property
    def share_right(self) -> float:
        """Share of the orders in which the right choice was chosen."""
        return sum(answer.chosen == self.correct for answer in self.answers) / len(self.answers)

    @property
    def gold_logprob(self) -> float | None:
        """Mean over the orders of the right choice's log-probability among the choices (natural log); in the choice form
        that of exactly the right choices (``set_logprob``)."""
        if self.form == "choice":
            answer = self.answers[0]
            if answer.log_odds is None or answer.sign is None:
                return None
            return set_logprob(answer.log_odds, answer.sign, self.correct)
        each = [answer.probabilities() for answer in self.answers]
        if not each or any(one is None for one in each):
            return None
        return sum(math.log(max(one[self.correct], 1e-300)) for one in each if one) / len(each)

    @property
    def pairs_won(self) -> float | None:
        """Share of the pairs of a right and another choice in which the right one has the higher score, a tie counting half,
        averaged over the orders; None without scores or without such a pair. How sure the model is does not enter."""
        each = [answer.scores() for answer in self.answers]
        if not each or any(one is None for one in each) or not 0 < len(self.correct) < len(self.choices):
            return None
        shares = [_share_above(one, self.correct) for one in each if one]
        return sum(shares) / len(shares)

    def as_row(self) -> dict[str, Any]:
        """The object a result file holds: the fields, and beside them what follows from them."""
        row = asdict(self)
        if self.form == "letter":
            row["answers"] = [
                {
                    name: value
                    for name, value in answer.items()
                    if name not in _OF_CHOICES and (name != "outside" or value)
                }
                for answer in row["answers"]
            ]
        row["gold_articles"] = [list(pair) for pair in self.gold_articles]
        return row | self.derived() | {"predicted": self.predicted, "status": self.status}

    def derived(self) -> dict[str, Any]:
        """What follows from the answers and stands in a row for whoever reads the file without this program."""
        first = self.answers[0]
        return {
            "prompt_sha256": first.prompt_sha256,
            "logprobs": None if first.logprobs is None else list(first.logprobs),
            "label_mass": first.mass if first.masses is None else sum(first.masses) / len(first.masses),
            "probabilities": self.mean_probabilities(),
        }


def _share_above(scores: Mapping[str, float], correct: str) -> float:
    pairs = [(scores[one], score) for one in correct for other, score in scores.items() if other not in correct]
    return sum(0.5 if abs(one - other) < _TIE else float(one > other) for one, other in pairs) / len(pairs)
