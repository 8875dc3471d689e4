"""Numbers that can be asked about, and those that must not be touched."""

from __future__ import annotations

from fractions import Fraction

import pytest

from app.data.generation.words.amounts import amounts, narrower, others


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("三十日以内に届け出る", ["三十日"]),
        ("出席者の三分の二以上の多数", ["三分の二"]),
        ("百万円以下の罰金", ["百万円"]),
        ("平成二十年四月一日から", []),
        ("昭和三年法律第百二十号", []),
        ("第三条第二項の届出", []),
        ("毎年一回", []),
        ("三月三十一日まで", []),
        ("六月以内の期間", ["六月"]),
        ("二年度にわたり", []),
        ("数日を経過した", []),
        ("四兆七千五百億円を超えない", []),
        ("一回の開催日数及び一日の競走回数", []),
        ("三十日の期間及び二回の開催", ["三十日", "二回"]),
    ],
)
def test_amounts(text: str, found: list[str]) -> None:
    assert [amount.text for amount in amounts(text)] == found


def test_other_amounts_never_equal_one_that_stands_there_in_any_unit() -> None:
    (two_weeks,) = amounts("二週間以内に")
    assert "一週間" not in others(two_weeks, amounts("七日前までに"))
    assert "三週間" in others(two_weeks, amounts("七日前までに"))
    (days,) = amounts("三十日以内に")
    assert "七日" not in others(days, amounts("一週間"))
    assert "六十日" in others(days, [])


def test_other_ratios_and_sums() -> None:
    (ratio,) = amounts("三分の二以上")
    assert ratio.value == Fraction(2, 3)
    assert "三分の二" not in others(ratio, [])
    assert "四分の三" in others(ratio, [])
    (sum_,) = amounts("三十万円以下")
    assert others(sum_, []) == ["十五万円", "六十万円", "九十万円", "百五十万円", "三百万円", "三万円", "六万円"]


@pytest.mark.parametrize(
    ("text", "other", "covered"),
    [
        ("会員の三分の一以上の連署をもって", "三分の二", True),
        ("会員の三分の一以上の連署をもって", "四分の一", False),
        ("審理に二日以上を要する事件については", "三日", True),
        ("三十日以内に請求する", "十日", True),
        ("三十日以内に請求する", "六十日", False),
        ("七年を経過したとき", "十年", True),
        ("五年を経過しない者", "三年", True),
        ("三十日を経過した後でなければ提起する", "十日", True),
        ("三十日を経過した後でなければ提起する", "六十日", False),
        ("百円を超えない額", "五十円", True),
        ("三人の委員", "二人", False),
    ],
)
def test_an_amount_that_only_narrows_the_rule_is_covered_by_it(text: str, other: str, covered: bool) -> None:
    (amount,) = amounts(text)
    assert narrower(text, amount, other) is covered
