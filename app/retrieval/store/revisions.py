"""Revisions of laws into a store and out of it, each inside a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ...data.egov.law import Law
from ..text.definitions import definitions_in
from ..text.passages import provisions_of
from . import sums
from .file import StoreFile
from .rows import ALWAYS, FOREVER, NewPassage

DEFINING_PARTS = ("main", "preamble", "supplement")  # whose terms hold in today's law; those of amending 附則 do not


def add_law(store: StoreFile, law: Law, sha256: str) -> tuple[int, list[NewPassage]]:
    """Write one revision; returns its number and its passages. The caller removes an older copy first."""
    connection = store.connection
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
    _set_validity(store, law.law_id)
    return rev, written


def set_searched(store: StoreFile, rev: int, documents: int) -> None:
    """Record how many documents of the word index belong to a revision."""
    store.connection.execute("UPDATE revisions SET searched=? WHERE rev=?", (documents, rev))


def remove_revision(store: StoreFile, revision_id: str) -> int | None:
    """Delete one revision; returns its number, None if it is not there."""
    connection = store.connection
    row = connection.execute("SELECT rev, law_id FROM revisions WHERE revision_id=?", (revision_id,)).fetchone()
    if row is None:
        return None
    rev, law_id = row
    sums.drop_sums(connection, rev)
    connection.execute("DELETE FROM passages WHERE article_id IN (SELECT article_id FROM articles WHERE rev=?)", (rev,))
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
    _set_validity(store, law_id)
    return int(rev)


def take_removed(store: StoreFile, rev: int) -> int:
    """Documents of the word index that a removed revision had; its words are deleted by the caller."""
    row = store.connection.execute("SELECT searched FROM removed WHERE rev=?", (rev,)).fetchone()
    store.connection.execute("DELETE FROM removed WHERE rev=?", (rev,))
    return int(row[0])


def _set_validity(store: StoreFile, law_id: str) -> None:
    # A revision is in force until the next one of the same law is; of two of one day, the one amended last.
    rows = store.connection.execute(
        "SELECT rev, valid_from FROM revisions WHERE law_id=? ORDER BY valid_from, revision_id", (law_id,)
    ).fetchall()
    ends = [*(valid_from for _, valid_from in rows[1:]), FOREVER][: len(rows)]
    store.connection.executemany(
        "UPDATE revisions SET valid_to=? WHERE rev=?",
        [(end, rev) for (rev, _), end in zip(rows, ends, strict=True)],
    )


def set_aliases(store: StoreFile, from_law: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Make (alias, law_id, kind) the names that the data and text of ``from_law`` give laws, itself included."""
    store.connection.execute("DELETE FROM aliases WHERE from_law=?", (from_law,))
    store.connection.executemany(
        "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)", [(*row, from_law) for row in rows]
    )
