"""``kill -9`` at a line, or between two changes of files: for what claims to resume or writes more than one file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def kill_at_line(command: Sequence[str], start: str, *, cwd: Path) -> None:
    """Run a Python program by itself and kill it as soon as a line of its stderr begins with ``start``.

    Raises AssertionError with all it said when it ended otherwise.
    """
    process = subprocess.Popen(
        [sys.executable, *command], cwd=cwd, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith(start):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stderr.close()
    assert process.wait(timeout=60) == -signal.SIGKILL, "".join(lines)


def kill_at_change(run: Callable[[], int], number: int, within: Path) -> int | None:
    """Call ``run`` in a process of its own and kill it before its change ``number`` (from 1) of a file below ``within``.

    Its exit code where it made fewer changes; None where it was killed. A change is a file opened for writing, renamed or
    deleted, a folder made or deleted; what SQLite and other libraries in C write is not seen.
    """
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.alarm(120)
            _die_at(number, os.path.realpath(within))
            code = run()
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGKILL:
        return None
    assert status >= 0, f"ended by signal {-status}"
    return status


def _die_at(number: int, place: str) -> None:
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event == "open":
            path, _, flags = arguments
            changes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            path, changes = arguments[0] if arguments else None, event in _CHANGES
        if not changes or not isinstance(path, str | bytes | os.PathLike):
            return
        if os.path.realpath(os.fsdecode(path)).startswith(place + os.sep):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
