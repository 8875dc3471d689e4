"""Builds an index: law files → store and word index, in batches that survive a kill, then one switch.

The order within a batch is words first, store second: the store's commit is what counts. After a kill the words of a
batch whose store part is missing are deleted again, and the build goes on with the first law that the store lacks.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import DataError, UserError
from ...core.files import read_json, sha256_bytes, sha256_text, write_json
from ...core.locks import folder_lock
from ...core.manifests import now
from ...core.outputs import clear_remains
from ...data.egov.download import fetched_at
from ...data.egov.source import LawFile, law_files
from ...data.egov.xml import law_id_in, parse_law, revision_date, title_in
from ..engines.embedder import Embedder
from ..engines.lexical import LexicalWriter
from ..engines.sudachi import Words
from ..store.derived import add_citations, add_names
from ..store.revisions import add_law, remove_revision, set_searched, take_removed
from ..store.rows import ALWAYS, STORE_FORMAT
from ..store.store import Store
from ..text.tokens import TOKENIZER
from .embedding_passages import embed_missing
from .folder import BUILDING, check_index_folder, generations, remove_generation
from .manifest import Manifest, engine, fingerprint, same_plan, write_manifest
from .searched_texts import index_passages
from .settings import Scope

BATCH_PASSAGES = 20_000
# Called with the items of a step and its name; yields the items while it shows how far the step is.
Watch = Callable[[Sequence[Any], str], Iterator[Any]]


def _unwatched(items: Sequence[Any], _label: str) -> Iterator[Any]:
    return iter(items)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did."""

    counts: dict[str, int]
    unreadable: tuple[str, ...]
    notes: int  # laws with elements that were not where the schema puts them
    resumed: int  # laws that an interrupted build had already finished
    dropped: tuple[tuple[str, str], ...]  # (law id, title) of laws without a revision in force on ``as_of``
    repealed: tuple[str, ...]  # repealed laws that were left out, with how


def build_index(
    source: Path,
    index_dir: Path,
    *,
    laws: Sequence[str] = (),
    as_of: date | None = None,
    skip_unreadable: bool = False,
    run: dict[str, Any] | None = None,
    embedder: Embedder | None = None,
    scope: Scope = "all",
    second: Words | None = None,
    watch: Watch = _unwatched,
) -> BuildResult:
    """Build the index of ``source`` in ``index_dir``; the old index stays until the new one is whole.

    ``embedder`` adds vectors of ``scope`` for ``vector`` and ``hybrid`` search, ``second`` a field of words. ``laws`` keeps only these law ids, ``as_of`` only the
    revision of each law in force on that day. ``watch(items, label)`` yields the items and may show progress. Raises
    DataError when a file is unreadable (unless ``skip_unreadable``), an asked law is not there or nothing is in force.
    """
    source = source.resolve()
    files = law_files(source)
    if laws:
        files = [file for file in files if _law_id(file) in set(laws)]
        missing = sorted(set(laws) - {_law_id(file) for file in files})
        if missing:
            raise DataError(f"{source}: 指定された法令ID {', '.join(missing)} がありません。")
    whole = files
    if as_of is not None:
        files = in_force(files, as_of)
        if not files:
            raise DataError(f"{source}: {as_of} に施行されている法令がありません。--as-of を確かめてください。")
    check_index_folder(index_dir)
    with folder_lock(index_dir):
        plan = [
            STORE_FORMAT,
            TOKENIZER,
            engine(),
            str(source),
            fingerprint(source),
            sorted(laws),
            None if as_of is None else as_of.isoformat(),
            skip_unreadable,
            vector_facts(embedder, scope),
            None if second is None else second.version,
        ]
        building = index_dir / BUILDING
        store, words, resumed = _open_building(building, plan, second_field=second is not None)
        unreadable, repealed = _fill(store, words, files, skip_unreadable, watch, second)
        if not store.counts()["laws"]:  # nothing would ever be found in it
            store.close()
            words.close()
            raise DataError(f"{source}: 読めて、いまある法令が一つもありません（{(*unreadable, *repealed)[0]}）。")
        dropped = _dropped(whole, files)
        with store.transaction():
            add_names(store)
        law_ids = [law_id for (law_id,) in store.connection.execute("SELECT law_id FROM laws ORDER BY law_id")]
        with store.transaction():
            add_citations(store, law_ids, lambda some: watch(some, "引用"))
        build_id = secrets.token_hex(8)
        if embedder is not None:
            embed_missing(store, building / "vectors", embedder, scope, watch)
        with store.transaction():
            _finish(store, build_id)
        counts = store.counts() | {"searched": int(store.meta("searched", "0"))}
        notes = store.connection.execute("SELECT count(*) FROM revisions WHERE notes<>'[]'").fetchone()[0]
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        words.close()
        folder = f"gen-{build_id}"
        earlier = generations(index_dir)
        (building / "plan.json").unlink()
        building.rename(index_dir / folder)
        write_manifest(
            index_dir,
            Manifest(
                folder=folder,
                build_id=build_id,
                store_format=STORE_FORMAT,
                tokenizer=TOKENIZER,
                engine=engine(),
                source=str(source),
                source_fingerprint=str(plan[4]),
                laws=tuple(sorted(laws)),
                counts=counts,
                unreadable=tuple(unreadable),
                run=(run or {}) | {"finished_at": now(), "source_fetched_at": fetched_at(source)},
                embedding=vector_facts(embedder, scope),
                sudachi=None if second is None else second.version,
                as_of=None if as_of is None else as_of.isoformat(),
                dropped=dropped,
                repealed=repealed,
            ),
        )
        for old in earlier:
            remove_generation(old)
        clear_remains(index_dir)
    return BuildResult(counts, tuple(unreadable), int(notes), resumed, dropped, repealed)


