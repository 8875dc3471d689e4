"""The tables 別表 and forms 様式 of a law that a reference names by their number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..text.citation_text import fold
from ..text.provision_parts import appendix_key, law_number_key
from .rows import ArticleRow
from .store import Store


def named_tables(store: Store, tables: Sequence[ArticleRow], name: str, *, row: bool) -> list[ArticleRow]:
    """Those of a law's ``tables`` that ``name`` may mean; ``row``: a row is named, which the last part of it may count.

    別表第1の3の項 is a row of 別表第1, and 別表第1の2 the part 二 of a 別表第1 that is divided into 一, 二 ….
    """
    wanted = appendix_key(name)
    exact = [table for table in tables if appendix_key(table.title) == wanted]
    if exact:
        return exact
    if not re.search(r"\d", wanted):
        return [table for table in tables if re.fullmatch(rf"{wanted}\d.*", appendix_key(table.title))]
    inner = re.fullmatch(r"(.+)の(\d+)", wanted)
    if inner is None:
        return []
    return [
        table for table in named_tables(store, tables, inner[1], row=row) if row or _has_line(store, table, inner[2])
    ]


def tables_of_amending(tables: Sequence[ArticleRow], amending: str) -> list[ArticleRow]:
    """Those of a law's ``tables`` that stand in the 附則 of the amending law; of an index of before, which does not say
    whose they are, those of any 附則."""
    if not any(one.amend_law_num for one in tables):
        return [one for one in tables if one.anchor.startswith("SupplProvisionAppdx")]
    wanted = law_number_key(amending)
    return [one for one in tables if law_number_key(one.amend_law_num or "") == wanted]


def _has_line(store: Store, table: ArticleRow, number: str) -> bool:
    passages = store.article_passages(table.article_id)
    return any(fold(text) == number for passage in passages for _, text in passage.lines)
