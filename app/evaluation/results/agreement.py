"""Whether a stored value is the one that its own data gives: the first place where two JSON values differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

# Numbers are counted again from the same answers: only the last digits of a sum or a logarithm depend on the machine.
TOLERANCE = 1e-6
_SHOWN = 40  # characters of a value that a message quotes
ABSENT = object()


class Difference(NamedTuple):
    """One place, as ``orders.ci95[0]``, with what is stored there and what belongs there; ABSENT where there is none."""

    place: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        """In a message: the place, the value found and the value that it should be."""
        return f"{self.place}（記録は {quoted(self.stored)}、回答から計算すると {quoted(self.expected)}）"


def quoted(value: Any) -> str:
    """The value in a message, cut to a readable length."""
    if value is ABSENT:
        return "なし"
    text = f"{value:.6g}" if isinstance(value, float) else "null" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def differences(stored: Any, expected: Any, place: str = "") -> Iterator[Difference]:
    """Every place where the stored value differs from the expected one, numbers compared to ``TOLERANCE``."""
    if isinstance(expected, dict) and isinstance(stored, dict):
        for name in [*expected, *(name for name in stored if name not in expected)]:
            inner = f"{place}.{name}" if place else str(name)
            yield from differences(stored.get(name, ABSENT), expected.get(name, ABSENT), inner)
    elif isinstance(expected, list | tuple) and isinstance(stored, list | tuple) and len(stored) == len(expected):
        for index, (one, other) in enumerate(zip(stored, expected, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif not _same(stored, expected):
        yield Difference(place, stored, expected)


def _same(stored: Any, expected: Any) -> bool:
    if _is_number(stored) and _is_number(expected):
        return math.isclose(stored, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(stored) is type(expected) and bool(stored == expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
