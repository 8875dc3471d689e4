"""Results compared with what lies beside them: the same models in other contexts, and in the other form."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.file import Result
from ..running.companions import Companions, companions
from .comparison import Comparison, compare_results
from .forms_beside import pools_beside, with_both_forms
from .reading_beside import contexts_beside, with_reading


def companions_of(results: Sequence[Result]) -> list[Companions]:
    """What lies beside each result."""
    return [companions(result.path, result.run, result.outcomes) for result in results]


def compare_with_neighbours(results: Sequence[Result], *, seed: int) -> list[Comparison]:
    """Every further result against the first, with what the law adds to each and what both forms together know.

    Raises DataError when the results may not be compared.
    """
    pairs, around = compare_results(results, seed=seed), companions_of(results)
    pairs = with_reading(pairs, contexts_beside(results, around), seed=seed)
    return with_both_forms(pairs, pools_beside(results, around), seed=seed)
