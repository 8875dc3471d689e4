"""Embeds the passages of a store that have no vector yet; interrupted work goes on with the next batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import StaleIndexError
from ..engines.embedder import Embedder
from ..engines.vectors import VectorIndex, VectorWriter, quantised
from ..store.passages import SEARCHED_PARTS, passages_with_ids
from ..store.store import Store
from ..text.passages import body, header

BATCH = 64
MEAN_SAMPLE = 256  # passages, evenly over the store, whose mean vector is the centre
# Of one model's vector of a text and its stored one. Eight bits, another batch and another processor cost a thousandth;
# two models, or one with other weights, are far apart.
SAME_MODEL_COSINE = 0.98


@dataclass(frozen=True, slots=True)
class VectorState:
    """What the store knows of its vectors.

    rows  how many rows count
    last  passage number of the last of them
    crc   their checksum; None where they were begun before there was one
    """

    rows: int
    last: int
    crc: int | None


def vector_state(store: Store) -> VectorState:
    """The rows of vectors that belong to the store's present commit."""
    rows, last, *crc = json.loads(store.meta("vectors", "[0, 0]"))
    return VectorState(int(rows), int(last), int(crc[0]) if crc and crc[0] is not None else None)


def missing_passages(store: Store) -> list[int]:
    """Numbers of the searched passages without a vector, in order."""
    marks = ",".join("?" * len(SEARCHED_PARTS))
    rows = store.connection.execute(
        f"SELECT p.passage_id FROM passages p JOIN articles a USING (article_id)"  # noqa: S608  # only question marks
        f" WHERE p.passage_id>? AND a.part IN ({marks}) AND NOT a.deleted ORDER BY p.passage_id",
        (vector_state(store).last, *SEARCHED_PARTS),
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
    state = vector_state(store)
    rows = state.rows
    writer = VectorWriter(folder, embedder.width, rows, state.crc)
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
        store.set_meta("vectors", json.dumps([rows, batch[-1], writer.crc]))
    return len(missing)


def open_vectors(store: Store, folder: Path, width: int) -> VectorIndex:
    """The vectors of the store's present commit in ``folder``. Raises StaleIndexError unless they are as written."""
    state = vector_state(store)
    return VectorIndex(folder, width, state.rows, state.crc)


def check_model(store: Store, vectors: VectorIndex, embedder: Embedder) -> None:
    """Raise StaleIndexError unless ``embedder`` gives a passage the vector that the index holds of it.

    The index knows its model by name; behind a name another model may stand since (a folder, a new revision).
    """
    marks = ",".join("?" * len(SEARCHED_PARTS))
    row = store.connection.execute(
        "SELECT p.passage_id FROM passages p JOIN articles a USING (article_id)"  # noqa: S608  # only question marks
        f" WHERE a.part IN ({marks}) AND NOT a.deleted ORDER BY p.passage_id LIMIT 1",
        SEARCHED_PARTS,
    ).fetchone()
    if row is None:
        return
    stored = vectors.vector(row[0])
    if stored is None:
        raise StaleIndexError(
            f"{store.path}: 項 {row[0]} のベクトルがありません。scripts/build_index.py で作り直してください。"
        )
    again = embedder.passages(_texts(store, [row[0]]))[0]
    cosine = float(stored @ again / max(1e-9, float((stored @ stored) ** 0.5 * (again @ again) ** 0.5)))
    if not cosine >= SAME_MODEL_COSINE:  # NaN too
        raise StaleIndexError(
            f"{store.path}: 索引のベクトルは、いまの {embedder.name} が作るものと違います（同じ項で余弦 {cosine:.3f}）。"
            "モデルを元に戻すか、scripts/build_index.py で作り直してください。"
        )


def _texts(store: Store, passage_ids: Sequence[int]) -> list[str]:
    found = passages_with_ids(store, passage_ids)
    return [
        f"{header(found[number].law_title, found[number].item.provision, found[number].item.passage)}\n"
        f"{body(found[number].item.passage.lines)}"
        for number in passage_ids
    ]
