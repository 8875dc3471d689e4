"""Choices that are names of provisions, and what each names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.questions import Question
from app.data.reasoning.named import Named, named_provisions

QUESTION = Question(
    id="q", question="根拠となる条文はどれか。", choices=dict.fromkeys("abcd", "第一条"), correct="a", context=None,
    articles=(), cluster="c", polarity="correct", source="f", law="架空法",
)  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ("第二十七条の二第三項第四号の五ロただし書", Named("", "27_2", "3", "4_5", "ロ", "ただし書")),
        ("架空法第３条第２号ワ", Named("架空法", "3", None, "2", "ワ", None)),
        ("別の法 別表第一", Named("別の法", "別表第1", None, None, None, None)),
        ("第六号", Named("", "", None, "6", None, None)),
    ],
)
def test_what_a_choice_names(choice: str, named: Named) -> None:
    found = named_provisions(replace(QUESTION, choices={**QUESTION.choices, "b": choice}))
    assert found is not None
    assert found["b"] == named


@pytest.mark.parametrize("choice", ["届出は、第三条の規定による。", "第三条を除く", "すべて正しい"])
def test_a_choice_that_says_more_is_no_name(choice: str) -> None:
    assert named_provisions(replace(QUESTION, choices={**QUESTION.choices, "b": choice})) is None
