"""Embeds the texts of a store that have no vector yet, those that people ask for first; interrupted work goes on.

A whole statute book has 700,000 paragraphs, and a small encoder reads some ten a second on a CPU. So each article first
gets one vector, of all its paragraphs, kept under its first passage; Acts come before orders and those before
ordinances. Only then the other paragraphs of long articles get one each. Where to stop is the ``Scope``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.cli import log
from ...core.errors import ConfigError, StaleIndexError
from ..engines.embedder import Embedder
from ..engines.vectors import VectorIndex, VectorWriter, quantised, stored_ids
from ..store.passages import SEARCHED_PARTS, passages_with_ids
from ..store.store import Store
from ..text.passages import body, header
from .settings import SCOPES, Scope

BATCH = 64
MEAN_SAMPLE = 256  # texts, evenly over what is embedded, whose mean vector is the centre
# Of an article's text that its vector is made of, beside its heading. More of it found less on the lay questions that
# settings are chosen on, and more on the others (docs/retrieval.md); it takes three times as long.
ARTICLE_CHARS = 120
_CHARS_OF_OLD = 600  # in indexes of before this was written down
# Of one model's vector of a text and its stored one. Eight bits, another batch and another processor cost a thousandth;
# two models, or one with other weights, are far apart.
SAME_MODEL_COSINE = 0.98
_ACTS = ("Constitution", "Act")
_ORDERS = ("CabinetOrder", "ImperialOrder")


@dataclass(frozen=True, slots=True)
class VectorState:
    """What the store knows of its vectors.

    rows   how many rows count
    crc    their checksum; None where it is not known
    model  name of the model they are of, None without rows
    width  numbers of a vector
    scope  how far the run that wrote the last of them was to go
    chars  of an article's text that its vector is made of
    """

    rows: int = 0
    crc: int | None = None
    model: str | None = None
    width: int = 0
    scope: Scope = "acts"
    chars: int = _CHARS_OF_OLD


def vector_state(store: Store) -> VectorState:
    """The rows of vectors that belong to the store's present commit. Raises StaleIndexError for those of 0.2."""
    known = json.loads(store.meta("vectors", "{}"))
    if not isinstance(known, dict):
        raise StaleIndexError(
            f"{store.path}: この索引のベクトルは、項を順に埋め込む前の版のものです。scripts/build_index.py --source で作り直してください。"
        )
    return VectorState(**known) if known else VectorState(chars=ARTICLE_CHARS)


def missing_passages(store: Store, folder: Path, scope: Scope = "all") -> list[tuple[int, bool]]:
    """(passage, whether its vector is of the whole article) without a vector, in the order they are embedded."""
    state = vector_state(store)
    there = set(stored_ids(folder, state.width, state.rows).tolist())
    return [one for one in passages_of_scope(store, scope) if one[0] not in there]


def passages_of_scope(store: Store, scope: Scope) -> list[tuple[int, bool]]:
    """(passage, whether its vector is of the whole article) of a scope, in the order they are embedded."""
    marks = ",".join("?" * len(SEARCHED_PARTS))
    types = dict(store.connection.execute("SELECT rev, law_type FROM revisions JOIN laws USING (law_id)").fetchall())
    rows = store.connection.execute(
        "SELECT p.passage_id, p.article_id, a.rev FROM passages p JOIN articles a USING (article_id)"  # noqa: S608
        f" WHERE a.part IN ({marks}) AND NOT a.deleted ORDER BY p.passage_id",
        SEARCHED_PARTS,
    )
    staged: dict[Scope, list[tuple[int, bool]]] = {name: [] for name in SCOPES}
    seen: set[int] = set()
    for number, article_id, rev in rows:
        first = article_id not in seen
        seen.add(article_id)
        staged[_stage(types[rev], first)].append((number, first))
    return [one for name in SCOPES[: SCOPES.index(scope) + 1] for one in staged[name]]


def _stage(law_type: str, first: bool) -> Scope:
    if not first:
        return "all"
    return "acts" if law_type in _ACTS else "orders" if law_type in _ORDERS else "articles"


