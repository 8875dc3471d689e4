"""Store, words and vectors of an index folder as of one commit, whatever is committed while they are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import StaleIndexError
from ..engines.embedder import Embedder
from ..engines.lexical import LexicalIndex
from ..engines.vectors import VectorIndex
from ..engines.word_files import check_word_files
from ..store.store import Store
from .embedding_passages import check_model, open_vectors
from .manifest import REBUILD, Manifest
from .qdrant_search import QdrantSearch
from .updating import clear_interrupted


@dataclass(frozen=True, slots=True)
class View:
    """Store and words as of one commit."""

    generation: str
    searcher: Any
    vectors: VectorIndex | None


class IndexState:
    """What can be read of one index folder; safe to share between threads.

    ``embedder`` is that of the vectors, if they are searched; with ``remote`` of the folder only the store is read.
    """

    def __init__(
        self, index_dir: Path, manifest: Manifest, embedder: Embedder | None, remote: QdrantSearch | None
    ) -> None:
        """Raises StaleIndexError where the folder's parts are not of one build, or incomplete."""
        self.index_dir = index_dir
        self.folder = folder = index_dir / manifest.folder
        self.remote = remote
        self._embedder = embedder
        self.store = Store(folder / "store.sqlite")
        self._lock = threading.Lock()
        self._newest: View | None = None
        self._mine = threading.local()
        if self.store.meta("build_id") != manifest.build_id:
            raise StaleIndexError(f"{index_dir}: 台帳と索引の本体が別の回に作られたものです。{REBUILD}")
        self.store.check_counts(manifest.counts)
        if remote is None:
            check_word_files(folder / "words")
        with self.reading() as view:
            if remote is not None:
                return
            if view.vectors is not None and embedder is not None:
                check_model(self.store, view.vectors, embedder)
            found, expected = int(view.searcher.num_docs), int(self.store.meta("searched", "0"))
            if found < expected:
                raise StaleIndexError(f"{index_dir}: 語の索引が欠けています（{found:,} / {expected:,} 項）。{REBUILD}")
        if found > expected:
            self._without_leftovers(folder)

    def _without_leftovers(self, folder: Path) -> None:
        """Words that the store does not know are of an update that goes on, or that was killed: those are deleted."""
        if clear_interrupted(self.index_dir, folder):
            log(f"{self.index_dir}: 途中で終わった更新の残りを片付けました。")
            with self._lock:
                self._newest = None
        else:
            log(
                f"注意: {self.index_dir}: 更新中か、途中で終わった更新の残りがあり、検索の点数が少し変わることがあります。"
                "書き込める利用者が検索か build_index.py を実行すると片付きます。"
            )

    @cached_property
    def words(self) -> LexicalIndex:
        """The word index of the folder."""
        return LexicalIndex(self.folder / "words")

    @contextmanager
    def reading(self) -> Iterator[View]:
        """Store and words as of one commit for the whole block, whatever is committed meanwhile."""
        held: View | None = getattr(self._mine, "view", None)
        if held is not None:
            yield held
            return
        while True:
            view = self._refreshed()
            with self.store.snapshot():
                if self.store.meta("generation") != view.generation:
                    continue  # an update was committed in between
                self._mine.view = view
                try:
                    yield view
                finally:
                    self._mine.view = None
                return

    def _refreshed(self) -> View:
        """A searcher that holds the words of the store's present generation.

        An update commits its words before the store and deletes old words after it; so a searcher loaded while the
        generation stayed the same has every word of that generation.
        """
        with self._lock:
            while True:
                before = self.store.meta("generation")
                if self._newest is not None and self._newest.generation == before:
                    return self._newest
                if self.remote is not None:
                    self.remote.wait_for(before)
                searcher = None if self.remote is not None else self.words.current()
                vectors = self._vectors()
                if self.store.meta("generation") == before:
                    self._newest = View(before, searcher, vectors)

    def _vectors(self) -> VectorIndex | None:
        if self._embedder is None or self.remote is not None:
            return None
        return open_vectors(self.store, self.folder / "vectors", self._embedder.width)
