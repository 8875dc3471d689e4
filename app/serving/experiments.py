"""Trainings and evaluations that lie in the folders given: what each learned from, its curve, how it scored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import read_json

MOST_DEPTH = 4
MOST_FILES = 200
MOST_BYTES = 32 * 1024 * 1024
CURVE = "loss_curve.png"


@dataclass(frozen=True, slots=True)
class Training:
    """One adapter folder."""

    folder: str
    base: str
    form: str
    questions: str
    steps: str
    curve: Path | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result file."""

    file: str
    model: str
    context: str
    accuracy: str
    total: str


def experiments(roots: Sequence[Path]) -> tuple[list[Training], list[Evaluation]]:
    """What is found below the folders, newest first; a file that cannot be read is passed over."""
    trainings: list[Training] = []
    evaluations: list[Evaluation] = []
    for path in sorted(_files(roots), key=_age)[:MOST_FILES]:
        try:
            value = read_json(path)
        except UserError:
            continue
        if not isinstance(value, dict):
            continue
        if path.name == "run.json" and "base_model" in value:
            trainings.append(_training(path, value))
        elif isinstance(value.get("summary"), dict) and isinstance(value.get("results"), list):
            evaluations.append(_evaluation(path, value))
    return trainings, evaluations


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    """JSON files below the folders that could be records; links are not followed."""
    for root in roots:
        for folder, names, files in os.walk(root):
            here = Path(folder)
            if len(here.relative_to(root).parts) >= MOST_DEPTH:
                names.clear()
            names[:] = sorted(name for name in names if not name.startswith((".", "gen-")))
            for name in sorted(files):
                path = here / name
                if name.endswith(".json") and not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
                    yield path


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _training(path: Path, value: dict[str, Any]) -> Training:
    file = value.get("train_file")
    curve = path.parent / CURVE
    return Training(
        folder=str(path.parent),
        base=str(_of(value.get("base_model"), "name")),
        form=str(value.get("form", "letter")),
        questions=f"{_of(file, 'questions')} 問、{_of(file, 'records')} レコード",
        steps=str(_of(value.get("training"), "steps")),
        curve=curve if curve.is_file() and not curve.is_symlink() else None,
    )


def _evaluation(path: Path, value: dict[str, Any]) -> Evaluation:
    summary, run = value["summary"], value.get("run")
    model = _of(run, "model")
    base = _of(model, "base_model") or _of(model, "model")
    accuracy, interval = summary.get("accuracy"), summary.get("ci95")
    shown = f"{accuracy:.1%}" if isinstance(accuracy, int | float) else "－"
    if isinstance(interval, list) and len(interval) == 2 and all(isinstance(one, int | float) for one in interval):
        shown += f"（95 % 区間 {interval[0]:.0%}–{interval[1]:.0%}）"
    adapter = _of(_of(run, "adapter"), "path")
    name = _of(base, "name") if isinstance(base, dict) else base
    return Evaluation(
        file=str(path),
        model=str(name) + (f"、アダプタ {adapter}" if adapter else ""),
        context=str(_of(_of(run, "plan"), "context")),
        accuracy=shown,
        total=str(summary.get("total", "")),
    )


def _of(value: Any, name: str) -> Any:
    return value.get(name, "") if isinstance(value, dict) else ""
