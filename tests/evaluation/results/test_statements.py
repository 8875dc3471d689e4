"""Accuracy and AUC of single judgements against their definitions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.results.result_words import judged_to_fit, said_to_fit
from app.evaluation.results.statements import Statement, auc, auc_interval, is_right


def naive(scores: list[float], fits: list[bool]) -> float | None:
    pairs = [(a, b) for (a, x), (b, y) in itertools.product(zip(scores, fits, strict=True), repeat=2) if x and not y]
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs) if pairs else None


@given(st.lists(st.tuples(st.integers(-3, 3).map(float), st.booleans()), min_size=1, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[float, bool]]) -> None:
    scores, fits = [score for score, _ in rows], [fit for _, fit in rows]
    expected = naive(scores, fits)
    assert auc(scores, fits) == (expected if expected is None else pytest.approx(expected))


def made(clusters: int, *, good: bool) -> list[Statement]:
    return [
        Statement(number, f"c{number}", "correct", "法", value if good else -value, fits)
        for number in range(clusters)
        for value, fits in ((1.0 + number / 100, True), (-1.0 + number / 50, False))
    ]


def test_an_interval_over_clusters() -> None:
    assert auc_interval(made(9, good=True)) is None  # too few clusters
    assert auc_interval(made(20, good=True)) == (1.0, 1.0)
    assert auc_interval([one for one in made(20, good=True) if one.fits]) is None
    rows = made(20, good=True) + made(12, good=False)
    first, second = auc_interval(rows), auc_interval(rows)
    assert first == second
    assert first is not None
    whole = auc([one.log_odds for one in rows], [one.fits for one in rows])
    assert whole is not None
    assert first.low < whole < first.high


@pytest.mark.parametrize(
    ("log_odds", "fits", "right"), [(0.1, True, True), (0.0, True, False), (-0.1, False, True), (0.1, False, False)]
)
def test_a_judgement_is_right_when_its_log_odds_are_on_the_right_side(log_odds: float, fits: bool, right: bool) -> None:
    assert is_right(Statement(0, "c", "correct", "法", log_odds, fits)) is right


@given(st.lists(st.tuples(st.integers(-2, 2), st.booleans()), min_size=1, max_size=20))
def test_what_was_said_of_those_that_fit_follows_from_the_counts(rows: list[tuple[int, bool]]) -> None:
    counts = {
        "total": len(rows),
        "fitting": sum(fits for _, fits in rows),
        "said_to_fit": sum(odds > 0 for odds, _ in rows),
        "correct": sum((odds > 0) == fits for odds, fits in rows),
    }
    assert judged_to_fit(counts) == tuple(
        (sum(odds > 0 for odds, fits in rows if fits is kind), sum(fits is kind for _, fits in rows))
        for kind in (True, False)
    )


def test_said_to_fit_in_words() -> None:
    counts = {"total": 400, "fitting": 158, "said_to_fit": 77, "correct": 251}
    assert (
        said_to_fit(counts)
        == "「○」と判断 77 個（当たる 158 個のうち 43 個、27.2 %。ほかの 242 個のうち 34 個、14.0 %）"
    )
    alone = {"total": 2, "fitting": 2, "said_to_fit": 1, "correct": 1}
    assert said_to_fit(alone) == "「○」と判断 1 個（当たる 2 個のうち 1 個、50.0 %）"
