"""Jobs side by side, each in a process of its own with its share of the machine; what one prints goes to its own file."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from .cli import log, run_program
from .errors import EXIT_DONE, ConfigError


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work that shares nothing with the others but files it only reads.

    name       what lines of progress and errors call it
    log        file that receives everything it prints
    work       a function of a module, which the process imports
    arguments  what it is called with; pickled on the way to our own process, never to a file
    """

    name: str
    log: Path
    work: Callable[..., object]
    arguments: tuple[Any, ...]


def run_jobs(jobs: Sequence[Job], workers: int, cards: Sequence[str] = ()) -> None:
    """Run the jobs in their order: one after the other here, or ``workers`` at a time in processes of their own.

    Processes divide the processors (unless OMP_NUM_THREADS says otherwise) and take one of ``cards`` each
    (``CUDA_VISIBLE_DEVICES``), when there are any. Raises ConfigError when one fails, after stopping the others; they
    end with this process, however it ends.
    """
    if workers == 1:
        for job in jobs:
            job.work(*job.arguments)
        return
    context = multiprocessing.get_context("spawn")
    left, free = list(jobs), list(range(workers))
    # By the handle that becomes ready when the process ends; the number is of bytes that earlier runs wrote to its log.
    running: dict[int, tuple[SpawnProcess, Job, int, int]] = {}
    try:
        while left or running:
            while left and free:
                job, slot = left.pop(0), free.pop(0)
                before = job.log.stat().st_size if job.log.exists() else 0
                process = context.Process(target=_work, args=(job, share_of(slot, workers, cards, os.environ)))
                process.daemon = True
                process.start()
                running[process.sentinel] = (process, job, slot, before)
                log(f"{job.name}: 始めました（経過は {job.log}）")
            ready = wait(list(running))
            for ended in [handle for handle in running if handle in ready]:
                process, job, slot, before = running.pop(ended)
                process.join()
                if process.exitcode != EXIT_DONE:
                    reason = killed_by(process.exitcode or 0) or last_line(job.log, before)
                    raise ConfigError(f"{job.name}: {reason}（{job.log}）")
                log(f"{job.name}: 終わりました（残り {len(left) + len(running)}）")
                free.append(slot)
    finally:
        for process, *_ in running.values():
            process.terminate()
            process.join()


def share_of(slot: int, workers: int, cards: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """What worker ``slot`` (from 0) of ``workers`` has in its environment."""
    threads = max(1, _processors() // workers)
    share = {} if environ.get("OMP_NUM_THREADS") else {"OMP_NUM_THREADS": str(threads)}
    return share | ({"CUDA_VISIBLE_DEVICES": cards[slot]} if cards else {})


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settle(log_file: Path, environment: Mapping[str, str]) -> None:
    """Begin a process of its own: it ends with its parent, has ``environment``, and prints into ``log_file``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)  # before torch is imported, which the work does
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with open(log_file, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _work(job: Job, share: Mapping[str, str]) -> None:
    settle(job.log, share)

    def work(_: Sequence[str]) -> None:
        job.work(*job.arguments)

    sys.exit(run_program(work, []))


def _end_with_parent() -> None:
    # A killed parent could not stop it, and its next run would write into the same files.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Tree:
    """The processes of this machine that come of given ones, as far as they have been seen."""

    def __init__(self, roots: Iterable[int]) -> None:
        self.roots = list(roots)
        self.seen: set[Any] = set()
        self.look()

    def look(self) -> None:
        """See who is there now: a process whose parent has ended is nobody's child any more."""
        import psutil

        for root in self.roots:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(root)
                self.seen |= {process, *process.children(recursive=True)}

    def kill(self) -> None:
        """End all that were seen and have not ended; they have when this returns."""
        import psutil

        for process in self.seen:
            with suppress(psutil.NoSuchProcess):
                process.kill()
                # One that nobody has buried yet has ended: in a container that may be never.
                while process.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)


def killed_by(code: int) -> str | None:
    """How a process was ended from outside, by its exit code; None where it ended by itself."""
    if code >= 0:
        return None
    hint = "。メモリが足りないときの止まり方です" if code == -9 else ""
    return f"シグナル {-code} で止められました{hint}"


def last_line(path: Path, start: int = 0) -> str:
    """The last thing that a process wrote to its log from byte ``start`` on, without the mark of an error; a word where it
    wrote nothing."""
    text = path.read_bytes()[start:].decode("utf-8", "replace") if path.exists() else ""
    lines = text.split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "何も表示せずに止まりました")
    return said.removeprefix("エラー: ")
