"""What is worked out from the text of the laws: their names, and who cites whom.

Names come first, since citations are read with them. Both are plain tables of the store and are renewed for a law when
it changes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from ..text.abbreviations import common_names
from ..text.citations import find_mentions
from ..text.law_names import LawNames, defined_kinds, title_names
from ..text.mention import Place
from ..text.name_mining import defined_short_names, mined_names
from .revisions import set_aliases
from .rows import ArticleRow
from .store import Store

CITING_PARTS = ("main", "supplement")


def load_names(store: Store) -> LawNames:
    """Every name in the store, as far as it is a name outside the law that gives it."""
    connection = store.connection
    rows = connection.execute("SELECT DISTINCT alias, law_id, kind FROM aliases").fetchall()
    former = sorted((alias, law_id) for alias, law_id, kind in rows if kind == "former")
    given = [row for row in rows if row[2] not in ("defined", "former", "common", "stem")]
    titles = _current_titles(connection)
    # Of the program, not of the index: a name added to the table is read in every index.
    common = common_names({name: law_id for law_id, title in titles.items() for name in title_names(title)})
    definers: dict[tuple[str, str], list[str]] = {}
    for alias, law_id, from_law in connection.execute(
        "SELECT alias, law_id, from_law FROM aliases WHERE kind='defined'"
    ):
        definers.setdefault((alias, law_id), []).append(from_law)
    return LawNames([*given, *common, *defined_kinds(definers, former, titles)])


def add_names(store: Store, law_ids: Sequence[str] | None = None) -> None:
    """Write the names that the laws (default: all) have and that their text gives other laws; older rows are replaced."""
    connection = store.connection
    titles, numbers = _current_titles(connection), _numbers(connection)
    for law_id in titles if law_ids is None else law_ids:
        # JSON writes （） and 「」 as they are, so the rows need no decoding to be mined.
        mined = mined_names(_law_texts(connection, law_id), numbers, titles) if law_id in titles else set()
        set_aliases(store, law_id, [*_own_names(connection, law_id, titles), *sorted(mined)])


def _own_names(
    connection: sqlite3.Connection, law_id: str, titles: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Today's title, the law's number, e-Gov's 略称, and the titles of its other revisions."""
    for name in title_names(titles[law_id]) if law_id in titles else ():
        yield name, law_id, "title"
    for (number,) in connection.execute("SELECT law_num FROM laws WHERE law_id=? AND law_num<>''", (law_id,)):
        yield number, law_id, "number"
    for title, abbreviations in connection.execute(
        "SELECT title, abbreviations FROM revisions WHERE law_id=?", (law_id,)
    ):
        if title != titles.get(law_id):
            yield title, law_id, "former"
        yield from ((name, law_id, "abbreviation") for name in json.loads(abbreviations))


def add_citations(store: Store, law_ids: Sequence[str], watch: Callable[[Sequence[str]], Iterable[str]] = iter) -> int:
    """Write the citations in the text of ``law_ids``; returns how many. Older rows of these laws are replaced."""
    connection = store.connection
    names, numbers, titles = load_names(store), _numbers(connection), _current_titles(connection)
    written = 0
    for law_id in watch(law_ids):
        connection.execute("DELETE FROM citations WHERE from_law=?", (law_id,))
        rows = list(_citations(connection, law_id, names, numbers, titles))
        connection.executemany("INSERT INTO citations VALUES (?, ?, ?, ?, ?, ?)", rows)
        written += len(rows)
    return written


