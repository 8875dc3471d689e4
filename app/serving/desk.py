"""What the pages and the endpoint share: the session, the line at its model, and the index as it is now."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio.from_thread
import anyio.to_thread

from ..answering.session import Session
from ..core.cli import log
from ..core.errors import UserError
from ..core.failures import os_error_line
from ..core.redaction import hide
from ..retrieval.rag_pipeline import RAGPipeline
from .line import MOST_WAITING, Line, Ticket
from .model_thread import ModelThread

Value = TypeVar("Value")
# Of a line of the feedback file, by which a file of ours is known.
FEEDBACK_KEYS = ("time", "rating", "question", "answer", "comment")


class Desk:
    """One session for many people."""

    def __init__(self, session: Session, *, most_waiting: int = MOST_WAITING, feedback: Path | None = None) -> None:
        """``feedback`` is the file that what people say of answers is appended to; None keeps nothing."""
        self.session = session
        self.line = Line(most_waiting)
        self.thread = ModelThread()
        self.feedback = feedback
        self.trouble = ""  # why a newer index is not used
        self._seen = _stamp(session.pipeline)
        self._opening = threading.Lock()
        session.model.turn = self._in_turn

    async def search(self, work: Callable[[], Value]) -> Value:
        """What ``work``, which asks the index, returns; in a thread of the pool. Where it asks the model too, to rewrite a
        question for search (RETRIEVER_REWRITE), that waits for its turn. Raises LineFullError then."""

        def on_the_index_of_now() -> Value:
            self._refresh()
            return work()

        return await anyio.to_thread.run_sync(on_the_index_of_now)

    async def judge(self, work: Callable[[], Value]) -> Value:
        """What ``work``, which asks the model, returns, when its turn has come. Raises LineFullError."""
        ticket = self.line.join()
        try:
            await ticket.turn()
            # Not left before the model is done: the next in line would meet it at work.
            with anyio.CancelScope(shield=True):
                value = await self.thread.run(work)
        finally:
            self.line.leave(ticket)
        return value

    def _in_turn(self, work: Callable[[], str]) -> str:
        """Work that a search asks of the model: in the model's thread at once, since a turn is held there; from a thread of
        the pool when its turn has come."""
        return work() if self.thread.here else anyio.from_thread.run(self.judge, work)

    @contextlib.asynccontextmanager
    async def written(self, ticket: Ticket, make: Callable[[], Iterator[str]]) -> AsyncIterator[AsyncIterator[str]]:
        """What the model writes when the ticket's turn has come; left early, it stops."""
        await ticket.turn()
        async with contextlib.aclosing(self.thread.pieces(make)) as pieces:
            yield pieces

    async def refresh(self) -> None:
        """Open the index anew where its folder holds another one now, in a thread of the pool: answers that are
        being written go on meanwhile. One that cannot be opened leaves the old in use."""
        await anyio.to_thread.run_sync(self._refresh)

    def _refresh(self) -> None:
        with self._opening:
            old = self.session.pipeline
            seen = _stamp(old)
            if seen == self._seen:
                return
            self._seen = seen
            try:
                self.session.pipeline = RAGPipeline(old.config, llm=self.session.model)
            except (UserError, OSError) as error:
                line = str(error)
                if isinstance(error, OSError):
                    self._seen = None  # what the system refuses now it may give to the next who asks
                    line = os_error_line(error)
                self.trouble = hide(line)
                log(f"注意: 新しい索引を開けないので、前の索引で続けます: {line}")
            else:
                self.trouble = ""
                log("索引が置き換わったので、開き直しました。")


def _stamp(pipeline: RAGPipeline) -> tuple[int, int] | None:
    """What changes when an index is put in another's place."""
    try:
        state = (pipeline.config.retriever.index_dir / "manifest.json").stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino
