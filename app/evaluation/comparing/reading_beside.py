"""The reading test of results that lie beside each other: the same model and questions, asked in other contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.cli import log
from ...core.errors import DataError
from ...core.runs import same_index
from ..reading import ByContext, ReadingChange, reading_changes
from ..results.file import Result
from ..results.outcomes import Outcome
from ..running.companions import Companions, answered
from ..running.plan import WITHOUT
from .comparison import Comparison


@dataclass(frozen=True, slots=True)
class Contexts:
    """The outcomes of one model in every context that it was asked in, of the same questions."""

    outcomes: ByContext
    doubtful: Mapping[str, str]  # context → name of a result that says itself that it must not be trusted


def with_reading(pairs: Sequence[Comparison], found: Sequence[Contexts], *, seed: int) -> list[Comparison]:
    """The comparisons with what the law adds to each side, where ``contexts_beside`` the compared results say so."""
    if not found:
        return list(pairs)
    return [
        replace(pair, reading=_changes(found[0], [after], seed=seed))
        for pair, after in zip(pairs, found[1:], strict=True)
    ]


def check_reading(pairs: Sequence[Comparison]) -> None:
    """Raise DataError when a comparison lacks what the law adds against one of the contexts without the right articles."""
    for pair in pairs:
        found = {change.context for change in pair.reading}
        if missing := [name for name in WITHOUT if name not in found]:
            raise DataError(
                f"{pair.names[0]} と {pair.names[1]}: 文脈 {'、'.join(missing)} の結果が、正解の条文ありの結果と"
                "モデル・尋ね方・問題・索引のどれかで違い、比べられません。その文脈の結果を消して、もう一度実行してください。"
            )


def reading_of_seeds(results: Sequence[Result], found: Sequence[Contexts], *, seed: int) -> tuple[ReadingChange, ...]:
    """What the law adds to the untuned model, which is the first, and, on the mean over the seeds, to the tuned ones, as far
    as ``contexts_beside`` the results say so."""
    if not found:
        return ()
    for name in WITHOUT:
        lacking = [str(result.path) for result, one in zip(results, found, strict=True) if name not in one.outcomes]
        if 0 < len(lacking) < len(found):
            log(
                f"注意: {'、'.join(lacking)} の隣に文脈 {name} の結果がないので、条文の効き目は種をまとめて比べられません。"
            )
    return _changes(found[0], found[1:], seed=seed)


def _changes(before: Contexts, afters: Sequence[Contexts], *, seed: int) -> tuple[ReadingChange, ...]:
    changes = reading_changes(before.outcomes, [one.outcomes for one in afters], seed=seed)
    doubts = [one.doubtful for one in (before, *afters)]
    return tuple(
        replace(change, doubtful=tuple(dict.fromkeys(one[change.context] for one in doubts if change.context in one)))
        for change in changes
    )


def contexts_beside(results: Sequence[Result], around: Sequence[Companions]) -> list[Contexts]:
    """The outcomes of each result and of those beside it that differ by the context alone; nothing unless all were asked
    with the right articles."""
    if any(result.facts.plan.context != "gold" for result in results):
        return []
    found: list[Contexts] = []
    indexes: dict[str, Any] = {}  # what the first result searched: another index takes out and fills up with others
    for result, beside in zip(results, around, strict=True):
        outcomes: dict[str, Sequence[Outcome]] = {"gold": result.outcomes}
        doubtful: dict[str, str] = {}
        for name, other in answered(beside.contexts).items():
            index = other.run.get("index")
            if same_index(indexes.setdefault(name, index), index):
                outcomes[name] = other.outcomes
                doubtful |= {name: other.name} if other.facts.distrust else {}
            else:
                log(
                    f"注意: {other.path} は別の索引か検索の設定で尋ねた結果なので、条文を読んでいるかの比較に使いません。"
                )
        found.append(Contexts(outcomes, doubtful))
    return found
