"""What the system and libraries raise, in one line with a place and a way out."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from app.core.failures import known_failure, naming, os_error_line, system_errno


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "ディスクの空きがありません。空きを作ってから、同じコマンドで続けてください"),
        (errno.EACCES, "読み書きの許可がありません。許可を変えるか、別の場所を指定してください"),
        (errno.ENOTDIR, "途中がフォルダではなくファイルです。パスを確かめてください"),
        (errno.ENAMETOOLONG, "名前が長すぎます。短い名前を指定してください"),
        (errno.EROFS, "読み取り専用の場所です。書ける場所を指定してください"),
        (
            errno.EFBIG,
            "このディスクに置けるファイルの大きさを超えました（FAT32 は 4 GiB まで）。別のディスクを指定してください",
        ),
    ],
)
def test_an_error_of_the_system_says_where_and_the_way_out(number: int, words: str) -> None:
    line = os_error_line(OSError(number, "text", "/x/y"))
    assert line == f"/x/y: {words}。"
    assert known_failure(OSError(number, "text", b"/x/y")) == line


def test_the_place_may_be_told_apart_from_the_error() -> None:
    assert os_error_line(OSError(errno.ENOSPC, "x"), Path("/o")).startswith("/o: ディスク")
    assert os_error_line(OSError(9999, "odd")) == "odd（OSError）。"


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (ValueError("Error while serializing: I/O error: No space left on device (os error 28)"), errno.ENOSPC),
        (ValueError("IoError(Os { code: 30, kind: ReadOnlyFilesystem, message: x })"), errno.EROFS),
        (sqlite3.OperationalError("database or disk is full"), errno.ENOSPC),
        (sqlite3.OperationalError("attempt to write a readonly database"), errno.EROFS),
        (ValueError("plain"), None),
    ],
)
def test_libraries_say_it_in_their_own_way(tmp_path: Path, error: Exception, number: int | None) -> None:
    assert system_errno(error) == number
    assert (known_failure(error) is None) == (number is None)

    def fail() -> None:
        with naming(tmp_path / "weights"):
            raise error

    if number is None:
        with pytest.raises(ValueError, match="plain"):
            fail()
        return
    with pytest.raises(OSError, match="weights") as caught:
        fail()
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "weights"))


def test_a_link_in_a_ring_has_its_line(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    ring.symlink_to(ring)
    line = f"{ring}: リンクがたどれません（輪になっています）。リンクを直してください。"
    assert known_failure(RuntimeError(f"Symlink loop from '{ring}'")) == line  # Path.resolve before Python 3.13
    assert known_failure(OSError(errno.ELOOP, "x", str(ring))) == line
    assert known_failure(RuntimeError("another")) is None


def test_a_damaged_database_has_its_line() -> None:
    line = "索引の本文（store.sqlite）が壊れています（database disk image is malformed）。scripts/build_index.py で作り直してください。"
    assert known_failure(sqlite3.DatabaseError("database disk image is malformed")) == line
    assert known_failure(sqlite3.OperationalError("no such table: x")) is None


def test_memory_and_depth_have_their_line() -> None:
    assert "主メモリ" in str(known_failure(MemoryError()))
    assert "入れ子" in str(known_failure(RecursionError()))
