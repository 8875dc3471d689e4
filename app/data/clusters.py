"""Article clusters: questions that share an article, directly or through others, belong together.

A split that cuts a cluster lets a model see in training the article it is tested on; so clusters, not questions, are
dealt out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..core.files import sha256_text
from ..core.questions import ArticleRef
from .folding import fold_text
from .provisions import section_label


def connected_components(keys_of_each: Sequence[Iterable[str]]) -> list[int]:
    """For each element the number of its component, where elements that share a key are connected (union–find).

    Components are numbered in the order of their first element.
    """
    parent = list(range(len(keys_of_each)))

    def root(element: int) -> int:
        while parent[element] != element:
            parent[element] = parent[parent[element]]
            element = parent[element]
        return element

    first_with: dict[str, int] = {}
    for element, keys in enumerate(keys_of_each):
        for key in keys:
            other = first_with.setdefault(key, element)
            parent[max(root(element), root(other))] = min(root(element), root(other))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(element), len(numbers)) for element in range(len(parent))]


def cluster_keys(articles: Iterable[ArticleRef], context: str | None, question: str) -> tuple[str, ...]:
    """What a question is clustered by: ``借地借家法 第13条`` for each article or guideline section of its context.

    A context that names none is clustered by its text, a question without context by its own text, so that copies of
    one text still stay together.
    """
    keys = dict.fromkeys(
        f"{law} {section_label(article)}" for law, article in dict.fromkeys(ref.article_key for ref in articles)
    )
    if keys:
        return tuple(keys)
    if context and context.strip():
        return (f"context {sha256_text(fold_text(context))[:12]}",)
    return (f"question {sha256_text(fold_text(question))[:12]}",)


def natural_order(key: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``第9条`` stands before ``第13条``."""
    return tuple(
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", key) if piece
    )


def cluster_ids(keys_of_each: Sequence[Sequence[str]]) -> list[str]:
    """For each question the id of its cluster: the smallest key of the component.

    The id depends on the component alone, so any set of whole clusters gives its questions the same ids.
    """
    components = connected_components(keys_of_each)
    smallest: dict[int, str] = {}
    for component, keys in zip(components, keys_of_each, strict=True):
        for key in keys:
            if component not in smallest or natural_order(key) < natural_order(smallest[component]):
                smallest[component] = key
    return [smallest[component] for component in components]
