"""Log-odds of single choices against the definition of the conditional probabilities."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.choices import choice_logprobs, chosen, inclusion_logprobs, judged_true, set_logprob, softplus
from app.core.questions import CHOICE_LETTERS

LOG_ODDS = st.lists(st.floats(-30, 30), min_size=2, max_size=6)
SIGNS = st.sampled_from([1, -1])


def test_one_right_choice_is_the_softmax() -> None:
    found = choice_logprobs([0.0, math.log(3), math.log(4)], 1)
    assert [math.exp(value) for value in found] == pytest.approx([1 / 8, 3 / 8, 4 / 8])
    turned = choice_logprobs([0.0, math.log(3), math.log(4)], -1)
    assert [math.exp(value) for value in turned] == pytest.approx([12 / 19, 4 / 19, 3 / 19])


@pytest.mark.parametrize(
    ("log_odds", "sign", "count", "letters"),
    [
        ([0.5, 2.0, -1.0, 1.0], 1, 1, "b"),
        ([0.5, 2.0, -1.0, 1.0], -1, 1, "c"),
        ([0.5, 2.0, -1.0, 1.0], 1, 2, "bd"),
        ([0.5, 2.0, -1.0, 1.0], -1, 2, "ac"),
        ([1.0, 1.0, 1.0], 1, 2, "ab"),
        ([1.0, 1.0, 1.0], -1, 1, "a"),
        ([3.0], 1, 0, ""),
    ],
)
def test_the_best_fitting_choices(log_odds: list[float], sign: int, count: int, letters: str) -> None:
    assert chosen(log_odds, sign, count) == letters  # type: ignore[arg-type]


@given(LOG_ODDS, SIGNS, st.data())
def test_a_set_of_right_choices_against_all_sets_of_its_size(
    log_odds: list[float], sign: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(log_odds) - 1))
    weights = {
        "".join(CHOICE_LETTERS[index] for index in members): math.fsum(sign * log_odds[index] for index in members)
        for members in itertools.combinations(range(len(log_odds)), size)
    }
    right = data.draw(st.sampled_from(sorted(weights)))
    top = max(weights.values())
    expected = weights[right] - top - math.log(math.fsum(math.exp(weight - top) for weight in weights.values()))
    assert set_logprob(log_odds, sign, right) == pytest.approx(expected, abs=1e-9)  # type: ignore[arg-type]
    if size == 1:
        one = choice_logprobs(log_odds, sign)[CHOICE_LETTERS.index(right)]  # type: ignore[arg-type]
        assert one == pytest.approx(expected, abs=1e-9)


@given(LOG_ODDS, SIGNS, st.data())
def test_inclusion_sums_the_sets_that_hold_the_choice(log_odds: list[float], sign: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(log_odds) - 1))
    letters = CHOICE_LETTERS[: len(log_odds)]
    sets = {"".join(one): set_logprob(log_odds, sign, "".join(one)) for one in itertools.combinations(letters, size)}  # type: ignore[arg-type]
    found = [math.exp(value) for value in inclusion_logprobs(log_odds, sign, size)]  # type: ignore[arg-type]
    expected = [math.fsum(math.exp(value) for one, value in sets.items() if letter in one) for letter in letters]
    assert found == pytest.approx(expected, abs=1e-9)
    assert math.fsum(found) == pytest.approx(size)


def test_odds_beyond_the_range_of_a_float_still_have_logarithms() -> None:
    assert set_logprob([1000.0, -1000.0, -1001.0], 1, "ab") == pytest.approx(-math.log1p(math.exp(-1)))
    assert inclusion_logprobs([1000.0, -1000.0, -1001.0], 1, 2)[0] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("log_odds", "sign", "true"), [(0.1, 1, True), (-0.1, 1, False), (0.1, -1, False), (0.0, 1, False)]
)
def test_a_single_statement_is_judged_by_even_odds(log_odds: float, sign: int, true: bool) -> None:
    assert judged_true(log_odds, sign) is true  # type: ignore[arg-type]
    assert math.exp(inclusion_logprobs([log_odds], sign, 0)[0]) == pytest.approx(1 / (1 + math.exp(-sign * log_odds)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("right", "sign", "value"), [("a", 1, 0.8), ("", 1, 0.2), ("a", -1, 0.2), ("", -1, 0.8)])
def test_a_single_statement_has_its_own_probability(right: str, sign: int, value: float) -> None:
    assert math.exp(set_logprob([math.log(4)], sign, right)) == pytest.approx(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-800.0, -1.0, 0.0, 2.0, 800.0])
def test_softplus_does_not_overflow(value: float) -> None:
    assert softplus(value) == pytest.approx(max(value, 0) + math.log1p(math.exp(-abs(value))))
