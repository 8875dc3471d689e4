"""Whether every provision can be named: title and label of a sample of the index's own provisions, read back.

``benchmarks/retrieval.py references`` prints this: what each reference led to, with the wrong ones named.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.data.law_numbers import article_label, paragraph_label
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.text.passages import part_label
from app.retrieval.text.provision_parts import appendix_key

SAMPLE = 2_000  # provisions of each kind
SHOWN = 20


def references(index_dir: Path) -> dict[str, Any]:
    """Counts of outcomes per kind of provision: ``right``, ``wrong`` (another provision), else the status it was given."""
    index = StatuteIndex(index_dir)
    counts: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    for kind, law_id, num, name, text in _named(index):
        results = index.references(text)
        outcome = results[0].status if len(results) == 1 else f"{len(results)} references"
        article = results[0].article if results else None
        if outcome in ("found", "deleted") and article is not None:
            same = article.law_id == law_id and (num is None or article.num == num)
            same = same and name in ("", article.amend_law_num or "", article.title)
            outcome = "right" if same else "wrong"
        counts.setdefault(kind, Counter())[outcome] += 1
        if outcome == "wrong":
            wrong.append(text)
    return {"outcomes": {kind: dict(found.most_common()) for kind, found in counts.items()}, "wrong": wrong[:SHOWN]}


def _named(index: StatuteIndex) -> Iterator[tuple[str, str, str | None, str, str]]:
    """(kind, law id, key of the article, number of the amending law or title of the table, text of the reference); no key
    for a table and what has no article."""
    connection, chosen = index.store.connection, random.Random(0)  # noqa: S311  # a sample, not a secret
    for part in ("main", "supplement", "amendment"):
        rows = connection.execute(
            "SELECT r.law_id, r.title, a.num, a.amend_law_num FROM articles a JOIN revisions r USING (rev)"
            " WHERE a.part=? AND a.num<>'' AND a.num NOT LIKE '%:%' ORDER BY a.article_id",
            (part,),
        ).fetchall()
        for law_id, title, num, amending in chosen.sample(rows, min(SAMPLE, len(rows))):
            yield part, law_id, num, amending or "", f"{title}{part_label(part, amending)}{article_label(num)}"
    tables = connection.execute(
        "SELECT r.law_id, r.title, a.title, a.amend_law_num FROM articles a JOIN revisions r USING (rev) WHERE a.part='appendix' AND a.title LIKE '%別表%'"
    ).fetchall()
    for law_id, title, table, amending in chosen.sample(tables, min(SAMPLE, len(tables))):
        yield "table", law_id, None, table, f"{title}{part_label('appendix', amending)}{appendix_key(table)}"
    loose = connection.execute(
        "SELECT r.law_id, r.title, p.paragraph FROM articles a JOIN revisions r USING (rev) JOIN passages p USING (article_id)"
        " WHERE a.part='main' AND a.num='' AND p.paragraph<>'' ORDER BY p.passage_id"
    ).fetchall()
    for law_id, title, paragraph in chosen.sample(loose, min(SAMPLE, len(loose))):
        yield "without articles", law_id, None, "", f"{title}{paragraph_label(paragraph)}"
