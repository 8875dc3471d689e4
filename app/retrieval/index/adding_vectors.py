"""Gives an index that is in use vectors, or more of them, without building it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.locks import folder_lock
from ..engines.embedder import Embedder
from ..store.store import Store
from .building import vector_facts
from .embedding_passages import embed_missing
from .manifest import check_embedder, read_manifest, write_manifest
from .settings import SCOPES, Scope


def add_vectors(
    index_dir: Path,
    embedder: Embedder,
    scope: Scope,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> int:
    """Embed what ``scope`` asks for and the index lacks; returns how many texts.

    Each batch counts as soon as it is written, so a killed run goes on where it stopped. The manifest names the vectors
    when they are whole: until then ``vector`` and ``hybrid`` refuse an index that had none. A scope that was reached
    stays. Raises StaleIndexError when the vectors that are there are another model's.
    """
    read_manifest(index_dir)  # before the lock, which would make the folder
    with folder_lock(index_dir):
        manifest = read_manifest(index_dir)
        if manifest.embedding is not None:
            check_embedder(index_dir, manifest, embedder)
            scope = max(scope, manifest.embedding["scope"], key=SCOPES.index)
        folder = index_dir / manifest.folder
        store = Store(folder / "store.sqlite", writable=True)
        try:
            embedded = embed_missing(store, folder / "vectors", embedder, scope, watch)
            facts = vector_facts(embedder, scope)
            if embedded or manifest.embedding is None:
                with store.transaction():
                    # Programs that have the index open load the rows of the new generation.
                    store.set_meta("generation", str(int(store.meta("generation")) + 1))
            if manifest.embedding != facts:
                write_manifest(index_dir, replace(manifest, embedding=facts))
        finally:
            store.close()
    return embedded
