"""How differences, p-values and intervals are written wherever a person reads them."""

from __future__ import annotations

from collections.abc import Callable

from .statistics import Interval


def points(share: float, *, signed: bool = True) -> str:
    """A share as percentage points with one decimal."""
    value = round(share * 100, 1) + 0.0  # no "-0.0"
    return f"{value:+.1f}" if signed else f"{value:.1f}"


def p_text(p_value: float) -> str:
    """``p = 0.012``; very small ones as ``p < 0.001``."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def interval_text(interval: Interval | None, write: Callable[[float], str] = points, unit: str = "") -> str:
    """``95 % 区間 +1.0〜+2.0``, or that there is none; ``write`` writes an end of it."""
    if interval is None:
        return "区間なし"
    return f"95 % 区間 {write(interval.low)}〜{write(interval.high)}{unit}"


def nats(value: float) -> str:
    """A change of a log-probability with its sign."""
    return f"{value:+.3f}"
