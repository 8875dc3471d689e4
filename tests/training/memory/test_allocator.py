"""The caching allocator's rules, one by one, and properties of any sequence of births and deaths."""

from hypothesis import given
from hypothesis import strategies as st

from app.training.memory.allocator import ReservedMemory

MIB = 2**20


def reserved(*events: tuple[int, int]) -> int:
    return ReservedMemory().replay(events)


def test_small_blocks_share_a_segment_of_two_mebibytes() -> None:
    assert reserved((1, 512), (2, 512)) == 2 * MIB
    assert reserved((1, MIB), (2, MIB)) == 2 * MIB
    assert reserved((1, MIB), (2, MIB), (3, 512)) == 4 * MIB


def test_middle_sizes_share_a_segment_of_twenty_mebibytes() -> None:
    assert reserved((1, 2 * MIB), (2, 9 * MIB)) == 20 * MIB


def test_large_ones_get_their_own_in_steps_of_two_mebibytes() -> None:
    assert reserved((1, 10 * MIB)) == 10 * MIB
    assert reserved((1, 31 * MIB)) == 32 * MIB


def test_a_freed_block_is_given_out_again() -> None:
    assert reserved((1, 30 * MIB), (1, 0), (2, 30 * MIB)) == 30 * MIB
    assert reserved((1, 30 * MIB), (2, 30 * MIB)) == 60 * MIB


def test_the_best_fit_is_taken() -> None:
    # 40 and 24 are free; 24 goes into the 24, so that 40 still fits into the 40
    assert reserved((1, 40 * MIB), (2, 24 * MIB), (1, 0), (2, 0), (3, 24 * MIB), (4, 40 * MIB)) == 64 * MIB


def test_neighbours_join_when_both_are_free() -> None:
    events = [(1, 40 * MIB), (1, 0), (2, 20 * MIB), (3, 20 * MIB), (2, 0), (3, 0), (4, 40 * MIB)]
    assert reserved(*events) == 40 * MIB
    events[4:6] = [(3, 0), (2, 0)]
    assert reserved(*events) == 40 * MIB


def test_a_gap_between_living_blocks_is_lost() -> None:
    assert (
        reserved((1, 60 * MIB), (1, 0), (2, 20 * MIB), (3, 20 * MIB), (4, 20 * MIB), (3, 0), (5, 30 * MIB)) == 90 * MIB
    )


def test_a_rest_of_a_large_block_up_to_a_mebibyte_is_not_split_off() -> None:
    assert reserved((1, 12 * MIB), (1, 0), (2, 11 * MIB), (3, 512)) == 14 * MIB


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 60_000)), max_size=60))
def test_reserved_covers_the_live_bytes_and_never_falls(steps: list[tuple[int, int]]) -> None:
    memory = ReservedMemory()
    live: dict[int, int] = {}
    before = 0
    for number, blocks in steps:
        if number in live:
            del live[number]
            now = memory.replay([(number, 0)])
        else:
            live[number] = blocks * 512
            now = memory.replay([(number, live[number])])
        assert now >= max(sum(live.values()), before)
        before = now
    # when everything is free, what is reserved is enough to do it all again
    again = [(number, 0) for number in live]
    memory.replay(again)
    assert memory.replay([(100 + index, size) for index, size in enumerate(live.values())]) >= before
