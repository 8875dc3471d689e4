"""The articles of today's statutes under every name their law has, so that a pair and a judged article meet whatever they call it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...data.generation.leaks import Excluded
from ...data.provisions import law_key
from ..store.store import Store
from ..text.law_names import title_names

Key = tuple[str, str]  # title of a law as ``law_key`` compares it, article


@dataclass(frozen=True, slots=True)
class TodaysArticle:
    """An article of a law in force.

    law_id   of its law
    names    title of the law, without its number too, and former titles
    article  its number
    caption  without parentheses; "" for none
    """

    law_id: str
    names: tuple[str, ...]
    article: str
    caption: str


def todays_articles(store: Store) -> dict[int, TodaysArticle]:
    """Number of an article's first passage, which an index keeps its vector under → the article."""
    former: dict[str, list[str]] = {}
    for law_id, name in store.connection.execute("SELECT law_id, alias FROM aliases WHERE kind='former'"):
        former.setdefault(law_id, []).append(name)
    return {
        number: TodaysArticle(law_id, (*title_names(title), *former.get(law_id, ())), num, caption.strip("（）"))
        for number, law_id, title, num, caption in store.connection.execute(
            "SELECT min(p.passage_id), r.law_id, r.title, a.num, a.caption FROM passages p JOIN articles a USING (article_id)"
            " JOIN revisions r USING (rev) WHERE a.part='main' AND NOT a.deleted"
            " AND r.valid_from<=date('now','localtime') AND r.valid_to>date('now','localtime') GROUP BY a.article_id"
        )
    }


def by_name(articles: Mapping[int, TodaysArticle]) -> dict[Key, int]:
    """(name of the law, article) → number; of a name that two laws have had, the law that has it now."""
    found: dict[Key, int] = {}
    for number, one in articles.items():
        for place, name in enumerate(one.names):
            key = (law_key(name), one.article)
            if place == 0 or key not in found:
                found[key] = number
    return found


def judged(
    articles: Mapping[int, TodaysArticle], lay: Collection[Key], exams: Sequence[Excluded]
) -> tuple[set[int], set[Key]]:
    """The numbers of the articles that questions are judged on, and those of ``lay`` that no article is."""
    found = {
        number
        for number, one in articles.items()
        if any((law_key(name), one.article) in lay for name in one.names)
        or any(exam.holds_article(name, one.article) for exam in exams for name in one.names)
    }
    met = {(law_key(name), articles[number].article) for number in found for name in articles[number].names}
    return found, set(lay) - met
