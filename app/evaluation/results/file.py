"""The result of one evaluation as a file: written whole, and checked when it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import read_json, write_json
from .checks import check_asking, check_run, checked_summary
from .outcomes import Outcome
from .rows import outcome_from
from .run_facts import RunFacts

KIND = "evaluation"


@dataclass(frozen=True, slots=True)
class Result:
    """A result file: where it came from, its ``run`` as stored, its ``summary`` with what the outcomes decide counted
    again, and the outcomes in file order."""

    path: Path
    run: Mapping[str, Any]
    summary: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    folders_named: int = 0  # of the path, in the name

    @property
    def facts(self) -> RunFacts:
        """What comparisons and reports look into of ``run``."""
        return RunFacts.model_validate(self.run)

    @property
    def name(self) -> str:
        """How reports call the run: the file's name without ending, after its folders where that tells runs apart."""
        return "/".join((*self.path.parts[:-1][len(self.path.parts) - 1 - self.folders_named :], self.path.stem))


def write_result(
    path: Path, *, run: Mapping[str, Any], summary: Mapping[str, Any], outcomes: Sequence[Outcome]
) -> None:
    """Write a result in one step."""
    write_json(
        path,
        {
            "kind": KIND,
            "run": dict(run),
            "summary": dict(summary),
            "results": [outcome.as_row() for outcome in outcomes],
        },
    )


def read_result(path: Path) -> Result:
    """Read and check a result. Raises DataError as ``result_of``, and for a file that cannot be read."""
    try:
        value = read_json(path)
    except DataError as error:
        raise DataError(f"{error} 途中で切れた結果は使えません。評価を --resume で終わらせてください。") from None
    return result_of(path, value)


def result_of(path: Path, value: Any) -> Result:
    """The result that a file holds, checked. Raises DataError, one line, for anything that is not a whole result."""
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise DataError(
            f"{path}: このプログラムの評価結果ではありません（kind が {KIND!r} でない）。"
            "以前のプロジェクトの結果は scripts/import_results.py で読み込んでください。"
        )
    run, summary, rows = value.get("run"), value.get("summary"), value.get("results")
    if not isinstance(run, dict) or not isinstance(summary, dict) or not isinstance(rows, list):
        raise DataError(f"{path}: run・summary・results のどれかが欠けています。評価をやり直してください。")
    facts = check_run(path, run)
    outcomes = tuple(outcome_from(row, f"{path}: {number} 問目") for number, row in enumerate(rows, start=1))
    seen: set[str] = set()
    for outcome in outcomes:
        if outcome.id in seen:
            raise DataError(f"{path}: 問題 {outcome.id} が重複しています。評価をやり直してください。")
        seen.add(outcome.id)
    counted = checked_summary(path, run, summary, outcomes)
    check_asking(path, facts, outcomes)
    return Result(path, run, counted, outcomes)


def read_results(paths: Sequence[Path]) -> list[Result]:
    """Several results; where files share their name, ``seed_42/tuned`` and ``seed_43/tuned`` are told apart by folders."""
    results = [read_result(path) for path in paths]
    deepest = max(len(path.parts) for path in paths)
    for depth in range(1, deepest):
        counts = Counter(result.name for result in results)
        results = [
            replace(result, folders_named=min(depth, len(result.path.parts) - 1)) if counts[result.name] > 1 else result
            for result in results
        ]
    return results
