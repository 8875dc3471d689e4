"""Embeds the passages of a store that have no vector yet; interrupted work goes on with the next batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..engines.embedder import Embedder
from ..engines.vectors import VectorWriter, quantised
from ..store.passages import SEARCHED_PARTS, passages_with_ids
from ..store.store import Store
from ..text.passages import body, header

BATCH = 64
MEAN_SAMPLE = 256  # passages, evenly over the store, whose mean vector is the centre


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
    found = passages_with_ids(store, passage_ids)
    return [
        f"{header(found[number].law_title, found[number].item.provision, found[number].item.passage)}\n"
        f"{body(found[number].item.passage.lines)}"
        for number in passage_ids
    ]
