"""The answer to one question in one order, as a result stores it: its fields have the types that reading a file checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AllowInfNan, ConfigDict, Field, Strict, StrictBool, StrictInt

from ...core.answers import Status as Reading
from ...core.choices import chosen, inclusion_logprobs, judged_true, set_logprob
from ...core.questions import CHOICE_LETTERS, original_letter
from ...core.requests import Sign
from .agreement import TOLERANCE

# Lax where Python's JSON leaves no doubt (a string is a string), strict where it does: true is no number, "1" neither.
Number = Annotated[float, Strict(), AllowInfNan(False)]
Share = Annotated[Number, Field(ge=0, le=1 + TOLERANCE)]


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """One question asked once.

    order          original letters in the order shown
    prompt_sha256  of the prompt text; of all prompts of the question in the choice form (joined by unit separators)
    predicted      letter as shown that counts as the answer (the letters where several are right, "" for a single
                   statement judged wrong), None when none could be read
    logprobs       log-probability of each shown letter as the next token, None where the backend gives none; in the
                   choice form that of each choice to be among the right ones (``inclusion_logprobs``)
    mass           probability that the next token is one of the letters, None in the choice form
    text           what the model wrote, None when it only scored letters
    text_letter    letter as shown that the text names
    text_status    how the reading went: ok, ambiguous, unparsed, truncated, empty
    text_rule      rule of app.core.answers that decided
    prompt_tokens  tokens read, new_tokens  tokens written
    error          why there is no answer, None when there is one
    truncated      the token budget ended the text; None when nothing was written
    log_odds       choice form only: of "fits" against "does not fit", each choice, as the model gives them (natural log)
    masses         choice form only: probability that the next token is one of the two answers, each choice
    sign           choice form only: −1 where the question wants what does not fit (``app.core.requests``)
    told           choice form only: whether the question's wording says what it wants
    outside        letters, or choices of the choice form, for which a server did not return (one of) the answers, so that its
                   probability was taken as that of the least probable token returned
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    order: str
    prompt_sha256: str
    predicted: str | None = None
    logprobs: tuple[Number, ...] | None = None
    mass: Share | None = None
    text: str | None = None
    text_letter: str | None = None
    text_status: Reading | None = None
    text_rule: str | None = None
    prompt_tokens: StrictInt | None = None
    new_tokens: StrictInt | None = None
    error: str | None = None
    truncated: StrictBool | None = None
    log_odds: tuple[Number, ...] | None = None
    masses: tuple[Share, ...] | None = None
    sign: Sign | None = None
    told: StrictBool | None = None
    outside: StrictInt | None = None

    @property
    def chosen(self) -> str | None:
        """The predicted choice, or choices, by their letters in the file's own order."""
        if self.predicted is None or self.log_odds is not None:
            return self.predicted
        return original_letter(self.predicted, self.order)

    def probabilities(self) -> dict[str, float] | None:
        """Probability of each original letter among the letters, which sums to one; in the choice form that of each
        choice to be among the right ones."""
        if self.logprobs is None:
            return None
        if self.log_odds is not None:
            return {letter: math.exp(value) for letter, value in zip(self.order, self.logprobs, strict=True)}
        top = max(self.logprobs)
        weights = [math.exp(value - top) for value in self.logprobs]
        return {original: weight / sum(weights) for original, weight in sorted(zip(self.order, weights, strict=True))}

    def scores(self) -> dict[str, float] | None:
        """What orders the choices, by original letter: log-probabilities; in the choice form the signed log-odds."""
        if self.log_odds is not None and self.sign is not None:
            return {letter: self.sign * value for letter, value in zip(self.order, self.log_odds, strict=True)}
        return None if self.logprobs is None else dict(zip(self.order, self.logprobs, strict=True))

    def stated(self) -> float | None:
        """The probability that the model gives to its own answer; of the whole set where it chose several."""
        if self.log_odds is not None and self.sign is not None and self.predicted is not None:
            return math.exp(set_logprob(self.log_odds, self.sign, self.predicted))
        probabilities = self.probabilities()
        return None if probabilities is None else max(probabilities.values())


def judged(answer: OrderAnswer, correct: str) -> OrderAnswer:
    """The answer of the choice form with what follows from its log-odds, for a question whose right letters are
    ``correct``: how many there are is part of what it asks."""
    log_odds, sign = answer.log_odds, answer.sign
    if log_odds is None or sign is None:
        raise ValueError("an answer without log-odds")
    if len(log_odds) == 1:
        predicted = CHOICE_LETTERS[0] if judged_true(log_odds[0], sign) else ""
    else:
        predicted = chosen(log_odds, sign, len(correct))
    return replace(answer, predicted=predicted, logprobs=tuple(inclusion_logprobs(log_odds, sign, len(correct))))
