"""What the system and the libraries raise, as one line a user can act on: where, what, the way out."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = "ディスクの空きがありません。空きを作ってから、同じコマンドで続けてください"
_WAYS = {
    errno.ENOSPC: _FULL,
    errno.EFBIG: "このディスクに置けるファイルの大きさを超えました（FAT32 は 4 GiB まで）。別のディスクを指定してください",
    errno.EDQUOT: "ディスクの割り当て（quota）を使い切りました。空きを作ってから、同じコマンドで続けてください",
    errno.EACCES: "読み書きの許可がありません。許可を変えるか、別の場所を指定してください",
    errno.EPERM: "操作が許可されていません。許可を変えるか、別の場所を指定してください",
    errno.EROFS: "読み取り専用の場所です。書ける場所を指定してください",
    errno.ENOTDIR: "途中がフォルダではなくファイルです。パスを確かめてください",
    errno.EISDIR: "フォルダです。ファイルを指定してください",
    errno.ENAMETOOLONG: "名前が長すぎます。短い名前を指定してください",
    errno.ENOENT: "ありません。パスを確かめてください",
    errno.EEXIST: "同じ名前のファイルがあります。別の名前を指定してください",
    errno.ELOOP: "リンクがたどれません（輪になっています）。リンクを直してください",
    errno.EIO: "ディスクの読み書きに失敗しました。ディスクの状態を確かめてください",
    errno.EMFILE: "開いているファイルが多すぎます（ulimit -n）。ほかの処理を終えてからやり直してください",
}
# How libraries that have no errno say it: safetensors and tantivy write Rust's "(os error 28)", SQLite its own words.
_OS_ERROR = re.compile(r"\(os error (\d+)\)|\bcode: (\d+), kind:|\[Errno (\d+)\]")
_WORDS = (
    (re.compile(r"No space left on device|disk is full|StorageFull"), errno.ENOSPC),
    (re.compile(r"[Rr]ead-only file system|readonly database"), errno.EROFS),
    (re.compile(r"[Pp]ermission ?[Dd]enied"), errno.EACCES),
)
_DAMAGED = re.compile(r"malformed|not a database")  # SQLite's words; the only databases are those of indexes
_NOT_OURS = ("PanicException",)  # of pyo3: a panic in Rust, no subclass of Exception


def os_error_line(error: OSError, path: Path | str | None = None) -> str:
    """``error`` as where, what and the way out; ``path`` where it names none itself."""
    where = path if error.filename is None else _text(error.filename)
    if error.filename2 is not None:
        where = _text(error.filename2)
    way = _WAYS.get(error.errno or 0)
    if way is None:
        way = f"{error.strerror or error}（{type(error).__name__}）"
    return f"{where}: {way}。" if where is not None else f"{way}。"


@contextmanager
def named_when_full(path: Path) -> Iterator[None]:
    """An OSError of a write that found no room, which names no file, names ``path``."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            error.filename = str(path)
        raise


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, bytes) else str(name)


def system_errno(error: BaseException) -> int | None:
    """The system's error number behind an error of a library, None where there is none."""
    if isinstance(error, OSError):
        return error.errno
    text = str(error)
    found = _OS_ERROR.search(text)
    if found:
        return int(next(group for group in found.groups() if group))
    return next((number for pattern, number in _WORDS if pattern.search(text)), None)


def known_failure(error: BaseException) -> str | None:
    """One line for a failure of the system that a library reports in its own way; None for anything else."""
    if isinstance(error, OSError) and error.errno is not None:
        return os_error_line(error)
    number = system_errno(error)
    if number in _WAYS:
        return f"{_WAYS[number]}（{type(error).__name__}）。"
    if isinstance(error, sqlite3.DatabaseError) and _DAMAGED.search(str(error)):
        return f"索引の本文（store.sqlite）が壊れています（{error}）。scripts/build_index.py で作り直してください。"
    if isinstance(error, MemoryError):
        return "主メモリが足りません。ほかのプログラムを終えるか、対象を小さくしてください。"
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop from "):  # Path.resolve before 3.13
        return f"{str(error).removeprefix('Symlink loop from ').strip(chr(39))}: {_WAYS[errno.ELOOP]}。"
    if isinstance(error, RecursionError):
        return "入れ子が深すぎて読めません。ファイルを確かめてください。"
    return None


def is_panic(error: BaseException) -> bool:
    """Whether ``error`` is a panic of a library written in Rust."""
    return type(error).__name__ in _NOT_OURS


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A failure of the system inside, of whatever library, becomes an OSError that names ``path``."""
    try:
        yield
    except Exception as error:
        number = system_errno(error)
        if number is None or (isinstance(error, OSError) and error.filename is not None):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
