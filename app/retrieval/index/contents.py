"""What an index holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .manifest import source_changed
from .statute_index import StatuteIndex


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
