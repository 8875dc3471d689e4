"""Both forms of asking together, of results that lie beside each other: the same model and questions in the other form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..both_forms import BothChange, both_change, pool
from ..results.file import Result
from ..results.outcomes import Outcome
from ..running.companions import in_other_form
from .comparison import Comparison


def pools_beside(results: Sequence[Result]) -> list[list[Outcome] | None]:
    """The pooled outcomes of each result and the one beside it in the other form; None for a result without one."""
    return [_pooled(result) for result in results]


def with_both_forms(
    pairs: Sequence[Comparison], pools: Sequence[list[Outcome] | None], *, seed: int
) -> list[Comparison]:
    """The comparisons with what both forms together know of each side; ``pools`` are those of the compared results, every
    further one against the first."""
    first, *others = pools
    return [
        pair if first is None or after is None else replace(pair, both_forms=both_change(first, [after], seed=seed))
        for pair, after in zip(pairs, others, strict=True)
    ]


def both_of_seeds(pools: Sequence[list[Outcome] | None], *, seed: int) -> BothChange | None:
    """The untuned model, which is the first, against the mean of the seeds; None where one was not asked in both forms."""
    known = [one for one in pools if one is not None]
    return None if len(known) < len(pools) else both_change(known[0], known[1:], seed=seed)


def _pooled(result: Result) -> list[Outcome] | None:
    other = in_other_form(result.path, result.run, result.outcomes)
    if other is None:
        return None
    pair = (result.outcomes, other.outcomes)
    return pool(*(pair if result.outcomes[0].form == "choice" else reversed(pair)))
