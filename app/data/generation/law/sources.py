"""Which laws questions are made from, in the order of a seed; a law is read only when its turn comes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from ....core.errors import DataError
from ....core.files import sha256_bytes, sha256_file, sha256_text
from ...egov.law import Law
from ...egov.source import LawFile, law_files, read_law
from ...egov.xml import law_id_in

# 法令ID: year, kind of law, number. The Constitution and treaties belong to no kind but all.
LAW_TYPES = {"act": r"\d{3}AC", "order": r"\d{3}CO", "ministerial": r"\d{3}M", "all": r""}
_AMENDS = re.compile(r"(?:の一部を改正する|の施行に伴う|の整備(?:等)?に関する|の廃止に関する|を廃止する|整理に関する)")
_ACT = re.compile(LAW_TYPES["act"])  # no order is one
_TITLE = re.compile(rb"<LawTitle[^>]*>(.*?)</LawTitle>", re.DOTALL)
_TITLE_BYTES = 20_000  # of a file's beginning that are looked at for its title


# What fills in what an Act leaves open is called by the Act's own title.
_ORDERS = ("施行令", "施行規則")


@dataclass(frozen=True, slots=True)
class Family:
    """A law with the orders that fill in what it leaves to them."""

    law: Law
    orders: tuple[Law, ...] = ()


@dataclass(frozen=True, slots=True)
class LawSource:
    """A law that has not been read yet."""

    revision_id: str
    title: Callable[[], str]  # "" where it cannot be told without reading the law
    read: Callable[[], Law]

    @property
    def law_id(self) -> str:
        """The id without the revision."""
        return law_id_in(self.revision_id)


def source_sha256(source: Path) -> str:
    """SHA-256 of a zip or file, or of the names and contents of a folder's laws."""
    if source.is_file():
        return sha256_file(source)
    return sha256_text("\n".join(f"{file.name} {sha256_bytes(file.read())}" for file in law_files(source)))


def file_sources(source: Path) -> list[LawSource]:
    """The laws of a zip, a folder or one XML, sorted by name. Raises DataError where there are none."""
    return [_of_file(file) for file in law_files(source)]


def _of_file(file: LawFile) -> LawSource:
    return LawSource(PurePosixPath(file.name).stem, cache(lambda: _title(file)), lambda: read_law(file))


def _title(file: LawFile) -> str:
    match = _TITLE.search(file.head(_TITLE_BYTES))
    return re.sub(rb"<Rt>.*?</Rt>|<[^>]+>|\s", b"", match[1]).decode("utf-8", "replace") if match else ""


def draw_laws(
    sources: Sequence[LawSource], wanted: Sequence[str], law_type: str, seed: int, where: object
) -> Iterator[Family]:
    """Laws of the sources in random order, each with its orders, those that only amend others left out.

    ``wanted`` are titles or law ids; without any, all laws of the type. A law comes once, on its own or as an order; one
    that is named, on its own. ``where`` names the sources in messages. Raises DataError for a law that is not there or has no articles.
    """
    if wanted:
        chosen = [_find(sources, name, where) for name in dict.fromkeys(wanted)]
    else:
        chosen = [one for one in sources if re.match(LAW_TYPES[law_type], one.revision_id)]
        if not chosen:
            raise DataError(f"{where}: 種類が {law_type} の法令がありません。--law-type all を指定してください。")
    random.Random(seed).shuffle(chosen)  # noqa: S311  # reproducible by seed, no secret
    return _read(chosen, sources, bool(wanted))


def _read(chosen: Sequence[LawSource], sources: Sequence[LawSource], named: bool) -> Iterator[Family]:
    titles: dict[str, LawSource] | None = None
    # So that no law is both held out and shown beside another; one that is named stands on its own.
    drawn: set[str] = {one.law_id for one in chosen} if named else set()
    for one in chosen:
        if one.law_id in drawn and not named:
            continue
        law = one.read()
        if named and not any(article.num for article in law.main.articles):
            raise DataError(f"{law.title}: 条のない法令なので問題を作れません。--laws から外してください。")
        if not named and _AMENDS.search(law.title):
            continue
        if titles is None:
            titles = {source.title(): source for source in sources if not _ACT.match(source.revision_id)}
        orders = [source for ending in _ORDERS if (source := titles.get(law.title + ending))]
        orders = [source for source in orders if source.law_id not in drawn]
        drawn |= {source.law_id for source in (one, *orders)}
        yield Family(law, tuple(source.read() for source in orders))


def _find(sources: Sequence[LawSource], name: str, where: object) -> LawSource:
    for one in sources:
        if name in (one.law_id, one.revision_id):
            return one
    for one in sources:
        if one.title() == name:
            return one
    raise DataError(f"{where}: 法令「{name}」がありません。正式な題名か法令IDを指定してください。")
