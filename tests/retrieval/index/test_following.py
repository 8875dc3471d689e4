"""Which revisions an index that fell behind fetches and drops: law A of 2024-01-01 and what e-Gov lists after it."""

from __future__ import annotations

from datetime import date

import pytest

from app.data.egov.api import ListedLaw
from app.retrieval.index.following import Changes, Held, Plan, moment, plan

LAW = "505AC0000000003"
TODAY = date(2024, 10, 1)
OLD, NEW = "2020-01-01T00:00:00+09:00", "2024-09-30T00:00:00+09:00"


def _revision(day: str, amending: str = "507AC0000000009") -> str:
    return f"{LAW}_{day}_{amending}"


def _plan(held: dict[str, str], listed: list[str], synced: str, touched: tuple[str, ...] = ()) -> Plan:
    rows = [ListedLaw(LAW, one, "市場法", NEW if one in touched else OLD) for one in listed]
    now = [row for row in rows if row.revision_id.split("_")[1] <= "20241001"][-1]
    index = Held({LAW: held} if held else {}, moment(synced), frozenset())
    return plan(index, Changes((now,), (), False, 0, (), ""), lambda _: rows, TODAY)


OLDER, A, B, C, D = map(_revision, ("20200401", "20240101", "20240401", "20240701", "20990401"))
SAME_DAY = _revision("20240101", "507AC0000000010")
LISTED = [OLDER, A, B, C, D]


@pytest.mark.parametrize(
    ("held", "listed", "synced", "fetched"),
    [
        ([A], LISTED, "2024-02-01", [B, C, D]),
        ([A], LISTED, "2024-09-30", [B, C, D]),  # built late from an old file: what it holds tells how old
        ([A], LISTED, "", [B, C, D]),
        ([A, C], LISTED, "2024-02-01", [B, D]),  # C was still to come when B was not known yet
        ([C], LISTED, "2024-02-01", [D]),  # the law began with C for this index
        ([A, B, C], LISTED, "2024-09-30", [D]),
        ([A, B, C, D], LISTED, "2024-09-30", []),
        ([A], [OLDER, A, SAME_DAY, C], "2024-02-01", [SAME_DAY, C]),  # of two of one day the one amended last is law
        ([SAME_DAY], [OLDER, A, SAME_DAY, C], "2024-02-01", [C]),
        ([], LISTED, "2024-02-01", [C, D]),  # new to the index: without its history
        ([LAW], LISTED, "2024-02-01", [C, D]),  # a file without a day: it does not say what is missing
    ],
)
def test_what_was_law_since_the_index_followed_last_is_fetched(held, listed, synced, fetched):
    found = _plan({one: _day(one) for one in held}, listed, synced)
    assert [one.revision_id for one in found.fetch] == fetched
    assert found.remove == ()


def test_a_promise_that_came_true_is_fetched_again_where_it_was_touched_since():
    held = {one: _day(one) for one in (OLDER, A, B, C)}
    found = _plan(held, [OLDER, A, B, C], "2024-02-01", touched=(OLDER, B, C))
    assert [one.revision_id for one in found.fetch] == [B, C]


@pytest.mark.parametrize(
    ("synced", "gone"),
    [
        ("2024-02-01", (B, D)),  # both were still to come then: they were put off, and B was never law
        ("2024-09-30", (D,)),  # B was law
        ("", (D,)),
    ],
)
def test_a_promise_that_was_broken_before_the_next_update_goes(synced, gone):
    found = _plan({one: _day(one) for one in (A, B, D)}, [A, C], synced)
    assert [one.revision_id for one in found.fetch] == [C]
    assert found.remove == gone


def _day(revision_id: str) -> str:
    if revision_id == LAW:
        return "0000-00-00"
    day = revision_id.split("_")[1]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
