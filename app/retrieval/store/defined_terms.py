"""The definitions that a reader of some articles needs: of terms that the question or the articles use and do not explain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...data.law_numbers import article_label, paragraph_label
from ..text.definitions import term_key
from ..text.law_names import LawNames
from ..text.passages import part_label
from .rows import ArticleRow
from .store import Store

MAX_DEFINITIONS = 5
_GONE = "\0"


@dataclass(frozen=True, slots=True)
class DefinedTerm:
    """A definition of the store that holds where it is used."""

    term: str
    law_id: str
    law_title: str
    article: str  # key of the defining article: ``2``
    title: str  # 第2条第3項
    text: str  # the defining words

    @property
    def line(self) -> str:
        """``「X」（金融商品取引法 第2条第3項）: …``"""
        return f"「{self.term}」（{self.law_title} {self.title}）: {self.text}"


def defined_terms(
    store: Store,
    names: LawNames,
    articles: Sequence[ArticleRow],
    question: str,
    texts: Sequence[str],
    limit: int = MAX_DEFINITIONS,
) -> list[tuple[DefinedTerm, ...]]:
    """At most ``limit`` definitions, those that each of ``texts`` (the shown text of each of ``articles``) needs.

    Those of the question's terms come first, with the first article. A term counts where no longer defined term covers it
    (特定証券情報 is not 証券情報), nor the name of a law. What one of ``articles`` defines is left out: its text is there to
    read. Terms of the Act hold in its orders, and are explained by the Act where the order only points to it.
    """
    read = {article.article_id for article in articles}
    known: dict[str, _Known] = {}
    for article in articles:
        for key, found in _terms_for(store, article).items():
            known.setdefault(key, found)
    chosen: set[str] = set()
    needed: list[tuple[DefinedTerm, ...]] = []
    for place, text in enumerate(texts):
        mine: list[DefinedTerm] = []
        for one in (question, text) if place == 0 else (text,):
            for _, key in _first_uses(_without_names(term_key(one), names), known):
                if key not in chosen and known[key].article_id not in read and len(chosen) < limit:
                    chosen.add(key)
                    mine.append(known[key].term)
        needed.append(tuple(mine))
    return needed


@dataclass(frozen=True, slots=True)
class TermPlace:
    """Where a text uses a defined term."""

    start: int  # in the folded text
    end: int
    article_id: int  # of the article that defines it
    paragraph: str
    term: DefinedTerm


class Terms:
    """The terms that hold in an article, to be found in its text."""

    def __init__(self, store: Store, names: LawNames, article: ArticleRow) -> None:
        self._names = names
        self._known = {
            key: found for key, found in _terms_for(store, article).items() if found.article_id != article.article_id
        }

    def places(self, folded: str) -> list[TermPlace]:
        """The first use of each term in a folded text (``term_key``), in order; none inside a longer term or a law's name."""
        found = []
        for place, key in _first_uses(_without_names(folded, self._names), self._known):
            known = self._known[key]
            found.append(TermPlace(place, place + len(key), known.article_id, known.paragraph, known.term))
        return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A definition and the article that gives it."""

    article_id: int
    paragraph: str
    term: DefinedTerm


def _without_names(folded: str, names: LawNames) -> str:
    for span in names.find(folded):
        folded = folded[: span.start] + _GONE * (span.end - span.start) + folded[span.end :]
    return folded


def _first_uses(folded: str, keys: Iterable[str]) -> list[tuple[int, str]]:
    """(first place, key) of the keys that stand in the text and in no longer one there, in order of the places."""
    places: list[tuple[int, str]] = []
    for key in sorted(keys, key=len, reverse=True):
        place = folded.find(key)
        if place >= 0:
            places.append((place, key))
            # Covered, so that a shorter term inside it is not found there.
            folded = folded.replace(key, _GONE * len(key))
    return sorted(places)


def _terms_for(store: Store, article: ArticleRow) -> dict[str, _Known]:
    """Key → definition of the terms that hold in ``article``: its own law's, and its Act's."""
    own = _terms_of(store, article.revision_id, article)
    act = _act_of(store, article)
    for key, found in (_terms_of(store, act, None) if act is not None else {}).items():
        if key not in own or "規定する" in own[key].term.text:
            own[key] = found
    return own


def _terms_of(store: Store, revision_id: str, reader: ArticleRow | None) -> dict[str, _Known]:
    rows = store.connection.execute(
        "SELECT d.article_id, d.paragraph, d.key, d.term, d.scope, d.text, r.law_id, r.title, a.part, a.num, a.title, a.headings"
        " FROM revisions r JOIN articles a USING (rev) JOIN definitions d USING (article_id)"
        " WHERE r.revision_id=? ORDER BY d.rowid",
        (revision_id,),
    )
    found: dict[str, _Known] = {}
    for article_id, paragraph, key, term, scope, text, law_id, law_title, part, num, title, headings in rows:
        if scope == "article" and (reader is None or reader.article_id != article_id):
            continue
        if scope == "division" and (reader is None or _division(json.loads(headings)) != _division(reader.headings)):
            continue
        label = part_label(part) + (article_label(num) or title) + (paragraph_label(paragraph) if num else "")
        found.setdefault(key, _Known(article_id, paragraph, DefinedTerm(term, law_id, law_title, num, label, text)))
    return found


def _division(headings: Sequence[str]) -> tuple[str, ...]:
    # The outermost heading that can hold: a term of a section is offered in its whole chapter rather than in none of it.
    return tuple(headings[:1])


def _act_of(store: Store, article: ArticleRow) -> str | None:
    """Revision of the Act that an order or ordinance cites most, in force with it; None for an Act."""
    kind = store.connection.execute("SELECT law_type FROM laws WHERE law_id=?", (article.law_id,)).fetchone()
    if kind is None or kind[0] in ("Act", "Constitution"):
        return None
    row = store.connection.execute(
        "SELECT r.revision_id FROM (SELECT to_law, count(*) AS uses FROM citations WHERE from_law=? AND to_law<>?"
        " GROUP BY to_law ORDER BY uses DESC, to_law LIMIT 1) c JOIN revisions r ON r.law_id=c.to_law"
        " WHERE r.valid_from<? AND r.valid_to>? ORDER BY r.valid_from DESC LIMIT 1",
        (article.law_id, article.law_id, article.valid_to, article.valid_from),
    ).fetchone()
    return None if row is None else str(row[0])
