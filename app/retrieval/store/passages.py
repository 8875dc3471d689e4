"""Passages of a store as they were when they were written, for what is derived from their text later."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..text.passages import Passage, Provision
from .rows import NewPassage
from .store import Store

SEARCHED_PARTS = ("main", "preamble", "supplement", "appendix")  # amending 附則 are stored, not searched
_SELECT = (
    "SELECT p.passage_id, p.paragraph, p.label, p.caption, p.lines, a.part, a.supplement, a.amend_law_num, a.num, a.title,"
    " a.caption, a.headings, a.anchor, r.title FROM passages p JOIN articles a USING (article_id) JOIN revisions r USING (rev)"
)


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with the title of its law."""

    law_title: str
    item: NewPassage


def passages_with_ids(store: Store, passage_ids: Sequence[int]) -> dict[int, StoredPassage]:
    """The passages with these numbers. Raises StaleIndexError for text that is not as it was written."""
    store.check_text(passage_ids)
    marks = ",".join("?" * len(passage_ids))
    return {
        found.item.passage_id: found
        for found in _read(store, f"{_SELECT} WHERE p.passage_id IN ({marks})", list(passage_ids))
    }


def searched_passages(store: Store, rev: int) -> list[StoredPassage]:
    """The passages of a revision that can be searched, in order."""
    marks = ",".join("?" * len(SEARCHED_PARTS))
    query = f"{_SELECT} WHERE r.rev=? AND a.part IN ({marks}) AND NOT a.deleted ORDER BY p.passage_id"
    return list(_read(store, query, [rev, *SEARCHED_PARTS]))


def _read(store: Store, query: str, values: Sequence[object]) -> Iterator[StoredPassage]:
    for number, paragraph, label, caption, lines, part, supplement, amend, num, title, article_caption, headings, anchor, law in store.connection.execute(query, values):  # fmt: skip
        passage = Passage(paragraph, label, caption, tuple((path, text) for path, text in json.loads(lines)))
        provision = Provision(part, supplement, amend, num, title, article_caption, tuple(json.loads(headings)), False, anchor, ())  # fmt: skip
        yield StoredPassage(law, NewPassage(number, provision, passage))
