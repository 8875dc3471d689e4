"""The first place where a stored value is not the one that belongs there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.results.agreement import differences, quoted

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_agrees_with_itself_after_a_file(value: Any) -> None:
    assert list(differences(json.loads(json.dumps(value)), value)) == []


@pytest.mark.parametrize(
    ("stored", "expected", "places"),
    [
        (0.25, 0.25 + 1e-9, []),
        (0, 0.0, []),
        (0.25, 0.2501, [""]),
        (True, 1, [""]),
        (0, False, [""]),
        ("1", 1, [""]),
        (None, 0, [""]),
        (float("nan"), 0.5, [""]),
        ({"a": 1, "b": [1, 2]}, {"a": 2, "b": [1, 3]}, ["a", "b[1]"]),
        ({}, {"a": {"b": 1}}, ["a"]),
        ({"a": {}}, {"a": {"b": 1}}, ["a.b"]),
        ({"a": 1, "more": 2}, {"a": 1}, ["more"]),
        ([1], [1, 2], [""]),
        ({"a": 1}, [1], [""]),
        ((1.0, 2.0), [1, 2], []),
    ],
)
def test_every_place_that_differs_is_named(stored: Any, expected: Any, places: list[str]) -> None:
    assert [found.place for found in differences(stored, expected)] == places


def test_a_difference_is_words_for_one_line() -> None:
    (found,) = differences({"ci95": [0.0, 1.0]}, {"ci95": [0.0, 0.5]}, "orders")
    assert str(found) == "orders.ci95[1]（記録は 1、回答から計算すると 0.5）"
    (absent,) = differences({}, {"orders": 4})
    assert str(absent) == "orders（記録は なし、回答から計算すると 4）"
    assert quoted("あ" * 50) == "あ" * 40 + "…"
