"""The context each question is asked with, and which of its gold articles stand in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...core.questions import Question
from ...data.provisions import article_key
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


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A retrieved passage as a result stores it."""

    id: str
    law_title: str
    article: str
    paragraph: str | None
    score: float
    text: str
    gold: bool  # its article is one of the question's gold articles
    shown: bool  # it fitted the character budget and stands in the prompt


@dataclass(frozen=True, slots=True)
class QuestionContext:
    """``text`` of the prompt's context (None for none) and the passages that were retrieved for it, best first."""

    text: str | None
    passages: tuple[ShownPassage, ...] = ()


def is_gold(question: Question, law_title: str, part: str, article: str) -> bool:
    """Whether this article of this law is one of the question's gold articles; ``part`` as in RetrievedPassage."""
    return article_key(law_title, part, article) in {ref.article_key for ref in question.articles}


def context_lookup(
    source: ContextSource,
    *,
    pipeline: PipelineLike | None = None,
    search_query: Callable[[Question], str] | None = None,
    top_k: int = 0,
) -> Callable[[Question], QuestionContext]:
    """The function that gives a question its context. ``pipeline`` and ``search_query`` are needed for rag and removed.

    ``removed`` gives the articles that retrieval would show were the question's own not there.
    """
    if source == "none":
        return lambda question: QuestionContext(None)
    if source == "gold":
        return lambda question: QuestionContext(question.context)
    if pipeline is None or search_query is None:
        raise ValueError(f"{source} needs a pipeline and a search query")

    def passages_of(question: Question) -> Sequence[Any]:
        query = search_query(question)
        if source == "rag":
            return pipeline.retrieve_documents(query, top_k)
        found = pipeline.retrieve_candidates(query, 2 * top_k + len(question.articles), shown=top_k)
        return [one for one in found if not is_gold(question, one.law_title, one.part, one.article)][:top_k]

    def retrieved(question: Question) -> QuestionContext:
        passages = passages_of(question)
        context = pipeline.format_context(passages)
        shown = {passage.id for passage in context.used}
        return QuestionContext(
            context.text or None,
            tuple(
                ShownPassage(
                    id=passage.id,
                    law_title=passage.law_title,
                    article=passage.article,
                    paragraph=passage.paragraph,
                    score=round(float(passage.score), 6),
                    text=passage.text,
                    gold=is_gold(question, passage.law_title, passage.part, passage.article),
                    shown=passage.id in shown,
                )
                for passage in passages
            ),
        )

    return retrieved
