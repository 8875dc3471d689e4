"""Where things stand in the charts of a report: plain coordinates, drawn as SVG by the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.prompts import FITS_NOT
from ..results.reliability import Reliability

MAX_POINTS = 400  # of a loss curve: more than a screen has columns for


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of the ladder; shares 0..1."""

    label: str
    accuracy: float
    low: float | None  # interval; None for a floor
    high: float | None
    run: int | None  # number of the run; None for a floor, and for a result that is not of this report
    other: bool = False  # the run's model in another context


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: its points as SVG ``x,y`` pairs in a box of ``WIDTH`` by ``HEIGHT``."""

    label: str
    points: str
    run: int


@dataclass(frozen=True, slots=True)
class LossChart:
    """Loss over steps of one or more adapters, with the numbers at the axes' ends."""

    curves: tuple[Curve, ...]
    steps: int
    top: float


WIDTH, HEIGHT = 300.0, 200.0


def ladder(summaries: Sequence[tuple[str, Mapping[str, Any]]], others: Sequence[Rung] = ()) -> list[Rung]:
    """The floors of the first summary, which are those of all (same questions), ``others``, then every run."""
    floors = summaries[0][1]["floors"]
    always = floors["always_one_letter"]
    rungs = [
        Rung("でたらめ", floors["chance"], None, None, None),
        Rung(f"いつも {always['letter'] or FITS_NOT} と答える（元の並び）", always["accuracy"], None, None, None),
        Rung("いちばん長い選択肢を選ぶ", floors["longest_choice"], None, None, None),
    ]
    if floors["lexical_overlap"] is not None:
        accuracy = floors["lexical_overlap"]["accuracy"]
        rungs.append(Rung("正解の条文と文字が重なる選択肢を選ぶ", accuracy, None, None, None))
    rungs += others
    for number, (label, summary) in enumerate(summaries):
        low, high = summary["ci95"]
        rungs.append(Rung(label, summary["accuracy"], low, high, number))
    return rungs


def reliability_points(value: Reliability) -> list[tuple[float, float, float, int]]:
    """(x, y, radius, answers) of each bin; the area of a dot grows with its answers."""
    most = max(each.answers for each in value.bins)
    return [
        (
            round(each.confidence * WIDTH, 1),
            round(HEIGHT * (1 - each.accuracy), 1),
            round(2.5 + 6 * (each.answers / most) ** 0.5, 1),
            each.answers,
        )
        for each in value.bins
    ]


def loss_chart(histories: Sequence[tuple[str, int, Sequence[tuple[int, float]]]]) -> LossChart | None:
    """Loss curves of (label, run number, (step, loss) pairs); None when there is nothing to draw."""
    drawn = [(label, run, list(pairs)) for label, run, pairs in histories if len(pairs) > 1]
    if not drawn:
        return None
    steps = max(step for _, _, pairs in drawn for step, _ in pairs)
    top = max(loss for _, _, pairs in drawn for _, loss in pairs) or 1.0
    curves = [
        Curve(
            label,
            " ".join(f"{WIDTH * step / steps:.1f},{HEIGHT * (1 - loss / top):.1f}" for step, loss in thinned(pairs)),
            run,
        )
        for label, run, pairs in drawn
    ]
    return LossChart(tuple(curves), steps, top)


def stretches(pairs: Sequence[tuple[int, float]], most: int) -> list[Sequence[tuple[int, float]]]:
    """The pairs in at most ``most`` pieces of one length; the last may be shorter."""
    size = max(1, -(-len(pairs) // most))
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def thinned(pairs: Sequence[tuple[int, float]], most: int = MAX_POINTS) -> list[tuple[float, float]]:
    """At most ``most`` points, each the mean of the steps it stands for."""
    return [
        (sum(step for step, _ in group) / len(group), sum(loss for _, loss in group) / len(group))
        for group in stretches(pairs, most)
    ]
