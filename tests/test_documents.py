"""The documents say what is so: generated parts are fresh, links lead somewhere, every option and name exists.

That the commands run is checked in test_documents_run.py.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tools import build_docs
from tools.pages.commands import named_options, shell_commands, unmarked_commands

ROOT = Path(__file__).resolve().parents[1]
FT = "LLM_ファインチューニング"
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in build_docs.pages()}
# Options of git, pip, systemctl, torchrun and the like that the running text names.
OPTIONS_OF_OTHERS = {"--index-url", "--no-deps", "--user", "--now", "--nproc-per-node", "--lora-modules", "--dtype"}


def test_generated_parts_are_fresh() -> None:
    assert build_docs.main(["--check"]) == 0


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", PAGES[page])
    folder = (ROOT / page).parent
    assert [target for target in targets if "://" not in target and not (folder / target).exists()] == []


def test_the_names_of_the_code_table_exist() -> None:
    rows = re.findall(r"^\| `(app/\S+\.py)` \| ([^|]*) \|", PAGES[f"{FT}/StepD_タスク3_結果.md"], re.MULTILINE)
    assert len(rows) > 12
    missing = [
        f"{path}: {name}"
        for path, cell in rows
        for name in re.findall(r"`(\w+)`", cell)
        if not re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_attacked_case_has_a_test_that_exists() -> None:
    attacks, reports = (
        re.findall(r"^\| (\d\d_\w+|\d+) ?[^|]*\| [^|]+ \| [^|]+ \| ([^|]+) \|$", part, re.MULTILINE)
        for part in PAGES["docs/attacked-cases.md"].split("\n## ")[1:]
    )
    assert (len(dict(attacks)), len(attacks), len(dict(reports)), len(reports)) == (31, 31, 32, 32)
    for case, cell in [*attacks, *reports]:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cell)
        assert named, case
        assert "、".join(f"`{path}::{name}`" for path, name in named) == cell, case
        for path, name in named:
            assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{case}: {path}::{name}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_in_blocks_marked_bash(page: str) -> None:
    assert unmarked_commands(PAGES[page]) == []


def test_the_english_page_has_the_commands_of_the_japanese_one() -> None:
    english, japanese = (shell_commands(PAGES[page], page) for page in ("README.en.md", "README.md"))
    assert [one.text for one in english] == [one.text for one in japanese]


@pytest.mark.parametrize("page", PAGES)
def test_every_option_in_the_text_is_an_option_of_some_program(page: str) -> None:
    programs = [f"scripts.{path.stem}" for path in (ROOT / "scripts").glob("*.py") if path.stem != "__init__"]
    known = set(OPTIONS_OF_OTHERS).union(
        *(action.option_strings for name in programs for action in importlib.import_module(name).parser()._actions)
    )
    for path in (ROOT / "benchmarks").glob("*.py"):
        known.update(re.findall(r'"(--[a-z0-9-]+)"', path.read_text(encoding="utf-8")))
    assert [option for option in named_options(PAGES[page]) if option[1] not in known] == []
