"""Numbers with units: values, limits, and what is no quantity."""

from fractions import Fraction

import pytest

from app.data.folding import fold_text
from app.data.reasoning.quantities import quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("二年", [(2, "年", "")]),
        ("六十日以内に", [(60, "日", "以内")]),
        ("一か月以内", [(1, "月", "以内")]),
        ("10月目", [(10, "月", "")]),
        ("三年を超えない範囲内の期限", [(3, "年", "以内")]),
        ("一億円未満", [(100_000_000, "円", "未満")]),
        ("一億円以上", [(100_000_000, "円", "以上")]),
        ("五千万円に満たない", [(50_000_000, "円", "未満")]),
        ("3,000円以下", [(3000, "円", "以下")]),
        ("10,000人", [(10_000, "人", "")]),
        ("2千5百万円以上", [(25_000_000, "円", "以上")]),
        ("1.5億円", [(150_000_000, "円", "")]),
        ("80営業日を超えて", [(80, "日", "超")]),
        ("百分の二・五未満", [(Fraction(25, 1000), "ratio", "未満")]),
        ("二・二五倍", [(Fraction(9, 4), "ratio", "")]),
        ("年一割の割合", [(Fraction(1, 10), "ratio", "")]),
        ("第三号、第2項及び第十条", []),
        ("一部、一般、第一種", []),
        ("十五日を経過した日から三月", [(15, "日", ""), (3, "月", "")]),
    ],
)
def test_quantities(text: str, expected: list[tuple[object, str, str]]) -> None:
    assert [(one.value, one.unit, one.limit) for one in quantities(fold_text(text))] == expected


@pytest.mark.parametrize(
    ("value", "limit", "met"),
    [
        ("百分の二", "百分の二・五未満", True),
        ("百分の三", "百分の二・五未満", False),
        ("一億円", "一億円未満", False),
        ("一億円", "一億円以上", True),
        ("2,500万円", "二千五百万円以上", True),
        ("2,499万円", "二千五百万円以上", False),
        ("九千万円", "一億円以上", False),
        ("六月", "六月以内", True),
        ("十月", "六月を超えない", False),
        ("七月", "六月を超える", True),
        ("二年", "六月以内", None),
        ("二年", "三年", None),
    ],
)
def test_meets(value: str, limit: str, met: bool | None) -> None:
    (one,), (other,) = quantities(fold_text(value)), quantities(fold_text(limit))
    assert one.meets(other) is met
