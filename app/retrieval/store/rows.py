"""What the statute store's tables are and how its rows are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..text.passages import Lines, Passage, Provision

STORE_FORMAT = 3

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE laws (law_id TEXT PRIMARY KEY, law_num TEXT NOT NULL, law_type TEXT NOT NULL, promulgated TEXT) WITHOUT ROWID;
CREATE TABLE revisions (
    rev INTEGER PRIMARY KEY AUTOINCREMENT, law_id TEXT NOT NULL, revision_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
    kana TEXT NOT NULL, abbreviations TEXT NOT NULL, valid_from TEXT NOT NULL, valid_to TEXT NOT NULL, sha256 TEXT NOT NULL, notes TEXT NOT NULL,
    searched INTEGER NOT NULL
);
CREATE INDEX revisions_law ON revisions (law_id, valid_from);
CREATE TABLE articles (
    article_id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, part TEXT NOT NULL, supplement INTEGER NOT NULL,
    amend_law_num TEXT, num TEXT NOT NULL, title TEXT NOT NULL, caption TEXT NOT NULL, headings TEXT NOT NULL,
    deleted INTEGER NOT NULL, anchor TEXT NOT NULL
);
CREATE INDEX articles_num ON articles (rev, num, part);
CREATE TABLE passages (
    passage_id INTEGER PRIMARY KEY AUTOINCREMENT, article_id INTEGER NOT NULL, paragraph TEXT NOT NULL,
    label TEXT NOT NULL, caption TEXT NOT NULL, lines TEXT NOT NULL
);
CREATE INDEX passages_article ON passages (article_id);
CREATE TABLE removed (rev INTEGER PRIMARY KEY, searched INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE citations (from_law TEXT NOT NULL, from_article INTEGER NOT NULL, from_passage INTEGER NOT NULL,
    to_law TEXT NOT NULL, to_num TEXT NOT NULL, to_paragraph TEXT);
CREATE INDEX citations_from ON citations (from_article);
CREATE INDEX citations_law ON citations (from_law);
CREATE INDEX citations_to ON citations (to_law, to_num);
CREATE TABLE definitions (article_id INTEGER NOT NULL, paragraph TEXT NOT NULL, key TEXT NOT NULL, term TEXT NOT NULL,
    scope TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX definitions_article ON definitions (article_id);
CREATE TABLE aliases (alias TEXT NOT NULL, law_id TEXT NOT NULL, kind TEXT NOT NULL, from_law TEXT NOT NULL,
    PRIMARY KEY (alias, law_id, kind, from_law)) WITHOUT ROWID;
CREATE INDEX aliases_from ON aliases (from_law);
"""

# Dates compare as text; these stand for "always" and "not replaced yet".
ALWAYS, FOREVER = "0000-00-00", "9999-12-31"


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article in the store."""

    article_id: int
    law_id: str
    law_title: str
    revision_id: str
    part: str
    supplement: int
    amend_law_num: str | None
    num: str
    title: str
    caption: str
    headings: tuple[str, ...]
    deleted: bool
    anchor: str
    valid_from: str
    valid_to: str


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage in the store."""

    passage_id: int
    article_id: int
    paragraph: str
    label: str
    caption: str
    lines: Lines


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage just written, for the word index."""

    passage_id: int
    provision: Provision
    passage: Passage


ARTICLE_COLUMNS = (
    "a.article_id, r.law_id, r.title, r.revision_id, a.part, a.supplement, a.amend_law_num, a.num, a.title, a.caption,"
    " a.headings, a.deleted, a.anchor, r.valid_from, r.valid_to"
)


def article_row(row: Sequence[Any]) -> ArticleRow:
    """An article from its ``ARTICLE_COLUMNS``."""
    return ArticleRow(*row[:10], tuple(json.loads(row[10])), bool(row[11]), *row[12:])  # type: ignore[call-arg]  # 15 columns


def passage_row(row: Sequence[Any]) -> PassageRow:
    """A passage from its six columns."""
    return PassageRow(*row[:5], tuple((path, text) for path, text in json.loads(row[5])))  # type: ignore[call-arg]  # 6 columns
