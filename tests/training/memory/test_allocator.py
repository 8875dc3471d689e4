"""The caching allocator's rules, one by one against sequences worked out by hand, and properties of any sequence."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.memory.allocator import Place, Replay, is_split, reserved_bytes, rounded, segment_bytes

MIB = 2**20
KIB = 2**10


@pytest.mark.parametrize(
    ("asked", "given_out"), [(1, 512), (512, 512), (513, 1024), (MIB - 1, MIB), (MIB + 1, MIB + 512)]
)
def test_sizes_are_multiples_of_512(asked: int, given_out: int) -> None:
    assert rounded(asked) == given_out


@pytest.mark.parametrize(
    ("size", "segment"),
    [
        (512, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 512, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB),
        (10 * MIB + 512, 12 * MIB),
        (31 * MIB, 32 * MIB),
    ],
)
def test_the_segment_that_is_asked_for(size: int, segment: int) -> None:
    assert segment_bytes(size) == segment
    assert reserved_bytes([(1, size)]) == segment


@pytest.mark.parametrize(
    ("rest", "small", "growing", "split"),
    [
        (0, True, False, False),
        (512, True, False, True),
        (MIB, False, False, False),
        (MIB + 512, False, False, True),
        (0, False, True, False),
        (512, False, True, True),
    ],
)
def test_what_is_split_off(rest: int, small: bool, growing: bool, split: bool) -> None:
    assert is_split(rest, small=small, growing=growing) is split


def test_small_blocks_share_a_segment_of_two_mebibytes() -> None:
    assert reserved_bytes([(1, 512), (2, 512)]) == 2 * MIB
    assert reserved_bytes([(1, MIB), (2, MIB)]) == 2 * MIB
    assert reserved_bytes([(1, MIB), (2, MIB), (3, 512)]) == 4 * MIB


def test_small_and_large_blocks_never_share_a_segment() -> None:
    assert reserved_bytes([(1, 512), (2, 2 * MIB), (3, MIB), (4, MIB - 512)]) == 22 * MIB


def test_middle_sizes_share_a_segment_of_twenty_mebibytes() -> None:
    assert reserved_bytes([(1, 2 * MIB), (2, 9 * MIB), (3, 9 * MIB)]) == 20 * MIB
    assert reserved_bytes([(1, 2 * MIB), (2, 9 * MIB), (3, 9 * MIB + 512)]) == 40 * MIB


def test_a_freed_block_is_given_out_again() -> None:
    assert reserved_bytes([(1, 30 * MIB), (1, 0), (2, 30 * MIB)]) == 30 * MIB
    assert reserved_bytes([(1, 30 * MIB), (2, 30 * MIB)]) == 60 * MIB


def test_the_front_is_given_out_and_the_smallest_that_fits_is_taken() -> None:
    replay = Replay()
    assert replay.take(1, 40 * MIB) == Place(0, 40 * MIB)
    assert replay.take(2, 24 * MIB) == Place(40 * MIB, 24 * MIB)
    replay.give_back(1)
    replay.give_back(2)
    assert replay.take(3, 20 * MIB) == Place(40 * MIB, 20 * MIB)
    assert replay.take(4, 4 * MIB) == Place(60 * MIB, 4 * MIB)
    assert replay.take(5, 40 * MIB) == Place(0, 40 * MIB)
    assert replay.reserved == 64 * MIB


def test_of_equal_blocks_the_lowest_is_taken() -> None:
    replay = Replay()
    for number in (1, 2, 3):
        replay.take(number, 20 * MIB)
    replay.give_back(3)
    replay.give_back(1)
    assert replay.take(4, 20 * MIB).address == 0
    assert replay.take(5, 20 * MIB).address == 40 * MIB


def test_neighbours_join_when_both_are_free_but_not_over_segments() -> None:
    whole = [(1, 40 * MIB), (1, 0), (2, 20 * MIB), (3, 20 * MIB)]
    assert reserved_bytes([*whole, (2, 0), (3, 0), (4, 40 * MIB)]) == 40 * MIB
    assert reserved_bytes([*whole, (3, 0), (2, 0), (4, 40 * MIB)]) == 40 * MIB
    assert reserved_bytes([(1, 20 * MIB), (2, 20 * MIB), (1, 0), (2, 0), (3, 40 * MIB)]) == 80 * MIB


def test_a_block_between_two_free_ones_joins_all_three() -> None:
    replay = Replay()
    replay.take(0, 60 * MIB)
    replay.give_back(0)
    for number in (1, 2, 3):
        replay.take(number, 20 * MIB)
    for number in (1, 3, 2):
        replay.give_back(number)
    assert replay.take(4, 60 * MIB) == Place(0, 60 * MIB)


def test_a_gap_between_living_blocks_is_lost() -> None:
    events = [(1, 60 * MIB), (1, 0), (2, 20 * MIB), (3, 20 * MIB), (4, 20 * MIB), (3, 0), (5, 30 * MIB)]
    assert reserved_bytes(events) == 90 * MIB


def test_a_rest_of_a_large_block_up_to_a_mebibyte_is_not_split_off() -> None:
    replay = Replay()
    assert replay.take(1, 11 * MIB) == Place(0, 12 * MIB)
    replay.give_back(1)
    assert replay.take(2, 11 * MIB - 512) == Place(0, 11 * MIB - 512)


def test_growing_segments_are_mapped_piece_by_piece_and_fill_what_is_left() -> None:
    replay = Replay(growing=True)
    assert replay.take(1, 11 * MIB) == Place(0, 11 * MIB)
    assert replay.reserved == 20 * MIB  # a piece
    assert replay.take(2, 9 * MIB) == Place(11 * MIB, 9 * MIB)
    assert replay.reserved == 20 * MIB
    assert replay.take(3, 30 * MIB) == Place(20 * MIB, 30 * MIB)
    assert replay.reserved == 60 * MIB
    assert replay.take(4, 25 * MIB) == Place(50 * MIB, 25 * MIB)  # 10 MiB at the end were free, 15 more are mapped
    assert replay.reserved == 80 * MIB
    assert replay.take(5, 512) == Place(0, 512)  # small blocks have a segment of their own
    assert replay.reserved == 82 * MIB


def test_a_growing_segment_loses_no_gap_to_the_size_of_segments() -> None:
    events = [(1, 20 * MIB), (2, 20 * MIB), (1, 0), (2, 0), (3, 40 * MIB)]
    assert (reserved_bytes(events), reserved_bytes(events, growing=True)) == (80 * MIB, 40 * MIB)


def test_the_end_of_a_growing_segment_is_taken_last() -> None:
    replay = Replay(growing=True)
    replay.take(1, 16 * MIB)
    replay.take(2, 2 * MIB)  # 2 MiB are left at the end
    replay.give_back(1)
    # the end would be the best fit, but it can grow
    assert replay.take(3, 2 * MIB) == Place(0, 2 * MIB)
    assert replay.take(4, 15 * MIB) == Place(18 * MIB, 15 * MIB)  # the gap holds 14: 2 free and a new piece
    assert replay.reserved == 40 * MIB


def test_every_rest_of_a_growing_segment_can_be_used() -> None:
    replay = Replay(growing=True)
    replay.take(1, 20 * MIB - 512 * KIB)
    replay.take(2, 4 * MIB)
    assert replay.take(3, 16 * MIB + 512 * KIB).address == 24 * MIB - 512 * KIB
    assert replay.reserved == 40 * MIB


def test_the_death_of_what_is_not_alive_is_passed_over() -> None:
    assert reserved_bytes([(7, 0), (1, 512), (1, 0), (1, 0), (2, 512)]) == 2 * MIB


@pytest.mark.parametrize("growing", [False, True])
@given(steps=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 60_000)), max_size=60))
def test_live_blocks_never_overlap_and_reserved_covers_them(growing: bool, steps: list[tuple[int, int]]) -> None:
    replay = Replay(growing)
    live: dict[int, tuple[bool, Place]] = {}
    before = 0
    for number, blocks in steps:
        if number in live:
            del live[number]
            replay.give_back(number)
        else:
            live[number] = (blocks * 512 <= MIB, replay.take(number, blocks * 512))
        assert replay.reserved >= max(sum(place.size for _, place in live.values()), before)
        before = replay.reserved
        for small in (True, False):
            places = sorted(place for kind, place in live.values() if kind is small)
            assert all(one.address + one.size <= two.address for one, two in pairwise(places))
    # When everything is free, what is reserved is enough for each of them again, alone.
    for number in live:
        replay.give_back(number)
    for number, (_, place) in live.items():
        replay.take(100 + number, place.size)
        replay.give_back(100 + number)
    assert replay.reserved == before
