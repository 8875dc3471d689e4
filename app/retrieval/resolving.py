"""References in a question → articles of the store, or a plain word about why not.

Nothing is guessed: a law that is not known, a name that several laws share and an article that does not exist are said,
and the nearest neighbour is never taken instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.data.law_numbers import article_label, article_sort_key, in_range, item_label, paragraph_label
from app.retrieval.citations import Mention, find_mentions
from app.retrieval.law_names import LawNames
from app.retrieval.passages import part_label
from app.retrieval.store import Store
from app.retrieval.store_rows import ArticleRow

Status = Literal["found", "unknown_law", "ambiguous_law", "unknown_article", "unknown_paragraph", "deleted"]
MAX_RANGE = 10  # articles taken from 第5条から第100条まで


@dataclass(frozen=True, slots=True)
class Resolved:
    """One reference of a text and what it leads to."""

    text: str  # as read
    status: Status
    article: ArticleRow | None
    paragraph: str | None
    item: str | None
    note: str  # in Japanese, empty when found
    start: int  # position in the folded text


def resolve(text: str, store: Store, names: LawNames, as_of: str) -> list[Resolved]:
    """Every reference in ``text``, in order, against the revisions in force on ``as_of`` (ISO date)."""
    mentions = find_mentions(text, names)
    found: list[Resolved] = []
    for number, mention in enumerate(mentions):
        found.append(_resolve(mention, store, as_of))
        following = mentions[number + 1] if number + 1 < len(mentions) else None
        if following is not None and following.joined_by == "から" and following.law_ids == mention.law_ids:
            found.extend(_between(mention, following, store, as_of))
    return found


def _resolve(mention: Mention, store: Store, as_of: str) -> Resolved:
    def result(status: Status, note: str = "", article: ArticleRow | None = None) -> Resolved:
        return Resolved(mention.text, status, article, mention.paragraph, mention.item, note, mention.start)

    if not mention.law_ids:
        name = f"法令「{mention.law_text}」" if mention.law_text else "どの法令の条か"
        return result("unknown_law", f"{mention.text}: {name}が分かりません。法令名を書いてください。")
    if len(mention.law_ids) > 1:
        titles = "、".join(f"{names_of(store, law_id)}（{law_id}）" for law_id in mention.law_ids)
        return result("ambiguous_law", f"{mention.text}: 「{mention.law_text}」に当たる法令が複数あります: {titles}。")
    law_id = mention.law_ids[0]
    rows = store.find_articles(law_id, mention.article, as_of, mention.part)
    if not rows:
        spanning = _spanning(store, law_id, mention, as_of)
        if spanning is not None:
            return result(
                "deleted", f"{mention.text}: {spanning.law_title} {spanning.title}は削除されています。", spanning
            )
        name = names_of(store, law_id) or law_id
        label = part_label(mention.part) + article_label(mention.article)
        return result("unknown_article", f"{mention.text}: {name}に{label}はありません（{as_of} 現在）。")
    article = rows[0]
    if article.deleted:
        return result(
            "deleted", f"{mention.text}: {article.law_title} {article_label(article.num)}は削除されています。", article
        )
    if mention.paragraph is not None:
        passages = store.article_passages(article.article_id)
        if mention.paragraph not in [passage.paragraph for passage in passages]:
            note = f"{mention.text}: {article.law_title} {article_label(article.num)}に{paragraph_label(mention.paragraph)}はありません。"
            return result("unknown_paragraph", note, article)
    return result("found", "", article)


def _spanning(store: Store, law_id: str, mention: Mention, as_of: str) -> ArticleRow | None:
    """The 第十九条から第二十一条まで 削除 that covers the article."""
    for num in store.article_nums(law_id, as_of, mention.part):
        if ":" in num and in_range(mention.article, num):
            return store.find_articles(law_id, num, as_of, mention.part)[0]
    return None


def _between(first: Mention, last: Mention, store: Store, as_of: str) -> Iterator[Resolved]:
    low, high = article_sort_key(first.article), article_sort_key(last.article)
    if len(first.law_ids) != 1:
        return
    inside: Sequence[str] = [
        num
        for num in store.article_nums(first.law_ids[0], as_of, first.part)
        if ":" not in num and low < article_sort_key(num) < high
    ]
    for num in inside[:MAX_RANGE]:
        for article in store.find_articles(first.law_ids[0], num, as_of, first.part)[:1]:
            yield Resolved(f"{first.text}から{last.text}", "found", article, None, None, "", first.start)


def names_of(store: Store, law_id: str) -> str:
    """Title of a law's latest revision; empty when it is not in the store."""
    row = store.connection.execute(
        "SELECT title FROM revisions WHERE law_id=? ORDER BY valid_from DESC LIMIT 1", (law_id,)
    ).fetchone()
    return str(row[0]) if row else ""


def cited_label(resolved: Resolved) -> str:
    """``金融商品取引法 第27条の2第1項第3号`` of a found reference."""
    article = resolved.article
    if article is None:
        return resolved.text
    return (
        f"{article.law_title} {part_label(article.part)}{article_label(article.num)}"
        f"{paragraph_label(resolved.paragraph)}{item_label(resolved.item)}"
    )
