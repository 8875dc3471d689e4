"""An opened index: search articles by words, look provisions up, read their text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from ...core.errors import DataError
from ..engines.coverage import LOW, covered
from ..engines.embedder import Embedder
from ..engines.lexical import PRESENCE, LexicalIndex
from ..engines.prior import PRIOR_CANDIDATES, citing_laws, law_types, prior_shares
from ..engines.qdrant_collection import QdrantAddress
from ..engines.sudachi import Words
from ..store.derived import load_names
from ..store.passages import passages_with_ids
from ..store.resolved import Resolved
from ..store.resolving import MAX_RANGE, law_without_articles, resolve
from ..store.rows import ArticleRow, PassageRow
from ..text.law_names import LawNames, name_key, title_names
from ..text.passages import body
from ..text.query import query_tokens
from ..text.tokens import tokenize
from .found import Found
from .manifest import check_embedder, check_words, read_manifest
from .qdrant_search import QdrantSearch
from .raising import cited_alone, named_and_mentioned, raised_by, words_beside
from .ranking import (
    LOW_WEIGHTS,
    fused,
    ranked,
    with_part,
)
from .searched_texts import passage_texts
from .state import IndexState, View

Retriever = Literal["bm25", "vector", "hybrid"]

CANDIDATES = 50  # articles ranked for one query, at least
HITS_PER_ARTICLE = 2  # documents of the word index fetched for each of them
# Parts of the ranking beside what is found; "graph" gave nothing on dev and has to be asked for. "coverage" lets words
# alone decide where they reach, and vectors lead where they do not; without it both always count the same.
PARTS = ("request", "presence", "citation", "delegation", "prior", "coverage")
CITED = ("found",)  # references that lead to what they name; any other must not become a hit


@dataclass(frozen=True, slots=True)
class ArticleHit:
    """An article found, best first."""

    article: ArticleRow
    score: float
    passages: tuple[PassageRow, ...]  # the passages that were hit, best first
    components: dict[str, float] = field(default_factory=dict)  # what the score is made of


class StatuteIndex:
    """Read access to one index folder; safe to share between threads, and sees updates as they are committed."""

    def __init__(
        self,
        index_dir: Path,
        retriever: Retriever = "bm25",
        embedder: Embedder | None = None,
        qdrant: QdrantAddress | None = None,
        second: Words | None = None,
    ) -> None:
        """``vector`` and ``hybrid`` need the embedder that the index was built with.

        ``second`` cuts the words of the second field, which the index must have then, and only then. With ``qdrant``
        words and vectors are searched on that server, and of the folder only the store is read.
        """
        self.index_dir = index_dir
        self.manifest = read_manifest(index_dir)
        self.retriever: Retriever = retriever
        self._embedder = embedder
        if retriever != "bm25":
            check_embedder(index_dir, self.manifest, embedder)
        check_words(index_dir, self.manifest, second)
        self._second = second
        self._remote = None if qdrant is None else QdrantSearch(qdrant, self.manifest)
        self._state = IndexState(index_dir, self.manifest, None if retriever == "bm25" else embedder, self._remote)
        self.store = self._state.store
        self._found = Found(self._state, retriever)
        self._names: tuple[str, LawNames] | None = None
        self._standing: tuple[str, dict[str, str], dict[str, int]] = ("", {}, {})

    @property
    def words(self) -> LexicalIndex:
        """The word index of the folder."""
        return self._state.words

    def reading(self) -> AbstractContextManager[View]:
        """Store and words as of one commit for the whole block, whatever is committed meanwhile."""
        return self._state.reading()

    def names(self) -> LawNames:
        """The names of laws, as of the state that is being read."""
        with self.reading() as view:
            known = self._names  # read once: another thread may hold another commit
            if known is None or known[0] != view.generation:
                self._names = known = (view.generation, load_names(self.store))
            return known[1]

    def day(self, as_of: date | None) -> str:
        """The day (ISO) whose law is read: ``as_of``, else the day the index was built for, else today.

        Raises DataError for another day than the one the index was built for: it holds nothing of it.
        """
        built_for = self.manifest.as_of
        if built_for is None:
            return (as_of or date.today()).isoformat()
        if as_of is not None and as_of.isoformat() != built_for:
            raise DataError(
                f"{self.index_dir}: この索引には {built_for} に施行されている条文しかなく、{as_of} の条文は引けません。"
                "--as-of を外すか、scripts/build_index.py で --as-of を付けずに作り直してください。"
            )
        return built_for

    def search(
        self,
        query: str,
        top_k: int,
        *,
        as_of: date | None = None,
        parts: Collection[str] = PARTS,
        laws: Sequence[str] = (),
    ) -> list[ArticleHit]:
        """The best ``top_k`` articles in force on ``as_of`` (default today). Raises DataError for an unusable query.

        ``laws`` keeps only the articles of the laws with these ids, cited ones too; none stands for all.

        ``parts`` of the ranking other than BM25 can be left out, to measure what each is worth.
        """
        tokens = query_tokens(query, request="request" not in parts)
        asked = None if self._embedder is None or self.retriever == "bm25" else self._embedder.query(query)
        day = self.day(as_of)
        wanted = max(top_k, CANDIDATES)
        presence = PRESENCE if "presence" in parts else 0.0
        with self.reading() as view:
            words = [] if self._second is None else self._second.words(query)
            hits = self._found.hits(view, tokens, asked, wanted * HITS_PER_ARTICLE, day, tuple(laws), presence, words)
            cited = self._cited(query, day, laws) if "citation" in parts else []
            named, mentioned = named_and_mentioned(query, cited)
            # Words that are searched on a server do not say how far they reach.
            reached = "bm25" not in hits or self._remote is not None or bool(cited)
            reached = reached or self._covered(view, tokens, hits) >= LOW
            weighed = "coverage" in parts and set(hits) == {"bm25", "vector"}
            if weighed and reached and hits["bm25"]:
                hits = {"bm25": hits["bm25"]}
            weights = LOW_WEIGHTS if weighed else None
            first = fused(hits, wanted, weights)
            if "prior" in parts and not reached:
                hits = self._found.hits(
                    view, tokens, asked, PRIOR_CANDIDATES * HITS_PER_ARTICLE, day, tuple(laws), presence, words
                )
                first = self._with_prior(fused(hits, PRIOR_CANDIDATES, weights), view.generation)
            found = raised_by(self.store, first, named, mentioned, cited_alone(query, cited), parts)
            order = ranked(named, found)[:top_k]
            articles = self.store.articles([one.article_id for one in order])
            return [
                ArticleHit(
                    articles[one.article_id],
                    one.score,
                    self._hit_passages(one.article_id, query, cited, [hit for some in hits.values() for hit in some]),
                    one.components,
                )
                for one in order
            ]

    def _cited(self, query: str, day: str, laws: Collection[str]) -> list[Resolved]:
        """The references of a query that lead to an article (of ``laws``, if there are any)."""
        return [
            item
            for item in resolve(query.strip(), self.store, self.names(), day)
            if item.article is not None and item.status in CITED and (not laws or item.article.law_id in laws)
        ]

    def _covered(
        self, view: View, tokens: Sequence[str], hits: Mapping[str, Sequence[tuple[int, int, float]]]
    ) -> float:
        """The share of the tokens' weight that the passage found first by words has; 1 where none was found."""
        if not hits["bm25"]:
            return 1.0
        number = hits["bm25"][0][0]
        stored = passages_with_ids(self.store, [number])[number]
        weights = self.words.weights(view.searcher, tokens)
        return covered(weights, set(tokenize(next(passage_texts(stored.law_title, stored.item)))))

    def _with_prior(self, found: Mapping[int, Mapping[str, float]], generation: str) -> dict[int, dict[str, float]]:
        """``found`` with what each article gains by the standing of its law."""
        laws_of = {article_id: row.law_id for article_id, row in self.store.articles(list(found)).items()}
        standing = self._standing
        if standing[0] != generation:
            self._standing = standing = (generation, law_types(self.store), {})
        _, types, cited_by = standing
        # Counted once: a law that thousands cite takes ten milliseconds.
        cited_by |= citing_laws(self.store, [law_id for law_id in laws_of.values() if law_id not in cited_by])
        shares = prior_shares(laws_of, types, cited_by)
        top = max((sum(parts.values()) for parts in found.values()), default=0.0)
        return with_part(found, "prior", {article_id: share * top for article_id, share in shares.items()})

    def references(self, text: str, *, as_of: date | None = None, limit: int = MAX_RANGE) -> list[Resolved]:
        """Every reference to a provision in ``text`` and what it leads to; of a range at most ``limit`` articles between."""
        with self.reading():
            dropped = {name_key(name): title for _, title in self.manifest.dropped for name in title_names(title)}
            return resolve(text, self.store, self.names(), self.day(as_of), limit=limit, dropped=dropped)

    def coverage(self, query: str, hits: Sequence[ArticleHit]) -> float | None:
        """The share of the query's word weight that the first of ``hits`` has: 1 where the query names a provision, 0
        without a hit; None where words are searched on a server, which does not say how rare they are."""
        if self._remote is not None:
            return None
        if not hits:
            return 0.0
        if "citation" in hits[0].components:
            return 1.0
        with self.reading() as view:
            weights = self.words.weights(view.searcher, query_tokens(query))
            number = hits[0].passages[0].passage_id
            stored = passages_with_ids(self.store, [number])[number]
        return covered(weights, set(tokenize(next(passage_texts(stored.law_title, stored.item)))))

    def law_without_articles(self, text: str, *, as_of: date | None = None) -> ArticleRow | None:
        """What the law that ``text`` names consists of, if it has no articles."""
        with self.reading():
            return law_without_articles(text, self.store, self.names(), self.day(as_of))

    def gaps(self, as_of: date | None = None) -> list[str]:
        """What the index lacks of the law of a day that is asked for, or that it was built for, one line each."""
        if self.manifest.dropped:
            laws = len(self.manifest.dropped)
            return [
                f"この索引には {self.manifest.as_of} の版がない法令 {laws:,} 件が入っていません（--stats の dropped）。"
            ]
        if as_of is None:
            return []
        with self.reading():
            missing, laws = self.store.laws_without_text(as_of.isoformat()), self.store.counts()["laws"]
        if not missing:
            return []
        return [
            f"{as_of} に施行されていた版が索引にない法令が {missing:,} 件あり（全 {laws:,} 件）、結果に入りません。"
        ]

    def _hit_passages(
        self, article_id: int, query: str, cited: Sequence[Resolved], hits: Sequence[tuple[int, int, float]]
    ) -> tuple[PassageRow, ...]:
        """The passages of an article that were meant or found: the paragraph named first, then by score.

        Of an article that is named whole, and of which the query says nothing more, the first.
        """
        rows = self.store.article_passages(article_id)
        meant = {item.paragraph for item in cited if item.article is not None and item.article.article_id == article_id}
        found: dict[int, int] = {}
        for place, (number, article, _) in enumerate(hits):
            if article == article_id:
                found.setdefault(number, place)
        chosen = [row for row in rows if row.paragraph in meant or row.passage_id in found] or rows[:1]
        if meant == {None}:
            words = words_beside(query, cited)
            if not any(words & set(tokenize(body(row.lines))) for row in chosen):
                chosen = rows[:1]
        return tuple(sorted(chosen, key=lambda row: (row.paragraph not in meant, found.get(row.passage_id, len(hits)))))
