"""Article clusters: questions that share an article, directly or through others, belong together.

A split that cuts a cluster lets a model see in training the article it is tested on; so clusters, not questions, are
dealt out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from ..core.files import sha256_text
from ..core.questions import ArticleRef, Question
from .folding import fold_text
from .provisions import section_label

# A request that names nothing it asks about: such questions have only their words in common.
_BARE_WORDS = (
    "次に", "次の", "以下の", "下記の", "上記の", "掲げる", "記述", "説明", "選択肢", "文章", "文", "事項", "もの", "こと", "うち", "中", "から",
    "最も", "全て", "すべて", "それぞれ", "一つ", "二つ", "三つ", "1つ", "2つ", "3つ", "ひとつ", "ふたつ", "として",
    "正しい", "正しく", "誤っている", "誤った", "誤り", "間違っている", "間違い", "適切", "不適切", "妥当", "適当", "不適当", "正確", "該当する", "該当し",
    "当てはまる", "あてはまる", "でない", "ではない", "ない", "である", "な", "か", "は", "が", "を", "に", "の", "で", "と", "どれ", "どちら", "いずれ", "何",
    "です", "でしょう", "か", "ください", "下さい", "なさい", "教えて", "答えて", "答え", "選んで", "選び", "選べ", "選択せよ", "よ", "せよ",
    "?", "。", "、", ",", ".", "(", ")", "「", "」",
)  # fmt: skip


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


def asks_barely(question: str) -> bool:
    """Whether the question says nothing of what it is about (次のうち、正しいものはどれか), so that its choices do."""
    return _bare().fullmatch(fold_text(question)) is not None


@cache
def _bare() -> re.Pattern[str]:
    words = sorted({fold_text(word) for word in _BARE_WORDS}, key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(map(re.escape, words))})*+")


def cluster_keys(
    articles: Iterable[ArticleRef], context: str | None, question: str, choices: Iterable[str] = ()
) -> tuple[str, ...]:
    """What a question is clustered by: ``借地借家法 第13条`` for each article or guideline section of its context.

    A context that names none is clustered by its text, a question without context by its own text, so that copies of
    one text still stay together; by that of its choices too where it asks barely, as every ○× statement does.
    """
    keys = dict.fromkeys(
        f"{law} {section_label(article)}" for law, article in dict.fromkeys(ref.article_key for ref in articles)
    )
    if keys:
        return tuple(keys)
    if context and context.strip():
        return (f"context {sha256_text(fold_text(context))[:12]}",)
    text = fold_text(question)
    if asks_barely(question):
        text = "\x1f".join([text, *sorted(map(fold_text, choices))])
    return (f"question {sha256_text(text)[:12]}",)


def question_keys(question: Question) -> tuple[str, ...]:
    """``cluster_keys`` of a question that has been read; the same in whatever file and order of choices it stands."""
    return cluster_keys(question.articles, question.context, question.question, question.choices.values())


def natural_order(key: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``第9条`` stands before ``第13条``."""
    return tuple(
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", key) if piece
    )


def _rank(key: str) -> tuple[bool, tuple[tuple[int, int, str], ...]]:
    """An article says more than the hash of a text."""
    return key.startswith(("context ", "question ")), natural_order(key)


def cluster_ids(keys_of_each: Sequence[Sequence[str]], contents: Sequence[str] = ()) -> list[str]:
    """For each question the id of its cluster: the smallest key of the component.

    ``contents`` of the questions (``content_hash``) join copies of one question whose contexts are not alike; they name
    no cluster. The id depends on the component alone, so any set of whole clusters gives its questions the same ids.
    """
    marks = [[f"content {one}"] for one in contents] if contents else [[]] * len(keys_of_each)
    components = connected_components([[*keys, *mark] for keys, mark in zip(keys_of_each, marks, strict=True)])
    smallest: dict[int, str] = {}
    for component, keys in zip(components, keys_of_each, strict=True):
        for key in keys:
            if component not in smallest or _rank(key) < _rank(smallest[component]):
                smallest[component] = key
    return [smallest[component] for component in components]
