"""The history of a step's storages, section by section, and the history of a deep model out of a shallow one's.

Every layer of these models is alike, so what a middle layer of a shallow simulation does (what is born, what dies, and
of which neighbour) is what every further layer does. The deepened history equals the one of a full simulation event by
event (tested), in a tenth of the time; peaks and the allocator's replay are then read off it as off a full one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

# Layers that are simulated, and the one that further layers are copies of. Its neighbours on both sides are themselves
# between others: the first layer and the last do other things than the rest.
SIMULATED_LAYERS = 5
COPIED_LAYER = 2


class Event(NamedTuple):
    """A storage is born (``size`` > 0), is counted as another category from now on, or dies (neither).

    ``size`` in bytes, a multiple of the allocator's 512.
    """

    number: int
    size: int = 0
    category: str = ""


@dataclass(slots=True)
class Section:
    """Events in a row that belong to one phase and, within a ``loop`` over the layers, to one ``layer``."""

    phase: str
    loop: str = ""
    layer: int | None = None
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class PhasePeak:
    """The most that was live at one time: bytes in all, and by category."""

    total: int = 0
    categories: dict[str, int] = field(default_factory=dict)


def peaks_by_phase(sections: Iterable[Section]) -> dict[str, PhasePeak]:
    """The peak of each phase, what was live when it began included; phases in their order."""
    peaks: dict[str, PhasePeak] = {}
    live: dict[int, tuple[int, str]] = {}
    now = PhasePeak()

    def note(phase: str) -> None:
        peak = peaks.get(phase)
        if peak is None or now.total > peak.total:
            peaks[phase] = PhasePeak(now.total, dict(now.categories))

    def add(size: int, category: str) -> None:
        now.total += size
        now.categories[category] = now.categories.get(category, 0) + size

    for section in sections:
        note(section.phase)
        for number, size, category in section.events:
            if size:
                live[number] = (size, category)
                add(size, category)
                note(section.phase)
                continue
            held, before = live.pop(number)
            add(-held, before)
            if category:
                live[number] = (held, category)
                add(held, category)
    return peaks


def settled(events: Iterable[Event]) -> list[Event]:
    """The events with deaths that follow each other in the order of the births.

    They leave the allocator the same blocks in any order, and some come in the order of a hash table: autocast lets go
    of all its copies of weights at once.
    """
    done: list[Event] = []
    for dying, group in groupby(events, key=lambda event: not event.size and not event.category):
        run = list(group)
        done += sorted(run) if dying else run
    return done


def births_and_deaths(sections: Iterable[Section]) -> Iterator[tuple[int, int]]:
    """What the allocator sees: (number, bytes) and (number, 0), in order."""
    for section in sections:
        for number, size, category in section.events:
            if size or not category:
                yield number, size


class _Owner(NamedTuple):
    """Where a storage was born: which one of a loop's section of a layer."""

    loop: str
    layer: int
    place: int


def deepen(sections: Sequence[Section], layers: int) -> list[Section]:
    """The history of a model of ``layers`` out of that of one of ``SIMULATED_LAYERS``.

    Raises ValueError where the copied layer refers to another than its neighbours: then it cannot stand for others.
    """
    more = layers - SIMULATED_LAYERS
    if more <= 0:
        raise ValueError(f"{layers} layers are not more than the {SIMULATED_LAYERS} that were simulated")
    owners = _owners(sections)
    order = _in_order(sections, more)
    numbers: dict[
        _Owner | int, int
    ] = {}  # new numbers, by where a storage is born, or by the old one outside the layers
    made: list[Section] = []
    for section, layer in order:
        events: list[Event] = []
        place = 0
        for event in section.events:
            if event.size:
                key: _Owner | int = event.number
                if layer is not None:
                    key = _Owner(section.loop, layer, place)
                    place += 1
                numbers[key] = len(numbers) + 1
                events.append(event._replace(number=numbers[key]))
                continue
            owner = owners.get(event.number)
            keys = [event.number] if owner is None else _meant(owner, section.layer, layer, more)
            events += [event._replace(number=numbers[key]) for key in keys]
        made.append(Section(section.phase, section.loop, layer, settled(events)))
    return made


def _owners(sections: Sequence[Section]) -> dict[int, _Owner]:
    owners: dict[int, _Owner] = {}
    for section in sections:
        if section.layer is not None:
            born = [event.number for event in section.events if event.size]
            owners |= {number: _Owner(section.loop, section.layer, place) for place, number in enumerate(born)}
    return owners


def _in_order(sections: Sequence[Section], more: int) -> list[tuple[Section, int | None]]:
    """Each section with its layer in the deep model; copies between the copied layer and the one above it."""
    seen: set[str] = set()  # loops in which the layer above the copied one has been
    order: list[tuple[Section, int | None]] = []
    for section in sections:
        if section.layer == COPIED_LAYER:
            copies = range(COPIED_LAYER + 1, COPIED_LAYER + 1 + more)
            if section.loop in seen:  # from the last layer to the first
                order += [(section, layer) for layer in (*reversed(copies), COPIED_LAYER)]
            else:
                order += [(section, layer) for layer in (COPIED_LAYER, *copies)]
            continue
        if section.layer == COPIED_LAYER + 1:
            seen.add(section.loop)
        order.append((section, None if section.layer is None else _moved(section.layer, more)))
    return order


def _moved(layer: int, more: int) -> int:
    return layer if layer <= COPIED_LAYER else layer + more


def _meant(owner: _Owner, old: int | None, new: int | None, more: int) -> list[_Owner | int]:
    """The storages that an event of layer ``old``, standing for ``new``, is about when it was about ``owner``."""
    if old is None or new is None:
        # Outside the layers: what happens to the copied layer's storage happens to each copy's.
        first = _moved(owner.layer, more)
        last = first + more if owner.layer == COPIED_LAYER else first
        return [owner._replace(layer=layer) for layer in range(first, last + 1)]
    if old == COPIED_LAYER and abs(owner.layer - old) > 1:
        raise ValueError(f"layer {old} refers to layer {owner.layer}")
    return [owner._replace(layer=new + owner.layer - old)]
