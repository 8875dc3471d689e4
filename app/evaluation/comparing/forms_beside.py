"""Both forms of asking together, of results that lie beside each other: the same model and questions in the other form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..both_forms import both_change, pool
from ..results.file import Result
from ..results.outcomes import Outcome
from ..running.companions import in_other_form
from .comparison import Comparison


def with_both_forms(pairs: Sequence[Comparison], results: Sequence[Result], *, seed: int) -> list[Comparison]:
    """The comparisons with what both forms together know of each side, where both sides were asked in both.

    ``results`` are those compared: every further one against the first.
    """
    first, *others = [_pooled(result) for result in results]
    if first is None:
        return list(pairs)
    places = {outcome.id: place for place, outcome in enumerate(first)}
    return [
        pair
        if after is None
        else replace(pair, both_forms=both_change(first, sorted(after, key=lambda one: places[one.id]), seed=seed))
        for pair, after in zip(pairs, others, strict=True)
    ]


def _pooled(result: Result) -> list[Outcome] | None:
    """The pooled outcomes of a result and the one beside it in the other form; None without one."""
    other = in_other_form(result.path, result.run, result.outcomes)
    if other is None:
        return None
    pair = (result.outcomes, other.outcomes)
    return pool(*(pair if result.outcomes[0].form == "choice" else reversed(pair)))
