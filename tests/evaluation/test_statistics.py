"""Each statistic against scipy or a naive definition, on random data."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.collapse import entropy_bits
from app.core.questions import ORDERS
from app.evaluation.statistics import (
    Interval,
    _rejection_bound,
    chi_square_tail,
    chi_square_uniform,
    cluster_bootstrap,
    clustered_interval,
    debiased,
    detectable_gain,
    four_way,
    holm,
    mcnemar_exact,
    mcnemar_power,
    position_prior,
    recall_spread,
    sign_flip_test,
    wilson_interval,
)

counts = st.integers(0, 60)


@given(counts, counts)
def test_mcnemar_is_the_two_sided_binomial_test(gained: int, lost: int) -> None:
    expected = scipy.stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("gained", "lost", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (9, 2, 0.06543), (3, 3, 1.0)]
)
def test_mcnemar_values(gained: int, lost: int, p: float) -> None:
    assert mcnemar_exact(gained, lost) == pytest.approx(p, abs=1e-5)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case: tuple[int, int]) -> None:
    successes, trials = case
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_without_trials_knows_nothing() -> None:
    assert wilson_interval(0, 0) == Interval(0.0, 1.0)
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(3, 2)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_clustered_interval_of_all_or_nothing_shares_is_wilson_on_questions(flags: list[bool]) -> None:
    assert clustered_interval([float(flag) for flag in flags], 4) == pytest.approx(
        wilson_interval(sum(flags), len(flags)), abs=1e-9
    )


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60))
def test_clustered_interval_lies_between_all_independent_and_no_better_than_that(shares: list[float]) -> None:
    low, high = clustered_interval(shares, 4)
    mean = sum(shares) / len(shares)
    best = wilson_interval(mean * 4 * len(shares), 4 * len(shares))
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1
    assert high - low >= best.high - best.low - 1e-9


def test_clustered_interval_covers_about_95_percent() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        skill = generator.beta(1.2, 1.8, size=100)  # questions differ; their four answers are correlated through it
        shares = generator.binomial(4, skill) / 4
        low, high = clustered_interval(shares.tolist(), 4)
        covered += low <= 0.4 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_clustered_interval_of_questions_with_different_numbers_of_answers_holds_their_share() -> None:
    # 50 of one answer each, all right, and 50 of four, two of them right: 150 of 250.
    low, high = clustered_interval([1.0] * 50 + [0.5] * 50, [1] * 50 + [4] * 50)
    assert low < 0.6 < high
    generator, covered = np.random.default_rng(0), 0
    for _ in range(400):
        sizes = generator.integers(1, 6, size=80)
        # The more answers, the harder: the mean of the shares, .433, is not the share of right answers.
        right = generator.binomial(sizes, generator.beta(8 / sizes, 8, size=80))
        truth = sum(size * (8 / size) / (8 / size + 8) for size in range(1, 6)) / 15
        low, high = clustered_interval((right / sizes).tolist(), sizes.tolist())
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.98
    assert clustered_interval([0.5, 0.25], [4, 4]) == clustered_interval([0.5, 0.25], 4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index])
    expected = [0.0] * count
    for rank, index in enumerate(order):
        expected[index] = min(1.0, max((count - k) * p_values[order[k]] for k in range(rank + 1)))
    assert holm(p_values) == pytest.approx(expected)


def test_holm_values() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def naive_bootstrap(values: list[float], clusters: list[int], seed: int, repeats: int) -> list[float]:
    generator = random.Random(seed)
    names = sorted(set(clusters))
    means = []
    for _ in range(repeats):
        drawn = [generator.choice(names) for _ in names]
        pooled = [value for name in drawn for value, cluster in zip(values, clusters, strict=True) if cluster == name]
        means.append(sum(pooled) / len(pooled))
    return means


def test_cluster_bootstrap_agrees_with_the_naive_one() -> None:
    generator = random.Random(5)
    clusters = [generator.randrange(15) for _ in range(60)]
    values = [generator.choice([-1.0, 0.0, 1.0]) + 0.2 * (cluster % 3) for cluster in clusters]
    low, high = cluster_bootstrap(values, clusters, seed=1, repeats=4000)
    means = naive_bootstrap(values, clusters, 2, 2000)
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.05)


def test_cluster_bootstrap_repeats_and_widens_with_clusters() -> None:
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 5
    alone = cluster_bootstrap(values, list(range(30)), seed=3)
    assert alone == cluster_bootstrap(values, list(range(30)), seed=3)
    together = cluster_bootstrap(values, [index // 3 for index in range(30)], seed=3)
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


def test_cluster_bootstrap_of_one_cluster_is_its_mean() -> None:
    assert cluster_bootstrap([0.0, 1.0], ["x", "x"], seed=0, repeats=10) == Interval(0.5, 0.5)
    with pytest.raises(ValueError, match="clusters"):
        cluster_bootstrap([], [], seed=0)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200))
def test_chi_square_of_one_answer_a_question_is_scipys(labels: list[int]) -> None:
    expected = scipy.stats.chisquare([labels.count(label) for label in range(4)])
    found = chi_square_uniform([[int(label == one) for one in range(4)] for label in labels])
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=10))
@settings(max_examples=20, deadline=None)
def test_sign_flips_of_single_questions_are_mcnemars_test(values: list[float]) -> None:
    exact = mcnemar_exact(values.count(1.0), values.count(-1.0))
    assert sign_flip_test(values, range(len(values)), seed=1, repeats=20_000).two_sided == pytest.approx(
        exact, abs=0.02
    )


def test_sign_flips_go_by_cluster() -> None:
    values, clusters = [1.0, 1.0, 1.0, 0.5, -0.5, 2.0], ["x", "x", "x", "y", "y", "z"]
    # Sums 3, 0 and 2: of the eight ways to choose signs, four are as far from 0 as the observed 5.
    found = sign_flip_test(values, clusters, seed=1, repeats=40_000)
    assert found == pytest.approx((0.5, 0.25), abs=0.01)
    down = sign_flip_test([-value for value in values], clusters, seed=1, repeats=40_000)
    assert down == pytest.approx((0.5, 1.0), abs=0.01)
    assert sign_flip_test(values, clusters, seed=1) == sign_flip_test(values, clusters, seed=1)
    assert sign_flip_test([0.0, 0.0], ["x", "y"], seed=1) == (1.0, 1.0)
    with pytest.raises(ValueError, match="clusters"):
        sign_flip_test([], [], seed=1)


question_counts = st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=1, max_size=3)


@settings(max_examples=15, deadline=None)
@given(question_counts)
def test_chi_square_weighs_by_the_covariance_over_all_ways_to_deal_the_labels(counts: list[list[int]]) -> None:
    ways = [np.array(list(itertools.permutations(row))) for row in counts]  # (24, 4) for each question
    covariance = sum(np.cov(each.T, bias=True) for each in ways)
    sums = np.array(counts).sum(axis=0)
    expected = float((sums - sums.mean()) @ np.linalg.pinv(covariance) @ (sums - sums.mean()))
    assert chi_square_uniform(counts).statistic == pytest.approx(expected, abs=1e-9)


def test_chi_square_does_not_count_four_orders_as_four_questions() -> None:
    always = [[4, 0, 0, 0]] * 10
    assert chi_square_uniform(always).statistic == pytest.approx(3 * 10)  # Pearson on 40 answers would say 120
    assert chi_square_uniform(always) == pytest.approx(chi_square_uniform([[1, 0, 0, 0]] * 10))
    assert chi_square_uniform([[1, 1, 1, 1]] * 10) == (0.0, 1.0)


def test_chi_square_keeps_its_level_when_the_orders_of_a_question_agree_by_letter() -> None:
    generator = np.random.default_rng(4)
    small = 0
    for _ in range(400):  # every question likes one letter of its own, and answers it in most orders
        liked = generator.integers(0, 4, size=60)
        answers = np.where(generator.random((60, 4)) < 0.7, liked[:, None], generator.integers(0, 4, size=(60, 4)))
        counts = [[int((row == label).sum()) for label in range(4)] for row in answers]
        small += chi_square_uniform(counts).p_value < 0.05
    assert 0.02 <= small / 400 <= 0.08


@given(st.floats(0, 200), st.integers(1, 40))
def test_chi_square_tail_is_scipys(statistic: float, degrees: int) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(scipy.stats.chi2.sf(statistic, degrees), abs=1e-9)


def test_chi_square_of_nothing() -> None:
    assert chi_square_uniform([[0, 0, 0, 0]]) == chi_square_uniform([]) == (0.0, 1.0)
    with pytest.raises(ValueError, match="degrees"):
        chi_square_tail(1.0, 0)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(sum))
def test_entropy_is_scipys(histogram: list[int]) -> None:
    assert entropy_bits(histogram) == pytest.approx(scipy.stats.entropy(histogram, base=2), abs=1e-12)


def test_entropy_values() -> None:
    assert entropy_bits([5, 5, 5, 5]) == pytest.approx(2.0)
    assert entropy_bits([9, 0, 0, 0]) == 0.0
    assert entropy_bits([0, 0]) == 0.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_recall_spread_is_the_population_deviation(recalls: list[float]) -> None:
    assert recall_spread(recalls) == pytest.approx(float(np.std(recalls)), abs=1e-12)


def biased_logprobs(seed: int, questions: int, bias: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (questions, 4, 4) of shown letters = what the choices say + what the letters are liked."""
    generator = np.random.default_rng(seed)
    says = generator.normal(0, 1, size=(questions, 4))
    shown = np.array([["abcd".index(letter) for letter in order] for order in ORDERS])
    return four_way(says[:, shown] + np.array(bias)), says.argmax(axis=1)


