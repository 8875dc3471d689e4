"""Folding: one spelling for statutes and questions, and the way back."""

import unicodedata

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
        ("3,000円", "3000円"),
        ("２，５００万円", "25000000円"),
        ("1億2,000万円", "120000000円"),
        ("3万2,500円", "32500円"),
        ("1,234.5人", "1234.5人"),
        ("2千5百万円", "25000000円"),
        ("1億2千3百万円", "123000000円"),
        ("3千5百6十万7百円", "35600700円"),
        ("1.5億円", "150000000円"),
        ("1.23456千円", "1.23456千円"),
        ("民法709,710条", "民法709,710条"),
        ("第709,710,711条", "第709,710,711条"),
        ("10,20万円", "10,200000円"),
        ("1234,567円", "1234,567円"),
        ("1,2345円", "1,2345円"),
        ("1.2.5億", "1.2.5億"),
        ("あつた", "あつた"),
        ("あった", "あつた"),
        ("コール・オプション", "コール・オプシヨン"),
        ("Ⅳ－３―１", "iv-3-1"),
        ("4ー1", "4-1"),
        ("サービス", "サービス"),
        ("ｶﾞｽ事業者", "ガス事業者"),
        ("ｻｰﾋﾞｽ･ﾌﾟﾗﾝ", "サービス・プラン"),
        ("４ｰ１", "4-1"),
        ("四･五", "4.5"),
        ("か\u3099いこ\u3099くのハ\u309aン", "がいごくのパン"),
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


def test_the_whole_of_a_grouped_number_is_its_source() -> None:
    folded = fold("資本金が２，５００万円以上")
    start = folded.text.index("25000000円")
    assert folded.source_span(start, start + 9) == (4, 11)


def test_a_kana_and_its_mark_are_the_source_of_one_character() -> None:
    folded = fold("ｶﾞｽのか\u3099二年")
    assert folded.text == "ガスのが2年"
    assert [folded.source_span(place, place + 1) for place in range(6)] == [
        (0, 2),
        (2, 3),
        (3, 4),
        (4, 6),
        (6, 7),
        (7, 8),
    ]


@given(st.text(alphabet="かがはばぱうゔカガハバパウヴサービス・一二条1年", max_size=30))
def test_kana_fold_alike_composed_and_decomposed(text: str) -> None:
    assert fold_text(unicodedata.normalize("NFD", text)) == fold_text(text)


_SECTION = st.tuples(*[st.integers(0, 9)] * 3, st.integers(0, 9999))


def _grouped(value: int, separator: str) -> str:
    return f"{value:,}".replace(",", separator)


@given(
    st.lists(st.tuples(_SECTION, st.booleans()), min_size=4, max_size=4),
    st.sampled_from(["", ",", "，"]),
    st.booleans(),
)
def test_a_number_in_digits_and_units_is_the_sum_of_its_parts(
    sections: list[tuple[tuple[int, int, int, int], bool]], separator: str, wide: bool
) -> None:
    text, value = "", 0
    for ((thousands, hundreds, tens, rest), in_units), (large, size) in zip(
        sections, [("兆", 10**12), ("億", 10**8), ("万", 10**4), ("", 1)], strict=True
    ):
        written = _grouped(rest, separator) if rest else ""
        if in_units:
            rest = thousands * 1000 + hundreds * 100 + tens * 10 + rest % 10
            small = [(thousands, "千"), (hundreds, "百"), (tens, "十"), (rest % 10, "")]
            written = "".join(f"{digit}{unit}" for digit, unit in small if digit)
        text += written + large if rest else ""
        value += rest * size
    text = text.translate({48 + digit: 0xFF10 + digit for digit in range(10)}) if wide else text
    assert fold_text(f"額は{text}円") == f"額は{value if text else ''}円"


@given(st.text(alphabet="一二三十百万第条のあっアｱｰﾞ\u3099 Ａ1２・ー-年,，.億\n", max_size=40))
def test_spans_are_ordered_and_inside(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert list(folded.starts) == sorted(folded.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))
