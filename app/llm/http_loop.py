"""The event loop that the HTTP clients share: in a thread of its own, so that programs, notebooks and servers that have a
loop already can all call them plainly."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def wait(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to in the clients' event loop. An interrupt here ends it there."""
    future = asyncio.run_coroutine_threadsafe(work, loop_of(os.getpid()))
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


@cache
def loop_of(process: int) -> asyncio.AbstractEventLoop:
    """The event loop of this process, running in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"http-{process}", daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        if not loop.is_running():
            loop.close()

    atexit.register(end)
    return loop
