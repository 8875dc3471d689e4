"""A child ends with the program that started it; its own children and other programs' are not its business."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core.parents import PARENT, end_with_parent, of_this_process

CHILD = """
import os, sys, time
from pathlib import Path
from app.core.cli import run_program
def main(argv):
    Path(argv[0]).write_text(f"{os.getpid()} {os.environ.get('HOREI_PARENT', 'none')}")
    time.sleep(60)
run_program(main)
"""
PARENT_CODE = """
import os, subprocess, sys
from app.core.parents import of_this_process
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], env=of_this_process(os.environ))
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc whether a process lives")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT_CODE, CHILD, str(tmp_path / "pid")])
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child, inherited = (tmp_path / "pid").read_text().split()
    assert inherited == "none"  # what the child starts is not told
    assert alive(int(child))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while alive(int(child)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_programs_child_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("app.core.parents.threading.Thread", lambda **given: started.append(given))
    monkeypatch.delenv(PARENT, raising=False)
    end_with_parent()
    monkeypatch.setenv(PARENT, str(os.getppid() + 1))
    end_with_parent()
    assert PARENT not in os.environ
    assert of_this_process({"A": "b"}) == {"A": "b", PARENT: str(os.getpid())}
    assert started == []
