"""The file of a store: connections, commits, what it records about itself, and whether it is as it was written."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ...core.errors import StaleIndexError
from . import sums
from .rows import SCHEMA, STORE_FORMAT


class StoreFile:
    """One store file; usable from many threads, each with a connection of its own."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        if not path.exists():
            raise StaleIndexError(f"{path}: 索引の本体がありません。scripts/build_index.py で作り直してください。")
        self.path = path
        self._writable = writable
        self._local = threading.local()

    @classmethod
    def create(cls, path: Path) -> Self:
        """An empty store at ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None)
        # Readers go on reading the state before a commit while it is written.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
        connection.execute(sums.TABLE)
        connection.execute("INSERT INTO meta VALUES ('format', ?)", (str(STORE_FORMAT),))
        connection.close()
        return cls(path, writable=True)

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        uri = self.path.resolve().as_uri()
        mode = "rw" if self._writable else "ro"
        connection = sqlite3.connect(f"{uri}?mode={mode}", uri=True, isolation_level=None, timeout=30)
        try:
            connection.execute("SELECT value FROM meta WHERE name='format'").fetchone()
        except sqlite3.OperationalError:
            # A folder without write permission cannot hold the write-ahead files; nobody can be writing there either.
            connection.close()
            connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None)
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from None
        connection.execute("PRAGMA cache_size=-16000")
        if self._writable:
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _broken(self, error: Exception) -> StaleIndexError:
        return StaleIndexError(
            f"{self.path}: 索引の本体が壊れています（{error}）。scripts/build_index.py で作り直してください。"
        )

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One commit: all of the block or nothing."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads of the block see the same state."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("COMMIT")

    def meta(self, name: str, default: str = "") -> str:
        """A fact about the store."""
        row = self.connection.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Set a fact about the store."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        tables = ("laws", "revisions", "articles", "passages", "aliases", "citations", "definitions")
        return {table: self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608  # fixed names

    def record_counts(self) -> None:
        """Store the rows of each table as of this commit; ``check_counts`` compares them when the store is opened."""
        self.set_meta("counts", json.dumps(self.counts()))

    def check_counts(self, built: Mapping[str, int]) -> None:
        """Raise StaleIndexError when rows are missing or too many. ``built`` are the manifest's counts, which hold for the
        first generation of a store that does not record its own."""
        try:
            with self.snapshot():
                recorded = json.loads(self.meta("counts", "{}"))
                if not recorded and self.meta("generation") == "1":
                    recorded = {table: count for table, count in built.items() if table != "searched"}
                found = self.counts()
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from None
        for table, count in recorded.items():
            if found.get(table, count) != count:
                raise StaleIndexError(
                    f"{self.path}: 索引の {table} は {count:,} 件のはずですが {found[table]:,} 件です。壊れているか、"
                    "ほかのプログラムが書き換えています。scripts/build_index.py で作り直してください。"
                )

    def check_text(self, passage_ids: Iterable[int]) -> None:
        """Raise StaleIndexError when the text of one of these passages is not as it was written."""
        if (bad := sums.altered(self.connection, passage_ids)) is not None:
            raise self._broken(ValueError(f"項 {bad} の検査値が合いません"))

    def verify(self) -> tuple[int, int]:
        """Check all of the file; returns how many passages there are and how many have a checksum.

        Raises StaleIndexError for anything that is not as it was written.
        """
        try:
            return sums.verify(self.connection)
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from None
