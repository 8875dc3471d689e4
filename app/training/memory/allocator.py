"""How much the CUDA caching allocator reserves for a step: its blocks and segments, replayed without a card.

The rules, of c10/cuda/CUDACachingAllocator.cpp with its default settings:

- Sizes are rounded up to multiples of 512 bytes (``round_size``). Up to 1 MiB come out of the pool of small blocks,
  the rest out of that of large ones (``get_pool``).
- The smallest free block of the pool that is large enough is taken, of equal ones the lowest (``get_free_block``).
- Where none is, a segment is asked for: 2 MiB for a small block, 20 MiB for less than 10 MiB, and otherwise the size
  itself in steps of 2 MiB (``get_allocation_size``).
- What a block has too much is split off when that is at least 512 bytes of a small block, or more than 1 MiB of a
  large one (``should_split``); the front is given out.
- A freed block joins its free neighbours in the segment (``free_block``).
- Segments are given back only when the card is full, which a plan that fits never sees.

With ``growing`` segments (``expandable_segments:True``, which the training program asks for on Linux) each pool is one
segment that is mapped in pieces of 2 or 20 MiB at its end, a free end being used first
(``try_allocate_expandable_block``); a block is split whenever 512 bytes are left, and the end, which can grow, is taken
only when no other block fits.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_MIB = 2**20
BLOCK_BYTES = 512
SMALL_LIMIT = _MIB
SMALL_SEGMENT = 2 * _MIB
MEDIUM_LIMIT = 10 * _MIB
MEDIUM_SEGMENT = 20 * _MIB
SEGMENT_STEP = 2 * _MIB


class Place(NamedTuple):
    """A block that was given out: its address in the replay and its bytes, what was not worth splitting off included."""

    address: int
    size: int


def rounded(size: int) -> int:
    """``size`` bytes as the allocator gives them out; at least a block."""
    return max(-(-size // BLOCK_BYTES), 1) * BLOCK_BYTES


def segment_bytes(size: int) -> int:
    """The segment that is asked for when ``size`` (rounded) bytes are not free."""
    if size <= SMALL_LIMIT:
        return SMALL_SEGMENT
    return MEDIUM_SEGMENT if size < MEDIUM_LIMIT else -(-size // SEGMENT_STEP) * SEGMENT_STEP


def is_split(rest: int, *, small: bool, growing: bool) -> bool:
    """Whether ``rest`` bytes of a block are split off when the front of it is given out."""
    return rest >= BLOCK_BYTES if small or growing else rest > SMALL_LIMIT


def reserved_bytes(events: Iterable[tuple[int, int]], *, growing: bool = False) -> int:
    """Bytes reserved after births (number, bytes) and deaths (number, 0): ``torch.cuda.max_memory_reserved``.

    A death of a number that is not alive is passed over.
    """
    replay = Replay(growing)
    for number, size in events:
        if size:
            replay.take(number, size)
        else:
            replay.give_back(number)
    return replay.reserved


@dataclass(slots=True)
class _Block:
    address: int
    size: int
    free: bool = False
    before: _Block | None = None
    after: _Block | None = None


@dataclass(slots=True)
class _Pool:
    small: bool
    free: list[tuple[int, int, _Block]] = field(default_factory=list)  # (size, address), sorted
    end: _Block | None = None  # of a growing segment: the block before what is not mapped yet

    def offer(self, block: _Block) -> None:
        block.free = True
        insort(self.free, (block.size, block.address, block), key=lambda entry: entry[:2])

    def withdraw(self, block: _Block) -> None:
        block.free = False
        del self.free[bisect_left(self.free, (block.size, block.address), key=lambda entry: entry[:2])]


@dataclass(slots=True)
class Replay:
    """The allocator at one moment; ``reserved`` bytes only ever grow.

    Segments are taken to lie one after the other. Where CUDA puts them decides only between free blocks of one size.
    """

    growing: bool = False
    reserved: int = 0
    _pools: dict[bool, _Pool] = field(default_factory=lambda: {small: _Pool(small) for small in (True, False)})
    _live: dict[int, tuple[_Block, _Pool]] = field(default_factory=dict)

    def take(self, number: int, size: int) -> Place:
        """Give out a block of ``size`` bytes, known by ``number`` from now on."""
        size = rounded(size)
        pool = self._pools[size <= SMALL_LIMIT]
        block = self._found(pool, size) or (self._grown(pool, size) if self.growing else self._segment(pool, size))
        rest = block.size - size
        if is_split(rest, small=pool.small, growing=self.growing):
            tail = _Block(block.address + size, rest, before=block, after=block.after)
            if block.after is not None:
                block.after.before = tail
            block.after, block.size = tail, size
            if pool.end is block:
                pool.end = tail
            pool.offer(tail)
        self._live[number] = (block, pool)
        return Place(block.address, block.size)

    def give_back(self, number: int) -> None:
        """Free the block that ``number`` was given; nothing for a number that has none."""
        if number not in self._live:
            return
        block, pool = self._live.pop(number)
        if block.before is not None and block.before.free:
            pool.withdraw(block.before)
            self._join(block.before, block, pool)
            block = block.before
        if block.after is not None and block.after.free:
            pool.withdraw(block.after)
            self._join(block, block.after, pool)
        pool.offer(block)

    def _join(self, front: _Block, back: _Block, pool: _Pool) -> None:
        front.size += back.size
        front.after = back.after
        if back.after is not None:
            back.after.before = front
        if pool.end is back:
            pool.end = front

    def _found(self, pool: _Pool, size: int) -> _Block | None:
        at = bisect_left(pool.free, (size, -1), key=lambda entry: entry[:2])
        if at < len(pool.free) and pool.free[at][2] is pool.end and at + 1 < len(pool.free):
            at += 1  # the end counts as large as it can become, so that any other block is the better fit
        if at >= len(pool.free):
            return None
        block = pool.free[at][2]
        pool.withdraw(block)
        return block

    def _segment(self, pool: _Pool, size: int) -> _Block:
        # Addresses of the two pools are never compared with each other.
        whole = segment_bytes(size)
        block = _Block(self.reserved, whole)
        self.reserved += whole
        return block

    def _grown(self, pool: _Pool, size: int) -> _Block:
        step = SMALL_SEGMENT if pool.small else MEDIUM_SEGMENT
        end = pool.end
        there = end.size if end is not None and end.free else 0
        mapped = -(-(size - there) // step) * step
        self.reserved += mapped
        if end is not None and end.free:
            pool.withdraw(end)
            end.size += mapped
            return end
        block = _Block(end.address + end.size if end is not None else 0, mapped, before=end)
        if end is not None:
            end.after = block
        pool.end = block
        return block