def embed_missing(
    store: Store,
    folder: Path,
    embedder: Embedder,
    scope: Scope = "all",
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> int:
    """Embed and append what is missing; returns how many texts.

    The number of rows that count is set after each batch: at once, or with the transaction the caller has open. Raises
    StaleIndexError when the rows that are there are another model's.
    """
    state = vector_state(store)
    if state.rows and (state.model, state.width) != (embedder.name, embedder.width):
        raise StaleIndexError(
            f"{folder}: 途中まで作ったベクトルは {state.model} のものです。EMBEDDING_MODEL をそれに合わせるか、"
            "scripts/build_index.py --source で作り直してください。"
        )
    missing = missing_passages(store, folder, scope)
    if missing and state.chars != ARTICLE_CHARS:
        log(
            f"{folder}: 条のはじめの {state.chars} 字を埋め込みます（この索引のベクトルを作り始めた版の長さ。いまの版は {ARTICLE_CHARS} 字）。"
        )
    writer = VectorWriter(folder, embedder.width, state.rows, state.crc)
    if missing and writer.mean is None:
        sample = missing[:: max(1, len(missing) // MEAN_SAMPLE)][:MEAN_SAMPLE]
        writer.set_mean(embedder.passages(_texts(store, sample, state.chars)).mean(axis=0))
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    for batch in watch(batches, f"埋め込み（{BATCH} 件ずつ）"):
        mean = writer.mean
        assert mean is not None  # set above
        rows = embedder.passages(_texts(store, batch, state.chars))
        if not np.isfinite(rows).all():
            raise ConfigError(
                f"{embedder.name}: 埋め込みに数でない値があります。EMBEDDING_MODEL のモデルと GPU を確かめてください。"
            )
        writer.append(quantised(rows, mean, [number for number, _ in batch]))
        state = VectorState(state.rows + len(batch), writer.crc, embedder.name, embedder.width, scope, state.chars)
        store.set_meta("vectors", json.dumps(asdict(state)))
    return len(missing)


def stopped_partway(generation: Path) -> tuple[VectorState, int] | None:
    """How far a first ``--vectors`` run of an index came that did not end, and how many texts it was of; None without one."""
    store = Store(generation / "store.sqlite")
    try:
        state = vector_state(store)
        if not state.rows:
            return None
        return state, state.rows + len(missing_passages(store, generation / "vectors", state.scope))
    finally:
        store.close()


def open_vectors(store: Store, folder: Path, width: int) -> VectorIndex:
    """The vectors of the store's present commit in ``folder``. Raises StaleIndexError unless they are as written."""
    state = vector_state(store)
    return VectorIndex(folder, width, state.rows, state.crc)


def check_model(store: Store, vectors: VectorIndex, embedder: Embedder) -> None:
    """Raise StaleIndexError unless ``embedder`` gives a text the vector that the index holds of it.

    The index knows its model by name; behind a name another model may stand since (a folder, a new revision).
    """
    for number in vectors.passage_ids.tolist():  # the first that was not removed since
        row = store.connection.execute(
            "SELECT p.passage_id = (SELECT min(q.passage_id) FROM passages q WHERE q.article_id = p.article_id)"
            " FROM passages p WHERE p.passage_id=?",
            (number,),
        ).fetchone()
        if row is not None:
            break
    else:
        if lacking := missing_passages(store, store.path.parent / "vectors", "acts"):
            raise StaleIndexError(
                f"{store.path}: 項 {lacking[0][0]} のベクトルがありません。scripts/build_index.py で作り直してください。"
            )
        return
    stored = vectors.vector(number)
    assert stored is not None  # its number stands there
    again = embedder.passages(_texts(store, [(number, bool(row[0]))], vector_state(store).chars))[0]
    cosine = float(stored @ again / max(1e-9, float((stored @ stored) ** 0.5 * (again @ again) ** 0.5)))
    if not cosine >= SAME_MODEL_COSINE:  # NaN too
        raise StaleIndexError(
            f"{store.path}: 索引のベクトルは、いまの {embedder.name} が作るものと違います（同じ項で余弦 {cosine:.3f}）。"
            "モデルを元に戻すか、scripts/build_index.py で作り直してください。"
        )


def article_texts(store: Store, first: Sequence[int], chars: int = ARTICLE_CHARS) -> list[str]:
    """What the vector of each article is made of; ``first`` are the numbers of the articles' first passages."""
    return _texts(store, [(number, True) for number in first], chars)


def _texts(store: Store, wanted: Sequence[tuple[int, bool]], chars: int) -> list[str]:
    """What the vectors are made of: the passage with its header, or ``chars`` characters of the article's passages."""
    whole = [number for number, first in wanted if first]
    parts = _passages_of_articles(store, whole)
    found = passages_with_ids(
        store, [number for number, _ in wanted] + [one for some in parts.values() for one in some]
    )
    texts = []
    for number, first in wanted:
        stored = found[number]
        passage = replace(stored.item.passage, paragraph="") if first else stored.item.passage
        lines = body(passage.lines)
        for other in parts.get(number, ()) if first else ():
            if len(lines) >= chars:
                break
            lines += "\n" + body(found[other].item.passage.lines)
        texts.append(
            f"{header(stored.law_title, stored.item.provision, passage)}\n" + (lines[:chars] if first else lines)
        )
    return texts


def _passages_of_articles(store: Store, first: Sequence[int]) -> dict[int, list[int]]:
    """First passage of an article → the article's other passages."""
    marks = ",".join("?" * len(first))
    rows = store.connection.execute(
        "SELECT p.passage_id, q.passage_id FROM passages p JOIN passages q USING (article_id)"  # noqa: S608
        f" WHERE p.passage_id IN ({marks}) AND q.passage_id > p.passage_id ORDER BY q.passage_id",
        list(first),
    )
    others: dict[int, list[int]] = {}
    for number, other in rows:
        others.setdefault(number, []).append(other)
    return others
