"""Articles of orders that fill in what an Act leaves to them: 法第三十七条第一項に規定する政令で定める行為は、….

Such a paragraph begins by naming the provision that it fills in, so the citations of the store lead from an article to
the articles of 施行令, 府令 and 省令 that belong to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from .rows import ArticleRow
from .store import Store

_FILLS_IN = re.compile(r"^.{0,120}?に規定する.{0,60}?(?:政令|府令|省令|規則|命令)で定める")


def fills_in(lead: str) -> bool:
    """Whether a paragraph's lead sentence 柱書 says what another provision leaves to an order."""
    return bool(_FILLS_IN.match(lead))


def filled_in_by(store: Store, seeds: Sequence[ArticleRow], candidates: Iterable[int]) -> list[int]:
    """Those of ``candidates`` (article numbers) with a paragraph that begins by naming a seed and fills it in."""
    targets = {(seed.law_id, seed.num) for seed in seeds if seed.part == "main" and seed.num}
    asked = list(candidates)
    marks = ",".join("?" * len(asked))
    found: dict[int, None] = {}
    for law_id, num in sorted(targets):
        rows = store.connection.execute(
            "SELECT DISTINCT from_article, from_passage FROM citations"  # noqa: S608  # only question marks
            f" WHERE from_article IN ({marks}) AND to_law=? AND to_num=? AND from_law<>?",
            (*asked, law_id, num, law_id),
        ).fetchall()
        for article_id, passage_id in rows:
            if article_id not in found and _begins_with(store, article_id, passage_id, (law_id, num)):
                found[article_id] = None
    return [article_id for article_id in asked if article_id in found]


def _begins_with(store: Store, article_id: int, passage_id: int, target: tuple[str, str]) -> bool:
    first = store.connection.execute(
        "SELECT to_law, to_num FROM citations WHERE from_article=? AND from_passage=? ORDER BY rowid LIMIT 1",
        (article_id, passage_id),
    ).fetchone()
    if first != target:
        return False
    (lines,) = store.connection.execute("SELECT lines FROM passages WHERE passage_id=?", (passage_id,)).fetchone()
    return fills_in(json.loads(lines)[0][1])
