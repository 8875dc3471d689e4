"""What questions are trained against: the vectors of their articles, and of many others of the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import StaleIndexError
from ...data.provisions import law_key
from ..engines.embedder import Embedder, Vectors
from ..index.embedding_passages import BATCH, article_texts, open_vectors, vector_state
from ..store.store import Store
from .pairs import Pair, first_passages
from .query_training import Asked

OTHERS = 20_000  # articles that no pair is of: more of them take longer than they are worth


@dataclass(frozen=True, slots=True)
class ArticleVectors:
    """Articles to train against.

    articles  a row each: its vector less ``mean``, of length 1
    mean      centre of the index's vectors
    pairs     the pairs whose article the index has, each with its row
    """

    articles: Vectors
    mean: Vectors
    pairs: list[Asked]


def article_vectors(
    store: Store,
    generation: Path,
    embedder: Embedder,
    pairs: Sequence[Pair],
    seed: int,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> ArticleVectors:
    """The vectors of an index that has some, made now for those articles of the pairs that have none (an order's).

    Raises StaleIndexError where the index's are not whole, or none.
    """
    vectors = open_vectors(store, generation / "vectors", embedder.width)
    if not len(vectors.passage_ids):
        raise StaleIndexError(
            f"{generation}: ベクトルがありません。scripts/build_index.py --vectors acts で加えてください。"
        )
    numbers = first_passages(store)
    kept = [(pair, numbers[key]) for pair in pairs if (key := (law_key(pair.law), pair.article)) in numbers]
    own = sorted({number for _, number in kept})
    stored = set(vectors.passage_ids.tolist())
    others = np.random.default_rng(seed).permutation(np.array(sorted(stored - set(own)), dtype=np.int64))[:OTHERS]
    missing = [number for number in own if number not in stored]
    chars = vector_state(store).chars
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    made: dict[int, Vectors] = {}
    for batch in watch(batches, f"ベクトルのない条の埋め込み（{BATCH} 件ずつ）") if batches else ():
        rows = embedder.passages(article_texts(store, batch, chars)) - vectors.mean
        made |= dict(zip(batch, rows, strict=True))
    order = [*own, *others.tolist()]
    rows = np.stack([made[number] if number in made else _centred(vectors, number) for number in order])
    unit = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    places = {number: place for place, number in enumerate(order)}
    return ArticleVectors(
        unit, vectors.mean, [Asked(pair.question, places[number], law_key(pair.law)) for pair, number in kept]
    )


def _centred(vectors: Any, number: int) -> Vectors:
    row: Vectors = vectors.centred(number)
    return row
