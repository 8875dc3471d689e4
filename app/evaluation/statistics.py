"""The statistics behind every verdict: plain functions on numbers, no model and no file in sight."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution
# Share of questions on which two runs are taken to differ in being right, before anything is known of them.
PLANNED_DISCORDANT = 0.25
ALPHA = 0.05
# With fewer clusters, drawing them anew says little of how others would come out, and the interval is far too narrow. It is
# somewhat narrow up to about thirty (Cameron, Gelbach & Miller 2008), which is why a verdict needs a sign-flip test too.
MIN_CLUSTERS = 10
# Sign flips for each draw of an interval: a p-value is read against a limit, and 100,000 are off by 0.0003 at .01.
FLIPS = 10


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


def excludes_chance(interval: Interval | None, p_value: float) -> bool:
    """Whether a difference counts: the test and the interval over clusters both put it off 0. Without an interval it does
    not."""
    return interval is not None and p_value < ALPHA and not interval.low <= 0 <= interval.high


class SignFlips(NamedTuple):
    """p-values of a sign-flip test: of a mean as far from zero, and of one as large."""

    two_sided: float
    greater: float


class ChiSquare(NamedTuple):
    """A chi-square statistic and the chance of one at least as large."""

    statistic: float
    p_value: float


def wilson_interval(successes: float, trials: float) -> Interval:
    """95 % interval of a proportion (Wilson 1927); trials may be an effective, fractional number. (0, 1) for none."""
    if not 0 <= successes <= trials:
        raise ValueError(f"need 0 <= successes <= trials, got {successes} of {trials}")
    if trials == 0:
        return Interval(0.0, 1.0)
    share = successes / trials
    spread = Z95 * math.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    middle = share + Z95**2 / (2 * trials)
    scale = 1 + Z95**2 / trials
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def clustered_interval(shares: Sequence[float], trials: int | Sequence[int]) -> Interval:
    """95 % interval of the share of right answers, of per-question shares out of ``trials`` answers each.

    The answers of one question are not independent, so Wilson's formula is given the effective number of answers: the
    one with which independent answers would spread as much as the questions do. For shares of 0 and 1 it is the
    number of questions, for answers that vary freely up to the number of answers. Where questions have different numbers
    of answers, the spread is that of a ratio of sums (Cochran 1977, 2.46).
    """
    count = len(shares)
    if count == 0:
        return Interval(0.0, 1.0)
    sizes = [trials] * count if isinstance(trials, int) else list(trials)
    most = float(sum(sizes))
    mean = sum(share * size for share, size in zip(shares, sizes, strict=True)) / most
    squared_error = sum(((share - mean) * size) ** 2 for share, size in zip(shares, sizes, strict=True)) / most**2
    binomial = mean * (1 - mean)
    if binomial < 1e-12 or count == 1:
        # All right, all wrong, or one question: no spread to learn from, so the cautious number.
        effective = float(count)
    else:
        effective = most if squared_error * most <= binomial else binomial / squared_error
    return wilson_interval(min(mean, 1.0) * effective, effective)


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p-value that ``gained`` and ``lost`` discordant pairs come from a fair coin (McNemar 1947)."""
    if gained < 0 or lost < 0:
        raise ValueError(f"counts must not be negative, got {gained} and {lost}")
    discordant = gained + lost
    tail = sum(math.comb(discordant, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down adjusted p-values (Holm 1979), in the order given."""
    count = len(p_values)
    adjusted = [0.0] * count
    running = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda index: p_values[index])):
        running = max(running, (count - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return adjusted


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[Hashable], *, seed: int, repeats: int = 10_000
) -> Interval:
    """95 % percentile interval of the mean when whole clusters are drawn with replacement; equal seeds, equal results.

    Questions on one article rise and fall together, so articles, not questions, are what is drawn.
    """
    sums, sizes = _cluster_sums(values, clusters)
    means = np.empty(repeats)
    generator = np.random.default_rng(seed)
    block = 1000  # draws at a time: bounds memory for many clusters
    for start in range(0, repeats, block):
        rows = min(block, repeats - start)
        drawn = generator.integers(0, len(sums), size=(rows, len(sums)))
        means[start : start + rows] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(low), float(high))


def interval_over(values: Sequence[float], clusters: Sequence[str], *, seed: int, repeats: int) -> Interval | None:
    """The bootstrap's interval of the mean, None where there are too few clusters to draw from."""
    return (
        cluster_bootstrap(values, clusters, seed=seed, repeats=repeats) if len(set(clusters)) >= MIN_CLUSTERS else None
    )


def sign_flip_test(
    values: Sequence[float], clusters: Sequence[Hashable], *, seed: int, repeats: int = 10_000
) -> SignFlips:
    """p-values that ``values`` (paired differences) are as likely with either sign, whole clusters together.

    A randomisation test: under the hypothesis the two runs may change places within each cluster. The p-values are those
    of ``repeats`` random assignments of signs and the observed one (Phipson & Smyth 2010); equal seeds, equal results.
    """
    sums, _ = _cluster_sums(values, clusters)
    seen, found = float(sums.sum()), np.empty(repeats)
    generator = np.random.default_rng(seed)
    block = min(10_000, max(1, 5_000_000 // len(sums)))  # assignments at a time: bounds memory for many clusters
    for start in range(0, repeats, block):
        size = (min(block, repeats - start), len(sums))
        signs = generator.integers(0, 2, size=size, dtype=np.int8) * 2.0 - 1.0
        found[start : start + block] = signs @ sums
    # Sums that are equal but for rounding count as equal.
    return SignFlips(
        two_sided=float((1 + (np.abs(found) >= abs(seen) - 1e-9).sum()) / (1 + repeats)),
        greater=float((1 + (found >= seen - 1e-9).sum()) / (1 + repeats)),
    )


def _cluster_sums(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of the values of each cluster, in the order in which the clusters appear."""
    if len(values) != len(clusters) or not values:
        raise ValueError(f"need as many clusters as values and at least one, got {len(values)} and {len(clusters)}")
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(cluster, len(number)) for cluster in clusters])
    sums = np.bincount(index, weights=np.asarray(values, dtype=float))
    return sums.astype(np.float64), np.bincount(index).astype(np.float64)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(X >= statistic) for a chi-square variable, in closed form (Abramowitz & Stegun 26.4.4 and 26.4.5)."""
    if degrees < 1 or statistic < 0:
        raise ValueError(f"need degrees >= 1 and statistic >= 0, got {degrees} and {statistic}")
    half = statistic / 2
    if half == 0:
        return 1.0
    if degrees % 2 == 0:
        terms = sum(math.exp(k * math.log(half) - half - math.lgamma(k + 1)) for k in range(degrees // 2))
        return min(1.0, terms)
    terms = sum(math.exp((k - 0.5) * math.log(half) - half - math.lgamma(k + 0.5)) for k in range(1, degrees // 2 + 1))
    return min(1.0, math.erfc(math.sqrt(half)) + terms)


def chi_square_uniform(counts: Sequence[Sequence[int]]) -> ChiSquare:
    """Test that answers are even over the labels; ``counts`` (questions, labels) of each question's answers.

    The answers to one question in several orders are not independent, so the spread expected by chance is taken from
    the questions: the variance of the column sums when each question's counts are dealt to the labels at random, which
    is S / (labels − 1) · (I − J/labels) with S the squared deviations of every question's counts from their own mean
    (the covariance of a random permutation, Hoeffding 1951). With one answer a question it is Pearson's statistic.
    """
    labels = len(counts[0]) if counts else 0
    spread = sum((count - sum(row) / labels) ** 2 for row in counts for count in row)
    if spread == 0:  # no answers, or every label equally often within every question
        return ChiSquare(0.0, 1.0)
    sums = [sum(column) for column in zip(*counts, strict=True)]
    expected = sum(sums) / labels
    statistic = (labels - 1) * sum((total - expected) ** 2 for total in sums) / spread
    return ChiSquare(statistic, chi_square_tail(statistic, labels - 1))


def recall_spread(recalls: Sequence[float]) -> float:
    """RStD: standard deviation of the recall of each answer position (arXiv 2309.03882); 0 is no position bias."""
    mean = sum(recalls) / len(recalls)
    return math.sqrt(sum((recall - mean) ** 2 for recall in recalls) / len(recalls))


def four_way(logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities renormalised over the last axis, so that the four letters sum to one."""
    shifted = logprobs - logprobs.max(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def position_prior(logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """PriDe's prior over answer positions (arXiv 2309.03882, eq. 7): probabilities (4,).

    ``logprobs`` (questions, orders, letters) of the letters as shown, over orders in which every choice stands once
    under each letter. Per question the log-probabilities are averaged over the orders, so that what the choices say
    cancels and what the letters are liked remains; the questions' priors are then averaged.
    """
    per_question = four_way(four_way(logprobs).mean(axis=1))
    prior: NDArray[np.float64] = np.exp(per_question).mean(axis=0)
    return prior


def debiased(logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """PriDe-debiased log-probabilities, same shape: observed over prior, renormalised."""
    return four_way(four_way(logprobs) - np.log(position_prior(logprobs)))


def mcnemar_power(questions: int, gain: float, discordant: float, *, alpha: float = 0.05) -> float:
    """Chance that the exact McNemar test shows a true ``gain`` (share of questions) at level ``alpha``.

    ``discordant`` is the share of questions on which the two runs differ in being right; it is at least the gain.
    """
    if not 0 <= gain <= discordant <= 1:
        raise ValueError(f"need 0 <= gain <= discordant <= 1, got {gain} and {discordant}")
    if discordant == 0:
        return 0.0
    up = (discordant + gain) / (2 * discordant)
    power = 0.0
    for differing, weight in enumerate(_binomial(questions, discordant)):
        # The bound is the dear part, and most numbers of differing questions never happen.
        if weight > 1e-12 and (most_lost := _rejection_bound(differing, alpha)) >= 0:
            gained = _binomial(differing, up)
            power += float(weight) * float(gained[: most_lost + 1].sum() + gained[differing - most_lost :].sum())
    return min(1.0, power)


def detectable_gain(questions: int, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """Smallest gain, to a tenth of a point, that is shown with the given power; None if even the largest is not."""
    # More gain than discordance cannot be; where gain is near it, discordance grows with the gain.
    low, high = 0, 1000
    if mcnemar_power(questions, 1.0, 1.0, alpha=alpha) < power:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        gain = middle / 1000
        if mcnemar_power(questions, gain, max(discordant, gain), alpha=alpha) >= power:
            high = middle
        else:
            low = middle
    return high / 1000


@cache
def _rejection_bound(discordant: int, alpha: float) -> int:
    """Largest minority count at which ``mcnemar_exact`` is at most ``alpha``; −1 where none is."""
    tail, term, most = 0, 1, 2**discordant
    for minority in range(discordant // 2 + 1):
        tail += term
        term = term * (discordant - minority) // (minority + 1)  # of comb(discordant, minority) the next, exactly
        if min(1.0, float(2 * tail / most)) > alpha:
            return minority - 1
    return discordant // 2


def _binomial(trials: int, share: float) -> NDArray[np.float64]:
    """Probabilities of 0 … ``trials`` successes."""
    counts = np.arange(trials + 1)
    if share in (0.0, 1.0):
        certain: NDArray[np.float64] = (counts == (trials if share else 0)).astype(np.float64)
        return certain
    log_factorial = np.concatenate(([0.0], np.log(np.arange(1, trials + 1)).cumsum()))
    ways = log_factorial[-1] - log_factorial - log_factorial[::-1]
    probabilities: NDArray[np.float64] = np.exp(
        ways + counts * math.log(share) + (trials - counts) * math.log1p(-share)
    )
    return probabilities
