"""The context each question is asked with, and which of its gold articles stand in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ...core.questions import Question
from ...data.context import Context, is_gold, retrieved_context
from .plan import ContextSource


class PipelineLike(Protocol):
    """What is needed of ``app.retrieval.rag_pipeline.RAGPipeline``."""

    def retrieve_documents(self, query: str, top_k: int) -> Sequence[Any]:
        """The best passages, best first."""
        ...

    def retrieve_candidates(self, query: str, count: int, *, shown: int) -> Sequence[Any]:
        """The best ``count`` passages, each cut as if ``shown`` of them stood in a context."""
        ...

    def format_context(self, passages: Sequence[Any]) -> Any:
        """The text for a prompt within the character budget."""
        ...


def context_lookup(
    source: ContextSource,
    *,
    pipeline: PipelineLike | None = None,
    search_query: Callable[[Question], str] | None = None,
    top_k: int = 0,
) -> Callable[[Question], Context]:
    """The function that gives a question its context. ``pipeline`` and ``search_query`` are needed for rag and removed.

    ``removed`` gives the articles that retrieval would show were the question's own not there.
    """
    if source == "none":
        return lambda question: Context(None)
    if source == "gold":
        return lambda question: Context(question.context)
    if pipeline is None or search_query is None:
        raise ValueError(f"{source} needs a pipeline and a search query")

    def passages_of(question: Question) -> Sequence[Any]:
        query = search_query(question)
        if source == "rag":
            return pipeline.retrieve_documents(query, top_k)
        found = pipeline.retrieve_candidates(query, 2 * top_k + len(question.articles), shown=top_k)
        kept = [one for one in found if not is_gold(question, one.law_title, one.part, one.article, one.title)]
        return [_without_gold_definitions(question, one) for one in kept[:top_k]]

    def retrieved(question: Question) -> Context:
        passages = passages_of(question)
        return retrieved_context(question, passages, pipeline.format_context(passages))

    return retrieved


def _without_gold_definitions(question: Question, passage: Any) -> Any:
    """The passage without definitions that stand in the question's own articles: under it they would come back."""
    kept = tuple(
        term for term in passage.definitions if not is_gold(question, term.law_title, "main", term.article, term.title)
    )
    return passage if kept == passage.definitions else replace(passage, definitions=kept)
