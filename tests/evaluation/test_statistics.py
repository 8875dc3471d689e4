"""Every statistic against scipy or the definition spelled out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from app.core.questions import LETTERS, ORDERS
from app.evaluation.statistics import (
    chi_square_tail,
    chi_square_uniform,
    cluster_bootstrap,
    clustered_interval,
    debiased,
    detectable_gain,
    entropy_bits,
    four_way,
    holm,
    mcnemar_exact,
    mcnemar_power,
    position_prior,
    recall_spread,
    wilson_interval,
)

counts = st.integers(min_value=0, max_value=120)
histograms = st.lists(st.integers(min_value=0, max_value=300), min_size=2, max_size=6)
shares = st.floats(min_value=0.0, max_value=1.0)


@given(counts, counts)
def test_wilson_agrees_with_scipy(successes: int, failures: int) -> None:
    trials = successes + failures
    if trials == 0:
        assert wilson_interval(0, 0) == (0.0, 1.0)
        return
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(counts, counts)
def test_mcnemar_agrees_with_scipy(gained: int, lost: int) -> None:
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_exact(gained, lost) == mcnemar_exact(lost, gained)


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 1, 20 / 512), (10, 2, 158 / 4096)],
)
def test_mcnemar_by_hand(gained: int, lost: int, expected: float) -> None:
    assert mcnemar_exact(gained, lost) == expected


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=40))
def test_clustered_interval_lies_between_all_answers_and_all_questions(rows: list[list[bool]]) -> None:
    means = [sum(row) / 4 for row in rows]
    mean = sum(means) / len(means)
    low, high = clustered_interval(means, 4)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1
    widest, narrowest = (
        wilson_interval(mean * len(rows), len(rows)),
        wilson_interval(mean * len(rows) * 4, len(rows) * 4),
    )
    assert narrowest.high - narrowest.low - 1e-9 <= high - low <= widest.high - widest.low + 1e-9


def test_clustered_interval_of_answers_that_never_vary_within_a_question_is_wilsons_over_questions() -> None:
    assert clustered_interval([1.0, 0.0, 0.0, 1.0, 1.0], 4) == pytest.approx(wilson_interval(3, 5))
    assert clustered_interval([1.0] * 10, 4) == pytest.approx(wilson_interval(10, 10))


def test_clustered_interval_covers_the_truth_95_times_in_100() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        difficulty = generator.beta(0.8, 0.8, size=100)  # mean 0.5, strong dependence within a question
        answers = generator.random((100, 4)) < difficulty[:, None]
        low, high = clustered_interval(answers.mean(axis=1).tolist(), 4)
        covered += low <= 0.5 <= high
    assert 0.92 <= covered / 400 <= 0.98


@given(st.lists(st.floats(min_value=0.0, max_value=1.0), min_size=1, max_size=8))
def test_holm_agrees_with_its_definition(p_values: list[float]) -> None:
    order = sorted(range(len(p_values)), key=lambda index: (p_values[index], index))
    adjusted = holm(p_values)
    for position, index in enumerate(order):
        steps = [(len(order) - earlier) * p_values[order[earlier]] for earlier in range(position + 1)]
        assert adjusted[index] == pytest.approx(min(1.0, max(steps)))
    assert all(after >= before for after, before in zip(adjusted, p_values, strict=True))


@given(st.lists(st.floats(min_value=-1, max_value=1), min_size=2, max_size=30), st.integers(min_value=0, max_value=9))
@settings(max_examples=30)
def test_bootstrap_repeats_itself_and_stays_within_the_values(values: list[float], seed: int) -> None:
    clusters = [index // 2 for index in range(len(values))]
    first = cluster_bootstrap(values, clusters, seed=seed, repeats=300)
    assert first == cluster_bootstrap(values, clusters, seed=seed, repeats=300)
    assert min(values) - 1e-9 <= first.low <= first.high <= max(values) + 1e-9


def test_bootstrap_agrees_with_scipy_where_every_cluster_is_one_question() -> None:
    values = np.random.default_rng(5).choice([-1.0, 0.0, 1.0], size=120, p=[0.1, 0.6, 0.3])
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = cluster_bootstrap(values.tolist(), range(120), seed=1)
    assert found == pytest.approx((expected.low, expected.high), abs=0.01)


def test_bootstrap_is_wider_when_questions_move_together() -> None:
    values = [1.0] * 20 + [0.0] * 20
    alone = cluster_bootstrap(values, range(40), seed=1)
    together = cluster_bootstrap(values, [index // 10 for index in range(40)], seed=1)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_bootstrap_agrees_with_the_naive_loop_over_clusters() -> None:
    values = [0.0, 1.0, 1.0, -1.0, 0.5, 0.25]
    clusters = ["x", "x", "y", "z", "z", "z"]
    groups = {key: [v for v, c in zip(values, clusters, strict=True) if c == key] for key in "xyz"}
    means = []
    for drawn in itertools.product("xyz", repeat=3):  # all 27 equally likely resamples
        pooled = [value for key in drawn for value in groups[key]]
        means.append(sum(pooled) / len(pooled))
    expected = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    assert cluster_bootstrap(values, clusters, seed=0) == pytest.approx(expected, abs=1e-9)


@given(histograms)
def test_entropy_agrees_with_scipy(histogram: list[int]) -> None:
    expected = stats.entropy(histogram, base=2) if sum(histogram) else 0.0
    assert entropy_bits(histogram) == pytest.approx(expected, abs=1e-12)


@given(histograms)
def test_chi_square_agrees_with_scipy(histogram: list[int]) -> None:
    found = chi_square_uniform(histogram)
    if sum(histogram) == 0:
        assert found == (0.0, 1.0)
        return
    expected = stats.chisquare(histogram)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-280)


@given(st.floats(min_value=0.0, max_value=200.0), st.integers(min_value=1, max_value=12))
def test_chi_square_tail_agrees_with_scipy(statistic: float, degrees: int) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(stats.chi2.sf(statistic, degrees), rel=1e-7, abs=1e-60)


@given(st.lists(shares, min_size=4, max_size=4))
def test_recall_spread_is_the_population_standard_deviation(recalls: list[float]) -> None:
    assert recall_spread(recalls) == pytest.approx(np.std(recalls), abs=1e-12)


def biased_scores(content: np.ndarray, liking: np.ndarray) -> np.ndarray:
    """(questions, orders, letters): what a choice is worth plus what its letter is liked."""
    positions = [[LETTERS.index(original) for original in order] for order in ORDERS]
    return four_way(content[:, positions] + liking)


@given(st.lists(st.floats(min_value=-3, max_value=3), min_size=4, max_size=4), st.integers(min_value=0, max_value=99))
def test_pride_finds_a_bias_that_is_there_and_takes_it_away(liking: list[float], seed: int) -> None:
    content = np.random.default_rng(seed).normal(size=(12, 4))
    observed = biased_scores(content, np.array(liking))
    weights = np.exp(np.array(liking))
    assert position_prior(observed) == pytest.approx(weights / weights.sum(), abs=1e-9)
    assert np.allclose(debiased(observed), biased_scores(content, np.zeros(4)), atol=1e-9)


def test_pride_by_its_definition_in_a_plain_loop() -> None:
    logprobs = four_way(np.random.default_rng(0).normal(size=(3, 4, 4)))
    priors = []
    for question in logprobs:
        means = [sum(question[order][letter] for order in range(4)) / 4 for letter in range(4)]
        total = sum(math.exp(mean) for mean in means)
        priors.append([math.exp(mean) / total for mean in means])
    expected = [sum(prior[letter] for prior in priors) / 3 for letter in range(4)]
    assert position_prior(logprobs) == pytest.approx(expected)


@given(st.lists(st.floats(min_value=-50, max_value=0), min_size=4, max_size=4))
def test_four_way_sums_to_one(row: list[float]) -> None:
    assert np.exp(four_way(np.array(row))).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("questions", "gain", "discordant"), [(12, 0.3, 0.5), (20, 0.2, 0.4), (9, 0.5, 0.5)])
def test_power_is_the_sum_over_all_tables(questions: int, gain: float, discordant: float) -> None:
    up, down = (discordant + gain) / 2, (discordant - gain) / 2
    expected = 0.0
    for gained in range(questions + 1):
        for lost in range(questions - gained + 1):
            if mcnemar_exact(gained, lost) <= 0.05:
                expected += stats.multinomial.pmf(
                    [gained, lost, questions - gained - lost], questions, [up, down, 1 - up - down]
                )
    assert mcnemar_power(questions, gain, discordant) == pytest.approx(expected, abs=1e-9)


def test_40_questions_rarely_show_a_gain_of_ten_points() -> None:
    assert mcnemar_power(40, 0.10, 0.35) == pytest.approx(0.13, abs=0.03)
    assert mcnemar_power(40, 0.0, 0.35) <= 0.05  # nothing to find: the level of the test


@given(st.integers(min_value=10, max_value=60), st.floats(min_value=0.1, max_value=0.5))
@settings(max_examples=20, deadline=None)
def test_the_detectable_gain_is_where_power_reaches_the_goal(questions: int, discordant: float) -> None:
    gain = detectable_gain(questions, discordant)
    if gain is None:
        assert mcnemar_power(questions, 1.0, 1.0) < 0.8
        return
    assert mcnemar_power(questions, gain, max(gain, discordant)) >= 0.8
    less = gain - 0.001
    assert mcnemar_power(questions, less, max(less, discordant)) < 0.8


def test_five_questions_can_show_nothing() -> None:
    assert detectable_gain(5, 0.3) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson_interval(3, 2),
        lambda: wilson_interval(-1, 2),
        lambda: mcnemar_exact(-1, 2),
        lambda: cluster_bootstrap([], [], seed=1),
        lambda: cluster_bootstrap([1.0], ["a", "b"], seed=1),
        lambda: chi_square_tail(1.0, 0),
        lambda: mcnemar_power(10, 0.5, 0.3),
    ],
)
def test_impossible_numbers_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"need|must"):
        call()  # type: ignore[operator]
