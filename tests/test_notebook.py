"""The notebook for a free T4: committed without outputs, its commands accepted as they stand, and executed on the CPU."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.commands import COMMANDS
from app.training.config import TrainConfig
from app.training.recipes import EFFECTIVE_BATCH, EVAL_STEPS, MAIN_OBJECTIVE, recipe_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
T4 = ROOT / "notebooks" / "horei_ft_t4.ipynb"


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path, "code")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_committed_without_outputs(path: Path) -> None:
    kept = [cell["id"] for cell in cells(path, "code") if cell["outputs"] or cell["execution_count"] is not None]
    assert kept == []


def asked_for(monkeypatch: pytest.MonkeyPatch, *, card: bool) -> list[list[str]]:
    """The words of every ``horei`` of the notebook where there is a card or not, nothing of it run."""
    for name in ("MODEL", "DATA", "STEPS", "SAMPLES", "LAWS", "STATEMENT", "WHEEL", "COMMAND"):
        monkeypatch.delenv(f"HOREI_{name}", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: "there" if card or name == "horei" else None)
    words: list[list[str]] = []
    space: dict[str, Any] = {}
    for source in sources(T4):
        if "def horei(" in source:
            space["horei"] = lambda line, *more: words.append([*line.split(), *more])
        else:
            exec(source, space)
    return words


@pytest.mark.parametrize("card", [True, False])
def test_every_command_is_accepted(monkeypatch: pytest.MonkeyPatch, card: bool) -> None:
    words = asked_for(monkeypatch, card=card)
    assert [line[0] for line in words] == [
        "download", "split", "records", "records", "train", "evaluate", "evaluate", "compare", "download", "index", "ask",
    ]  # fmt: skip
    for name, *arguments in words:
        parser = importlib.import_module(f"app.commands.{COMMANDS[name]}").parser()
        assert parser.parse_known_args(arguments)[1] == [], name


def test_on_a_card_everything_is_computed_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    train, *evaluations = (
        line for line in asked_for(monkeypatch, card=True) if line[0] in ("train", "evaluate", "ask")
    )
    config = _config(train)
    assert (config.use_4bit, config.fp16, config.bf16) == (True, True, False)
    for line in evaluations:
        assert line[line.index("--bnb-4bit-compute-dtype") + 1] == "float16"
        assert "--hf-load-in-4bit" in line


def test_the_settings_are_those_that_the_documents_recommend(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (line for line in asked_for(monkeypatch, card=True) if line[0] == "train")
    config = _config(line)
    recipe = recipe_of(config.model_name)
    assert config.learning_rate == float(recipe.learning_rate)
    assert config.batch_size * config.gradient_accumulation_steps == EFFECTIVE_BATCH
    assert (config.objective, config.eval_steps, recipe.patience) == (MAIN_OBJECTIVE, EVAL_STEPS, None)


def _config(words: list[str]) -> TrainConfig:
    from app.training.arguments import config_from_arguments, parser

    return config_from_arguments(parser().parse_args(words[1:]))


# The kernel's own libraries warn of each other.
@pytest.mark.filterwarnings("default")
def test_it_runs_to_the_verdict_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    command = tmp_path / "horei"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from app.__main__ import main\nraise SystemExit(main())\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    samples = json.loads((ROOT / "sample" / "selection.json").read_text(encoding="utf-8"))["samples"][:16]
    (tmp_path / "few.json").write_text(json.dumps({"samples": samples}, ensure_ascii=False), encoding="utf-8")
    given = {
        "MODEL": ROOT / "sample" / "tiny-qwen3", "DATA": "few.json", "STEPS": 1, "SAMPLES": 3, "COMMAND": command,
        "LAWS": ROOT / "sample" / "laws",
        "STATEMENT": "港務日誌は、最後に記載した日から七年間保存しなければならない。",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"HOREI_{name}", str(value))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    notebook = nbformat.read(T4, as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    said = "".join(
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"
    )
    assert "GPU: なし" in said
    assert "学習が終わりました" in said
    assert re.search(r"差があるとは言えません（.*、3 問、正答", said)
    assert (tmp_path / "report.html").is_file()
    assert {"base.json", "tuned.json"} <= {path.name for path in tmp_path.glob("*.json")}
