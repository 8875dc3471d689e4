"""``kill -9`` at a line: for what claims to resume."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


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
