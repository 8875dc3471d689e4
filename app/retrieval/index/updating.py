"""Adds, replaces and removes laws in an index that is in use, each update one commit across store and words.

The store's commit is the moment that counts. Before it, new words are written that no reader can resolve; after it, old
words are deleted that no reader can resolve any more. What a kill leaves between is cleared by the next update.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from ...core.errors import BusyError, DataError
from ...core.files import sha256_bytes
from ...core.locks import folder_lock
from ...core.outputs import clear_remains
from ...data.egov.law import Law
from ...data.egov.source import law_files
from ...data.egov.xml import parse_law
from ..engines.embedder import Embedder
from ..engines.lexical import LexicalWriter
from ..engines.sudachi import Words
from ..store.derived import add_citations, add_names
from ..store.revisions import add_law, remove_revision, set_searched
from ..store.store import Store
from .building import corpus_hash
from .embedding_passages import check_model, embed_missing, open_vectors, vector_state
from .manifest import check_embedder, check_words, fingerprint, read_manifest, write_manifest
from .searched_texts import index_passages
from .settings import Scope

UPDATE_HEAP_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What an update did, in revisions."""

    added: int
    replaced: int
    removed: int
    unchanged: int  # the same revision with the same XML was there already
    redated: tuple[str, ...] = ()  # revisions that were to come on another day than they do now, and went with this
    repealed: tuple[str, ...] = ()  # ids of the laws that went because they are repealed


def update_index(
    index_dir: Path,
    *,
    add: Path | None = None,
    remove: Sequence[str] = (),
    embedder: Embedder | None = None,
    second: Words | None = None,
    facts: Mapping[str, str] | None = None,
    redate: bool = True,
) -> UpdateResult:
    """Add or replace the laws in ``add`` (zip, folder or file) and remove those named in ``remove``, in one commit.

    An earlier revision of an added law stays, valid until the new one is; but one that was still to come by the same
    amending law and comes on another day now goes (not with ``redate`` off: ``remove`` then names them all). A law whose file says that it is repealed goes whole. ``remove``
    takes law ids (all revisions) and revision ids; ``facts`` are written to the store's meta with the same commit. An
    index with vectors needs the ``embedder`` it was built with, one with a second field ``second``. Everything is read
    before anything is written; raises DataError for an unreadable law or unknown id.
    """
    with _no_collector():
        laws = _read(add) if add is not None else []
        read_manifest(index_dir)  # before the lock, which would make the folder
        with folder_lock(index_dir):
            manifest = read_manifest(index_dir)
            folder = index_dir / manifest.folder
            check_embedder(index_dir, manifest, embedder)
            check_words(index_dir, manifest, second)
            store = Store(folder / "store.sqlite", writable=True)
            words = LexicalWriter(folder / "words", heap_bytes=UPDATE_HEAP_BYTES)
            try:
                if embedder is not None and vector_state(store).rows:
                    check_model(store, open_vectors(store, folder / "vectors", embedder.width), embedder)
                _clear_leftovers(store, words)
                scope: Scope = "all" if manifest.embedding is None else manifest.embedding["scope"]
                vectors = folder / "vectors"
                result = _update(store, words, laws, remove, vectors, embedder, scope, second, facts or {}, redate)
                _clear_leftovers(store, words)
            finally:
                words.close()
                store.close()
            if add is not None and str(add.resolve()) == manifest.source:
                write_manifest(index_dir, replace(manifest, source_fingerprint=fingerprint(add)))
            clear_remains(index_dir)
    return result


