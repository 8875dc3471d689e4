"""What an encoder that is too slow here for a whole statute book does on lay questions, in a pool of articles.

``benchmarks/retrieval.py lay-pool`` prints this. The pool holds the deciding articles of all questions and the first
``FOUND`` that words find for each one asked, so every share is higher than in the whole book; what can be compared is
one way to weigh words against vectors with another. Odd ids are asked, on which settings are chosen; with ``even`` the
even ones instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from app.core.cli import progress
from app.core.rag_config import load_config
from app.data.provisions import law_key
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.engines.fusion import reciprocal_rank_fusion
from app.retrieval.engines.prior import citing_laws, law_types, prior_shares
from app.retrieval.index.embedding_passages import ARTICLE_CHARS, article_texts
from app.retrieval.index.ranking import with_part
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.store.rows import ArticleRow
from app.retrieval.text.law_names import title_names

from .retrieval_lay import WITHOUT_PRIOR, LayQuestion, hits_at, read_lay

FOUND = 10  # articles that words find for each question
DEPTH = 150  # of the words' ranking that is fused, as where words do not reach
BATCH = 64
WEIGHTS = (0.0, 0.1, 0.2, 0.5, 1.0)  # of words, beside 1 for vectors


def lay_pool(index_dir: Path, path: Path, model: str, *, even: bool, chars: int | None = None) -> dict[str, Any]:
    """Hits of the odd (or even) questions in the pool: words, vectors of ``model``, and both by the weight of words.

    EMBEDDING_QUERY says how questions are read (app/core/rag_config.py).
    ``chars`` is how much of an article's text its vector is made of, if not as much as in an index.
    """
    questions = read_lay(path)
    asked = [one for one in questions if one.odd != even]
    index = StatuteIndex(index_dir)
    words = {one.id: [hit.article for hit in index.search(one.query, DEPTH, parts=WITHOUT_PRIOR)] for one in asked}
    pool = {row.article_id: row for row in _gold(index, questions)}
    pool |= {row.article_id: row for rows in words.values() for row in rows[:FOUND]}
    query = load_config(env_file=None).embedding.query
    embedder = load_embedder(model, query=query)
    ids = list(pool)
    first = [index.store.article_passages(one)[0].passage_id for one in ids]
    texts = article_texts(index.store, first, chars or ARTICLE_CHARS)
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    vectors = np.concatenate(
        [embedder.passages(one) for one in progress(batches, total=len(batches), label="埋め込み")]
    )
    mean = vectors.mean(axis=0)  # as an index compares them (engines/vectors.py)
    vectors = (vectors - mean) / np.maximum(np.linalg.norm(vectors - mean, axis=1, keepdims=True), 1e-9)
    laws = {row.law_id for row in pool.values()}
    shares = prior_shares(
        {number: row.law_id for number, row in pool.items()}, law_types(index.store), citing_laws(index.store, laws)
    )
    near = {
        one.id: [ids[place] for place in np.argsort(-(vectors @ (embedder.query(one.query) - mean)))] for one in asked
    }
    met = {one.id: [row.article_id for row in words[one.id] if row.article_id in pool] for one in asked}
    rows: dict[str, Any] = {"words": hits_at([_keys(met[one.id], pool) for one in asked], asked)}
    for weight in WEIGHTS:
        for prior in (False, True):
            found = [_fused(met[one.id], near[one.id], weight, shares if prior else {}) for one in asked]
            label = f"vectors and {weight} of words" + (" and prior" if prior else "")
            rows[label] = hits_at([_keys(order, pool) for order in found], asked)
    return {
        "ids": "even" if even else "odd",
        "questions": len(asked),
        "pool": len(pool),
        "model": embedder.name,
        "query_adapter_sha256": getattr(embedder, "adapter_sha256", ""),
        "chars": chars or ARTICLE_CHARS,
        "rows": rows,
    }


def _gold(index: StatuteIndex, questions: Sequence[LayQuestion]) -> list[ArticleRow]:
    laws = {
        law_key(title_names(title)[-1]): law_id
        for law_id, title in index.store.connection.execute("SELECT law_id, title FROM revisions")
    }
    day = date.today().isoformat()
    wanted = {key for one in questions for key in one.gold if key[0] in laws}
    return [row for law, num in sorted(wanted) for row in index.store.find_articles(laws[law], num, day)]


def _fused(words: Sequence[int], near: Sequence[int], weight: float, shares: Mapping[int, float]) -> list[int]:
    rankings = {"vector": near[:DEPTH]} | ({"bm25": words} if weight else {})
    found = reciprocal_rank_fusion(rankings, {"vector": 1.0, "bm25": weight})
    top = max(sum(parts.values()) for parts in found.values())
    return list(with_part(found, "prior", {number: shares[number] * top for number in found if number in shares}))


def _keys(order: Sequence[int], pool: Mapping[int, ArticleRow]) -> list[tuple[str, str]]:
    rows = [pool[number] for number in order]
    return [(law_key(title_names(row.law_title)[-1]), row.num) for row in rows]
