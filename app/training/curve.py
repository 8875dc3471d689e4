"""The loss curve of a run as PNG: training loss per step, and dev accuracy where there is one."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

# Labels are English: matplotlib ships no Japanese font, and a missing glyph would be an empty box.


def smoothed(values: Sequence[float], weight: float = 0.8) -> list[float]:
    """Exponential moving average with bias correction; the first value is kept as it is."""
    out: list[float] = []
    average = 0.0
    for number, value in enumerate(values, start=1):
        average = weight * average + (1 - weight) * value
        out.append(average / (1 - weight**number))
    return out


# What the loss of each objective is, and of what it is the mean.
_LOSSES: dict[str, str] = {
    "text": "cross entropy per supervised token (nats)",
    "letter": "cross entropy among the four letters, per row (nats)",
    "choice": "pairwise + binary loss per question (nats)",
}


def draw_curve(
    loss_history: Sequence[Mapping[str, Any]],
    dev_history: Sequence[Mapping[str, Any]],
    *,
    title: str,
    objective: str = "text",
    chance: float | None = None,
) -> bytes:
    """PNG bytes of ``curve_figure``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = curve_figure(loss_history, dev_history, title=title, objective=objective, chance=chance)
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # The version of matplotlib in the file would make equal curves differ.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def curve_figure(
    loss_history: Sequence[Mapping[str, Any]],
    dev_history: Sequence[Mapping[str, Any]],
    *,
    title: str,
    objective: str,
    chance: float | None,
) -> Any:
    """The figure. ``loss_history`` rows have ``step`` and ``loss``; ``dev_history`` rows ``step`` and ``accuracy``.

    ``chance`` is the dev accuracy (0–1) that guesses come to; where nobody knows it, no line says so.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    steps = [row["step"] for row in loss_history]
    losses = [row["loss"] for row in loss_history]
    axes.plot(steps, losses, color="#9db8d2", linewidth=1, label="loss of each step")
    axes.plot(steps, smoothed(losses), color="#1f4e79", linewidth=2, label="smoothed")
    axes.set_xlabel("optimizer step")
    axes.set_ylabel(_LOSSES[objective])
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    # A path may hold characters that the built-in font cannot draw.
    axes.set_title(title.encode("ascii", "replace").decode("ascii"))
    handles, labels = axes.get_legend_handles_labels()
    if dev_history:
        right = axes.twinx()
        right.plot(
            [row["step"] for row in dev_history],
            [row["accuracy"] for row in dev_history],
            color="#c0504d", marker="o", linewidth=1.5, label="dev accuracy",
        )  # fmt: skip
        if chance is not None:
            right.axhline(chance, color="#c0504d", linestyle=":", linewidth=1, label=f"chance ({chance:.2f})")
        right.set_ylim(0, 1)
        right.set_ylabel("dev accuracy")
        more, names = right.get_legend_handles_labels()
        handles, labels = [*handles, *more], [*labels, *names]
    axes.legend(handles, labels, loc="best", fontsize=8)
    return figure