def _citations(
    connection: sqlite3.Connection, law_id: str, names: LawNames, numbers: dict[str, str], titles: dict[str, str]
) -> Iterator[tuple[str, int, int, str, str, str | None]]:
    rows = connection.execute(
        "SELECT r.rev, a.article_id, a.num, a.part, p.passage_id, p.paragraph, p.lines"
        " FROM revisions r JOIN articles a USING (rev) JOIN passages p USING (article_id)"
        " WHERE r.law_id=? AND a.part IN (?, ?) ORDER BY p.passage_id",
        (law_id, *CITING_PARTS),
    ).fetchall()
    texts = [[text for _, text in json.loads(row[6])] for row in rows]
    short = short_names(law_id, ["\n".join(text) for text in texts], names, numbers, titles)
    order: dict[tuple[int, str], dict[str, None]] = {}
    for rev, _, num, part, *_ in rows:
        order.setdefault((rev, part), {})[num] = None
    articles = {key: list(nums) for key, nums in order.items()}
    for (rev, article_id, num, part, passage_id, paragraph, _), lines in zip(rows, texts, strict=True):
        place = Place(law_id, num, paragraph, articles[rev, part], short)
        seen: set[tuple[str, str, str | None]] = set()
        for line in lines:
            if "条" not in line and "項" not in line:
                continue  # two of five lines: nothing can be cited in them
            for mention in find_mentions(line, names, place):
                if len(mention.law_ids) != 1 or mention.part != "main" or not mention.article:
                    continue
                target = (mention.law_ids[0], mention.article, mention.paragraph)
                own = part == "main" and target[:2] == (law_id, num)
                if not own and target not in seen:
                    seen.add(target)
                    yield (law_id, article_id, passage_id, *target)


def short_names(
    law_id: str, texts: Sequence[str], names: LawNames, numbers: dict[str, str], titles: dict[str, str]
) -> dict[str, str]:
    """What 法, 令, 規則 mean in a law: as it defines them, else by its title (法 of X施行令 is X)."""
    found = defined_short_names(texts, numbers)
    title = title_names(titles.get(law_id, ""))[-1]
    for suffix, kinds in (("施行規則", ("法", "令")), ("施行令", ("法",)), ("施行細則", ("法", "令"))):
        if title.endswith(suffix):
            for kind in kinds:
                laws = names.lookup(title.removesuffix(suffix) + ("" if kind == "法" else "施行令"))
                if len(laws) == 1:
                    found.setdefault(kind, laws[0])
    return found


def place_of(store: Store, names: LawNames, article: ArticleRow, known: dict[str, dict[str, str]]) -> Place:
    """Where the text of an article stands, without its paragraph: what 前条 and 法 mean there.

    ``known`` keeps the short names of each revision that was read: finding them takes its whole text.
    """
    if article.revision_id not in known:
        connection = store.connection
        rows = connection.execute(
            "SELECT p.lines FROM revisions r JOIN articles a USING (rev) JOIN passages p USING (article_id)"
            " WHERE r.revision_id=? AND a.part IN (?, ?)",
            (article.revision_id, *CITING_PARTS),
        )
        texts = ["\n".join(text for _, text in json.loads(lines)) for (lines,) in rows]
        numbers, titles = _numbers(connection), _current_titles(connection)
        known[article.revision_id] = short_names(article.law_id, texts, names, numbers, titles)
    order = store.article_nums(article.law_id, article.valid_from, article.part)
    return Place(article.law_id, article.num, "", order, known[article.revision_id])


def _current_titles(connection: sqlite3.Connection) -> dict[str, str]:
    """Law → its title today; of a law that is not in force yet, the last one it will have."""
    rows = connection.execute(
        "SELECT law_id, title FROM revisions ORDER BY valid_from<=?, valid_from, revision_id",
        (date.today().isoformat(),),
    )
    return dict(rows.fetchall())


def _numbers(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT law_num, law_id FROM laws WHERE law_num<>''"))


def _law_texts(connection: sqlite3.Connection, law_id: str) -> Iterator[str]:
    rows = connection.execute(
        "SELECT p.lines FROM revisions r JOIN articles a USING (rev) JOIN passages p USING (article_id) WHERE r.law_id=?",
        (law_id,),
    )
    return (lines for (lines,) in rows)
