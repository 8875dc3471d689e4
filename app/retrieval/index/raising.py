"""What raises an article beside being found: being mentioned, filling in one that was found, or being cited by it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..store.delegations import filled_in_by
from ..store.resolved import Resolved
from ..store.store import Store
from ..text.citation_text import fold_question
from ..text.query import question_and_statements
from ..text.tokens import tokenize
from .ranking import (
    ALONE_SHARE,
    DELEGATION_SEEDS,
    DELEGATION_SHARE,
    MENTION_SHARE,
    NEIGHBOUR_SEEDS,
    neighbour_boosts,
    raised,
    with_part,
)

# What may stand beside a citation in a choice that is nothing but one.
_BESIDE = re.compile(r"(?:の|各号|本文|但書|ただし書き?|前段|後段|柱書き?|及び|又は|並びに|[、。,・()「」『』])*")


def named_and_mentioned(query: str, cited: Sequence[Resolved]) -> tuple[list[int], list[int]]:
    """Articles named in the line that asks, and those named only in the statements after it, each in order.

    What the question names is meant. What a choice names may be just what makes it wrong.
    """
    end = len(fold_question(question_and_statements(query)[0])[0])
    named: dict[int, None] = {}
    mentioned: dict[int, None] = {}
    for item in cited:
        if item.article is not None:
            (named if item.start < end else mentioned).setdefault(item.article.article_id)
    return list(named), [number for number in mentioned if number not in named]


def cited_alone(query: str, cited: Sequence[Resolved]) -> list[int]:
    """Articles of the choices that are nothing but citations: such a question asks which of them it is."""
    asked, *choices = fold_question(query.strip())[0].split("\n")
    found: dict[int, None] = {}
    start = len(asked) + 1
    for choice in choices:
        end = start + len(choice)
        inside = [(item.start - start, item.article, item.text) for item in cited if start <= item.start < end]
        named = {place + offset for place, _, text in inside for offset in range(len(text))}
        rest = "".join(character for place, character in enumerate(choice) if place not in named)
        if inside and _BESIDE.fullmatch(rest):
            found |= dict.fromkeys(article.article_id for _, article, _ in inside if article is not None)
        start = end + 1
    return list(found)


def words_beside(query: str, cited: Sequence[Resolved]) -> set[str]:
    """The words of a query that are no part of its references; those of hiragana alone tell nothing."""
    rest = fold_question(query)[0]
    for item in cited:
        rest = rest.replace(item.text, " ")
    return {token for token in tokenize(rest) if re.search("[^ぁ-ん]", token)}


def raised_by(
    store: Store,
    found: dict[int, dict[str, float]],
    named: Sequence[int],
    mentioned: Sequence[int],
    alone: Collection[int],
    parts: Collection[str],
) -> dict[int, dict[str, float]]:
    """``found`` with what each article gains by being mentioned (more so ``alone``), filling in a seed, or being cited by one."""
    if mentioned:
        beside = raised([one for one in mentioned if one not in alone], MENTION_SHARE, found, add=True)
        by_itself = raised([one for one in mentioned if one in alone], ALONE_SHARE, found, add=True)
        found = with_part(found, "mention", beside | by_itself)
    if "delegation" in parts:
        seeds = store.articles(list(dict.fromkeys([*named, *list(found)[:DELEGATION_SEEDS]])))
        found = with_part(
            found,
            "delegation",
            raised(filled_in_by(store, list(seeds.values()), found), DELEGATION_SHARE, found),
        )
    if "graph" in parts:
        near = list(dict.fromkeys([*named, *list(found)[:NEIGHBOUR_SEEDS]]))
        sums = {article_id: sum(parts_of.values()) for article_id, parts_of in found.items()}
        found = with_part(found, "graph", neighbour_boosts(near, _cited_by(store, near, found), sums))
    return found


def _cited_by(store: Store, seeds: Sequence[int], candidates: Iterable[int]) -> dict[int, list[int]]:
    rows = store.articles(list(candidates))
    keys = {(row.law_id, row.num): number for number, row in rows.items() if row.part == "main" and row.num}
    return {seed: [keys[target] for target in store.citations_from(seed) if target in keys] for seed in seeds}