def vector_facts(embedder: Embedder | None, scope: Scope) -> dict[str, Any] | None:
    """What the manifest says of the vectors."""
    return None if embedder is None else {"model": embedder.name, "width": embedder.width, "scope": scope}


def _law_id(file: LawFile) -> str:
    return law_id_in(PurePosixPath(file.name).stem)


def in_force(files: Sequence[LawFile], day: date) -> list[LawFile]:
    """Of each law the file whose revision is in force on ``day``; a law that only came later has none.

    The date is the one in the revision id (``…_20240401_…``); a file without one has always been in force.
    """
    dated = sorted(
        (revision_date(stem) or ALWAYS, stem, file.name) for file in files for stem in [PurePosixPath(file.name).stem]
    )
    law_ids = {file.name: _law_id(file) for file in files}
    newest = {law_ids[name]: name for since, _, name in dated if since <= day.isoformat()}
    kept = set(newest.values())
    return [file for file in files if file.name in kept]


def _open_building(building: Path, plan: Sequence[Any], *, second_field: bool) -> tuple[Store, LexicalWriter, int]:
    if building.exists():
        try:
            if same_plan(read_json(building / "plan.json"), plan):
                store = Store(building / "store.sqlite", writable=True)
                words = LexicalWriter(building / "words")
                (last,) = store.connection.execute("SELECT coalesce(max(rev), 0) FROM revisions").fetchone()
                words.delete_revisions_after(last)
                words.commit()
                return store, words, store.counts()["revisions"]
        except (UserError, sqlite3.Error, ValueError):
            pass  # what a kill left is not usable: begin again
        remove_generation(building)
    store = Store.create(building / "store.sqlite")
    words = LexicalWriter(building / "words", create=True, second_field=second_field)
    # The plan comes last: without it the folder is taken for unfinished and thrown away.
    write_json(building / "plan.json", list(plan))
    return store, words, 0


def _fill(
    store: Store,
    words: LexicalWriter,
    files: Sequence[LawFile],
    skip_unreadable: bool,
    watch: Watch,
    second: Words | None,
) -> tuple[list[str], tuple[str, ...]]:
    """Write the files that the store lacks; returns why files were unreadable, and the repealed laws left out."""
    done = {name for (name,) in store.connection.execute("SELECT revision_id FROM revisions")}
    searched = int(store.meta("searched", "0"))
    unreadable: list[str] = []
    repealed: list[str] = []
    gone: set[str] = set()
    pending = 0
    store.connection.execute("BEGIN IMMEDIATE")
    for file in watch([file for file in files if PurePosixPath(file.name).stem not in done], "法令"):
        try:
            data = file.read()
            law = parse_law(data, PurePosixPath(file.name).name)
        except DataError as error:
            if not skip_unreadable:
                raise DataError(f"{error}（読めない法令を除いて作るには --skip-unreadable を付けてください）") from None
            unreadable.append(str(error))
            continue
        if law.revision_id in done:
            raise DataError(f"{file.name}: 同じ版 {law.revision_id} が二つあります。一つにしてください。")
        if law.repealed:
            if (law.valid_from or "") <= date.today().isoformat():  # else it is law until then
                repealed.append(f"{law.title}（{law.law_id}、{law.repealed}）")
                gone.add(law.law_id)
            continue
        done.add(law.revision_id)
        rev, written = add_law(store, law, sha256_bytes(data))
        count = index_passages(words, rev, law, written, second)
        set_searched(store, rev, count)
        searched += count
        pending += len(written)
        if pending >= BATCH_PASSAGES:
            _commit(store, words, searched)
            store.connection.execute("BEGIN IMMEDIATE")
            pending = 0
    for law_id in gone:  # an earlier revision of it may have been written
        for revision_id, _, _ in store.revisions_of(law_id):
            number = remove_revision(store, revision_id)
            assert number is not None  # just listed
            words.delete_revision(number)
            searched -= take_removed(store, number)
    _commit(store, words, searched)
    return unreadable, tuple(repealed)


def _dropped(whole: Sequence[LawFile], kept: Sequence[LawFile]) -> tuple[tuple[str, str], ...]:
    """(law id, title) of the laws of which no file was kept, by title."""
    there = {_law_id(file) for file in kept}
    gone = {_law_id(file): file for file in whole if _law_id(file) not in there}
    return tuple(sorted(((law_id, title_in(file.read())) for law_id, file in gone.items()), key=lambda law: law[1]))


def _commit(store: Store, words: LexicalWriter, searched: int) -> None:
    words.commit()
    store.set_meta("searched", str(searched))
    store.connection.execute("COMMIT")


def _finish(store: Store, build_id: str) -> None:
    store.set_meta("build_id", build_id)
    store.set_meta("generation", "1")
    store.set_meta("corpus_sha256", corpus_hash(store))
    store.record_counts()


def corpus_hash(store: Store) -> str:
    """Hash of every revision id and the hash of its XML."""
    rows = store.connection.execute("SELECT revision_id, sha256 FROM revisions ORDER BY revision_id")
    return sha256_text("\n".join(f"{revision} {digest}" for revision, digest in rows))
