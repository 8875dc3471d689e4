"""Pages that are written while the model works: their place in the line first, then piece after piece. No script is needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .line import Ticket


class Written(StreamingResponse):
    """A response that holds a ticket. When it ends, or whoever asked goes away, the writing is stopped and the ticket
    given back."""

    def __init__(self, parts: AsyncGenerator[str, None], ticket: Ticket, *, media_type: str) -> None:
        # no-transform and X-Accel-Buffering: a proxy in between must not hold the pieces back.
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts
        self._ticket = ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._parts.aclose()
                self._ticket.line.leave(self._ticket)


async def waiting(ticket: Ticket) -> AsyncIterator[str]:
    """HTML that tells the place in the line, as it changes, until the model is free."""
    yield '<div class="waits" role="status">'
    async for place in ticket.places():
        yield f"<p>順番を待っています（前に {place} 件）。</p>" if place else "<p></p>"
    yield "</div>"
