"""The statute store: one SQLite file, the source of truth for laws, revisions, articles and passages.

Everything else in an index (words, vectors) is derived from it and points into it by passage number. A passage number
is never used twice, so a word index that runs ahead of the store, or lags behind it, cannot name a wrong passage.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import StaleIndexError
from ...data.egov.law import Law
from ..text.definitions import definitions_in
from ..text.passages import provisions_of
from ..text.provision_parts import enacted_in, is_original
from . import sums
from .rows import (
    ALWAYS,
    ARTICLE_COLUMNS,
    FOREVER,
    SCHEMA,
    STORE_FORMAT,
    ArticleRow,
    NewPassage,
    PassageRow,
    article_row,
    passage_row,
)

DEFINING_PARTS = ("main", "preamble", "supplement")  # whose terms hold in today's law; those of amending 附則 do not


class Store:
    """Reads and writes one store file; usable from many threads, each with a connection of its own."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        if not path.exists():
            raise StaleIndexError(f"{path}: 索引の本体がありません。scripts/build_index.py で作り直してください。")
        self.path = path
        self._writable = writable
        self._local = threading.local()

    @classmethod
    def create(cls, path: Path) -> Store:
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

    # -- facts ---------------------------------------------------------------------------------------------------

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

    # -- writing (inside a transaction) --------------------------------------------------------------------------

    def add_law(self, law: Law, sha256: str) -> tuple[int, list[NewPassage]]:
        """Write one revision; returns its number and its passages. The caller removes an older copy first."""
        connection = self.connection
        connection.execute(
            "INSERT OR REPLACE INTO laws VALUES (?, ?, ?, ?)", (law.law_id, law.law_num, law.law_type, law.promulgated)
        )
        cursor = connection.execute(
            "INSERT INTO revisions (law_id, revision_id, title, kana, abbreviations, valid_from, valid_to, sha256, notes, searched)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (law.law_id, law.revision_id, law.title, law.kana, json.dumps(law.abbreviations, ensure_ascii=False), law.valid_from or ALWAYS, FOREVER, sha256, json.dumps(law.notes, ensure_ascii=False)),
        )  # fmt: skip
        rev = int(cursor.lastrowid or 0)
        connection.execute(sums.TABLE)  # an index of before there were any
        written: list[NewPassage] = []
        for provision in provisions_of(law):
            cursor = connection.execute(
                "INSERT INTO articles (rev, part, supplement, amend_law_num, num, title, caption, headings, deleted, anchor)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (rev, provision.part, provision.supplement, provision.amend_law_num, provision.num, provision.title,
                 provision.caption, json.dumps(provision.headings, ensure_ascii=False), provision.deleted, provision.anchor),
            )  # fmt: skip
            article_id = int(cursor.lastrowid or 0)
            for passage in provision.passages:
                fields = (
                    passage.paragraph,
                    passage.label,
                    passage.caption,
                    json.dumps(passage.lines, ensure_ascii=False),
                )
                cursor = connection.execute(
                    "INSERT INTO passages (article_id, paragraph, label, caption, lines) VALUES (?, ?, ?, ?, ?)",
                    (article_id, *fields),
                )
                sums.add_sum(connection, int(cursor.lastrowid or 0), fields)
                written.append(NewPassage(int(cursor.lastrowid or 0), provision, passage))
                if provision.part in DEFINING_PARTS:
                    connection.executemany(
                        "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?)",
                        [
                            (article_id, passage.paragraph, one.key, one.term, one.scope, one.text)
                            for one in definitions_in(passage.lines)
                        ],
                    )
        self._set_validity(law.law_id)
        return rev, written

    def set_searched(self, rev: int, documents: int) -> None:
        """Record how many documents of the word index belong to a revision."""
        self.connection.execute("UPDATE revisions SET searched=? WHERE rev=?", (documents, rev))

    def remove_revision(self, revision_id: str) -> int | None:
        """Delete one revision; returns its number, None if it is not there."""
        connection = self.connection
        row = connection.execute("SELECT rev, law_id FROM revisions WHERE revision_id=?", (revision_id,)).fetchone()
        if row is None:
            return None
        rev, law_id = row
        sums.drop_sums(connection, rev)
        connection.execute(
            "DELETE FROM passages WHERE article_id IN (SELECT article_id FROM articles WHERE rev=?)", (rev,)
        )
        # Kept until the words of the revision are deleted too.
        connection.execute("INSERT INTO removed SELECT rev, searched FROM revisions WHERE rev=?", (rev,))
        connection.execute(
            "DELETE FROM citations WHERE from_article IN (SELECT article_id FROM articles WHERE rev=?)", (rev,)
        )
        connection.execute(
            "DELETE FROM definitions WHERE article_id IN (SELECT article_id FROM articles WHERE rev=?)", (rev,)
        )
        connection.execute("DELETE FROM articles WHERE rev=?", (rev,))
        connection.execute("DELETE FROM revisions WHERE rev=?", (rev,))
        if connection.execute("SELECT 1 FROM revisions WHERE law_id=?", (law_id,)).fetchone() is None:
            connection.execute("DELETE FROM laws WHERE law_id=?", (law_id,))
            connection.execute("DELETE FROM aliases WHERE law_id=?1 OR from_law=?1", (law_id,))
        self._set_validity(law_id)
        return int(rev)

    def take_removed(self, rev: int) -> int:
        """Documents of the word index that a removed revision had; its words are deleted by the caller."""
        row = self.connection.execute("SELECT searched FROM removed WHERE rev=?", (rev,)).fetchone()
        self.connection.execute("DELETE FROM removed WHERE rev=?", (rev,))
        return int(row[0])

    def _set_validity(self, law_id: str) -> None:
        # A revision is in force until the next one of the same law is; of two of one day, the one amended last.
        rows = self.connection.execute(
            "SELECT rev, valid_from FROM revisions WHERE law_id=? ORDER BY valid_from, revision_id", (law_id,)
        ).fetchall()
        ends = [*(valid_from for _, valid_from in rows[1:]), FOREVER][: len(rows)]
        self.connection.executemany(
            "UPDATE revisions SET valid_to=? WHERE rev=?",
            [(end, rev) for (rev, _), end in zip(rows, ends, strict=True)],
        )

    def set_aliases(self, from_law: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """Make (alias, law_id, kind) the names that the data and text of ``from_law`` give laws, itself included."""
        self.connection.execute("DELETE FROM aliases WHERE from_law=?", (from_law,))
        self.connection.executemany(
            "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)", [(*row, from_law) for row in rows]
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def out_of_view(self, as_of: str, law_ids: Sequence[str] = ()) -> list[int]:
        """Numbers of the revisions that are not in force on ``as_of`` (ISO date), or not of these laws (default: all)."""
        rows = self.connection.execute(
            "SELECT rev FROM revisions WHERE valid_from>?1 OR valid_to<=?1"
            " OR (json_array_length(?2)>0 AND law_id NOT IN (SELECT value FROM json_each(?2)))",
            (as_of, json.dumps(list(law_ids))),
        )
        return [rev for (rev,) in rows]

    def passages_of(self, revisions: Sequence[int]) -> list[int]:
        """Numbers of the passages of these revisions."""
        return [
            number
            for rev in revisions
            for (number,) in self.connection.execute(
                "SELECT passage_id FROM passages JOIN articles USING (article_id) WHERE rev=?", (rev,)
            )
        ]

    def articles_of(self, passage_ids: Sequence[int]) -> dict[int, int]:
        """Passage → article of the passages that are (still) in the store."""
        marks = ",".join("?" * len(passage_ids))
        rows = self.connection.execute(
            f"SELECT passage_id, article_id FROM passages WHERE passage_id IN ({marks})",  # noqa: S608  # only question marks
            list(passage_ids),
        )
        return dict(rows.fetchall())

    def articles(self, article_ids: Sequence[int]) -> dict[int, ArticleRow]:
        """The articles with these numbers."""
        marks = ",".join("?" * len(article_ids))
        rows = self.connection.execute(
            f"SELECT {ARTICLE_COLUMNS} FROM articles a JOIN revisions r ON r.rev=a.rev WHERE a.article_id IN ({marks})",  # noqa: S608  # only question marks
            list(article_ids),
        )
        return {row[0]: article_row(row) for row in rows}

    def article_passages(self, article_id: int) -> list[PassageRow]:
        """All passages of an article in order. Raises StaleIndexError for text that is not as it was written."""
        ids = self.connection.execute("SELECT passage_id FROM passages WHERE article_id=?", (article_id,)).fetchall()
        self.check_text(number for (number,) in ids)
        rows = self.connection.execute(
            "SELECT passage_id, article_id, paragraph, label, caption, lines FROM passages WHERE article_id=? ORDER BY passage_id",
            (article_id,),
        )
        return [passage_row(row) for row in rows]

    def lines_of(self, revision_id: str) -> Iterator[list[tuple[str, str]]]:
        """The (path, text) lines of every passage of a revision's main provisions."""
        rows = self.connection.execute(
            "SELECT p.lines FROM revisions r JOIN articles a USING (rev) JOIN passages p USING (article_id)"
            " WHERE r.revision_id=? AND a.part='main'",
            (revision_id,),
        )
        return ([(path, text) for path, text in json.loads(lines)] for (lines,) in rows)

    def citations_from(self, article_id: int) -> list[tuple[str, str]]:
        """(law_id, article) of everything an article cites, each once."""
        rows = self.connection.execute(
            "SELECT DISTINCT to_law, to_num FROM citations WHERE from_article=?", (article_id,)
        )
        return [(law_id, num) for law_id, num in rows]

    def article_nums(self, law_id: str, as_of: str, part: str = "main") -> list[str]:
        """Keys of a law's articles in order."""
        rows = self.connection.execute(
            "SELECT a.num FROM revisions r JOIN articles a ON a.rev=r.rev"
            " WHERE r.law_id=? AND r.valid_from<=? AND r.valid_to>? AND a.part=? ORDER BY a.article_id",
            (law_id, as_of, as_of, part),
        )
        return [num for (num,) in rows]

    def revisions_of(self, law_id: str) -> list[tuple[str, str, str]]:
        """(revision id, first day, first day of the next one) of a law's revisions, earliest first."""
        rows = self.connection.execute(
            "SELECT revision_id, valid_from, valid_to FROM revisions WHERE law_id=? ORDER BY valid_from, revision_id",
            (law_id,),
        )
        return [(revision_id, since, until) for revision_id, since, until in rows]

    def laws_of(self, revision_ids: Sequence[str]) -> list[str]:
        """Ids of the laws of these revisions, as far as the store has them."""
        rows = self.connection.execute(
            "SELECT DISTINCT law_id FROM revisions WHERE revision_id IN (SELECT value FROM json_each(?)) ORDER BY law_id",
            (json.dumps(list(revision_ids)),),
        )
        return [law_id for (law_id,) in rows]

    def promulgated(self, law_id: str) -> str | None:
        """The day (ISO) on which a law was promulgated; None where its data do not say."""
        row = self.connection.execute("SELECT promulgated FROM laws WHERE law_id=?", (law_id,)).fetchone()
        return None if row is None else row[0]

    def laws_without_text(self, as_of: str) -> int:
        """How many laws were law on ``as_of`` though the store has only later revisions of them.

        A law whose first revision here is the law as enacted was not in force before.
        """
        rows = self.connection.execute(
            "SELECT law_id, revision_id, min(valid_from), promulgated FROM revisions JOIN laws USING (law_id)"
            " GROUP BY law_id HAVING min(valid_from)>?1 AND (promulgated IS NULL OR promulgated<=?1)",
            (as_of,),
        )
        missing = 0
        for law_id, revision_id, since, promulgated in rows:
            year = enacted_in(law_id, promulgated)
            there = year is None or year <= int(as_of[:4])
            missing += there and not is_original(revision_id, since, year)
        return missing

    def amending_numbers(self) -> list[str]:
        """Numbers of the amending laws whose 附則 the store holds, as printed."""
        rows = self.connection.execute("SELECT DISTINCT amend_law_num FROM articles WHERE part='amendment'")
        return [number for (number,) in rows if number]

    def laws_amended_by(self, numbers: Sequence[str], num: str, as_of: str) -> list[str]:
        """Laws that hold article ``num`` of the 附則 of an amending law with one of these printed numbers."""
        rows = self.connection.execute(
            "SELECT DISTINCT r.law_id FROM articles a JOIN revisions r ON r.rev=a.rev WHERE a.part='amendment' AND a.num=?"
            " AND a.amend_law_num IN (SELECT value FROM json_each(?)) AND r.valid_from<=? AND r.valid_to>? ORDER BY r.law_id",
            (num, json.dumps(list(numbers)), as_of, as_of),
        )
        return [law_id for (law_id,) in rows]

    def find_articles(self, law_id: str, num: str, as_of: str, part: str = "main") -> list[ArticleRow]:
        """Articles ``num`` of a law's revision in force on ``as_of``."""
        rows = self.connection.execute(
            f"SELECT {ARTICLE_COLUMNS} FROM revisions r JOIN articles a ON a.rev=r.rev"  # noqa: S608  # fixed columns
            " WHERE r.law_id=? AND r.valid_from<=? AND r.valid_to>? AND a.num=? AND a.part=? ORDER BY a.article_id",
            (law_id, as_of, as_of, num, part),
        )
        return [article_row(row) for row in rows]

    def article_at(self, law_id: str, anchor: str, as_of: str) -> ArticleRow | None:
        """The article that stands at ``anchor`` (``Mp-At_27_2``) in a law's revision in force on ``as_of``."""
        row = self.connection.execute(
            f"SELECT {ARTICLE_COLUMNS} FROM revisions r JOIN articles a ON a.rev=r.rev"  # noqa: S608  # fixed columns
            " WHERE r.law_id=? AND r.valid_from<=? AND r.valid_to>? AND a.anchor=? ORDER BY a.article_id",
            (law_id, as_of, as_of, anchor),
        ).fetchone()
        return None if row is None else article_row(row)
