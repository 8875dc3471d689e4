"""The planner's numbers in the documents: planned by ``make docs``, kept in ``docs/memory_plans.json``, checked cheaply.

A plan takes seconds, so a test cannot make them all. It checks instead that nothing they depend on has changed: the code
of the planner and of what it simulates, what a command line asks of it, and one simulated layer of each kind of setting,
which goes through the installed versions of transformers, PEFT and torch.
"""

from __future__ import annotations

import ast
import functools
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import DataError
from app.core.files import read_json, sha256_text, to_json, write_json
from app.core.manifests import REPOSITORY
from app.training.memory.report import ITEM_NAMES, PHASE_NAMES
from app.training.memory.setting import MemorySetting, setting_as_json
from tools.pages.parts import markdown_table

STORED = REPOSITORY / "docs" / "memory_plans.json"
_KEPT = (
    "model", "peak_gib", "peak_phase", "reserved_gib", "growing_gib", "required_gib", "vram_gib", "desktop_gib", "fits", "items",
    "phases", "setting",
)  # fmt: skip
# What a plan is made of in this repository: the planner (not how it reports), and the parts of training that it runs.
_SOURCES = (
    *(
        "memory/plan",
        "memory/allocator",
        "memory/command",
        "memory/model_sizes",
        "memory/projection",
    ),
    *("memory/setting", "memory/stand_in", "memory/step", "memory/trace", "memory/tracker"),
    *("model/loss", "model/lora", "model/host_embedding", "model/tiled_head"),
)
# Size of the one layer that is simulated as a check; what a plan's own size adds is in the code.
_CHECK_TOKENS, _CHECK_LABELS = 128, 2


@functools.cache
def source_sha256(*, searched: bool) -> str:
    """Hash of the code that makes a plan, and that ``searched`` for its size; imports, comments and docstrings may change."""
    folder = REPOSITORY / "app" / "training"
    names = (*_SOURCES, *(("memory/savings", "memory/search") if searched else ()))
    return sha256_text("\n".join(code_of((folder / f"{name}.py").read_text(encoding="utf-8")) for name in names))


def code_of(source: str) -> str:
    """The lines of a module without imports, docstrings, comment lines and empty lines."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ) or isinstance(node, (ast.Import, ast.ImportFrom)):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = (line for number, line in enumerate(source.splitlines(), 1) if number not in left_out)
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def asked_sha256(line: str) -> str:
    """Hash of the setting that ``plan_memory.py`` takes from a command line: a default may have changed."""
    from app.training.memory.arguments import parser, setting_from_arguments

    setting, fixed = setting_from_arguments(parser().parse_args(shlex.split(line)))
    return sha256_text(to_json([setting_as_json(setting), sorted(fixed)]))


def layer_sha256(model_name: str, setting: Mapping[str, Any]) -> str:
    """Hash of every moment's bytes in a short step of one layer; ``setting`` as ``setting_as_json`` writes it."""
    labels = None if setting["label_positions"] == "full" else _CHECK_LABELS
    values = {**setting, "target_modules": tuple(setting["target_modules"]), "label_positions": labels}
    return _layer_sha256(model_name, MemorySetting(**{**values, "max_seq_length": _CHECK_TOKENS, "batch_size": 1}))


@functools.cache
def _layer_sha256(model_name: str, setting: MemorySetting) -> str:
    from app.training.memory.model_sizes import read_model_sizes
    from app.training.memory.step import simulate_step
    from app.training.memory.trace import peaks_by_phase

    step = simulate_step(read_model_sizes(model_name), setting, layers=1)
    return sha256_text(to_json([[phase, peak.total] for phase, peak in peaks_by_phase(step).items()]))


