"""The log-probability of the right answer when the sureness of a run is set right, so that runs differ by what they know.

All scores of a run are multiplied by one number, the inverse of a temperature (Guo et al. 2017), which is fitted for each
cluster on all the others: a question has no part in the number that is used on it. A model that was merely too sure of
everything gains by training, and nothing here; sureness that differs from question to question stays in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.choices import set_logprob
from .outcomes import Outcome

# Inverse temperatures that are tried: the mean log-probability is concave in them, and flat around the best. At 0 all
# choices are even, which is what scores that mislead are worth.
SCALES = np.concatenate([[0.0], np.exp(np.linspace(-4.0, 2.0, 61))])


def calibrated_logprobs(outcomes: Sequence[Outcome]) -> list[float] | None:
    """For each question the log-probability (natural) of the right answer, in the order of ``outcomes``.

    None where an answer has no scores, or where all questions are of one cluster.
    """
    clusters = {name: number for number, name in enumerate(sorted({outcome.cluster for outcome in outcomes}))}
    columns = [_by_scale(outcome) for outcome in outcomes]
    if len(clusters) < 2 or any(column is None for column in columns):
        return None
    table = np.array(columns)  # (questions, scales)
    own = np.array([clusters[outcome.cluster] for outcome in outcomes])
    sums = np.zeros((len(clusters), len(SCALES)))
    np.add.at(sums, own, table)
    best = (table.sum(axis=0) - sums).argmax(axis=1)
    return [float(value) for value in table[np.arange(len(outcomes)), best[own]]]


def _by_scale(outcome: Outcome) -> list[float] | None:
    """The log-probability of the right answer for each of ``SCALES``, averaged over the orders."""
    each = [answer.scores() for answer in outcome.answers]
    if not each or any(one is None for one in each):
        return None
    # By letter, as set_logprob reads them; the sign of the choice form is turned already.
    scores = [[one[letter] for letter in sorted(one)] for one in each if one]
    return [
        sum(set_logprob([scale * value for value in one], 1, outcome.correct) for one in scores) / len(scores)
        for scale in SCALES
    ]
