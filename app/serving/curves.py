"""The curves of a training as a page draws them (SVG), and the numbers behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.report.charts import HEIGHT, WIDTH, stretches

MOST_POINTS = 200  # of a line and of its table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the steps, and the mean over them."""

    steps: str
    value: str


@dataclass(frozen=True, slots=True)
class DevRow:
    """One evaluation on the dev file."""

    step: int
    accuracy: str
    logprob: str
    x: float
    y: float
    kept: bool  # the step whose weights were kept


@dataclass(frozen=True, slots=True)
class Curves:
    """Loss and dev accuracy over the steps, in boxes of ``WIDTH`` by ``HEIGHT``."""

    last: int  # step at the right edge
    top: str  # loss at the upper edge
    loss: str  # the line's points, ``x,y`` pairs; empty where no loss is recorded
    rows: tuple[Row, ...]
    dev: tuple[DevRow, ...]
    facts: str  # what a reader who does not see the pictures is told

    @property
    def dev_line(self) -> str:
        """The points of the dev line."""
        return " ".join(f"{row.x},{row.y}" for row in self.dev)


def curves_of(loss_history: Any, dev_history: Any, best: Any) -> Curves:
    """The curves that run.json records (``training.loss_history``, ``dev_history``, the step of ``best``).

    Rows without numbers are passed over. Of many steps each point is the mean of a stretch, and the table says of which.
    """
    losses = _pairs(loss_history, "loss")
    dev = [row for row in _rows(dev_history, "accuracy") if 0 <= row["accuracy"] <= 1]
    last = max([step for step, _ in losses] + [row["step"] for row in dev], default=0) or 1
    parts = stretches(losses, MOST_POINTS)
    means = [sum(loss for _, loss in each) / len(each) for each in parts]
    top = max(means, default=0.0) or 1.0
    line = [
        f"{WIDTH * (each[0][0] + each[-1][0]) / 2 / last:.1f},{HEIGHT * (1 - mean / top):.1f}"
        for each, mean in zip(parts, means, strict=True)
    ]
    dev_rows = tuple(
        DevRow(
            step=row["step"],
            accuracy=f"{row['accuracy']:.1%}",
            logprob=f"{row['gold_logprob']:.3f}" if _is_number(row.get("gold_logprob")) else "",
            x=round(WIDTH * row["step"] / last, 1),
            y=round(HEIGHT * (1 - row["accuracy"]), 1),
            kept=row["step"] == best,
        )
        for row in dev
    )
    return Curves(
        last=last,
        top=f"{top:.2f}",
        loss=" ".join(line),
        rows=tuple(Row(_span(each), f"{mean:.4f}") for each, mean in zip(parts, means, strict=True)),
        dev=dev_rows,
        facts=_facts(means, dev_rows),
    )


def _facts(means: Sequence[float], dev: Sequence[DevRow]) -> str:
    said = [f"損失は {means[0]:.2f} から {means[-1]:.2f}"] if means else []
    said += [f"dev の正答率は {dev[0].accuracy} から {dev[-1].accuracy}"] if dev else []
    return "、".join(said)


def _span(pairs: Sequence[tuple[int, float]]) -> str:
    first, last = pairs[0][0], pairs[-1][0]
    return str(first) if first == last else f"{first}〜{last}"


def _pairs(history: Any, name: str) -> list[tuple[int, float]]:
    return [(row["step"], float(row[name])) for row in _rows(history, name) if row[name] >= 0]


def _rows(history: Any, name: str) -> list[dict[str, Any]]:
    """The rows with a step and a number of this name, in the order of the steps."""
    rows = history if isinstance(history, list) else []
    good = [
        row
        for row in rows
        if isinstance(row, dict) and _is_number(row.get(name)) and type(row.get("step")) is int and row["step"] >= 0
    ]
    return sorted(good, key=lambda row: int(row["step"]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
