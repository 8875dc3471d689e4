"""Programs that write more than one file, killed before every change of a file: the same command ends as if nothing had been.

Each runs over its own earlier results with other settings, so that a kill leaves a mixture; the user's own file beside
them stays.
"""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.cli import run_program
from app.core.files import is_remains, read_json, sha256_file
from tests.killing import kill_at_change

ROOT = Path(__file__).resolve().parents[2]
SAMPLE, LAWS = ROOT / "sample" / "selection.json", ROOT / "sample" / "laws"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
# What differs from run to run: times, the commit of the program, the folder in which it ran.
_FREE = re.compile(r'"(started_at|finished_at|seconds|git_revision|command)": ("[^"]*"|[\d.]+|\[[^\]]*\])')

# The program, what was run before (None: nothing), what is run now; in the working folder.
PROGRAMS = [
    ("split_selection_dataset", "--lawqa-path q.json --output-dir out --seed 1", "--lawqa-path q.json --output-dir out --seed 2"),
    ("split_selection_dataset", "--lawqa-path q.json --output-dir out --folds 3 --dev 0", "--lawqa-path q.json --output-dir out --folds 2 --dev 0 --seed 2"),
    ("import_questions", "one.csv --output-dir out", "two.csv --output-dir out"),
    ("build_finetune_dataset", "--lawqa-path q.json --no-rag --output-path out/r.jsonl", "--lawqa-path q.json --no-rag --form choice --output-path out/r.jsonl"),
    ("generate_questions", f"--source {LAWS} --law-type all --count 6 --output out --seed 1", f"--source {LAWS} --law-type all --count 5 --output out --seed 2"),
    ("export_lm_eval", "--data q.json --output-dir out --name task --orders 1", "--data q.json --output-dir out --name task --orders 4"),
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(SAMPLE, tmp_path / "q.json")
    header = "id,question,a,b,c,d,answer\n"
    for name, rows in (("one.csv", 3), ("two.csv", 4)):
        lines = [f"{name}{row},第{row}条について正しいものはどれか。,甲{row}である,乙{row}である,丙{row}である,丁{row}である,a" for row in range(rows)]  # fmt: skip
        (tmp_path / name).write_text(header + "\n".join(lines) + "\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): _FREE.sub("", path.read_text("utf-8"))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not is_remains(path)
    }


@pytest.mark.parametrize(("program", "before", "command"), PROGRAMS, ids=[one[0] for one in PROGRAMS])
def test_the_same_command_ends_as_if_nothing_had_been(
    place: Path, capsys: pytest.CaptureFixture[str], program: str, before: str, command: str
) -> None:
    main: Any = importlib.import_module(f"scripts.{program}").main

    def run(options: str) -> int:
        return run_program(main, options.split())

    out, kept = place / "out", place / "kept"
    assert run(before) == 0
    (out / "mine.txt").write_text("mine", "utf-8")
    shutil.copytree(out, kept)
    assert run(command) == 0
    wanted = files(out)
    for number in range(1, 200):
        shutil.rmtree(out)
        shutil.copytree(kept, out)
        if (code := kill_at_change(lambda: run(command), number, out)) is not None:
            break
        assert (out / "mine.txt").read_text("utf-8") == "mine"
        ledger_is_true(out)
        assert run(command) == 0, (number, capsys.readouterr().err)
        assert files(out) == wanted, number
    assert code == 0
    assert number > 4  # it was killed


def ledger_is_true(out: Path) -> None:
    """A manifest that is there speaks of the files that are there."""
    for manifest in out.glob("*manifest.json"):
        value = read_json(manifest)
        for name, facts in value["files"].items():
            assert sha256_file(out / name) == facts["sha256"], (manifest.name, name)
