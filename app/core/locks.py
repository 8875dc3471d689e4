"""One writer a place: whoever writes a folder, or a file and its progress, holds its lock, and the lock says who that is.

The lock is the system's (``flock``; a locked byte on Windows), so it ends with its process however that ends: a file that
a killed process left blocks nobody. The file it hangs on, ``.lock`` in a folder and ``.NAME.lock`` beside a file, holds
one JSON line about the holder and is deleted with the lock.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from .cli import log
from .errors import BusyError, ConfigError
from .files import is_remains, to_json
from .manifests import now
from .system_lock import lock_handle

_BUSY = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
# What file systems say that know no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_KEYS = {"program", "pid", "host", "since"}


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for writing; it is made, and taken away again if nothing was put into it.

    Raises BusyError, one line naming the other process, when another holds it.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _held(folder / ".lock", folder):
            yield
    finally:
        for one in made:
            with suppress(OSError):  # it is in use now
                one.rmdir()


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the output ``path``, and what is written beside it under its name, as ``folder_lock`` holds a folder.

    What killed writes of these left is deleted.
    """
    made = [one for one in path.parents if not one.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _held(path.parent / f".{path.name}.lock", path):
            # all.zip.json vouches for all.zip; x.json beside an output x may be another's.
            beside = (path.name, f"{path.name}.progress.jsonl", *([f"{path.name}.json"] if path.suffix else []))
            for entry in path.parent.iterdir():
                if is_remains(entry, of=beside):
                    entry.unlink(missing_ok=True)
            yield
    finally:
        for one in made:
            with suppress(OSError):
                one.rmdir()


def is_lock_file(path: Path) -> bool:
    """Whether ``path`` is a lock file of ours, held or left by a killed process."""
    if not (path.name.startswith(".") and path.name.endswith(".lock")) or not path.is_file():
        return False
    return _may_hold(path)


@contextmanager
def _held(path: Path, place: Path) -> Iterator[None]:
    handle = _acquire(path, place)
    if not _may_hold(path):
        os.close(handle)
        raise ConfigError(f"{path}: ロックのファイルの名前に、別のファイルがあります。移してください。")
    try:
        line = to_json(
            {"program": Path(sys.argv[0]).name, "pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        )
        os.ftruncate(handle, 0)
        os.write(handle, line.encode("utf-8") + b"\n")
        yield
    finally:
        # Deleted while it is held where that is possible: whoever opened it before finds that it is no longer the file.
        if os.name != "nt":
            _delete(path, handle)
        os.close(handle)
        if os.name == "nt":
            _delete(path, None)


def _acquire(path: Path, place: Path) -> int:
    """A handle of the locked file. Raises BusyError when another process has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            lock_handle(handle)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                log(
                    f"注意: {place} のファイルシステムはロックできません。同じ場所に書く処理を二つ動かさないでください。"
                )
                return handle
            os.close(handle)
            if error.errno in _BUSY:
                raise BusyError(
                    f"{place}: {_named(_holder(path))}。終わるのを待つか、別の出力先を指定してください。"
                ) from None
            raise
        except BaseException:
            os.close(handle)
            raise
        if _is_at(path, handle):
            return handle
        os.close(handle)  # its holder deleted it between our opening and locking it


def _may_hold(path: Path) -> bool:
    """Whether what stands in ``path`` is a holder's line, or nothing yet: not a file of the user's under this name."""
    return path.stat().st_size == 0 or _holder(path) is not None


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _delete(path: Path, handle: int | None) -> None:
    with suppress(OSError):
        if handle is None or _is_at(path, handle):
            path.unlink()


def _holder(path: Path) -> dict[str, Any] | None:
    """What the holder wrote about itself; None where it has not yet."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and value.keys() == _KEYS else None


def _named(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "別の処理が書いています"
    try:
        since = datetime.fromisoformat(str(holder["since"])).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        since = str(holder["since"])
    where = "" if holder["host"] == socket.gethostname() else f"、{holder['host']}"
    return f"別の処理が書いています（{holder['program']}、PID {holder['pid']}{where}、{since} から）"
