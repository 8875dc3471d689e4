"""Question → articles → context → answer.

``RAGPipeline`` is what records, evaluation and a user's own program share: they see the same articles in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from ..core.errors import DataError
from ..core.questions import Question
from ..core.rag_config import RAGConfig
from ..data.provisions import article_key, section_label
from ..llm.backends import load_backend
from .engines.embedder import Embedder, load_embedder
from .engines.qdrant_collection import qdrant_address
from .engines.reranking import CrossEncoderReranker, Reranker, reranked
from .engines.sudachi import second_words
from .grounds import ANSWER_INSTRUCTION as ANSWER_INSTRUCTION
from .grounds import Answer, Grounds, Turn, check_citations, follow_up_query, provisions_named
from .index.ranking import diversified
from .index.statute_index import PARTS, ArticleHit, StatuteIndex
from .reach import Reach as Reach
from .reach import Reaching, load_rewriter
from .rewriting import fused_by_coverage
from .showing.context_text import (
    FormattedContext,
    RetrievedPassage,
    format_passages,
    header_line,
    passage_title,
    to_passage,
)
from .showing.deciding import deciding_sentence, in_reading_order
from .showing.excerpt import article_lines, excerpt
from .store.defined_terms import defined_terms
from .store.resolved import REMARKS
from .store.resolving import MAX_RANGE
from .store.rows import ArticleRow
from .text.passages import body
from .text.tokens import tokenize

FUSED = 50  # articles of each ranking that are fused with those of the rewritings, at least
HEADER_CHARS = 80  # of each passage's share of a context that are kept for its header line; more where it is longer
MAX_REFERENCE_CHARS = 1000
MAX_LOOKED_UP = 100  # articles shown of 第1条から第1000条まで


class TextModel(Protocol):
    """What retrieval asks of a model: an answer to a prompt."""

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The model's text."""
        ...


def search_query(question: Question) -> str:
    """What is searched for a four-choice question: the question in the first line, then its choices, one a line.

    The first line is what asks (``asking.py``), so a question of several lines becomes one. 17 of lawqa_jp's 140 questions are only 「次のうち、正しいものを教えてください。」: the choices name the subject.
    """
    asked = " ".join(question.question.split("\n"))
    return "\n".join([asked, *(question.choices[letter] for letter in sorted(question.choices))])


def _unlike(hits: Sequence[ArticleHit], share: float, wanted: int, first: int) -> list[int]:
    """Places of the hits that maximal marginal relevance takes; a cross-encoder's scores may be negative, so ranks count."""
    relevance = [1.0 / (1 + place) for place in range(len(hits))]
    tokens = [frozenset(tokenize(body(hit.passages[0].lines))) for hit in hits]
    return diversified(relevance, tokens, share, wanted, first)


