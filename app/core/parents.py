"""A program that another of ours started ends with it, however that one ends.

A killed parent cannot stop its child, and its next run would write into the same files.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping

PARENT = "HOREI_PARENT"  # process id of the program that started this one and waits for it
POLL_SECONDS = 0.5


def of_this_process(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that is to end with this process."""
    return {**environ, PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """Begin to watch the program that started this process, where it is one of ours that said so.

    What this process starts in turn does not inherit it. On Windows, where a process does not learn that its parent has
    gone, it goes on to its end.
    """
    parent = os.environ.pop(PARENT, "")
    if parent == str(os.getppid()):
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)
