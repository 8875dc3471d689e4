"""From outcomes to the numbers of a result: accuracy with its interval, orders, groups, ladder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.questions import LETTERS, ORDERS, Question, original_letter
from ...data.cited_words import cited_counts
from ...data.question_kinds import kind_of
from ..running.plan import EvaluationPlan
from ..statistics import (
    clustered_interval,
    debiased,
    position_prior,
    recall_spread,
    wilson_interval,
)
from .answers import answer_name, collapse, label_histogram, shown_gold, used_letters
from .floors import floors, uniform_logprob
from .known_items import known_items, split_accuracy
from .order_answer import OrderAnswer
from .outcomes import STATUSES, Outcome
from .retrieval_score import retrieval_summary
from .statements import statements_summary

LOW_MASS = 0.5


def summarize(outcomes: Sequence[Outcome], questions: Sequence[Question], plan: EvaluationPlan) -> dict[str, Any]:
    """The ``summary`` of a result file. ``outcomes`` and ``questions`` are of the same questions, in one order."""
    if [outcome.id for outcome in outcomes] != [question.id for question in questions] or not outcomes:
        raise ValueError("outcomes and questions differ")
    return {
        **outcome_summary(outcomes, context=plan.context, top_k=plan.top_k, cited_words=plan.cited_words),
        "floors": floors(questions),
        "known_items": _known_items(outcomes),
        # For whoever knows where other results lie (app/evaluation/running/companions.py, reading.py, both_forms.py).
        "other_contexts": [],
        "reading": [],
        "both_forms": None,
    }


def outcome_summary(
    outcomes: Sequence[Outcome], *, context: str | None, top_k: int, cited_words: bool = False
) -> dict[str, Any]:
    """The part of a summary that the outcomes alone decide, whoever counts them and whenever.

    ``context`` is the plan's; None where nobody knows what the prompts held. ``cited_words`` is the plan's too: what was
    shown under choices that only cite is counted.
    """
    counts = Counter(outcome.status for outcome in outcomes)
    histogram = label_histogram(outcomes)
    masses = [mass for outcome in outcomes for answer in outcome.answers for mass in _masses(answer)]
    low = sum(mass < LOW_MASS for mass in masses)
    # Letters that a server left out of the likeliest tokens; those of the choice form are counted with the statements.
    hidden = sum(answer.outside or 0 for one in outcomes if one.form == "letter" for answer in one.answers)
    return {
        **_accuracy(outcomes),
        "counts": {status: counts[status] for status in STATUSES},
        "ties": ties(outcomes),
        "gold_logprob": gold_logprob(outcomes),
        "uniform_logprob": uniform_logprob(outcomes),
        "statements": statements_summary(outcomes),
        "label_histogram": histogram,
        "collapse": collapse(outcomes),
        "label_mass": (
            {"mean": float(np.mean(masses)), "min": min(masses), "below_half": low, "answers": len(masses)}
            | ({"outside": hidden} if hidden else {})
            if masses
            else None
        ),
        "by_law": group(outcomes, lambda outcome: outcome.law),
        "by_kind": group(outcomes, lambda outcome: kind_of(outcome.id)),
        "by_polarity": group(outcomes, lambda outcome: outcome.polarity),
        "by_gold_position": group(outcomes, lambda outcome: answer_name(outcome, outcome.correct)),
        "by_right_count": group(outcomes, lambda outcome: str(len(outcome.correct))),
        "orders": orders_summary(outcomes),
        "text": text_summary(outcomes),
        "retrieval": retrieval_summary(outcomes, top_k) if context == "rag" else None,
        "without_context": sum(outcome.context is None for outcome in outcomes) if context not in (None, "none") else 0,
        "tokens": {
            "prompt": _total(answer.prompt_tokens for outcome in outcomes for answer in outcome.answers),
            "new": _total(answer.new_tokens for outcome in outcomes for answer in outcome.answers),
        },
        **(
            {"cited_words": cited_counts((one.choices, one.context, one.correct) for one in outcomes).as_json()}
            if cited_words
            else {}
        ),
    }


def _masses(answer: OrderAnswer) -> Sequence[float]:
    return answer.masses or (() if answer.mass is None else (answer.mass,))


def _known_items(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    split, listed = split_accuracy(outcomes), known_items()
    found = [(outcome.id, listed.get(outcome.question_sha256)) for outcome in outcomes]
    return {
        # By the id that the question has here, which the answers stand under.
        "items": [{"id": name, "kind": item.kind, "reason": item.reason} for name, item in found if item],
        "accuracy_without": split.without_items,
        "questions_without": split.questions_without,
    }


def _accuracy(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    correct = sum(outcome.status == "correct" for outcome in outcomes)
    return {
        "accuracy": correct / len(outcomes),
        "correct": correct,
        "total": len(outcomes),
        "ci95": list(wilson_interval(correct, len(outcomes))),
    }


def ties(outcomes: Sequence[Outcome]) -> dict[str, int] | None:
    """Questions whose orders are of several minds and that the mean probability decided, and how many of them it got
    right; None where no vote is taken (one order, or ``ensemble``)."""
    if outcomes[0].ensemble or len(outcomes[0].answers) == 1:
        return None
    decided = [outcome for outcome in outcomes if outcome.vote_tied and outcome.predicted is not None]
    return {"questions": len(decided), "correct": sum(outcome.status == "correct" for outcome in decided)}


def gold_logprob(outcomes: Sequence[Outcome]) -> float | None:
    """Mean log-probability (natural) of the right choice among the four; None unless every answer has letter scores."""
    each = [outcome.gold_logprob for outcome in outcomes]
    known = [value for value in each if value is not None]
    return sum(known) / len(known) if len(known) == len(each) else None


def _total(counts: Iterable[int | None]) -> int:
    return sum(count or 0 for count in counts)


def group(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, Any]:
    """Accuracy with its interval for each value of ``key``, in the order of the values."""
    names = sorted({key(outcome) for outcome in outcomes})
    return {name: _accuracy([outcome for outcome in outcomes if key(outcome) == name]) for name in names}


def orders_summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Accuracy over all orders asked and what depends on the order; the PriDe and ensemble lines need letter scores.

    ``orders`` is the number in which the question with the most choices was asked.
    """
    orders = max(len(outcome.answers) for outcome in outcomes)
    letters = used_letters(outcomes)
    pairs = shown_gold(outcomes)
    recalls = {
        letter: _share([predicted == letter for gold, predicted in pairs if gold == letter]) for letter in letters
    }
    known = [recall for recall in recalls.values() if recall is not None]
    shares = [outcome.share_right for outcome in outcomes]
    value: dict[str, Any] = {
        "orders": orders,
        "accuracy": sum(shares) / len(shares),
        "ci95": list(clustered_interval(shares, orders)),
        "recall_by_position": recalls,
        "rstd": recall_spread(known) if known and len(known) == len(letters) else None,
    }
    if orders == 1:
        return value
    same = [len({answer.chosen for answer in outcome.answers}) == 1 for outcome in outcomes]
    value |= {
        "all_orders_right": _share([share == 1.0 for share in shares]),
        "consistency": _share([
            one and outcome.answers[0].chosen is not None for one, outcome in zip(same, outcomes, strict=True)
        ]),
        "majority_accuracy": _share([replace(outcome, ensemble=False).status == "correct" for outcome in outcomes]),
        "ensemble_accuracy": None,
        "pride_accuracy": None,
        "position_prior": None,
    }  # fmt: skip
    if all(outcome.mean_probabilities() is not None for outcome in outcomes):
        value["ensemble_accuracy"] = _share([
            replace(outcome, ensemble=True).status == "correct" for outcome in outcomes
        ])  # fmt: skip
        # The liking of places is one for all questions only where all have the same places.
        if all(len(outcome.answers) == len(ORDERS) == len(outcome.choices) for outcome in outcomes):
            value |= _from_logprobs(outcomes)
    return value


