"""The line at the model: one is served, the others see their place, and when it is full nobody more is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

MOST_WAITING = 32


class LineFullError(Exception):
    """Too many wait already."""


class Line:
    """Tickets in the order in which they came; the first has the model. Used from one event loop only."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        self._tickets: list[Ticket] = []

    @property
    def length(self) -> int:
        """How many are served or wait."""
        return len(self._tickets)

    def join(self) -> Ticket:
        """A ticket at the end of the line. Raises LineFullError when ``most_waiting`` wait already."""
        if len(self._tickets) > self.most_waiting:
            raise LineFullError
        ticket = Ticket(self)
        self._tickets.append(ticket)
        return ticket

    def place(self, ticket: Ticket) -> int:
        """How many are before a ticket."""
        return self._tickets.index(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Take a ticket out, wherever it stands; those behind move up."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)
            for one in self._tickets:
                one.moved.set()


class Ticket:
    """A place in the line, to be given back (``Line.leave``) whatever happens."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.moved = asyncio.Event()

    async def places(self) -> AsyncIterator[int]:
        """How many are before it, each time that changes, down to 0: then the model is its own."""
        while True:
            self.moved.clear()
            place = self.line.place(self)
            yield place
            if place == 0:
                return
            await self.moved.wait()

    async def turn(self) -> None:
        """Wait until the model is its own."""
        async for _ in self.places():
            pass