class StoredPlans:
    """The plans of the documents by their command line. ``planner`` makes a missing one; without it that is an error."""

    def __init__(self, path: Path = STORED, planner: Callable[[Sequence[str]], Any] | None = None) -> None:
        self._path, self._planner = path, planner
        self._before: dict[str, Any] = read_json(path) if path.exists() else {}
        self._known: dict[str, Any] = self._before.get("plans", {})
        self._used: dict[str, Any] = {}

    def plan(self, line: str) -> dict[str, Any]:
        """The stored plan of ``--model-name … --vram …``. Raises DataError for one that is missing or has changed."""
        if line not in self._used:
            entry = self._known.get(line)
            if entry is None or entry != self._hashed(line, entry["plan"]):
                if self._planner is None:
                    raise DataError(
                        f"{self._path.name}: plan_memory.py {line} の見積もりが古くなりました。make docs で作り直してください。"
                    )
                entry = self._entry(line, self._planner)
            self._used[line] = entry
        return dict(self._used[line]["plan"])

    def _entry(self, line: str, planner: Callable[[Sequence[str]], Any]) -> dict[str, Any]:
        made = planner(shlex.split(line))
        return self._hashed(line, {name: made[name] for name in _KEPT})

    @staticmethod
    def _hashed(line: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        searched = not {"--max-seq-length", "--batch-size"} & set(line.split())
        return {
            "source_sha256": source_sha256(searched=searched),
            "asked_sha256": asked_sha256(line),
            "layer_sha256": layer_sha256(plan["model"], plan["setting"]),
            "plan": dict(plan),
        }

    def finish(self) -> bool:
        """Write what was used when it differs from the file (or raise, without a planner). Returns whether it did."""
        now = {"kind": "memory_plans", "plans": dict(sorted(self._used.items()))}
        if now == self._before:
            return False
        if self._planner is None:
            raise DataError(f"{self._path.name}: 使わない見積もりが残っています。make docs で書き直してください。")
        write_json(self._path, now)
        return True


def cards_table(lines: Iterable[str], plans: StoredPlans) -> str:
    """One row a command line: card, model, the arguments, GiB needed, and what is left beside the display."""
    rows = []
    for line in lines:
        made = plans.plan(line)
        words = shlex.split(line)
        more = " ".join(_without(words, "--model-name", "--vram"))
        rows.append((f"{made['vram_gib']:g} GB", made["model"].rsplit("/", 1)[-1], f"`{more}`", *_need(made)))
    return markdown_table(("カード", "モデル", "引数", "必要 (GiB)", "余り (GiB)"), rows)


def trainings_table(lines: Mapping[str, str], plans: StoredPlans) -> str:
    """One row a training command: its name, the longest row and labels that were planned, GiB needed, what is left."""
    rows = []
    for name, line in lines.items():
        made = plans.plan(line)
        setting = made["setting"]
        size = (f"{setting['max_seq_length']:,}", setting["batch_size"], setting["label_positions"])
        rows.append((f"{made['vram_gib']:g} GB", made["model"].rsplit("/", 1)[-1], f"`{name}`", *size, *_need(made)))
    head = ("カード", "モデル", "学習", "最長の行", "行数", "ラベルの位置", "必要 (GiB)", "余り (GiB)")
    return markdown_table(head, rows)


def items_tables(line: str, plans: StoredPlans) -> str:
    """The plan of one command line by item at the peak and by phase."""
    made = plans.plan(line)
    items = [(label, f"{made['items'][name]:.2f}") for name, label in ITEM_NAMES.items() if name in made["items"]]
    items += [("**合計**", f"**{made['required_gib']:.2f}**"), ("画面とほかのプログラム", f"{made['desktop_gib']:.2f}")]
    setting = made["setting"]
    size = f"{setting['max_seq_length']:,} トークン × {setting['batch_size']} 行"
    peaks = {PHASE_NAMES[name]: f"{size:.2f}" for name, size in made["phases"].items()}
    highest = PHASE_NAMES[made["peak_phase"]]
    peaks[highest] = f"**{peaks[highest]}**"
    return "\n\n".join(
        [
            f"選ばれた大きさ: {size}",
            markdown_table(("項目（ピークのとき）", "GiB"), items),
            markdown_table(("段階", *peaks), [("ピーク (GiB)", *peaks.values())]),
        ]
    )


def references_table(rows: Iterable[str], plans: StoredPlans) -> str:
    """Rows of ``reference; phase or peak; label; arguments``: the planner beside a published or given number of GiB."""
    lines = []
    for row in rows:
        reference, phase, label, line = (part.strip() for part in row.split(";"))
        made = plans.plan(line)
        value = made["peak_gib"] if phase == "peak" else made["phases"][phase]
        lines.append((label, reference, f"{value:.2f}", f"{value - float(reference):+.2f}", f"`{line}`"))
    return markdown_table(("条件", "基準", "予測", "差", "引数"), lines)


def _need(made: Mapping[str, Any]) -> tuple[str, str]:
    left = made["vram_gib"] - made["required_gib"] - made["desktop_gib"]
    return f"{made['required_gib']:.1f}", f"{left:.1f}" if made["fits"] else f"**入らない**（{-left:.1f} 不足）"


def _without(words: Sequence[str], *options: str) -> list[str]:
    return [
        word
        for place, word in enumerate(words)
        if word not in options and (not place or words[place - 1] not in options)
    ]
