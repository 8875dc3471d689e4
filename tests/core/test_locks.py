"""One writer a place: a second is told who the first is, and a dead one blocks nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.core import locks
from app.core.errors import BusyError, ConfigError
from app.core.locks import file_lock, folder_lock, is_lock_file
from app.core.outputs import foreign_entries

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from app.core import locks
sys.argv[0] = "scripts/train_qwen_law_ft.py"
with getattr(locks, sys.argv[1])(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(kind: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, str(place)], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)
        process.stdout.close()
        process.stdin.close()


@pytest.mark.parametrize(
    ("kind", "place", "lock"),
    [("folder_lock", "run", "run/.lock"), ("file_lock", "x.json", ".x.json.lock")],
)
def test_a_second_process_is_told_who_the_first_is_until_it_dies(
    tmp_path: Path, kind: str, place: str, lock: str
) -> None:
    path = tmp_path / place
    take = getattr(locks, kind)
    with held_by_another(kind, path) as other:
        with pytest.raises(BusyError) as refused, take(path):
            pass
        written = json.loads((tmp_path / lock).read_text("utf-8"))
        assert (written["program"], written["pid"]) == ("train_qwen_law_ft.py", other.pid)
        line = str(refused.value)
        assert line.startswith(f"{path}: 別の処理が書いています（train_qwen_law_ft.py、PID {other.pid}、20")
        assert line.endswith(" から）。終わるのを待つか、別の出力先を指定してください。")
        assert "\n" not in line
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=30)
        assert is_lock_file(tmp_path / lock)  # what the killed process left
        with take(path):
            assert json.loads((tmp_path / lock).read_text("utf-8"))["pid"] == os.getpid()
    assert not (tmp_path / lock).exists()


def test_another_spelling_is_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with folder_lock(tmp_path / "run"):
        for other in (tmp_path / "link", tmp_path / "run" / ".." / "run"):
            with pytest.raises(BusyError), folder_lock(other):
                pass
    with file_lock(tmp_path / "run" / "x.json"), pytest.raises(BusyError), file_lock(tmp_path / "link" / "x.json"):
        pass


def test_different_files_of_a_folder_and_the_folder_are_different_places(tmp_path: Path) -> None:
    with folder_lock(tmp_path), file_lock(tmp_path / "a.json"), file_lock(tmp_path / "b.json"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".a.json.lock", ".b.json.lock", ".lock"]
        assert foreign_entries(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_nothing_was_put_into_goes_again(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with file_lock(tmp_path / "a" / "x.json"):
        (tmp_path / "a" / "x.json").write_text("{}")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.json"]


def test_a_file_of_the_user_s_under_the_lock_s_name_is_left_alone(tmp_path: Path) -> None:
    for name, take in ((".lock", folder_lock(tmp_path)), (".x.json.lock", file_lock(tmp_path / "x.json"))):
        (tmp_path / name).write_text("mine", "utf-8")
        with pytest.raises(ConfigError, match="ロックのファイルの名前に、別のファイルがあります"), take:
            pass
        assert (tmp_path / name).read_text("utf-8") == "mine"
        (tmp_path / name).write_text("", "utf-8")  # of a process that was killed before it wrote
    with folder_lock(tmp_path), file_lock(tmp_path / "x.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_lets_the_lock_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), folder_lock(tmp_path):
        raise ValueError("inside")
    with folder_lock(tmp_path):
        pass


def test_a_lock_file_that_its_holder_deleted_is_not_taken_for_the_lock(tmp_path: Path, monkeypatch: Any) -> None:
    """Opened before the holder deleted it, locked after: a third process would lock the new file of that name."""
    real, opened = os.open, []

    def slow(path: Any, *rest: Any) -> int:
        handle = real(path, *rest)
        if str(path).endswith(".lock") and not opened:
            Path(path).unlink()
        opened.append(handle)
        return handle

    monkeypatch.setattr(locks.os, "open", slow)
    with folder_lock(tmp_path):
        assert (tmp_path / ".lock").exists()
        assert len(opened) == 2


def test_where_the_file_system_knows_no_locks_it_is_said(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    def none(_: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks, "lock_handle", none)
    with folder_lock(tmp_path):
        pass
    assert "ロックできません。同じ場所に書く処理を二つ動かさないでください" in capsys.readouterr().err
    (tmp_path / ".lock").write_text("mine", "utf-8")
    with pytest.raises(ConfigError, match="ロックのファイルの名前に、別のファイルがあります"), folder_lock(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "text", "ours"),
    [
        (".lock", "", True),
        (".x.json.lock", "", True),
        (".lock", '{"program": "p", "pid": 1, "host": "h", "since": "2026-01-01T00:00:00+00:00"}', True),
        (".lock", "mine", False),
        (".lock", '{"pid": 1}', False),
        ("poetry.lock", "", False),
    ],
)
def test_only_our_own_lock_files_are_ours(tmp_path: Path, name: str, text: str, ours: bool) -> None:
    (tmp_path / name).write_text(text)
    assert is_lock_file(tmp_path / name) is ours
    assert foreign_entries(tmp_path) == ([] if ours else [name])


def test_what_a_killed_write_of_an_output_left_is_deleted_with_its_lock(tmp_path: Path) -> None:
    ours = (".x.json.ab12cd_x.tmp", ".x.json.progress.jsonl.ab12cd_x.tmp")
    others = (
        ".y.json.ab12cd_x.tmp",
        ".x.json.y.json.ab12cd_x.tmp",
        ".x.json.mine.tmp",
        "x.json.ab12cd_x.tmp",
        ".x.json",
    )
    for name in (*ours, *others):
        (tmp_path / name).write_text("half", "utf-8")
    with file_lock(tmp_path / "x.json"):
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*others, ".x.json.lock"))
