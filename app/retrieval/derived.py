"""What is worked out from the text of the laws: their names, and who cites whom.

Names come first, since citations are read with them. Both are plain tables of the store and are renewed for a law when
it changes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from app.retrieval.citations import Place, find_mentions
from app.retrieval.law_names import LawNames, common_names, defined_short_names, mined_names, title_names
from app.retrieval.store import Store

CITING_PARTS = ("main", "supplement")
_TEXT = "SELECT p.lines FROM passages p JOIN articles a USING (article_id)"


def load_names(store: Store) -> LawNames:
    """Every name in the store."""
    return LawNames(store.connection.execute("SELECT alias, law_id, kind FROM aliases"))


def add_names(store: Store, law_ids: Sequence[str] | None = None) -> None:
    """Write titles, everyday abbreviations, and the names that the text of the laws (default: all) gives other laws."""
    connection = store.connection
    titles = _current_titles(connection)
    numbers = _numbers(connection)
    if law_ids is None:
        texts = (lines for (lines,) in connection.execute("SELECT lines FROM passages"))
        own = titles
    else:
        texts = (lines for law_id in law_ids for lines in _law_texts(connection, law_id))
        own = {law_id: titles[law_id] for law_id in law_ids if law_id in titles}
    # JSON writes （） and 「」 as they are, so the rows need no decoding to be mined.
    mined = mined_names(texts, numbers, titles)
    rows: list[tuple[str, str, str, int]] = [
        (name, law_id, "title", 1) for law_id, title in own.items() for name in title_names(title)
    ]
    rows += common_names(own)
    rows += [(name, law_id, kind, uses) for (name, law_id, kind), uses in sorted(mined.items())]
    store.add_aliases(rows)


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


def _current_titles(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT law_id, title FROM revisions ORDER BY valid_from"))


def _numbers(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT law_num, law_id FROM laws WHERE law_num<>''"))


def _law_texts(connection: sqlite3.Connection, law_id: str) -> Iterator[str]:
    rows = connection.execute(f"{_TEXT} JOIN revisions r USING (rev) WHERE r.law_id=?", (law_id,))
    return (lines for (lines,) in rows)
