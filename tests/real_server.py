"""A model server of somebody else's, started as a process of its own for as long as tests need it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], ready: str, log: Path, *, seconds: float, environ: Mapping[str, str]
) -> Iterator[None]:
    """Runs ``command``, which has ``seconds`` until it answers at ``ready``, and ends it with all its processes.

    Raises AssertionError with the end of ``log``, which receives what it prints, when it ends or takes longer.
    """
    with log.open("wb") as printed:
        process = subprocess.Popen(
            list(command), stdout=printed, stderr=printed, stdin=subprocess.DEVNULL, env={**os.environ, **environ},
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + seconds
        while not _answers(ready):
            assert process.poll() is None, f"ended with {process.returncode}:\n{_end(log)}"
            assert time.monotonic() < deadline, f"not ready after {seconds:g} s:\n{_end(log)}"
            time.sleep(0.2)
        yield
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, kind)
                process.wait(30)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def _answers(url: str) -> bool:
    try:
        # No proxy of the environment: the server is on this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-3000:]
