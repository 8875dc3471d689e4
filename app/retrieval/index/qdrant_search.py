"""Searches in Qdrant with the words, meaning and filters that the local engines use, and trusts only a collection that
holds the generation of the store that is being read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from ...core.errors import StaleIndexError
from ..engines.bm25_weights import dimension
from ..engines.embedder import Vectors
from ..engines.lexical import MIN_TELLING, PRESENCE, PRESENCE_TOKENS
from ..engines.qdrant_collection import POINTS_PER_PASSAGE, Asked, QdrantAddress, QdrantCollection
from ..text.tokens import TOKENIZER
from .manifest import Manifest

SYNC = "RETRIEVER_STORE=qdrant を付けて scripts/build_index.py --sync で合わせてください。"
WAIT_SECONDS = 10.0  # for an update that is being written


def weights_facts(manifest: Manifest) -> dict[str, Any]:
    """What the sparse and dense vectors of a collection were made with."""
    meaning = None if manifest.embedding is None else {**manifest.embedding, "centred": True}
    return {"tokenizer": TOKENIZER, "presence": PRESENCE, "embedding": meaning}


class QdrantSearch:
    """The documents of one index in Qdrant; safe to share between threads."""

    def __init__(self, address: QdrantAddress, manifest: Manifest) -> None:
        self._collection = QdrantCollection(address, manifest.build_id)
        self._facts = weights_facts(manifest)
        self._common: frozenset[str] = frozenset()
        self._centre: Vectors | None = None

    def wait_for(self, generation: str, seconds: float = WAIT_SECONDS) -> None:
        """Return when the collection holds ``generation``. Raises StaleIndexError if it does not within ``seconds``."""
        until = time.monotonic() + seconds
        while not self.holds(generation):
            if time.monotonic() >= until:
                raise StaleIndexError(self._difference(self._collection.state(), generation))
            time.sleep(0.05)

    def holds(self, generation: str) -> bool:
        """Whether the collection holds just the documents of ``generation``. Raises StaleIndexError if it never will."""
        state = self._collection.state()
        if state is None or not self._same_kind(state):
            raise StaleIndexError(self._difference(state, generation))
        self._common = frozenset(state["common"])
        self._centre = None if state["centre"] is None else np.asarray(state["centre"], dtype=np.float32)
        return bool(state["generation"] == generation)

    def search(
        self,
        tokens: Sequence[str] | None,
        asked: Vectors | None,
        limit: int,
        day: date,
        law_ids: Sequence[str] = (),
        *,
        presence: bool = True,
    ) -> dict[int, float]:
        """Passage → score of its best document, best first; by words, by meaning, or by both when both are given.

        ``presence`` allows BM25+ for a query short enough for it, as in the word index.
        """
        telling = [] if tokens is None else self._telling(tokens)
        found = self._collection.search(
            Asked(
                words=None if tokens is None else sorted({dimension(token) for token in telling}),
                plus=presence and len(telling) <= PRESENCE_TOKENS,
                meaning=None if asked is None or self._centre is None else (asked - self._centre).tolist(),
                day=int(day.strftime("%Y%m%d")),
                law_ids=tuple(law_ids),
                limit=limit,
            )
        )
        best: dict[int, float] = {}
        for point, score in found:
            best.setdefault(point // POINTS_PER_PASSAGE, score)
        return best

    def _telling(self, tokens: Sequence[str]) -> list[str]:
        """As LexicalIndex does it: without the tokens that stand nearly everywhere, unless little else is left."""
        every = list(dict.fromkeys(tokens))
        telling = [token for token in every if token not in self._common]
        return telling if len(telling) >= MIN_TELLING else every

    def _same_kind(self, state: dict[str, Any]) -> bool:
        return all(state.get(name) == value for name, value in self._facts.items())

    def _difference(self, state: dict[str, Any] | None, generation: str) -> str:
        name, url = self._collection.name, self._collection.address.url
        if state is None:
            return f"Qdrant {url} に、この索引のコレクション {name} がありません。{SYNC}"
        if not self._same_kind(state):
            return f"Qdrant の {name} は、語の切り方・重みか埋め込みモデルが索引と違います。{SYNC}"
        held = "書き換えの途中" if state["generation"] is None else f"世代 {state['generation']} "
        return f"Qdrant の {name} は{held}で、索引の世代 {generation} と違います。{SYNC}"
