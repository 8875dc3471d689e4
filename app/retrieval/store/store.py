"""The statute store: one SQLite file, the source of truth for laws, revisions, articles and passages.

Everything else in an index (words, vectors) is derived from it and points into it by passage number. A passage number
is never used twice, so a word index that runs ahead of the store, or lags behind it, cannot name a wrong passage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..text.provision_parts import enacted_in, is_original
from .file import StoreFile
from .rows import ARTICLE_COLUMNS, ArticleRow, PassageRow, article_row, passage_row


class Store(StoreFile):
    """What a store holds, read (``revisions.py`` writes it)."""

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

    def last_change(self, as_of: str) -> str | None:
        """The last day (ISO) up to ``as_of`` on which a revision came into force, and with it the one before of its law ended:
        on any two days with the same one, the same revisions are law. None where there was no such day."""
        row = self.connection.execute("SELECT max(valid_from) FROM revisions WHERE valid_from<=?", (as_of,)).fetchone()
        return None if row[0] is None else str(row[0])

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
