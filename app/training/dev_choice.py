"""Dev questions in the choice form while training: every choice judged by itself, compared within its question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Any

from ..core.chat import ChatFormat, encode_prompt, pair_token_ids
from ..core.choices import chosen, set_logprob
from ..core.prompts import FITS
from ..core.requests import Sign, read_request
from ..data.records import Record
from ..llm.letters import score_letters_shared_prefix
from .dev_eval import DevResult, Statements
from .rows.choice_groups import question_rows


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """One question: encoded prompts of its choices, a first, whether each fits, and how its answer is read from them."""

    prompt_ids: list[list[int]]
    fits: list[bool]
    sign: Sign
    correct: str


@dataclass(frozen=True, slots=True)
class ChoiceDev:
    """The dev questions and the token ids of ○ and of ×."""

    questions: list[DevQuestion]
    pair_ids: list[list[int]]

    @property
    def correct(self) -> list[str]:
        """The right letters of each question."""
        return [question.correct for question in self.questions]

    @property
    def chance(self) -> float:
        """The accuracy (0–1) that guesses come to: one set of so many choices is right, and half of single statements."""
        shares = [0.5 if len(one.fits) == 1 else 1 / comb(len(one.fits), len(one.correct)) for one in self.questions]
        return sum(shares) / len(shares)


def build_choice_dev(
    records: Sequence[Record], tokenizer: Any, *, path: object = None, chat_format: ChatFormat = "auto"
) -> ChoiceDev:
    """The questions of the records of ``path``. Raises DataError for a question that lacks a choice."""
    questions = []
    for rows in question_rows(records, path):
        here = [records[row] for row in rows]
        questions.append(
            DevQuestion(
                [encode_prompt(tokenizer, record.input, chat_format=chat_format) for record in here],
                [record.output == FITS for record in here],
                read_request(here[0].meta["question"]).sign,
                str(here[0].meta["correct"]),
            )
        )
    return ChoiceDev(questions, pair_token_ids(tokenizer))


def evaluate_choice_dev(model: Any, dev: ChoiceDev, *, max_batch_tokens: int) -> DevResult:
    """Score the dev set with the model as it is now; its training mode is put back afterwards."""
    hits = 0
    logprob = mass = 0.0
    odds_of_all: list[float] = []
    fits_of_all: list[bool] = []
    for question in dev.questions:
        scores = score_letters_shared_prefix(
            model, question.prompt_ids, dev.pair_ids, max_batch_tokens=max_batch_tokens
        )
        odds = [float(fits) - float(other) for fits, other in scores.logprobs]
        hits += is_right(odds, question)
        logprob += set_logprob(odds, question.sign, question.correct)
        mass += float(scores.mass.sum())
        odds_of_all += odds
        fits_of_all += question.fits
    count = len(dev.questions)
    return DevResult(
        accuracy=hits / count,
        gold_logprob=logprob / count,
        mass=mass / len(odds_of_all),
        histogram={},
        statements=judged(odds_of_all, fits_of_all),
    )


def is_right(odds: Sequence[float], question: DevQuestion) -> bool:
    """Whether the choices that fit best are the right ones; a single statement is right on its side of even odds."""
    if len(odds) == 1:
        return (odds[0] > 0) == question.fits[0]
    return chosen(odds, question.sign, len(question.correct)) == question.correct


def judged(odds: Sequence[float], fits: Sequence[bool]) -> Statements:
    """Accuracy and AUC of judgements one by one.

    The area under the ROC curve is the probability that a fitting choice has higher odds than another one, ties
    counting half (Mann & Whitney 1947).
    """
    accuracy = sum((value > 0) == right for value, right in zip(odds, fits, strict=True)) / len(odds)
    positives = sum(fits)
    negatives = len(fits) - positives
    if not positives or not negatives:
        return Statements(accuracy, None)
    order = sorted(range(len(odds)), key=lambda index: odds[index])
    edges = [
        0,
        *(place for place, (one, two) in enumerate(pairwise(order), start=1) if odds[one] != odds[two]),
        len(order),
    ]
    won = below = 0.0
    for start, end in pairwise(edges):
        right = sum(fits[index] for index in order[start:end])
        other = end - start - right
        won += right * (below + other / 2)
        below += other
    return Statements(accuracy, won / (positives * negatives))
