"""Brings a Qdrant collection to the state of an index: the store says what should be there, the collection what is.

Nothing is remembered of earlier work: what a killed or failed run left is seen in the documents themselves and mended by
the next one. While documents change, the collection's state names no generation, so that no search trusts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.locks import folder_lock
from ..engines.bm25_weights import document_weights, sparse
from ..engines.lexical import PRESENCE, LexicalIndex
from ..engines.qdrant_collection import POINTS_PER_PASSAGE, Document, QdrantAddress, QdrantCollection
from ..engines.vectors import VectorIndex
from ..store.passages import StoredPassage, searched_passages
from ..store.store import Store
from ..text.tokens import tokenize
from .embedding_passages import open_vectors
from .manifest import Manifest, read_manifest
from .qdrant_search import weights_facts
from .searched_texts import passage_texts

DOCUMENTS_AT_ONCE = 500
SAMPLE = 2_000  # documents in which a token that stands in one of seven surely comes up


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision as the collection should hold it."""

    rev: int
    law_id: str
    valid_from: str  # ISO dates
    valid_to: str
    documents: int

    @property
    def dates(self) -> dict[str, Any]:
        """The payload that changes when another revision of the law comes or goes."""
        return {
            "valid_from": day_number(self.valid_from),
            "valid_to": day_number(self.valid_to),
            "version": f"{self.rev} {self.valid_from} {self.valid_to}",
        }


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, in revision numbers; ``remove`` comes first."""

    remove: tuple[int, ...]
    redate: tuple[int, ...]
    add: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What was done, in revisions and documents."""

    added: int
    removed: int
    redated: int
    documents: int  # written


def day_number(day: str) -> int:
    """``2024-04-01`` → 20240401."""
    return int(day.replace("-", ""))


def plan(wanted: Sequence[Revision], held: dict[str, int]) -> Work:
    """What makes ``held`` (version → documents) into ``wanted``: whole revisions are replaced, dates set."""
    versions: dict[int, list[str]] = {}
    documents: Counter[int] = Counter()
    for version, count in held.items():
        rev = int(version.split()[0])
        versions.setdefault(rev, []).append(version)
        documents[rev] += count
    right = {one.rev: one for one in wanted if documents[one.rev] == one.documents}
    return Work(
        remove=tuple(rev for rev in sorted(versions) if rev not in right),
        redate=tuple(rev for rev in sorted(right) if versions.get(rev, []) != [right[rev].dates["version"]] and rev in versions),
        add=tuple(one.rev for one in wanted if one.rev not in right),
    )  # fmt: skip


def synchronise(
    index_dir: Path,
    address: QdrantAddress,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> SyncResult:
    """Bring the collection of ``index_dir`` at ``address`` to the index's generation; other builds' are deleted after."""
    with folder_lock(index_dir):
        manifest = read_manifest(index_dir)
        folder = index_dir / manifest.folder
        store = Store(folder / "store.sqlite")
        vectors = _vectors(store, folder, manifest)  # first: what cannot be read must not spoil the collection
        collection = QdrantCollection(address, manifest.build_id)
        try:
            state = collection.state()
            if state is None or any(state.get(name) != value for name, value in _kept(manifest).items()):
                collection.create(None if manifest.embedding is None else int(manifest.embedding["width"]))
                centre = {"centre": None if vectors is None else vectors.mean.tolist()}
                state = _kept(manifest) | centre | _corpus_facts(store, folder, watch)
            wanted = _wanted(store)
            work = plan(list(wanted.values()), collection.versions())
            collection.set_state(state | {"generation": None})
            for rev in work.remove:
                collection.remove(rev)
            for rev in work.redate:
                collection.redate(rev, wanted[rev].dates)
            written = 0
            batch: list[Document] = []
            for rev in watch(work.add, "Qdrant"):
                for passage in searched_passages(store, rev):
                    batch.extend(_documents(passage, wanted[rev], float(state["average_length"]), vectors))
                    if len(batch) >= DOCUMENTS_AT_ONCE:
                        collection.add(batch)
                        written += len(batch)
                        batch = []
            if batch:
                collection.add(batch)
                written += len(batch)
            collection.set_state(state | {"generation": store.meta("generation")})
            collection.drop_others()
        finally:
            collection.close()
            store.close()
    return SyncResult(len(work.add), len(set(work.remove) - set(work.add)), len(work.redate), written)


def _kept(manifest: Manifest) -> dict[str, Any]:
    """What cannot change without writing every document again."""
    return {"build_id": manifest.build_id} | weights_facts(manifest)


def _wanted(store: Store) -> dict[int, Revision]:
    rows = store.connection.execute(
        "SELECT rev, law_id, valid_from, valid_to, searched FROM revisions WHERE searched>0 ORDER BY rev"
    )
    return {row[0]: Revision(*row) for row in rows}


def _corpus_facts(store: Store, folder: Path, watch: Callable[[Sequence[Any], str], Iterator[Any]]) -> dict[str, Any]:
    """Mean length of the documents, and the tokens too common to be searched for; both stay until the next build."""
    revs = list(_wanted(store))
    documents = int(store.meta("searched", "0"))
    every = max(1, documents // SAMPLE)
    length = number = 0
    seen: set[str] = set()
    for rev in watch(revs, "文書の長さ"):
        for passage in searched_passages(store, rev):
            for text in passage_texts(passage.law_title, passage.item):
                tokens = tokenize(text)
                length += len(tokens)
                if number % every == 0:
                    seen.update(tokens)
                number += 1
    words = LexicalIndex(folder / "words")
    return {"average_length": max(1, length) / max(1, number), "common": sorted(words.common(words.current(), seen))}


def _vectors(store: Store, folder: Path, manifest: Manifest) -> VectorIndex | None:
    if manifest.embedding is None:
        return None
    return open_vectors(store, folder / "vectors", int(manifest.embedding["width"]))


def _documents(
    passage: StoredPassage, revision: Revision, average_length: float, vectors: VectorIndex | None
) -> Iterator[Document]:
    number = passage.item.passage_id
    payload = {"rev": revision.rev, "law_id": revision.law_id, **revision.dates}
    for place, text in enumerate(passage_texts(passage.law_title, passage.item)):
        # The embedding is of the whole passage: the groups of its items do without.
        tokens = tokenize(text)
        meaning = vectors.centred(number) if vectors is not None and place == 0 else None
        yield Document(
            point_id=number * POINTS_PER_PASSAGE + place,
            words=sparse(document_weights(tokens, average_length)),
            words_plus=sparse(document_weights(tokens, average_length, PRESENCE)),
            meaning=None if meaning is None else meaning.tolist(),
            payload=payload,
        )