def _from_logprobs(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    logprobs = np.array([[answer.logprobs for answer in outcome.answers] for outcome in outcomes], dtype=np.float64)
    prior = position_prior(logprobs)
    chosen = debiased(logprobs).argmax(axis=-1)
    gold = np.array([
        [answer.order.index(outcome.correct) for answer in outcome.answers] for outcome in outcomes
    ])  # fmt: skip
    return {
        "pride_accuracy": float((chosen == gold).mean()),
        "position_prior": dict(zip(LETTERS, prior.tolist(), strict=True)),
    }


def text_summary(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """How the written answers read, and how often they agree with the letter scores; None if nothing was written."""
    written = [(outcome, answer) for outcome in outcomes for answer in outcome.answers if answer.text is not None]
    if not written:
        return None
    right = sum(
        answer.text_letter is not None and original_letter(answer.text_letter, answer.order) == outcome.correct
        for outcome, answer in written
    )
    return {
        "answers": len(written),
        "status": dict(Counter(str(answer.text_status) for _, answer in written)),
        "accuracy": right / len(written),
        "agrees_with_letter": (
            _share([
                answer.text_letter == answer.predicted
                for _, answer in written
                if answer.logprobs is not None and answer.text_letter is not None
            ])
        ),
    }  # fmt: skip


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None
