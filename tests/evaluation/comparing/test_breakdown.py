"""Right answers by kind and by request, counted by hand; what does not tell questions apart is not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.evaluation.comparing.breakdown import Part, breakdowns, count_text

# id, polarity, and whether the first run and two further ones have it right.
ANSWERS = [
    ("渡船法_第1条_記述_00001", "correct", (False, True, True)),
    ("渡船法_第1条_記述_00002", "incorrect", (True, True, False)),
    ("渡船法_第1条_根拠条文_00003", "other", (False, False, True)),
    ("港湾条例_第1章_選択式_根拠条文_問題番号4", "other", (True, False, False)),
]


@pytest.fixture
def rows(question_of: Any, outcome_of: Any) -> list[Any]:
    return [
        tuple(outcome_of(question_of(number, id=name, polarity=polarity), ["c" if one else "a"] * 4) for one in right)
        for number, (name, polarity, right) in enumerate(ANSWERS)
    ]


def test_two_runs_are_counted_by_kind_and_by_request(rows: list[Any]) -> None:
    found = breakdowns([row[:2] for row in rows])
    assert found.as_json() == {
        "by_kind": {
            "根拠条文": {"n": 2, "before": 1, "after": 0, "won": 0, "lost": 1},
            "記述": {"n": 2, "before": 1, "after": 2, "won": 1, "lost": 0},
        },
        "by_polarity": {
            "correct": {"n": 1, "before": 0, "after": 1, "won": 1, "lost": 0},
            "incorrect": {"n": 1, "before": 1, "after": 1, "won": 0, "lost": 0},
            "other": {"n": 2, "before": 1, "after": 0, "won": 0, "lost": 1},
        },
        "by_laws": {"1": {"n": 4, "before": 2, "after": 2, "won": 1, "lost": 1}},
    }
    assert found.lines() == [
        "種類別（数えただけで、検定はしていません）:",
        "  根拠条文: 2 問中 1 → 0 問（正解になった 0、不正解になった 1）",
        "  記述: 2 問中 1 → 2 問（正解になった 1、不正解になった 0）",
        "問い方別（数えただけで、検定はしていません）:",
        "  正しいもの: 1 問中 0 → 1 問（正解になった 1、不正解になった 0）",
        "  誤っているもの: 1 問中 1 → 1 問（正解になった 0、不正解になった 0）",
        "  その他: 2 問中 1 → 0 問（正解になった 0、不正解になった 1）",
    ]


def test_questions_of_an_act_with_its_order_are_counted_apart(rows: list[Any]) -> None:
    both = (("渡船法", "1"), ("渡船法施行令", "2"))
    told = [
        tuple(replace(one, gold_articles=gold) for one in row[:2])
        for row, gold in zip(
            rows, (both, (("渡船法", "1"), ("渡船法", "2")), (*both, ("渡船規則", "1")), ()), strict=True
        )
    ]
    found = breakdowns(told).by_laws
    assert found.lines() == [
        "根拠条文のある法令の数別（数えただけで、検定はしていません）:",
        "  根拠条文のない問題: 1 問中 1 → 0 問（正解になった 0、不正解になった 1）",
        "  一つの法令: 1 問中 1 → 1 問（正解になった 0、不正解になった 0）",
        "  二つ以上の法令（法律とその政令など）: 2 問中 0 → 1 問（正解になった 1、不正解になった 0）",
    ]
    assert list(found.as_json()) == ["0", "1", "2"]


def test_several_further_runs_are_averaged(rows: list[Any]) -> None:
    assert breakdowns(rows).by_kind.parts == {
        "根拠条文": Part("根拠条文", 2, before=1, after=0.5, won=0.5, lost=1.0),
        "記述": Part("記述", 2, before=1, after=1.5, won=1.0, lost=0.5),
    }


def test_what_all_questions_share_is_not_shown(rows: list[Any]) -> None:
    found = breakdowns(rows[2:])
    assert found.lines() == []
    assert found.telling == []
    assert [one.title for one in breakdowns(rows[1:]).telling] == ["種類別", "問い方別"]
    assert [one.title for one in breakdowns(rows[:2]).telling] == ["問い方別"]


def test_a_mean_has_one_decimal_where_it_is_not_whole() -> None:
    assert [count_text(value) for value in (3, 3.0, 2 / 3, 10.0)] == ["3", "3", "0.7", "10"]
