"""The planner's numbers in the documents: made once, found stale when something they depend on changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.training.arguments import config_from_arguments
from app.training.arguments import parser as training_parser
from app.training.memory.arguments import setting_from_arguments
from app.training.memory.command import line_of_training, parse_line
from app.training.memory.setting import setting_as_json, setting_of
from tools.pages import memory as memory_pages

LINE = "--model-name small --vram 4 --max-seq-length 64"
MADE = {
    "model": "small", "peak_gib": 1.5, "peak_phase": "backward", "reserved_gib": 1.7, "growing_gib": 1.6, "required_gib": 2.2, "vram_gib": 4.0,
    "desktop_gib": 0.8, "fits": True, "items": {"lora": 0.25, "cuda_context": 0.5}, "advice": [],
    "phases": {"load": 0.5, "forward": 1, "loss": 1, "backward": 1.5, "optimizer": 1},
    "setting": {"max_seq_length": 64, "batch_size": 2, "label_positions": 2},
}  # fmt: skip


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command lines that were planned; a layer's hash is the model's name."""
    monkeypatch.setattr(memory_pages, "layer_sha256", lambda model, setting: f"layer of {model}")
    return []


def store(path: Path, planned: list[str] | None, made: dict[str, Any] = MADE) -> memory_pages.StoredPlans:
    def planner(words: list[str]) -> dict[str, Any]:
        assert planned is not None
        planned.append(" ".join(words))
        return made

    return memory_pages.StoredPlans(path, None if planned is None else planner)


def test_a_plan_is_made_once_and_then_read(tmp_path: Path, planned: list[str]) -> None:
    path = tmp_path / "plans.json"
    first = store(path, planned)
    assert first.plan(LINE)["required_gib"] == 2.2
    assert first.plan(LINE)["required_gib"] == 2.2
    assert planned == [LINE]
    assert first.finish() is True
    again = store(path, None)
    assert again.plan(LINE) == {name: value for name, value in MADE.items() if name != "advice"}
    assert again.finish() is False


@pytest.mark.parametrize("change", ["source_sha256", "layer_sha256", "line"])
def test_what_has_changed_is_planned_again_or_refused(tmp_path: Path, planned: list[str], change: str) -> None:
    path = tmp_path / "plans.json"
    first = store(path, planned)
    first.plan(LINE)
    first.finish()
    if change != "line":
        path.write_text(re.sub(rf'"{change}": "[^"]*"', f'"{change}": "other"', path.read_text("utf-8")), "utf-8")
    line = LINE if change != "line" else f"{LINE} --batch-size 1"
    with pytest.raises(DataError) as caught:
        store(path, None).plan(line)
    assert str(caught.value) == (
        f"plans.json: plan_memory.py {line} の見積もりが古くなりました。make docs で作り直してください。"
    )
    store(path, planned).plan(line)
    assert planned == [LINE, line]


def test_a_plan_that_no_page_names_is_dropped(tmp_path: Path, planned: list[str]) -> None:
    path = tmp_path / "plans.json"
    first = store(path, planned)
    first.plan(LINE)
    first.finish()
    with pytest.raises(DataError, match="使わない見積もり"):
        store(path, None).finish()
    assert store(path, planned).finish() is True
    assert json.loads(path.read_text("utf-8"))["plans"] == {}


def test_tables(tmp_path: Path, planned: list[str]) -> None:
    plans = store(tmp_path / "plans.json", planned)
    assert memory_pages.cards_table([LINE], plans).splitlines()[2:] == [
        "| 4 GB | small | `--max-seq-length 64` | 2.2 | 1.0 |"
    ]
    assert memory_pages.trainings_table({"A": LINE}, plans).splitlines()[2:] == [
        "| 4 GB | small | `A` | 64 | 2 | 2 | 2.2 | 1.0 |"
    ]
    assert memory_pages.references_table([f"1.4; peak; 甲; {LINE}", f"1; load; 乙; {LINE}"], plans).splitlines()[
        2:
    ] == [
        f"| 甲 | 1.4 | 1.50 | +0.10 | `{LINE}` |",
        f"| 乙 | 1 | 0.50 | -0.50 | `{LINE}` |",
    ]
    items = memory_pages.items_tables(LINE, plans)
    assert items.startswith("選ばれた大きさ: 64 トークン × 2 行\n")
    assert "| LoRA の重み | 0.25 |" in items
    assert "| ピーク (GiB) | 0.50 | 1.00 | 1.00 | **1.50** | 1.00 |" in items
    small = store(tmp_path / "other.json", planned, {**MADE, "vram_gib": 2.0, "fits": False})
    assert "| 2.2 | **入らない**（1.0 不足） |" in memory_pages.cards_table([LINE], small)


def test_only_code_counts_for_the_hash() -> None:
    one = '"""Doc."""\n# note\nA = "# no comment"  # tail\n\n\ndef f():\n    """Doc\n    more."""\n    return 1\n'
    two = 'A = "# no comment"  # tail\ndef f():\n    """Other."""\n    # why\n    return 1\n'
    assert (
        memory_pages.code_of(one)
        == memory_pages.code_of(two)
        == two.replace('    """Other."""\n    # why\n', "").strip("\n")
    )
    assert memory_pages.code_of(two.replace("return 1", "return 2")) != memory_pages.code_of(two)


def test_a_layer_is_told_from_another_kind() -> None:
    words = ["--model-name", "Qwen/Qwen3-0.6B", "--max-seq-length", "512", "--batch-size", "4"]
    setting = setting_as_json(setting_from_arguments(parse_line(words))[0])
    same = {**setting, "max_seq_length": 1024, "batch_size": 1}
    name = "Qwen/Qwen3-0.6B"
    assert memory_pages.layer_sha256(name, setting) == memory_pages.layer_sha256(name, same)
    assert memory_pages.layer_sha256(name, setting) != memory_pages.layer_sha256(name, {**setting, "lora_r": 8})


@pytest.mark.parametrize(
    ("more", "labels", "longest"),
    [
        ("--train-mode direct", 2, 900),
        ("--train-mode cot", 256, 900),
        ("", 256, 900),
        ("--train-mode direct --share-prefix --no-activation-checkpointing --target-modules q_proj v_proj", 8, 1800),
        ("--train-mode direct --activation-offload --lora-dtype bf16 --lora-r 8 --optimizer adamw_8bit", 2, 900),
    ],
)
def test_the_line_of_a_training_asks_for_its_setting(more: str, labels: int, longest: int) -> None:
    command = f"--model-name Qwen/Qwen3-8B --train-file t --output-dir o --use-4bit --max-seq-length 900 {more}"
    config = config_from_arguments(training_parser().parse_args(command.split()))
    setting, _ = setting_from_arguments(parse_line(line_of_training(config, vram_gib=10)))
    assert setting == setting_of(config, label_positions=labels, longest=longest)
