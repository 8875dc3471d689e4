"""Comparisons as an object for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.runs import distrust_code
from ..statistics import Interval
from .comparison import Comparison
from .verdict import verdict

VERSION = 2  # 1 had another shape for two results than for more


def as_json(pairs: Sequence[Comparison]) -> dict[str, Any]:
    """What ``compare_runs.py --json`` prints and cross_fit.json holds, whatever the number of results: ``version``, ``n``,
    ``names`` and ``accuracy`` of all, the first result in front, and the ``comparisons`` with it."""
    return {
        "version": VERSION,
        "n": pairs[0].questions,
        "names": [pairs[0].names[0], *(pair.names[1] for pair in pairs)],
        "accuracy": [pairs[0].accuracy[0], *(pair.accuracy[1] for pair in pairs)],
        "comparisons": [_object(pair) for pair in pairs],
    }


def _object(pair: Comparison) -> dict[str, Any]:
    return {
        "n": pair.questions,
        "clusters": pair.clusters,
        "names": list(pair.names),
        "accuracy": list(pair.accuracy),
        "difference": pair.difference,
        "ci95": _listed(pair.ci95),
        "p_value": pair.p_value,
        "cluster_p_value": pair.cluster_p_value,
        "p_value_holm": pair.adjusted_p_value,
        "order_difference": pair.order_difference,
        "order_ci95": _listed(pair.order_ci95),
        **pair.scores.as_json(),
        "detectable_gain": pair.detectable_gain,
        "flips_up": [flip.id for flip in pair.flips_up],
        "flips_down": [flip.id for flip in pair.flips_down],
        "differs": list(pair.differs),
        "distrust": [{"name": name, "code": distrust_code(reason), "reason": reason} for name, reason in pair.distrust],
        **pair.breakdowns.as_json(),
        "reading": [change.as_json() for change in pair.reading],
        "both_forms": None if pair.both_forms is None else pair.both_forms.as_json(),
        "conclusion": pair.conclusion,
        "verdict": verdict(pair),
    }


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
