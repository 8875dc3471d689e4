"""Folding: one spelling for statutes and questions, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data.folding import fold, fold_text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("二年", "2年"),
        ("２年", "2年"),
        ("第二十七条の二", "第27条の2"),
        ("百分の四・五", "100分の4.5"),
        ("百分の二・〇", "100分の2.0"),
        ("４千万円", "40000000円"),
        ("二億五千万円", "250000000円"),
        ("2億5000万円", "250000000円"),
        ("あつた", "あつた"),
        ("あった", "あつた"),
        ("コール・オプション", "コール・オプシヨン"),
        ("Ⅳ－３―１", "iv-3-1"),
        ("4ー1", "4-1"),
        ("サービス", "サービス"),
        ("一般医療機器の一部", "一般医療機器の一部"),
        ("第一種金融商品取引業", "第一種金融商品取引業"),
        ("TOKYO PRO Market", "tokyopromarket"),
        ("　全角 空白\n", "全角空白"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold_text(text) == folded


def test_source_span_of_a_number() -> None:
    text = "受理した日から十五日を経過した日"
    folded = fold(text)
    start = folded.text.index("15日")
    first, last = folded.source_span(start, start + 3)
    assert text[first:last] == "十五日"


@given(st.text(alphabet="一二三十百万第条のあっアｱ Ａ1２・ー-年\n", max_size=40))
def test_spans_are_ordered_and_inside(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert list(folded.starts) == sorted(folded.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))
