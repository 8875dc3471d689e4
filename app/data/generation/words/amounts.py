"""Numbers of a rule that can be asked about or changed: 三十日, 三分の二, 五百万円; never a date, an era year or a law number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ...law_numbers import ERA, kanji_to_int
from .references import kanji

_DIGITS = "[〇一二三四五六七八九十百千万億]+"
_AMOUNT = re.compile(
    rf"(?<![第〇一二三四五六七八九十百千万億兆・数年月毎条項号])(?<!{ERA})"
    rf"(?:(?P<base>{_DIGITS})分の(?P<part>{_DIGITS})|(?P<value>{_DIGITS})(?P<unit>年|箇月|か月|月|週間|日|時間|人|円|回|歳|倍|割))"
    rf"(?!月|日|号|条|項|目|分|度|次|級|種|部|[・〇]|又は数|の[二三四五]|の[^、]{{0,4}}(?:回|日|時間)数|{_DIGITS}日)"
)
# What the law writes in each unit, the usual first, so that a changed number looks like one of the law's.
USUAL: dict[str, tuple[int, ...]] = {
    "年": (3, 5, 2, 1, 10, 4, 6, 7, 20, 8, 15, 30), "月": (3, 6, 1, 2, 4, 9), "週間": (2, 1, 3, 4, 6),
    "日": (30, 14, 10, 7, 60, 20, 5, 15, 90, 3, 21, 45), "時間": (24, 48, 12, 6, 72, 36), "人": (3, 2, 5, 1, 10, 7, 4, 20, 15, 50, 30, 9),
    "回": (1, 2, 3, 4, 5), "歳": (20, 18, 65, 15, 60, 25, 16, 30, 70), "倍": (2, 3, 5, 10, 4), "割": (1, 2, 3, 5, 4),
}  # fmt: skip
_RATIOS = ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (2, 5), (4, 5), (1, 10))
_AT_LEAST = re.compile(r"以上|を超え(?!ない)|を経過した|前まで")
_AT_MOST = re.compile(r"以下|以内|未満|に満たない|を超えない|を経過しない|を経過していない")
DAYS = {
    "日": Fraction(1),
    "週間": Fraction(7),
    "月": Fraction(30),
    "箇月": Fraction(30),
    "か月": Fraction(30),
    "年": Fraction(365),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit, as printed, and where it stands."""

    text: str
    unit: str  # 年, 日, 円 …; "分の" for ratios
    value: Fraction
    start: int
    end: int

    @property
    def size(self) -> Fraction:
        """The value for comparison: lengths of time in days, everything else as it is."""
        return self.value * DAYS.get(self.unit, Fraction(1))


def amounts(text: str) -> list[Amount]:
    """Every amount in the text, in order."""
    found = []
    for match in _AMOUNT.finditer(text):
        if match["base"]:
            base, part = kanji_to_int(match["base"]), kanji_to_int(match["part"])
            if not base or not part:
                continue
            found.append(Amount(match.group(), "分の", Fraction(part, base), *match.span()))
            continue
        value = kanji_to_int(match["value"])
        if value:
            found.append(Amount(match.group(), match["unit"], Fraction(value), *match.span()))
    return found


def others(amount: Amount, taken: list[Amount]) -> list[str]:
    """Other amounts of the same unit that could stand in its place; none that ``taken`` holds, whatever its unit."""
    sizes = {one.size for one in [*taken, amount] if (one.unit in DAYS) == (amount.unit in DAYS)}
    if amount.unit == "分の":
        return [f"{kanji(base)}分の{kanji(part)}" for part, base in _RATIOS if Fraction(part, base) not in sizes]
    if amount.unit == "円":
        values = [amount.value * factor for factor in (Fraction(1, 2), 2, 3, 5, 10, Fraction(1, 10), Fraction(1, 5))]
        return [
            f"{kanji(int(value))}円" for value in values if value.denominator == 1 and value not in sizes and value >= 1
        ]
    unit = amount.unit
    usual = USUAL.get({"箇月": "月", "か月": "月"}.get(unit, unit), ())
    near = [value for value in usual if Fraction(1, 6) <= Fraction(value) / amount.value <= 6]
    return [f"{kanji(value)}{unit}" for value in near if value * DAYS.get(unit, Fraction(1)) not in sizes]


def narrower(text: str, amount: Amount, other: str) -> bool:
    """Whether ``other`` in its place leaves only cases that ``text`` covers already: who may at a third may at two thirds.

    「…でなければ」 turns it round: what cannot be before thirty days cannot be before ten.
    """
    after = text[amount.end :]
    larger = any(one.size > amount.size for one in amounts(other))
    turned = "なければ" in after
    return (bool(_AT_LEAST.match(after)) and larger != turned) or (bool(_AT_MOST.match(after)) and larger == turned)
