"""What to say of a provision that a law of the store does not have, and what provisions are called in such notes."""

from __future__ import annotations

from ...data.law_numbers import article_label, paragraph_label
from ..text.mention import Mention
from ..text.passages import part_label
from ..text.provision_parts import numbers_lost
from .laws_on_day import MAX_NAMED
from .rows import ArticleRow
from .store import Store

MAX_TABLES = 20  # named in a note


def not_there(store: Store, as_of: str, mention: Mention, law_id: str, title: str) -> str:
    """The note on a provision that the law ``title`` does not have, with where it may be."""
    day = f"（{as_of} 現在）"
    if not mention.article and mention.part == "main":
        if store.find_articles(law_id, "", as_of):
            return f"{mention.text}: {title}に{paragraph_label(mention.paragraph)}はありません{day}。"
        return f"{mention.text}: {title}には条があります。「第1条第{mention.paragraph}項」のように条を書いてください。"
    note = f"{mention.text}: {title}に{label_of(mention)}はありません{day}。"
    if mention.part in ("appendix", "preamble"):
        tables = store.find_articles(law_id, "", as_of, "appendix") if mention.part == "appendix" else []
        if tables:
            return f"{note}あるのは: {'、'.join(row.title for row in tables[:MAX_TABLES])}。"
        # Data made from other sources have neither, whatever the law has.
        lost = (
            "（法令にあるかどうかは、このデータからは確かめられません）" if lost_numbers(store, law_id, as_of) else day
        )
        return f"{mention.text}: 索引の{title}のデータに{label_of(mention)}はありません{lost}。"
    others = store.find_articles(law_id, mention.article, as_of, "amendment")
    if mention.part == "supplement" and others:
        numbers = "、".join(str(row.amend_law_num) for row in others[-MAX_NAMED:])
        note += f"改正法の附則には {len(others)} あります。「附則（{others[-1].amend_law_num}）」のように改正法の番号を書いてください: {numbers}。"
    return note


def lost_numbers(store: Store, law_id: str, as_of: str) -> bool:
    """Whether the numbers of the items in the law's text of the day were lost before the file was made."""
    current = (one for one, since, until in store.revisions_of(law_id) if since <= as_of < until)
    return any(numbers_lost(line for lines in store.lines_of(one) for line in lines) for one in current)


def label_of(mention: Mention) -> str:
    """``附則（…）第10条``, ``別表第1``, ``第709条``: the provision without its law."""
    if mention.part == "appendix":
        return part_label(mention.part, mention.amending) + mention.article
    return part_label(mention.part, mention.amending) + (
        article_label(mention.article) or paragraph_label(mention.paragraph)
    )


def place_in_law(row: ArticleRow) -> str:
    """The same of a stored provision."""
    return part_label(row.part, row.amend_law_num) + (
        article_label(row.num) or (row.title if row.part == "appendix" else "")
    )
