"""The picture of a pretraining run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.files import write_bytes

# Series of the skill panel: key in the history, legend (ASCII: no Japanese font is assumed to be installed).
SKILLS = (
    ("short/judge", "verdict, short text"),
    ("long/judge", "verdict, long text"),
    ("long/chat", "verdict in a chat, long text"),
    ("articles/chat", "verdict in a chat, several articles"),
    ("long/course", "has it departed by now"),
)
LOSSES = ("copy", "point", "course", "judge", "chat", "sign")


def write_curve(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG with the losses (left) and the shares of right answers (right) over the tokens seen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    millions = [entry["tokens"] / 1e6 for entry in history]
    for name in LOSSES:
        # A loss of exactly zero means that the curriculum had no such exercise in that step.
        left.plot(millions, [entry["losses"].get(name) or None for entry in history], label=name)
    left.set_yscale("log")
    left.set_ylabel("loss of one step")
    for key, label in SKILLS:
        right.plot(millions, [entry["skill"].get(key) for entry in history], label=label)
    right.axhline(0.5, color="grey", linewidth=0.6, linestyle=":")
    right.set_ylim(0, 1)
    right.set_ylabel("share of right answers")
    for axes in (left, right):
        axes.set_xlabel("million tokens")
        axes.legend(fontsize=8)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    write_bytes(path, buffer.getvalue())
