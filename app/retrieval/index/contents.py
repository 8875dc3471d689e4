"""What an index holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engines.word_files import check_word_files
from ..store.store import Store
from .embedding_passages import open_vectors, vector_state
from .manifest import read_manifest, source_changed
from .statute_index import StatuteIndex


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked. An index of before 0.3.0 has no checksums.

    passages     how many there are
    summed       how many of them have a checksum
    vectors      how many there are
    vectors_sum  whether they have one
    """

    passages: int
    summed: int
    vectors: int
    vectors_sum: bool


def verify_index(index_dir: Path) -> Verified:
    """Check every count and checksum of the index: store, passages, word files, vectors.

    Raises StaleIndexError for anything that is not as it was written.
    """
    manifest = read_manifest(index_dir)
    folder = index_dir / manifest.folder
    store = Store(folder / "store.sqlite")
    try:
        store.check_counts(manifest.counts)
        passages, summed = store.verify()
        vectors = vector_state(store)
        if manifest.embedding is not None:
            open_vectors(store, folder / "vectors", int(manifest.embedding["width"]))
    finally:
        store.close()
    check_word_files(folder / "words", again=True)
    return Verified(passages, summed, vectors.rows, vectors.crc is not None)


def index_statistics(index_dir: Path) -> dict[str, Any]:
    """Counts, versions, sizes in bytes and everything that was left out of the index."""
    index = StatuteIndex(index_dir)
    folder = index_dir / index.manifest.folder
    connection = index.store.connection
    by_part = dict(connection.execute("SELECT part, count(*) FROM articles GROUP BY part ORDER BY part").fetchall())
    by_type = dict(
        connection.execute("SELECT law_type, count(*) FROM laws GROUP BY law_type ORDER BY law_type").fetchall()
    )
    notes = connection.execute("SELECT title, notes FROM revisions WHERE notes<>'[]' ORDER BY title").fetchall()
    return {
        "index_dir": str(index_dir),
        "source": index.manifest.source,
        "source_changed": source_changed(index.manifest),
        "as_of": index.manifest.as_of,
        "synced_at": index.store.meta("synced_at") or None,
        "build_id": index.manifest.build_id,
        "built_at": index.manifest.run.get("finished_at"),
        "corpus_sha256": index.store.meta("corpus_sha256"),
        "tokenizer": index.manifest.tokenizer,
        "engine": index.manifest.engine,
        "counts": index.store.counts() | {"searched": int(index.store.meta("searched"))},
        "articles_by_part": by_part,
        "laws_by_type": by_type,
        "bytes": {
            "store": _size(folder / "store.sqlite"),
            "words": sum(_size(path) for path in (folder / "words").iterdir()),
        },
        "unreadable": list(index.manifest.unreadable),
        "dropped": [f"{title}（{law_id}）" for law_id, title in index.manifest.dropped],
        "repealed": list(index.manifest.repealed),
        "notes": dict(notes),
    }


def _size(path: Path) -> int:
    return path.stat().st_size
