"""From the log-odds of single choices to the probabilities of a question's answers.

Small models say yes to nearly everything, so the judgements of a question's choices are compared with each other, never
with a threshold. With o_i the odds that choice i fits and the judgements taken as independent, the probability that
exactly the set S fits, given that |S| choices do, is prod(o_i, i in S) / e_|S|(o), where e_k is the elementary symmetric
polynomial of degree k (conditional Bernoulli, Chen & Liu 1997). For one right choice that is the softmax of the
log-odds. A request for what does not fit turns the sign of the log-odds first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .questions import CHOICE_LETTERS
from .requests import Sign


def choice_logprobs(log_odds: Sequence[float], sign: Sign) -> list[float]:
    """Log-probability (natural) of each choice to be the only right one: the log-softmax of the signed log-odds."""
    signed = [sign * value for value in log_odds]
    top = max(signed)
    total = top + math.log(sum(math.exp(value - top) for value in signed))
    return [value - total for value in signed]


def chosen(log_odds: Sequence[float], sign: Sign, count: int) -> str:
    """The letters of the ``count`` choices that fit the question best, in the order of the letters.

    Of equal choices the first counts, as for letters.
    """
    ranked = sorted(range(len(log_odds)), key=lambda index: (-sign * log_odds[index], index))
    return "".join(CHOICE_LETTERS[index] for index in sorted(ranked[:count]))


def judged_true(log_odds: float, sign: Sign) -> bool:
    """Whether a single statement is judged to be what the question asks for: nothing to compare it with, so by even odds."""
    return sign * log_odds > 0


def inclusion_logprobs(log_odds: Sequence[float], sign: Sign, count: int) -> list[float]:
    """Log-probability (natural) of each choice to be among the right ones, given that ``count`` are.

    o_i e_(k-1)(the other odds) / e_k(all odds); for one right choice ``choice_logprobs``. A single statement has nothing
    to be compared with: the log-probability that it is judged true.
    """
    if len(log_odds) == 1:
        return [-softplus(-sign * log_odds[0])]
    if count == 1:
        return choice_logprobs(log_odds, sign)
    signed = [sign * value for value in log_odds]
    whole = _log_elementary_symmetric(signed, count)
    return [
        value + _log_elementary_symmetric(signed[:index] + signed[index + 1 :], count - 1) - whole
        for index, value in enumerate(signed)
    ]


def set_logprob(log_odds: Sequence[float], sign: Sign, right: str) -> float:
    """Log-probability (natural) that exactly the ``right`` letters are right, given how many are.

    A single statement has nothing to be compared with: its own probability is returned.
    """
    signed = [sign * value for value in log_odds]
    if len(signed) == 1:
        return -softplus(-signed[0] if right else signed[0])
    return sum(signed[CHOICE_LETTERS.index(letter)] for letter in right) - _log_elementary_symmetric(signed, len(right))


def softplus(value: float) -> float:
    """log(1 + exp(value)), without overflow."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


def _log_elementary_symmetric(logs: Sequence[float], degree: int) -> float:
    """Log of the sum over all sets of ``degree`` values of their product, from the values' logarithms (no subtraction).

    In logarithms, so that neither large nor tiny odds leave the range of a float.
    """
    sums = [0.0] + [-math.inf] * degree
    for value in logs:
        for size in range(degree, 0, -1):
            sums[size] = _log_add(sums[size], sums[size - 1] + value)
    return sums[degree]


def _log_add(one: float, other: float) -> float:
    top = max(one, other)
    return top if top == -math.inf else top + math.log1p(math.exp(min(one, other) - top))
