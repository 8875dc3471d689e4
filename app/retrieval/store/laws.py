"""Laws as the store of an index holds them, given back as laws: main provisions only, of the revisions in force."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ...data.egov.law import Article, Law, Paragraph, Part, Provisions
from ...data.generation.law.sources import LawSource
from ..index.manifest import read_manifest
from ..text.passages import Lines
from .store import Store


def stored_sources(index_dir: Path, as_of: date) -> list[LawSource]:
    """The laws of an index in force on ``as_of``, sorted by revision id. Raises StaleIndexError for a broken index."""
    store = Store(index_dir / read_manifest(index_dir).folder / "store.sqlite")
    rows = store.connection.execute(
        "SELECT revision_id, title FROM revisions WHERE valid_from<=?1 AND valid_to>?1 ORDER BY revision_id",
        (as_of.isoformat(),),
    ).fetchall()
    return [_source(store, revision_id, title) for revision_id, title in rows]


def _source(store: Store, revision_id: str, title: str) -> LawSource:
    return LawSource(revision_id, lambda: title, lambda: stored_law(store, revision_id))


def stored_law(store: Store, revision_id: str) -> Law:
    """A revision with its main provisions; everything else of it is left empty."""
    rev, law_id, title, law_num, law_type = store.connection.execute(
        "SELECT rev, law_id, title, law_num, law_type FROM revisions JOIN laws USING (law_id) WHERE revision_id=?",
        (revision_id,),
    ).fetchone()
    rows = store.connection.execute(
        "SELECT article_id, num, title, caption, headings, deleted FROM articles WHERE rev=? AND part='main' ORDER BY article_id",
        (rev,),
    )
    articles = tuple(
        Article(num, name, caption, tuple(json.loads(headings)), _paragraphs(store, article_id), "", bool(deleted))
        for article_id, num, name, caption, headings, deleted in rows
    )
    main = Provisions("main", "", None, articles)
    return Law(law_id, revision_id, title, "", (), law_num, law_type, None, None, main, None, (), (), ())


def _paragraphs(store: Store, article_id: int) -> tuple[Paragraph, ...]:
    # A note of the article (SupplNote) is a passage without a paragraph number.
    rows = [row for row in store.article_passages(article_id) if row.paragraph]
    return tuple(paragraph_of(row.paragraph, row.label, row.caption, row.lines) for row in rows)


def paragraph_of(number: str, label: str, caption: str, lines: Lines) -> Paragraph:
    """The paragraph whose ``lines`` these are: the inverse of ``app.data.egov.law.lines``."""
    root = _Node(None, "", "")
    by_path = {"": root}
    for path, text in lines[1:]:
        if path in by_path:  # a block under what came before
            by_path[path].children.append(_Node(None, "", text))
            continue
        parent, _, number_of_part = path.rpartition(".")
        title, separator, rest = text.partition("　")
        node = _Node(number_of_part, title if separator else "", rest if separator else text)
        by_path[path] = node
        by_path.get(parent, root).children.append(node)
    lead = lines[0][1] if lines else ""
    return Paragraph(number, label, caption, lead, tuple(child.frozen() for child in root.children))


@dataclass(slots=True)
class _Node:
    """A part while its children are still being gathered."""

    num: str | None
    title: str
    text: str
    children: list[_Node] = field(default_factory=list)

    def frozen(self) -> Part:
        """The part with everything under it."""
        return Part(self.num, self.title, self.text, tuple(child.frozen() for child in self.children))
