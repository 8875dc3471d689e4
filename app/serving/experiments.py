"""Trainings and evaluations that lie in the folders given: what each learned from, its curves, how it scored."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import read_json, sha256_file
from ..core.runs import BaseModelFacts, distrust_name
from ..core.terminal import HALF
from ..evaluation.results.file import KIND, Result, result_of
from ..evaluation.results.result_words import percent, plan_context
from .curves import Curves, curves_of
from .view import told

MOST_DEPTH = 4
MOST_FILES = 200
MOST_BYTES = 32 * 1024 * 1024
# Why the model before training is the better one by the dev file (training.verdict of run.json).
_START_BETTER = {
    "saturated": "学習前の誤答が少なく、差を示せません",
    "below_start": "正答の対数確率が学習前を超えませんでした",
    "collapsed": "答えが一つの文字に偏っています",
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result file as it was read and checked; of one that cannot be read only why."""

    file: str
    model: str = ""
    adapter: str = ""
    context: str = ""
    accuracy: str = ""
    total: int = 0
    distrust: tuple[str, ...] = ()  # why the result says of itself that it must not be trusted
    trouble: str = ""  # why the file cannot be read
    adapter_run: str = ""  # hash of the run.json of its adapter; empty for an untuned model and for several adapters
    alike: tuple[Any, ...] = ()  # equal for results that only an adapter tells apart


@dataclass(frozen=True, slots=True)
class Training:
    """One adapter folder."""

    folder: str
    base: str
    form: str
    questions: str
    steps: str
    caution: str  # what its own dev file says against it
    curves: Curves
    run_sha256: str

    def evaluated(self, evaluations: Sequence[Evaluation]) -> list[tuple[Evaluation, Evaluation | None]]:
        """The evaluations of this adapter, each with the one of the untuned model asked alike (None: there is none)."""
        return [
            (one, next((base for base in evaluations if base.alike == one.alike and not base.adapter), None))
            for one in evaluations
            if one.adapter_run == self.run_sha256
        ]


def experiments(roots: Sequence[Path]) -> tuple[list[Training], list[Evaluation]]:
    """What is found below the folders, newest first; what is neither a training nor an evaluation is passed over."""
    trainings: list[Training] = []
    evaluations: list[Evaluation] = []
    for state, path in sorted(_files(roots), key=lambda one: -one[0].st_mtime)[:MOST_FILES]:
        found = _record(path, state.st_mtime_ns, state.st_size, state.st_ino)
        if isinstance(found, Training):
            trainings.append(found)
        elif found is not None:
            evaluations.append(found)
    return trainings, evaluations


def results_named(roots: Sequence[Path], files: Sequence[str]) -> list[Path]:
    """The evaluations of these names, as far as they are among those that are listed."""
    listed = {one.file for one in experiments(roots)[1]}
    return [Path(file) for file in files if file in listed]


def _files(roots: Sequence[Path]) -> Iterator[tuple[os.stat_result, Path]]:
    """JSON files below the folders that could be records, and what they are like now; links are not followed, and files
    that a training at work takes away are passed over."""
    for root in roots:
        for folder, names, files in os.walk(root):
            here = Path(folder)
            if len(here.relative_to(root).parts) >= MOST_DEPTH:
                names.clear()
            names[:] = sorted(name for name in names if not name.startswith((".", "gen-")))
            for name in sorted(files):
                path = here / name
                if (
                    not name.endswith(".json") or path.is_symlink() or HALF.search(str(path))
                ):  # no page can show half a character
                    continue
                with contextlib.suppress(OSError):
                    state = path.stat()
                    if state.st_size <= MOST_BYTES:
                        yield state, path


@lru_cache(maxsize=2 * MOST_FILES)
def _record(path: Path, *_state: int) -> Training | Evaluation | None:
    """What a file holds, read anew when its time, size or inode changes."""
    try:
        value = read_json(path)
    except UserError:
        return None
    if not isinstance(value, dict):
        return None
    if path.name == "run.json" and "base_model" in value:
        return _training(path, value)
    if value.get("kind") != KIND:
        return None
    try:
        return _evaluation(result_of(path, value))
    except UserError as error:
        return Evaluation(file=str(path), trouble=told(error))


def _training(path: Path, value: Mapping[str, Any]) -> Training:
    file, training = value.get("train_file"), value.get("training")
    verdict = _of(training, "verdict")
    reasons = _of(verdict, "reasons") if _of(verdict, "better") == "start" else []
    shown = "。".join(_START_BETTER.get(str(one), str(one)) for one in reasons) if isinstance(reasons, list) else ""
    return Training(
        folder=str(path.parent),
        base=str(_of(value.get("base_model"), "name")),
        form=str(value.get("form", "letter")),
        questions=f"{_of(file, 'questions')} 問、{_of(file, 'records')} レコード",
        steps=str(_of(training, "steps")),
        caution=f"dev では学習前のモデルのほうが良いと記録されています（{shown}）。" if shown else "",
        curves=curves_of(
            _of(training, "loss_history"), _of(training, "dev_history"), _of(_of(training, "best"), "step")
        ),
        run_sha256=sha256_file(path),
    )


def _evaluation(result: Result) -> Evaluation:
    facts, summary = result.facts, result.summary
    model, plan, adapter = facts.model, facts.plan, facts.adapter
    base = model.base_model or BaseModelFacts()
    low, high = summary["ci95"]
    path, digest = (None, None) if adapter is None else (adapter.path, adapter.run_sha256)
    return Evaluation(
        file=str(result.path),
        model=str(base.name or model.model or ""),
        adapter=f"交差適合の {len(path)} 個" if isinstance(path, list) else str(path or ""),
        context=plan_context(plan),
        accuracy=f"{percent(summary['accuracy'])}（95 % 区間 {percent(low)}〜{percent(high)}）",
        total=len(result.outcomes),
        distrust=tuple(map(distrust_name, facts.distrust)),
        adapter_run=digest if isinstance(digest, str) else "",
        alike=(
            base.config_sha256 or model.model,
            (plan.context, plan.top_k, plan.scoring, plan.cot, plan.few_shot, bool(plan.cited_words), plan.orders),
            tuple(sorted(outcome.question_sha256 for outcome in result.outcomes)),
        ),
    )


def _of(value: Any, name: str) -> Any:
    found = value.get(name, "") if isinstance(value, Mapping) else ""
    return "" if found is None else found