def test_pride_recovers_the_prior_and_the_answers() -> None:
    bias = [1.5, 0.0, -0.5, 0.2]
    logprobs, best = biased_logprobs(0, 200, bias)
    expected = np.exp(bias) / np.exp(bias).sum()
    np.testing.assert_allclose(position_prior(logprobs), expected, atol=1e-9)
    chosen = debiased(logprobs).argmax(axis=-1)
    original = np.array(
        [["abcd".index(order[index]) for order, index in zip(ORDERS, row, strict=True)] for row in chosen]
    )
    assert (original == best[:, None]).all()
    assert (logprobs.argmax(axis=-1) == 0).mean() > 0.5  # before, the letter a was liked


def test_pride_prior_equals_its_definition() -> None:
    generator = np.random.default_rng(3)
    logprobs = generator.normal(size=(7, 4, 4)) - 5
    priors = []
    for question in logprobs:
        observed = [[math.exp(value) / sum(math.exp(v) for v in row) for value in row] for row in question]
        raw = [math.exp(sum(math.log(row[letter]) for row in observed) / 4) for letter in range(4)]
        priors.append([value / sum(raw) for value in raw])
    np.testing.assert_allclose(position_prior(logprobs), np.mean(priors, axis=0), atol=1e-12)


def naive_power(questions: int, gain: float, discordant: float) -> float:
    up, down = (discordant + gain) / 2, (discordant - gain) / 2
    total = 0.0
    for gained in range(questions + 1):
        for lost in range(questions + 1 - gained):
            if scipy.stats.binomtest(gained, gained + lost).pvalue <= 0.05 if gained + lost else False:
                total += scipy.stats.multinomial.pmf(
                    [gained, lost, questions - gained - lost], questions, [up, down, 1 - up - down]
                )
    return total


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 18), st.floats(0, 0.4), st.floats(0.05, 0.5))
def test_power_equals_the_sum_over_all_tables(questions: int, gain: float, more: float) -> None:
    discordant = min(1.0, gain + more)
    assert mcnemar_power(questions, gain, discordant) == pytest.approx(
        naive_power(questions, gain, discordant), abs=1e-6
    )


