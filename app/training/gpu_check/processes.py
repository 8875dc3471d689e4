"""A case in a process of its own: its memory is its own, it can be stopped, and what it has measured by then stays."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...core.workers import last_line, settle
from ...llm.loading import first_line
from ..model.setup import segments
from .cases import FLASH_FIRST, Case

OUT_OF_TIME = "時間切れで止めました"
# Said when all is measured: leaving a card takes a process seconds that the others need, so it is ended then.
DONE = "done"


def run_case(case: Case, folder: Path, *, seconds: float) -> Iterator[dict[str, Any]]:
    """The parts that ``case`` measured, as they come; the last is ``{"part": "error", "error": …}`` where it failed.

    ``folder`` receives what it writes and prints. It is ended after ``seconds``, or when the iterator is left.
    """
    log = folder / "log.txt"
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    environment = {**FLASH_FIRST, **segments(growing=case.growing)} if case.device != "cpu" else {}
    process = context.Process(target=_work, args=(its, case, folder, log, environment), daemon=True)
    process.start()
    its.close()
    ends = time.monotonic() + seconds
    told = False
    try:
        while True:
            if not ours.poll(max(ends - time.monotonic(), 0)):
                yield {"part": "error", "error": OUT_OF_TIME}
                return
            try:
                part = ours.recv()
            except (EOFError, OSError):  # OSError: it was killed in the middle of a message
                if not told:
                    yield {"part": "error", "error": last_line(log)}
                return
            if part["part"] == DONE:
                return
            told |= part["part"] == "error"
            yield part
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(connection: Connection, case: Case, folder: Path, log: Path, environment: Mapping[str, str]) -> None:
    settle(log, environment)
    from .case import measure

    try:
        measure(case, folder, connection.send)
        connection.send({"part": DONE})
    except Exception as error:  # the libraries raise many kinds; one line of it goes into the report
        connection.send({"part": "error", "error": first_line(error)})
        raise
