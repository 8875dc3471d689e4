"""The documents say what is so: their generated parts are fresh, their links lead somewhere, their commands run.

A command that needs a card or downloaded data is run too, with the sample in the place of both (see ``stand_in``).
"""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.cli import run_program
from scripts import build_docs

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [ROOT / name for name in ("README.md", "README.en.md", "CONTRIBUTING.md")]
    + [path for folder in ("docs", "LLM_ファインチューニング", "benchmarks") for path in (ROOT / folder).glob("*.md")]
)
# In this order they are one working day: each uses what the one before has written.
WALK = (
    "docs/gpu-guide.md",
    "LLM_ファインチューニング/StepD_学習コマンド案.md",
    "LLM_ファインチューニング/StepD_実験計画.md",
)
# What a document's names become when there is no card and nothing has been downloaded.
STAND_INS = {
    "data/lawqa_jp/selection.json": "sample/selection.json",
    "data/egov/all_laws.zip": "sample/laws",
    "Qwen/Qwen3-8B": "sample/tiny-qwen3",
    "Qwen/Qwen3-4B": "sample/tiny-qwen3",
    "Qwen/Qwen3-1.7B": "sample/tiny-qwen3",
}
# Appended so that a command takes seconds; what it reads and writes stays as the document says.
SHORTER = {
    "train_qwen_law_ft": ["--max-steps", "1"],
    "evaluate_multiple_choice": ["--samples", "3", "--max-new-tokens", "8"],
    "build_finetune_dataset": ["--samples", "6"],
}
TRAINING_FILES = ("--model-name", "m", "--train-file", "t", "--output-dir", "o")
OTHER_PROGRAMS = ("git", "cd", "source", "nvidia-smi", "cp", ".venv/bin/pre-commit", "pip")


def commands(page: Path) -> list[str]:
    """The commands of a page's ``bash`` blocks, continued lines joined, comments left out."""
    found = []
    for block in re.findall(r"^\s*```bash\n(.*?)^\s*```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                found += [part.strip() for part in stripped.split(" && ")]
    return found


def every_command() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for command in commands(page):
            yield str(page.relative_to(ROOT)), command


def test_the_names_of_the_code_table_exist() -> None:
    page = ROOT / "LLM_ファインチューニング" / "StepD_タスク3_結果.md"
    rows = re.findall(r"^\| `(app/\S+\.py)` \| ([^|]*) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 12
    missing = [
        f"{path}: {name}"
        for path, cell in rows
        for name in re.findall(r"`(\w+)`", cell)
        if not re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []


def program_and_arguments(command: str) -> tuple[str, list[str]] | None:
    """(module, arguments) of ``python scripts/NAME.py …``, None for another command."""
    words = shlex.split(command, comments=True)
    if len(words) > 1 and words[0].endswith("python") and words[1].startswith("scripts/"):
        return Path(words[1]).stem, [word for word in words[2:] if word not in (">", "|")]
    return None


def test_generated_parts_are_fresh() -> None:
    assert build_docs.main(["--check"]) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize(("page", "command"), sorted(set(every_command())))
def test_every_command_is_one_the_programs_accept(page: str, command: str) -> None:
    known = program_and_arguments(command)
    if known is None:
        word = shlex.split(command, comments=True)[0]
        if word == "make":
            target = shlex.split(command, comments=True)[1]
            assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        else:
            assert word in OTHER_PROGRAMS or word.endswith("python")
        return
    name, arguments = known
    assert (ROOT / "scripts" / f"{name}.py").exists(), page
    if "--help" in arguments:
        return
    _, rest = importlib.import_module(f"scripts.{name}").parser().parse_known_args(arguments)
    if name == "cross_fit":  # hands what it does not know to the training program
        rest = (
            importlib.import_module("scripts.train_qwen_law_ft").parser().parse_known_args([*TRAINING_FILES, *rest])[1]
        )
    assert rest == [], page


@pytest.mark.parametrize("command", sorted({c for _, c in every_command() if re.match(r"python -[cm] ", c)}))
def test_one_line_checks_run(command: str) -> None:
    words = shlex.split(command)
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def stand_in(name: str, arguments: list[str]) -> list[str]:
    """The arguments with the sample in the place of downloaded data and of large models, and less work."""
    changed = [STAND_INS.get(word, word) for word in arguments]
    if "--plan" in changed or "--dry-run" in changed or "--resume" in changed:
        return changed
    return changed + SHORTER.get(name, [])


def test_the_documents_work_from_first_to_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program call of the guide, the training commands and the plan, in order, in one folder."""
    (tmp_path / "sample").symlink_to(ROOT / "sample")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETRIEVER_INDEX_DIR", "data/index")
    done: set[str] = set()
    ran = []
    for page in WALK:
        for command in commands(ROOT / page):
            known = program_and_arguments(command)
            if known is None or known[0] in ("download_data", "plan_memory", "gpu_check") or command in done:
                continue
            done.add(command)
            name, arguments = known
            module = importlib.import_module(f"scripts.{name}")
            # The guide says: check with --dry-run, then run the same without it.
            tries = [arguments, [word for word in arguments if word != "--dry-run"]]
            for words in tries if "--dry-run" in arguments else tries[:1]:
                code = run_program(module.main, stand_in(name, words))
                # 3: a model that has taken one step, asked three questions, may well collapse; the files are written.
                assert code in (0, 3), f"{page}: {command}"
            ran.append(name)
    assert {"split_selection_dataset", "build_index", "build_finetune_dataset", "train_qwen_law_ft"} <= set(ran)
    assert {"evaluate_multiple_choice", "compare_runs"} <= set(ran)
