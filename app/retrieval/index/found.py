"""What words and vectors find in one state of an index, before anything else counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ...core.errors import StaleIndexError
from ..engines.embedder import Vectors
from .qdrant_search import SYNC
from .state import IndexState, View


class Found:
    """Searches one index with one retriever (``bm25``, ``vector`` or ``hybrid``)."""

    def __init__(self, state: IndexState, retriever: str) -> None:
        self._state = state
        self._retriever = retriever
        self._hidden: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}

    def hits(
        self,
        view: View,
        tokens: Sequence[str],
        asked: Vectors | None,
        limit: int,
        day: str,
        laws: tuple[str, ...],
        presence: float,
        second: Sequence[str],
    ) -> dict[str, list[tuple[int, int, float]]]:
        """Ranking → (passage, article, score) best first: one of words, one of vectors; one of both where a server fuses."""
        if self._state.remote is not None:
            words = None if self._retriever == "vector" else tokens
            found = self._state.remote.search(words, asked, limit, date.fromisoformat(day), laws, presence=presence > 0)
            if not self._state.remote.holds(view.generation):
                raise StaleIndexError(f"検索している間に Qdrant が書き換えられました。もう一度検索してください（続くときは {SYNC}）")  # fmt: skip
            return {self._retriever: self._with_articles(found)}
        hidden = self._out_of_view(view.generation, day, laws)
        hits: dict[str, list[tuple[int, int, float]]] = {}
        if self._retriever != "vector":
            hits["bm25"] = self._words(view.searcher, tokens, second, limit, hidden, presence)
        if asked is not None and view.vectors is not None:
            near = view.vectors.search(asked, limit, self._state.store.passages_of(hidden))
            hits["vector"] = self._with_articles({one.passage_id: one.score for one in near})
        return hits

    def _words(
        self,
        searcher: Any,
        tokens: Sequence[str],
        second: Sequence[str],
        limit: int,
        hidden: Sequence[int],
        presence: float,
    ) -> list[tuple[int, int, float]]:
        """(passage, article, score) best first, each passage once."""
        found: dict[int, float] = {}
        for hit in self._state.words.search(searcher, tokens, limit, hidden, presence=presence, words=second):
            found.setdefault(hit.passage_id, hit.score)
        return self._with_articles(found)

    def _with_articles(self, found: Mapping[int, float]) -> list[tuple[int, int, float]]:
        articles = self._state.store.articles_of(list(found))
        # A passage without an article was removed from the store; its words go at the end of the same update.
        return [(number, articles[number], score) for number, score in found.items() if number in articles]

    def _out_of_view(self, generation: str, day: str, laws: tuple[str, ...]) -> list[int]:
        key = (generation, day, laws)
        hidden = self._hidden
        if key not in hidden:
            self._hidden = hidden = {key: self._state.store.out_of_view(day, laws)}
        return hidden[key]
