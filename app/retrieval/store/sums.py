"""A checksum a passage: text that the disk or somebody altered is found where it is read, before it is shown or prompted.

SQLite sees damage of its own structure, not of the values; and reading a store of gigabytes at every start to see that
would cost more than a search. So each passage has the CRC-32 of its fields, written with it: what is read is checked
then, all of it by ``build_index.py --verify``. An index of before this has none, which ``--verify`` says.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence

TABLE = "CREATE TABLE IF NOT EXISTS sums (passage_id INTEGER PRIMARY KEY, crc INTEGER NOT NULL)"
FIELDS = ("paragraph", "label", "caption", "lines")


def crc_of(fields: Sequence[str]) -> int:
    """CRC-32 of the ``FIELDS`` of a passage as the store holds them."""
    return zlib.crc32("\x1f".join(fields).encode("utf-8", "surrogatepass"))


def has_sums(connection: sqlite3.Connection) -> bool:
    """Whether the store was written with checksums."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name='sums'").fetchone() is not None


def add_sum(connection: sqlite3.Connection, passage_id: int, fields: Sequence[str]) -> None:
    """Write the checksum of a passage, in the transaction that writes the passage."""
    connection.execute("INSERT INTO sums VALUES (?, ?)", (passage_id, crc_of(fields)))


def drop_sums(connection: sqlite3.Connection, rev: int) -> None:
    """Delete the checksums of a revision's passages, before the passages go."""
    if has_sums(connection):
        connection.execute(
            "DELETE FROM sums WHERE passage_id IN (SELECT passage_id FROM passages JOIN articles USING (article_id) WHERE rev=?)",
            (rev,),
        )


def altered(connection: sqlite3.Connection, passage_ids: Iterable[int]) -> int | None:
    """The first of these passages whose fields are not those that were written; None where all are."""
    if not has_sums(connection):
        return None
    for passage_id in passage_ids:
        row = connection.execute(
            f"SELECT s.crc, {', '.join(f'CAST(p.{name} AS BLOB)' for name in FIELDS)} FROM passages p"  # noqa: S608  # fixed names
            " JOIN sums s USING (passage_id) WHERE p.passage_id=?",
            (passage_id,),
        ).fetchone()
        # Bytes: a flipped bit may make text that is no UTF-8.
        if row is not None and zlib.crc32(b"\x1f".join(row[1:])) != row[0]:
            return passage_id
    return None


def verify(connection: sqlite3.Connection) -> tuple[int, int]:
    """Check the file's structure and every passage; returns how many passages there are and how many have a checksum.

    Raises sqlite3.DatabaseError, saying where, for what is not as it was written.
    """
    with_sum = connection.execute("SELECT count(*) FROM sums").fetchone()[0] if has_sums(connection) else 0
    (told,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if told != "ok":
        raise sqlite3.DatabaseError(str(told))
    ids = [number for (number,) in connection.execute("SELECT passage_id FROM passages")]
    if (bad := altered(connection, ids)) is not None:
        raise sqlite3.DatabaseError(f"項 {bad} の検査値が合いません")
    return len(ids), int(with_sum)
