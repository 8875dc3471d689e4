"""Both forms of asking together, of results that lie beside each other: the same model and questions in the other form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.cli import log
from ..both_forms import BothChange, both_change, pool
from ..results.file import Result
from ..results.outcomes import Outcome
from ..running.companions import Companions
from .comparison import Comparison
from .run_differences import differences


@dataclass(frozen=True, slots=True)
class Pooled:
    """A result and the one beside it in the other form, put together."""

    outcomes: list[Outcome]
    partner: Result


def pools_beside(results: Sequence[Result], around: Sequence[Companions]) -> list[Pooled | None]:
    """Each result put together with its companion in the other form; None for one without.

    A companion that differs from the first one's in more than the results themselves do is named in the log and left out.
    """
    found: list[Pooled | None] = []
    for result, beside in zip(results, around, strict=True):
        partner = beside.other_form
        outcomes = None if partner is None else pool(result.outcomes, partner.outcomes)
        pooled = None if partner is None or outcomes is None else Pooled(outcomes, partner)
        first = found[0] if found else None
        if first is not None and pooled is not None:
            between = differences(first.partner.facts, pooled.partner.facts)
            if set(between) - set(differences(results[0].facts, result.facts)):
                log(
                    f"注意: {pooled.partner.path} は {first.partner.path} と尋ね方が違うので、二つの形を合わせた比較に使いません。"
                )
                pooled = None
        found.append(pooled)
    return found


def with_both_forms(pairs: Sequence[Comparison], pools: Sequence[Pooled | None], *, seed: int) -> list[Comparison]:
    """The comparisons with what both forms together know of each side; ``pools`` are those of the compared results, every
    further one against the first."""
    first, *others = pools
    return [
        pair if first is None or after is None else replace(pair, both_forms=_change(first, [after], seed=seed))
        for pair, after in zip(pairs, others, strict=True)
    ]


def both_of_seeds(results: Sequence[Result], pools: Sequence[Pooled | None], *, seed: int) -> BothChange | None:
    """The untuned model, which is the first, against the mean of the seeds; None where one was not asked in both forms."""
    lacking = [str(result.path) for result, one in zip(results, pools, strict=True) if one is None]
    if 0 < len(lacking) < len(results):
        log(
            f"注意: {'、'.join(lacking)} の隣にもう一方の形の結果がないので、二つの形を合わせた答えは種をまとめて比べられません。"
        )
    known = [one for one in pools if one is not None]
    return None if lacking else _change(known[0], known[1:], seed=seed)


def _change(first: Pooled, others: Sequence[Pooled], *, seed: int) -> BothChange:
    doubtful = [one.partner.name for one in (first, *others) if one.partner.facts.distrust]
    return both_change(first.outcomes, [one.outcomes for one in others], doubtful=doubtful, seed=seed)
