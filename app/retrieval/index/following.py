"""What e-Gov has changed since an index was last brought up to date, and what the index has to do to follow.

The list of laws is compared whole, so a missed week, or year, is caught up in one run. A law is looked at closely when
its revision of today or its last one is new, when e-Gov has touched its data since, or when it is law no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ...data.egov.api import ListedLaw
from ..store.rows import ALWAYS
from ..store.store import Store

SYNCED = "synced_at"  # of the store's meta: the newest ``updated`` of e-Gov's list when the index followed it last
FAR = date(2999, 12, 31)  # the revision in force then is the last one that e-Gov knows
PARTIAL = 0.5  # an index with fewer of e-Gov's laws than this is a choice of laws and stays one


@dataclass(frozen=True, slots=True)
class Held:
    """What an index holds and up to when it followed e-Gov."""

    revisions: Mapping[str, Mapping[str, str]]  # law id → revision id → its first day
    synced: datetime | None
    only: frozenset[str]  # law ids the index was built for; empty for all


@dataclass(frozen=True, slots=True)
class Listing:
    """e-Gov's list of laws on one day."""

    today: Sequence[ListedLaw]
    last: Sequence[ListedLaw]  # the same laws with the last revision known


@dataclass(frozen=True, slots=True)
class Changes:
    """What has to be looked at, and what goes."""

    look_at: tuple[ListedLaw, ...]  # laws whose revisions have to be fetched, by their revision of today
    repealed: tuple[ListedLaw, ...]  # laws of the index that are law no more
    partial: bool  # the index holds a choice of laws, to which none is added
    ignored: int  # laws that the index does not hold and that are not new, so that they were left out on purpose
    unlisted: tuple[str, ...]  # law ids of the index that e-Gov does not list at all; they stay
    newest: str  # the newest ``updated`` of the list, to be kept as ``SYNCED``


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update of the index consists of."""

    fetch: tuple[ListedLaw, ...]
    remove: tuple[str, ...]  # law ids and revision ids


def held(store: Store, only: Iterable[str], built_at: str) -> Held:
    """What ``store`` holds; an index that never followed e-Gov is taken to be of the day it was built."""
    revisions: dict[str, dict[str, str]] = {}
    for law_id, revision_id, since in store.connection.execute("SELECT law_id, revision_id, valid_from FROM revisions"):
        revisions.setdefault(law_id, {})[revision_id] = since
    return Held(revisions, moment(store.meta(SYNCED) or built_at), frozenset(only))


def changes(index: Held, listing: Listing) -> Changes:
    """Compare an index with e-Gov's list."""
    last = {law.law_id: law for law in listing.last}
    listed = [law for law in listing.today if not index.only or law.law_id in index.only]
    listed += [law for law in last.values() if law.law_id not in {one.law_id for one in listing.today}]
    alive = [law for law in listed if not law.repealed]
    known = sum(1 for law in alive if law.law_id in index.revisions)
    partial = bool(index.only) or known < PARTIAL * len(alive)
    look_at: list[ListedLaw] = []
    repealed: list[ListedLaw] = []
    ignored = 0
    for law in listed:
        mine = index.revisions.get(law.law_id)
        coming = last.get(law.law_id, law)
        if law.repealed:
            repealed += [law] if mine else []
        elif mine is None:
            if partial or not _newer(law, coming, index.synced):
                ignored += 1
            else:
                look_at.append(law)
        elif (
            law.revision_id not in mine
            or (coming.revision_id not in mine and not coming.repealed)  # a repeal to come is no text
            or _newer(law, coming, index.synced)
        ):
            look_at.append(law)
    moments = [law.updated for law in (*listing.today, *listing.last) if moment(law.updated)]
    newest = max(moments, key=lambda text: moment(text) or datetime.min, default="")
    unlisted = tuple(sorted(set(index.revisions) - {law.law_id for law in (*listing.today, *listing.last)}))
    return Changes(tuple(look_at), tuple(repealed), partial, ignored, unlisted, newest)


def plan(index: Held, found: Changes, revisions_of: Callable[[ListedLaw], Sequence[ListedLaw]], today: date) -> Plan:
    """Which revisions to fetch and what to remove; ``revisions_of`` asks e-Gov for all revisions of a law.

    Fetched are the revision in force, those to come and, of a law that the index holds, those that came and went since the
    index followed e-Gov last (the one before would seem to be law until today's), where the index lacks them or e-Gov has
    touched them; never those of before. A revision that was to come then and that e-Gov lists no more goes: its day, or
    its amending law, is another one now.
    """
    followed = (today if index.synced is None else min(today, index.synced.date())).isoformat()
    fetch: list[ListedLaw] = []
    remove: list[str] = [law.law_id for law in found.repealed]
    for law in found.look_at:
        mine = index.revisions.get(law.law_id, {})
        every = [one for one in revisions_of(law) if not one.repealed]
        names = {one.revision_id for one in every}
        last = _last_followed(mine, followed)
        for one in every:
            day = _first_day(one.revision_id)
            missed = last is not None and (day, one.revision_id) > last
            wanted = one.revision_id == law.revision_id or day > today.isoformat() or missed
            if wanted and (one.revision_id not in mine or _newer(one, one, index.synced)):
                fetch.append(one)
        remove += [revision for revision, since in mine.items() if revision not in names and since > followed]
    return Plan(tuple(fetch), tuple(remove))


def moment(text: str) -> datetime | None:
    """The time that ``text`` (ISO) names, in its zone or e-Gov's; None for none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (
        found
        if found.tzinfo
        else datetime.fromisoformat(f"{text}+09:00" if len(text) > 10 else f"{text}T00:00:00+09:00")
    )


def _last_followed(mine: Mapping[str, str], followed: str) -> tuple[str, str] | None:
    """(first day, revision id) of the revision in force when the index followed e-Gov last; of a law that was still to come
    then, its first one. None where the index holds no dated revision: nothing says from when on its text counts."""
    dated = sorted((since, revision) for revision, since in mine.items() if since != ALWAYS)
    return max((one for one in dated if one[0] <= followed), default=dated[0] if dated else None)


def _newer(law: ListedLaw, coming: ListedLaw, synced: datetime | None) -> bool:
    times = [moment(law.updated), moment(coming.updated)]
    return any(time is not None and (synced is None or time > synced) for time in times)


def _first_day(revision_id: str) -> str:
    day = revision_id.split("_")[1]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"