def test_forty_questions_have_15_percent_power_for_ten_points() -> None:
    assert mcnemar_power(40, 0.10, 0.25) == pytest.approx(0.150, abs=0.001)


def test_power_is_never_above_alpha_without_a_gain() -> None:
    assert mcnemar_power(100, 0.0, 0.3) <= 0.05
    assert mcnemar_power(100, 0.0, 0.0) == 0.0
    with pytest.raises(ValueError, match="gain"):
        mcnemar_power(10, 0.5, 0.2)


@pytest.mark.parametrize("questions", [40, 100, 140])
def test_the_detectable_gain_is_the_smallest_with_that_power(questions: int) -> None:
    gain = detectable_gain(questions, 0.25)
    assert gain is not None
    assert mcnemar_power(questions, gain, max(0.25, gain)) >= 0.8
    assert mcnemar_power(questions, gain - 0.001, max(0.25, gain - 0.001)) < 0.8


def test_too_few_questions_can_show_nothing() -> None:
    assert detectable_gain(5, 0.25) is None
    assert detectable_gain(6, 0.25) is not None


def test_the_two_conditions_of_a_verdict_keep_the_level_where_mcnemar_alone_does_not() -> None:
    # No true difference, but the questions of a cluster change together: 60 clusters of one to four questions.
    generator = np.random.default_rng(11)
    clusters = np.repeat(np.arange(60), generator.choice([1, 1, 2, 4], size=60))
    alone = both = 0
    for _ in range(300):
        steps = generator.choice([1.0, -1.0, 0.0], p=[0.15, 0.15, 0.7], size=60)[clusters]
        test = mcnemar_exact(int((steps > 0).sum()), int((steps < 0).sum())) < 0.05
        low, high = cluster_bootstrap(steps.tolist(), clusters.tolist(), seed=42, repeats=1000)
        alone += test
        both += test and not low <= 0 <= high
    assert alone / 300 > 0.10
    assert both / 300 < 0.08


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_rejection_bound_is_the_largest_count_that_the_exact_test_rejects(alpha: float) -> None:
    for discordant in range(120):
        rejected = [
            minority
            for minority in range(discordant // 2 + 1)
            if mcnemar_exact(discordant - minority, minority) <= alpha
        ]
        assert _rejection_bound(discordant, alpha) == max(rejected, default=-1)


def test_one_question_counts_once_in_however_many_orders() -> None:
    assert clustered_interval([0.75], 4) == wilson_interval(0.75, 1)
