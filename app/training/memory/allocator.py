"""How much the CUDA caching allocator reserves for a step: its blocks and segments, replayed without a card.

The rules (c10/cuda/CUDACachingAllocator.cpp): sizes are multiples of 512 bytes; up to 1 MiB come out of segments of
2 MiB, up to 10 MiB out of segments of 20 MiB, larger ones out of segments of their own, rounded up to 2 MiB; a freed block joins its free
neighbours of the same segment and is given out again to the smallest request that fits best; a large block is split
when more than 1 MiB is left over. Segments are never given back in the middle of a step.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

_MIB = 2**20
SMALL_LIMIT = _MIB
SMALL_SEGMENT = 2 * _MIB
MEDIUM_LIMIT = 10 * _MIB
MEDIUM_SEGMENT = 20 * _MIB
SEGMENT_STEP = 2 * _MIB
SMALL_REST = 512


@dataclass(slots=True)
class _Block:
    size: int
    small: bool
    free: bool = False
    before: _Block | None = None
    after: _Block | None = None
    order: int = 0


@dataclass(slots=True)
class ReservedMemory:
    """Replays births and deaths of blocks; ``reserved`` bytes only ever grow, as a run's do."""

    reserved: int = 0
    _pools: dict[bool, list[tuple[int, int, _Block]]] = field(default_factory=lambda: {True: [], False: []})
    _live: dict[int, _Block] = field(default_factory=dict)
    _made: int = 0

    def replay(self, trace: Iterable[tuple[int, int]]) -> int:
        """Feed (number, bytes) births and (number, 0) deaths; returns the bytes reserved at the end."""
        for number, size in trace:
            if size:
                self._live[number] = self._take(size)
            elif number in self._live:
                self._give_back(self._live.pop(number))
        return self.reserved

    def _take(self, size: int) -> _Block:
        small = size <= SMALL_LIMIT
        pool = self._pools[small]
        place = bisect_left(pool, (size, -1), key=lambda entry: entry[:2])
        block = pool.pop(place)[2] if place < len(pool) else self._segment(size, small)
        block.free = False
        rest = block.size - size
        if rest >= SMALL_REST if small else rest > SMALL_LIMIT:
            tail = self._new(rest, small, before=block, after=block.after)
            if block.after is not None:
                block.after.before = tail
            block.after, block.size = tail, size
            self._offer(tail)
        return block

    def _segment(self, size: int, small: bool) -> _Block:
        if small:
            whole = SMALL_SEGMENT
        elif size < MEDIUM_LIMIT:
            whole = MEDIUM_SEGMENT
        else:
            whole = -(-size // SEGMENT_STEP) * SEGMENT_STEP
        self.reserved += whole
        return self._new(whole, small)

    def _new(self, size: int, small: bool, *, before: _Block | None = None, after: _Block | None = None) -> _Block:
        self._made += 1
        return _Block(size, small, before=before, after=after, order=self._made)

    def _offer(self, block: _Block) -> None:
        block.free = True
        insort(self._pools[block.small], (block.size, block.order, block), key=lambda entry: entry[:2])

    def _withdraw(self, block: _Block) -> None:
        pool = self._pools[block.small]
        del pool[bisect_left(pool, (block.size, block.order), key=lambda entry: entry[:2])]

    def _give_back(self, block: _Block) -> None:
        for neighbour in (block.before, block.after):
            if neighbour is not None and neighbour.free:
                self._withdraw(neighbour)
                block.size += neighbour.size
                if neighbour is block.before:
                    block.before = neighbour.before
                    if block.before is not None:
                        block.before.after = block
                else:
                    block.after = neighbour.after
                    if block.after is not None:
                        block.after.before = block
        self._offer(block)
