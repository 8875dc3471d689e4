"""A statement held against the articles found for it: it fits them, it does not, or they do not tell.

The statement is asked about in the choice form, as the one candidate of a question for what is right: that is how
adapters learn to judge (``app.core.prompts``). A model always leans one way, even where no article speaks of the matter.
So nothing is claimed where the words of the best article do not reach the statement, nor where the model is unsure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..core.prompts import build_choice_prompt
from ..retrieval.showing.context_text import RetrievedPassage
from ..retrieval.showing.deciding import Deciding, sentences
from ..retrieval.text.tokens import tokenize

# The request that lawqa_jp and the sample make most often.
STATEMENT_QUESTION = "次のうち、正しいものを教えてください。"
# Least probability of either answer that is claimed, and least coverage of the statement by the best article. Chosen on
# the dev questions of the sample with the demo's adapter (benchmarks/statement_check.py, docs/asking.md): where the right
# article is missing the model is no less sure of itself, so it is the coverage that tells.
SURE = 0.60
REACHED = 0.50
MAX_STATEMENTS = 50  # of one text that are judged
MAX_STATEMENT_CHARS = 2000

Finding = Literal["fits", "contradicts", "unknown"]
# Why nothing is claimed: no article was found, words do not reach, the model is unsure.
Reason = Literal["no_articles", "not_reached", "unsure"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is claimed of a statement."""

    finding: Finding
    reason: Reason | None  # of ``unknown`` only


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement and what was found of it."""

    statement: str
    decision: Decision | None  # None where no model was asked
    probability: float | None  # that it fits, 0 to 1; None where no model was asked or no article was found
    mass: float | None  # probability that the model's next token is one of the two answers
    coverage: float | None  # share of the statement's word weight that the best article has
    passages: tuple[RetrievedPassage, ...]  # what it was held against
    deciding: int | None  # number of the passage, from 1, whose sentence is nearest to it
    notes: tuple[str, ...]


def statement_prompt(statement: str, context: str) -> str:
    """The user prompt that asks whether the statement fits."""
    return build_choice_prompt(STATEMENT_QUESTION, statement, context)


def decide(probability: float | None, coverage: float | None) -> Decision:
    """What may be claimed. ``probability`` that the statement fits is None where no article was found; an unknown
    ``coverage`` (a search server) is left out of account."""
    if probability is None:
        return Decision("unknown", "no_articles")
    if coverage is not None and coverage < REACHED:
        return Decision("unknown", "not_reached")
    if max(probability, 1.0 - probability) < SURE:
        return Decision("unknown", "unsure")
    return Decision("fits" if probability > 0.5 else "contradicts", None)


def probability_of(log_odds: float) -> float:
    """The probability that odds stand for: the logistic function."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    return math.exp(log_odds) / (1.0 + math.exp(log_odds))


def nearest(statement: str, decidings: Sequence[Deciding | None]) -> int | None:
    """Number, from 1, of the sentence that has most of the statement's words for its length; None without a sentence."""
    asked = set(tokenize(statement))
    worth = []
    for number, deciding in enumerate(decidings, start=1):
        if deciding is not None:
            tokens = set(tokenize(deciding.text))
            worth.append((len(tokens & asked) / (len(tokens) + 20) ** 0.5, -number))
    return -max(worth)[1] if worth else None


def statements_in(text: str) -> list[str]:
    """The sentences of a text, each a statement of its own; what has no words is left out."""
    found = [one.strip() for line in text.splitlines() for one in sentences(line)]
    return [one for one in found if tokenize(one)]
