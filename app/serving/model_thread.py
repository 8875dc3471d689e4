"""The one thread in which the model works, and what it writes on its way to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

Value = TypeVar("Value")


class _End:
    pass


_END = _End()


class ModelThread:
    """Work in a thread of its own: always the same one, since torch keeps its modes by thread."""

    def __init__(self) -> None:
        self._ident: int | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model", initializer=self._begin)

    def _begin(self) -> None:
        self._ident = threading.get_ident()

    @property
    def here(self) -> bool:
        """Whether the caller is in the thread."""
        return threading.get_ident() == self._ident

    async def run(self, work: Callable[[], Value]) -> Value:
        """What ``work`` returns. Whoever waits may be cancelled; the thread finishes what it has begun."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def pieces(self, make: Callable[[], Iterator[str]]) -> AsyncGenerator[str, None]:
        """The pieces of an iterator that is made and asked in the thread. Left early, the iterator is closed there before
        anybody else is served: the model has stopped writing then."""
        iterator = await self.run(make)
        try:
            while not isinstance(piece := await self.run(lambda: next(iterator, _END)), _End):
                yield piece
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                with anyio.CancelScope(shield=True):
                    await self.run(close)

    def shut_down(self) -> None:
        """End the thread once its work is done."""
        self._executor.shutdown(wait=False, cancel_futures=True)
