"""Ids of both sources give their kind; an id that only looks like one does not."""

from __future__ import annotations

import pytest

from app.data.question_kinds import KIND_NAMES, kind_of, made_id


@pytest.mark.parametrize(
    ("question_id", "kind"),
    [
        ("港湾条例_第2章の2_選択式_関連法令_問題番号35", "関連法令"),
        ("港湾条例_第2章_選択式_根拠条文_問題番号8", "根拠条文"),
        ("渡船法_第13条の2_列記_00012", "列記"),
        ("渡船法_第13条_根拠条文_123456", "根拠条文"),
        ("記述_001", "その他"),
        ("渡船法_第13条_記述_00012_b", "その他"),
        ("渡船法_第1章_選択式_記述_問題番号1", "その他"),
        ("q1", "その他"),
    ],
)
def test_the_id_says_the_kind(question_id: str, kind: str) -> None:
    assert kind_of(question_id) == kind


def test_every_kind_that_is_made_is_read_back_from_its_id() -> None:
    assert made_id("渡船法", "第3条の2", "blank", 7) == "渡船法_第3条の2_空欄_00007"
    assert [kind_of(made_id("渡船法", "第3条", kind, 7)) for kind in KIND_NAMES] == [*KIND_NAMES.values()]