class RAGPipeline:
    """Retrieval as configured. Raises StaleIndexError on construction when the index is missing, stale or broken."""

    def __init__(
        self,
        config: RAGConfig,
        *,
        llm: TextModel | None = None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        """Models that are not given are loaded when the configuration names them and they are first used."""
        self.config = config
        kind = config.retriever.type
        if kind != "bm25" and embedder is None:
            embedder = load_embedder(config.embedding.model, config.embedding.batch_size, config.embedding.query)
        self.query_adapter_sha256: str = getattr(embedder, "adapter_sha256", "")
        """Of what the questions' vectors are made with beside the model; "" for nothing."""
        self.index = StatuteIndex(
            config.retriever.index_dir, kind, embedder, qdrant_address(config.retriever), second_words(config.retriever)
        )
        self._llm = llm
        self._reranker = reranker
        rewriter = load_rewriter(config, lambda prompt: self._model().invoke(prompt))
        self._reaching = Reaching(self.index, rewriter, always=config.retriever.rewrite == "always")

    def retrieve_documents(
        self, query: str, top_k: int | None = None, *, as_of: date | None = None
    ) -> list[RetrievedPassage]:
        """The best ``top_k`` articles (default: the configuration's), each cut to its share of the context's budget."""
        wanted = self.config.retriever.top_k if top_k is None else top_k
        return self.retrieve_candidates(query, wanted, shown=wanted, as_of=as_of)

    def retrieve_candidates(
        self, query: str, count: int, *, shown: int, as_of: date | None = None
    ) -> list[RetrievedPassage]:
        """The best ``count`` articles, each cut as if ``shown`` of them stood in a context."""
        if count < 1:
            raise DataError(f"top_k={count} は使えません。1 以上にしてください。")
        rewritten = self._reaching.rewritten(query, as_of)  # before anything is held: a model may have to be waited for
        with self.index.reading():
            hits = self._hits(query, rewritten, count, as_of)
            words = "\n".join([query, *rewritten])
            passages = [self._passage(hit, words, shown) for hit in hits]
            return self._explained(query, hits, passages) if self.config.retriever.definitions else passages

    def _explained(
        self, query: str, hits: Sequence[ArticleHit], passages: Sequence[RetrievedPassage]
    ) -> list[RetrievedPassage]:
        """The passages with the definitions of the terms that they and the question use."""
        articles = [hit.article for hit in hits]
        texts = [passage.text for passage in passages]
        needed = defined_terms(self.index.store, self.index.names(), articles, query, texts)
        return [replace(passage, definitions=terms) for passage, terms in zip(passages, needed, strict=True)]

    def share(self, shown: int, header_chars: int = 0) -> int:
        """Characters of text that each of ``shown`` passages has in a context, under a header of ``header_chars``."""
        budget = self.config.retriever.max_context_chars
        wanted = max(100, budget // shown - max(HEADER_CHARS, header_chars))
        # Titles of laws have up to 200 characters; even then the first article stands in the context.
        return max(1, min(wanted, budget - header_chars))

    def named_article(
        self, law: str, article: str, paragraphs: Sequence[str], query: str, *, shown: int, as_of: date | None = None
    ) -> RetrievedPassage | None:
        """The article of a law (``law_key`` title, ``27_2`` or ``附則1``) as retrieval would show it for ``query``, its
        ``paragraphs`` before the others when it has to be cut; None when the index holds no such article in force."""
        with self.index.reading():
            for item in self.index.references(law + section_label(article), as_of=as_of):
                row = item.article
                if item.status != "found" or row is None:
                    continue
                if article_key(row.law_title, row.part, row.num, passage_title(row, None)) != (law, article):
                    continue
                passages = self.index.store.article_passages(row.article_id)
                named = tuple(passage for passage in passages if passage.paragraph in paragraphs)
                hit = ArticleHit(row, 0.0, named)
                passage = self._passage(hit, query, shown)
                return self._explained(query, [hit], [passage])[0] if self.config.retriever.definitions else passage
        return None

    def _hits(self, query: str, rewritten: Sequence[str], wanted: int, as_of: date | None) -> list[ArticleHit]:
        parts = (*PARTS, "graph") if self.config.retriever.graph else PARTS
        reread, share = self.config.reranker.model is not None, self.config.retriever.mmr
        depth = wanted if not reread and share is None else max(wanted, self.config.reranker.candidates)
        hits = self._searched(query, rewritten, depth, as_of, parts)
        # Articles that the question names stay first: they are not found but meant.
        named = [hit for hit in hits if "citation" in hit.components]
        if reread:
            hits = [*named, *self._reread(query, hits[len(named) :])]
        if share is not None:
            hits = [hits[place] for place in _unlike(hits, share, wanted, len(named))]
        return hits[:wanted]

    def reach(self, query: str, *, as_of: date | None = None) -> Reach:
        """How far the query's own words reach, and what is searched beside it."""
        return self._reaching.of(query, as_of)

    def _searched(
        self, query: str, rewritten: Sequence[str], depth: int, as_of: date | None, parts: Sequence[str]
    ) -> list[ArticleHit]:
        """What the query finds, and its rewritings with it, each weighing as far as its words reach."""
        if not rewritten:
            return self.index.search(query, depth, as_of=as_of, parts=parts)
        wanted = max(depth, FUSED)
        found = {text: self.index.search(text, wanted, as_of=as_of, parts=parts) for text in (query, *rewritten)}
        rankings = [[hit.article.article_id for hit in hits] for hits in found.values()]
        reaches = [self.index.coverage(text, hits) or 0.0 for text, hits in found.items()]
        known = {hit.article.article_id: hit for hits in found.values() for hit in hits}
        return [
            replace(known[article_id], score=sum(components.values()), components=components)
            for article_id, components in list(fused_by_coverage(rankings, reaches).items())[:depth]
        ]

    def _reread(self, query: str, hits: Sequence[ArticleHit]) -> list[ArticleHit]:
        """The hits in the order of the cross-encoder."""
        if self._reranker is None:
            assert self.config.reranker.model is not None  # the caller asked
            self._reranker = CrossEncoderReranker(self.config.reranker.model)
        texts = [f"{hit.article.law_title} {hit.article.caption}\n{body(hit.passages[0].lines)}" for hit in hits]
        scores = self._reranker.scores(query, texts) if hits else []
        order = reranked(range(len(hits)), scores)
        return [replace(hits[place], score=scores[place], components={"rerank": scores[place]}) for place in order]

    def lookup(self, reference: str, *, as_of: date | None = None) -> list[RetrievedPassage]:
        """The whole articles that ``reference`` names. Raises DataError as ``meant``."""
        with self.index.reading():
            return [self._whole(article, paragraphs) for article, paragraphs in self.meant(reference, as_of=as_of)]

    def meant(self, reference: str, *, as_of: date | None = None) -> list[tuple[ArticleRow, list[str]]]:
        """The articles that ``reference`` names (``金商法27条の2``, several at once), and which of their paragraphs it does
        (an empty one for the article itself). Raises DataError when one does not lead to an article, saying why."""
        if (
            len(reference) > MAX_REFERENCE_CHARS
        ):  # what is no reference is not searched for names, which takes its square
            raise DataError(
                f"条の指定が長すぎます（{len(reference):,} 文字、上限 {MAX_REFERENCE_CHARS:,} 文字）。"
                "「金商法27条の2」のように指定してください。"
            )
        with self.index.reading():
            found = self.index.references(reference, as_of=as_of, limit=MAX_LOOKED_UP)
            faults = [item.note for item in found if item.status not in ("found", *REMARKS)]
            loose = None if found else self.index.law_without_articles(reference, as_of=as_of)
            if faults or not (found or loose):
                raise DataError(
                    " ".join(faults)
                    or f"{reference}: 条が書かれていません。「金商法27条の2」のように指定してください。"
                )
            if loose is not None:
                return [(loose, [])]
            named: dict[int, tuple[ArticleRow, list[str]]] = {}
            for item in found:
                if item.article is not None:
                    _, paragraphs = named.setdefault(item.article.article_id, (item.article, []))
                    paragraphs.append(item.paragraph or "")
            return list(named.values())

    def _whole(self, article: ArticleRow, paragraphs: Sequence[str]) -> RetrievedPassage:
        passages = self.index.store.article_passages(article.article_id)
        named = [row for row in passages if row.paragraph in paragraphs]
        text = "\n".join(line.text for line in article_lines(passages))
        return to_passage(ArticleHit(article, 0.0, tuple(named)), text, 0)

    def notes(
        self, query: str, *, as_of: date | None = None, looked_up: bool = False, reach: Reach | None = None
    ) -> list[str]:
        """What is wrong with the references in ``query`` (unknown law, ambiguous name, no such article), and how many
        laws the index cannot show for the day that is asked for, one line each. ``looked_up``: of ``lookup``'s references.
        ``reach`` is the query's, where it has been asked for already."""
        limit = MAX_LOOKED_UP if looked_up else MAX_RANGE
        found = [item.note for item in self.index.references(query, as_of=as_of, limit=limit) if item.note]
        if reach is None and not looked_up:
            reach = self.reach(query, as_of=as_of)
        return [*found, *self.index.gaps(as_of), *(() if reach is None else reach.notes)]

    def _passage(self, hit: ArticleHit, query: str, shown: int) -> RetrievedPassage:
        """The article of a hit, cut as if ``shown`` of them stood in a context."""
        passages = self.index.store.article_passages(hit.article.article_id)
        # A paragraph that was named stays first.
        first = hit.passages if "citation" in hit.components else in_reading_order(hit.passages, query)
        whole = to_passage(replace(hit, passages=first), "", 0, deciding_sentence(passages, first, query))
        header = len(header_line(shown, whole)) + 2  # what parts it from the passage before
        cut = excerpt(passages, [row.passage_id for row in hit.passages], query, self.share(shown, header))
        return replace(whole, text=cut.text, left_out_chars=cut.left_out_chars)

    def format_context(self, passages: Sequence[RetrievedPassage], max_chars: int | None = None) -> FormattedContext:
        """The passages as the text that goes into a prompt (default budget: the configuration's)."""
        return format_passages(passages, self.config.retriever.max_context_chars if max_chars is None else max_chars)

    def grounds(
        self, question: str, *, earlier: Sequence[Turn] = (), top_k: int | None = None, as_of: date | None = None
    ) -> Grounds:
        """What a free question is answered from; ``earlier`` are the turns of the conversation that it follows up."""
        query = follow_up_query(question, earlier)
        context = self.format_context(self.retrieve_documents(query, top_k, as_of=as_of))
        reach = self.reach(query, as_of=as_of)
        return Grounds(
            question=question,
            earlier=tuple(earlier),
            context=context,
            coverage=reach.coverage,
            notes=tuple(self.notes(query, as_of=as_of, reach=reach)),
        )

    def read_answer(self, text: str, grounds: Grounds) -> Answer:
        """An answer with what it cites checked: numbers against the articles shown, and so every provision it names."""
        context = grounds.context
        cited, unsupported = check_citations(text, len(context.used))
        with self.index.reading():
            named, unshown = provisions_named(text, context.used, self.index.names())
        cited = tuple(sorted({*cited, *named}))
        return Answer(text, context.used, context.left_out, cited, unsupported, grounds.notes, unshown)

    def query(self, question: str, *, top_k: int | None = None, as_of: date | None = None) -> Answer:
        """Answer a free question from the statutes, with citations checked against the articles that were given."""
        grounds = self.grounds(question, top_k=top_k, as_of=as_of)
        return self.read_answer(self._model().invoke(grounds.prompt), grounds)

    def _model(self) -> TextModel:
        if self._llm is None:
            self._llm = load_backend(self.config.llm)
        return self._llm