@contextmanager
def _no_collector() -> Iterator[None]:
    """No cyclic garbage collection inside: a large law makes 100,000s of objects without a cycle, and walking them
    again and again took a fifth of the update's time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _read(source: Path) -> list[tuple[Law, str]]:
    laws: list[tuple[Law, str]] = []
    for file in law_files(source):
        data = file.read()
        if any(PurePosixPath(file.name).stem == law.revision_id for law, _ in laws):
            raise DataError(f"{source}: 同じ版 {PurePosixPath(file.name).stem} が二つあります。一つにしてください。")
        laws.append((parse_law(data, PurePosixPath(file.name).name), sha256_bytes(data)))
    return laws


def clear_interrupted(index_dir: Path, folder: Path) -> bool:
    """Delete what a killed update left in the words of the generation ``folder``: it counts in every score.

    Returns False when another process is writing, or this one may not: then nothing is done.
    """
    if not os.access(folder / "words", os.W_OK):
        return False
    try:
        with folder_lock(index_dir):
            store = Store(folder / "store.sqlite", writable=True)
            words = LexicalWriter(folder / "words", heap_bytes=UPDATE_HEAP_BYTES)
            try:
                _clear_leftovers(store, words)
            finally:
                words.close()
                store.close()
    except BusyError:
        return False
    return True


def _clear_leftovers(store: Store, words: LexicalWriter) -> None:
    """Delete words whose revision is not (or no longer) in the store."""
    connection = store.connection
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name='revisions'").fetchone()
    words.delete_revisions_after(int(row[0]) if row else 0)
    gone = [rev for (rev,) in connection.execute("SELECT rev FROM removed")]
    for rev in gone:
        words.delete_revision(rev)
    words.commit()
    connection.executemany("DELETE FROM removed WHERE rev=?", [(rev,) for rev in gone])


def _update(
    store: Store,
    words: LexicalWriter,
    laws: Sequence[tuple[Law, str]],
    remove: Sequence[str],
    vectors: Path,
    embedder: Embedder | None,
    scope: Scope,
    second: Words | None,
    facts: Mapping[str, str],
    redate: bool,
) -> UpdateResult:
    today = date.today().isoformat()
    # A repeal that comes later leaves the law as it is until then.
    repealed = tuple(dict.fromkeys(law.law_id for law, _ in laws if law.repealed and (law.valid_from or "") <= today))
    laws = [(law, sha256) for law, sha256 in laws if not law.repealed and law.law_id not in repealed]
    added = replaced = unchanged = 0
    with store.transaction() as connection:
        searched = int(store.meta("searched"))
        known = dict(connection.execute("SELECT revision_id, sha256 FROM revisions").fetchall())
        gone = _revisions(store, remove)
        gone += [one for law_id in repealed for one, _, _ in store.revisions_of(law_id)]
        redated = _redated(store, [law for law, _ in laws], today) if redate else []
        gone = list(dict.fromkeys([*gone, *redated]))
        changed: list[str] = []
        for law, sha256 in laws:
            if known.get(law.revision_id) == sha256:
                unchanged += 1
                continue
            if law.revision_id in known:
                gone.append(law.revision_id)
                replaced += 1
            else:
                added += 1
        thinned = store.laws_of(gone)
        dropped = [remove_revision(store, revision_id) for revision_id in gone]
        for rev in dropped:
            if rev is not None:
                searched -= int(connection.execute("SELECT searched FROM removed WHERE rev=?", (rev,)).fetchone()[0])
        for law, sha256 in laws:
            if known.get(law.revision_id) == sha256:
                continue
            rev, written = add_law(store, law, sha256)
            count = index_passages(words, rev, law, written, second)
            set_searched(store, rev, count)
            searched += count
            changed.append(law.law_id)
        renamed = [law_id for law_id in {*changed, *thinned} if store.revisions_of(law_id)]
        add_names(store, sorted(renamed))
        add_citations(store, sorted(set(changed)))
        if embedder is not None:
            embed_missing(store, vectors, embedder, scope)
        words.commit()
        store.set_meta("searched", str(searched))
        store.set_meta("generation", str(int(store.meta("generation")) + 1))
        store.set_meta("corpus_sha256", corpus_hash(store))
        store.record_counts()
        for name, value in facts.items():
            store.set_meta(name, value)
    return UpdateResult(added, replaced, len(gone) - replaced, unchanged, tuple(redated), repealed)


def _redated(store: Store, laws: Sequence[Law], today: str) -> list[str]:
    """Revisions still to come that ``laws`` bring on another day: same law, same amending law, not among ``laws``.

    An amending law may come into force in steps, so only as many go as there are new days of it, the nearest first.
    """
    coming = {law.revision_id for law in laws}
    promised: dict[tuple[str, str], list[tuple[str, str]]] = {}
    new: dict[tuple[str, str], list[str]] = {}
    for law in laws:
        known = store.revisions_of(law.law_id)
        key = (law.law_id, _amending(law.revision_id))
        if key[1].strip("0") and law.valid_from and law.revision_id not in {one for one, _, _ in known}:
            new.setdefault(key, []).append(law.valid_from)
            promised[key] = [
                (since, one) for one, since, _ in known
                if since > today and _amending(one) == key[1] and one not in coming
            ]  # fmt: skip
    gone: list[str] = []
    for key, days in new.items():
        left = promised[key]
        for day in sorted(days):
            if left:
                nearest = min(left, key=lambda row: abs(_days(row[0]) - _days(day)))
                left.remove(nearest)
                gone.append(nearest[1])
    return gone


def _amending(revision_id: str) -> str:
    return revision_id.rsplit("_", 1)[-1]


def _days(day: str) -> int:
    return date.fromisoformat(day).toordinal()


def _revisions(store: Store, named: Sequence[str]) -> list[str]:
    found: list[str] = []
    unknown: list[str] = []
    for name in named:
        rows = store.connection.execute(
            "SELECT revision_id FROM revisions WHERE revision_id=? OR law_id=?", (name, name)
        ).fetchall()
        found.extend(row[0] for row in rows)
        if not rows:
            unknown.append(name)
    if unknown:
        raise DataError(f"索引に {', '.join(unknown)} がありません。法令IDか履歴IDを確かめてください。")
    return found
