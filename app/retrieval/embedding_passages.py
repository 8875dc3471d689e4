"""Embeds the passages of a store that have no vector yet; interrupted work goes on with the next batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from app.retrieval.embedding import Embedder
from app.retrieval.passages import Passage, Provision, body, header
from app.retrieval.store import Store
from app.retrieval.vectors import VectorWriter, quantised

BATCH = 64
MEAN_SAMPLE = 256  # passages, evenly over the store, whose mean vector is the centre
SEARCHED_PARTS = ("main", "preamble", "supplement", "appendix")  # amending 附則 are stored, not searched
_SELECT = (
    "SELECT p.passage_id, p.paragraph, p.label, p.caption, p.lines, a.part, a.supplement, a.amend_law_num, a.num, a.title,"
    " a.caption, a.headings, a.anchor, r.title FROM passages p JOIN articles a USING (article_id) JOIN revisions r USING (rev)"
)


def vector_state(store: Store) -> tuple[int, int]:
    """(rows that count, passage number of the last of them)."""
    rows, last = json.loads(store.meta("vectors", "[0, 0]"))
    return int(rows), int(last)


def missing_passages(store: Store) -> list[int]:
    """Numbers of the searched passages without a vector, in order."""
    marks = ",".join("?" * len(SEARCHED_PARTS))
    rows = store.connection.execute(
        f"SELECT p.passage_id FROM passages p JOIN articles a USING (article_id)"  # noqa: S608  # only question marks
        f" WHERE p.passage_id>? AND a.part IN ({marks}) AND NOT a.deleted ORDER BY p.passage_id",
        (vector_state(store)[1], *SEARCHED_PARTS),
    )
    return [number for (number,) in rows]


def embed_missing(
    store: Store,
    folder: Path,
    embedder: Embedder,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> int:
    """Embed and append what is missing; returns how many passages.

    The number of rows that count is set after each batch: at once, or with the transaction the caller has open.
    """
    rows, _ = vector_state(store)
    writer = VectorWriter(folder, embedder.width, rows)
    missing = missing_passages(store)
    if missing and writer.mean is None:
        sample = missing[:: max(1, len(missing) // MEAN_SAMPLE)][:MEAN_SAMPLE]
        writer.set_mean(embedder.passages(_texts(store, sample)).mean(axis=0))
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    for batch in watch(batches, f"埋め込み（{BATCH} 項ずつ）"):
        mean = writer.mean
        assert mean is not None  # set above
        writer.append(quantised(embedder.passages(_texts(store, batch)), mean, batch))
        rows += len(batch)
        store.set_meta("vectors", json.dumps([rows, batch[-1]]))
    return len(missing)


def _texts(store: Store, passage_ids: Sequence[int]) -> list[str]:
    marks = ",".join("?" * len(passage_ids))
    rows = store.connection.execute(f"{_SELECT} WHERE p.passage_id IN ({marks})", list(passage_ids)).fetchall()
    texts = {}
    for number, paragraph, label, caption, lines, part, supplement, amend, num, title, article_caption, headings, anchor, law in rows:  # fmt: skip
        passage = Passage(paragraph, label, caption, tuple((path, text) for path, text in json.loads(lines)))
        provision = Provision(part, supplement, amend, num, title, article_caption, tuple(json.loads(headings)), False, anchor, ())  # fmt: skip
        texts[number] = f"{header(law, provision, passage)}\n{body(passage.lines)}"
    return [texts[number] for number in passage_ids]
