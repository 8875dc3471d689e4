"""Numbers with their units in folded Japanese text, and whether a number meets a limit such as 一億円未満."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

# 第3号 and 10条 are names of provisions, not quantities; so the unit must be one of these.
_UNITS = "年|月|週|日|時間|時|分(?!の)|秒|人|名|円|倍|%|割|回|歳|メートル|キロ|トン|グラム|リットル|平方|立方|件|本|台|隻|枚|室|戸|銭|点"
_QUANTITY = re.compile(
    rf"(?<![第\d.])(?:(?P<base>\d+)分の(?P<part>\d+(?:\.\d+)?)|(?P<value>\d+(?:\.\d+)?)(?:か|カ|ケ|ヶ|箇)?(?:営業)?(?P<unit>{_UNITS})(?![号項]))"
)
_TAIL = re.compile(r"間?(?:目|以上|以下|以内|未満|を超えない(?:範囲内?)?|を超える?|に満たない)?")
_RATIO_UNITS = {"倍": Fraction(1), "割": Fraction(1, 10), "%": Fraction(1, 100)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit at a place of a folded text."""

    value: Fraction  # for ratios (百分の二, 二割, 2倍) the ratio itself
    unit: str  # 年, 円 …; "ratio" for all ratios
    limit: str  # 以上, 以下, 以内, 未満, 超 after it; "" for none
    start: int
    end: int  # after the limit words

    def meets(self, limit: Quantity) -> bool | None:
        """Whether this value falls under ``limit``; None if ``limit`` is no limit or its unit is another."""
        if self.unit != limit.unit:
            return None
        tests = {
            "以上": self.value >= limit.value, "以下": self.value <= limit.value, "以内": self.value <= limit.value,
            "未満": self.value < limit.value, "超": self.value > limit.value,
        }  # fmt: skip
        return tests.get(limit.limit)


def quantities(folded: str) -> list[Quantity]:
    """Every number with a unit in the folded text, in order."""
    return list(_find(folded))


def _find(folded: str) -> Iterator[Quantity]:
    for match in _QUANTITY.finditer(folded):
        if match["base"]:
            value, unit = Fraction(match["part"]) / (int(match["base"]) or 1), "ratio"
        else:
            value, unit = Fraction(match["value"]), match["unit"]
        if unit in _RATIO_UNITS:
            value, unit = value * _RATIO_UNITS[unit], "ratio"
        tail = _TAIL.match(folded, match.end())
        words = tail.group() if tail else ""
        yield Quantity(value, unit, _limit(words), match.start(), match.end() + len(words))


def _limit(words: str) -> str:
    for name, patterns in {
        "以内": ("以内", "を超えない"), "以上": ("以上",), "以下": ("以下",), "未満": ("未満", "に満たない"), "超": ("を超え",),
    }.items():  # fmt: skip
        if any(pattern in words for pattern in patterns):
            return name
    return ""
