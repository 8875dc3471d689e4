"""What questions are trained against: the vectors of their articles, and of many others of today's statutes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.provisions import law_key
from ..engines.embedder import Embedder, Vectors
from ..engines.vectors import VectorIndex
from ..index.embedding_passages import BATCH, article_texts, vector_state
from ..store.store import Store
from .pairs import Pair
from .query_training import Asked
from .today import TodaysArticle, by_name

OTHERS = 20_000  # articles that no pair is of: more of them take longer than they are worth


@dataclass(frozen=True, slots=True)
class ArticleVectors:
    """Articles to train against.

    articles  a row each: its vector less ``mean``, of length 1
    mean      centre of the index's vectors
    pairs     the pairs that are trained on or held, each with the row of its article
    judged    pairs left out as their article is one that questions are judged on
    unknown   pairs left out as the index does not have their article
    """

    articles: Vectors
    mean: Vectors
    pairs: list[Asked]
    judged: int
    unknown: int


def article_vectors(
    store: Store,
    vectors: VectorIndex,
    embedder: Embedder,
    pairs: Sequence[Pair],
    articles: Mapping[int, TodaysArticle],
    without: Collection[int],
    seed: int,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> ArticleVectors:
    """The vectors of the pairs' articles, made now where the index has none (an order's), and of others drawn by ``seed``.

    Articles ``without`` are in neither. The others are today's articles, each once: an older text of a pair's own article,
    or a paragraph of it, would be as right as it.
    """
    numbers = by_name(articles)
    places = [numbers.get((law_key(pair.law), pair.article)) for pair in pairs]
    kept = [
        (pair, number)
        for pair, number in zip(pairs, places, strict=True)
        if number is not None and number not in without
    ]
    own = sorted({number for _, number in kept})
    stored = set(vectors.passage_ids.tolist())
    left = np.array(sorted((stored & set(articles)) - set(own) - set(without)), dtype=np.int64)
    others = np.random.default_rng(seed).permutation(left)[:OTHERS].tolist()
    made = _made(store, [number for number in own if number not in stored], embedder, vectors.mean, watch)
    rows = np.zeros((len(own) + len(others), embedder.width), dtype=np.float32)
    for row, number in zip(rows, [*own, *others], strict=True):
        row[:] = made[number] if number in made else vectors.centred(number)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    row_of = {number: row for row, number in enumerate(own)}
    asked = [Asked(pair.question, row_of[number], articles[number].law_id) for pair, number in kept]
    unknown = places.count(None)
    return ArticleVectors(rows, vectors.mean, asked, len(pairs) - len(kept) - unknown, unknown)


def _made(
    store: Store,
    missing: Sequence[int],
    embedder: Embedder,
    mean: Vectors,
    watch: Callable[[Sequence[Any], str], Iterator[Any]],
) -> dict[int, Vectors]:
    """Vectors less the mean of articles that the index has none of."""
    chars = vector_state(store).chars
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    found: dict[int, Vectors] = {}
    for batch in watch(batches, f"ベクトルのない条の埋め込み（{BATCH} 件ずつ）") if batches else ():
        found |= dict(zip(batch, embedder.passages(article_texts(store, batch, chars)) - mean, strict=True))
    return found
