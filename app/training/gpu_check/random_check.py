"""A check on random weights from its cases to its result, which is handed on after every part: a cut run keeps figures."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from ...core.cli import log
from ...llm.loading import first_line
from ..memory.model_sizes import read_model_sizes
from ..memory.plan import MemoryPlan, plan, plan_as_json
from ..memory.setting import MemorySetting
from ..model.setup import segments_can_grow
from .cases import Case, Shape, Side, cases_of

KIND = "gpu_check_random"
# A process starts, imports and makes its weights in about this; no case begins with less time left.
LEAST_SECONDS = 45.0
NO_TIME = "時間が残っていないので行いませんでした"


class Runner(Protocol):
    """Runs a case in ``folder`` and yields its parts (``processes.run_case``)."""

    def __call__(self, case: Case, folder: Path, *, seconds: float) -> Iterator[dict[str, Any]]: ...


def missing_peers() -> dict[str, str]:
    """Sides that cannot run here, and a line each on what is missing."""
    missing = [name for name in ("trl", "datasets") if importlib.util.find_spec(name) is None]
    return (
        {"trl": f"{'・'.join(missing)} が入っていないので、TRL とは比べていません（pip install trl）"}
        if missing
        else {}
    )


def check_random(
    models: Sequence[str],
    folder: Path,
    *,
    minutes: float,
    device: str,
    run: Runner,
    store: Callable[[dict[str, Any]], None],
    shape: Shape | None = None,
) -> dict[str, Any]:
    """The result as plain JSON values; ``store`` gets it after every part. ``folder`` is for what the cases write.

    Raises ModelError for a model whose sizes are not known, before anything runs.
    """
    for model in models:
        read_model_sizes(model)
    absent = missing_peers()
    peers: list[Side] = [side for side in ("usual", "trl") if side not in absent]
    growing = device != "cpu" and segments_can_grow()
    cases = cases_of(models, device=device, shape=shape or Shape(), peers=peers, growing=growing)
    result: dict[str, Any] = {
        "kind": KIND, "version": 1, "finished": False, "minutes": minutes, "device": device, "run": None,
        "notes": list(absent.values()), "cases": [],
    }  # fmt: skip
    ends = time.monotonic() + 60 * minutes
    for number, case in enumerate(cases, start=1):
        entry: dict[str, Any] = {
            "model": case.model, "side": case.side, "growing": case.growing, "shape": asdict(case.shape), "plans": {},
            "parts": {}, "error": None,
        }  # fmt: skip
        result["cases"].append(entry)
        if ends - time.monotonic() < LEAST_SECONDS:
            entry["error"] = NO_TIME
            store(result)
            continue
        log(f"{number}/{len(cases)} {case.name}（残り {(ends - time.monotonic()) / 60:.1f} 分）")
        place = folder / f"case_{number}"
        place.mkdir()
        left = ends - time.monotonic()
        # One case that hangs must leave the others their time.
        share = max(2 * LEAST_SECONDS, 2 * left / (len(cases) - number + 1))
        _take_parts(run(case, place, seconds=min(left, share)), case, entry, result, store)
    result["finished"] = all(entry["error"] is None for entry in result["cases"])
    store(result)
    return result


def _plans(case: Case, notes: list[str]) -> dict[str, MemoryPlan]:
    """What is planned, by part. Where the step cannot be simulated, a note: the card's figures are worth having alone."""
    try:
        return {part: _planned(case.model, setting) for part, setting in case.settings().items()}
    except Exception as error:  # the simulation runs the libraries' own code, of whatever version is there
        note = f"{case.model}: 予測できませんでした（{first_line(error)}）"
        log(note)
        notes += [note] if note not in notes else []
        return {}


@cache
def _planned(model: str, setting: MemorySetting) -> MemoryPlan:
    return plan(model, setting)


def _take_parts(
    parts: Iterator[dict[str, Any]],
    case: Case,
    entry: dict[str, Any],
    result: dict[str, Any],
    store: Callable[[dict[str, Any]], None],
) -> None:
    for part in parts:
        name = part.pop("part")
        if name == "machine":
            result["run"] = result["run"] or part
            plans = _plans(case, result["notes"])  # not before: the process makes its weights meanwhile
            entry["plans"] = {planned: plan_as_json(made) for planned, made in plans.items()}
            free = part.get("gpu_free_gib")
            need = max(
                ((made.growing_gib if case.growing else made.reserved_gib) for made in plans.values()), default=0.0
            )
            if free is not None and need > free:
                entry["error"] = f"入らない見込みなので行いませんでした（必要 {need:.1f} GiB、空き {free:.1f} GiB）"
                break
        elif name == "error":
            entry["error"] = part["error"]
            log(f"{case.name}: {part['error']}")
        else:
            entry["parts"][name] = part
            if "unfinished" not in part:
                log(f"{case.name}: {name} {part['seconds']:.1f} 秒")
        store(result)
    # Leaving a generator early ends its process.
    close = getattr(parts, "close", None)
    if close is not None:
        close()
    store(result)
