"""What a prompt shows of the statutes for one question, in training records and in evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ConfigDict, StrictBool, StrictFloat

from ..core.errors import DataError
from ..core.questions import Question
from .provisions import article_key

ContextSource = Literal["none", "rag", "gold", "distractors"]
CONTEXT_SOURCES: tuple[ContextSource, ...] = ("none", "rag", "gold", "distractors")


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A retrieved passage as a result stores it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    law_title: str
    article: str
    paragraph: str | None
    score: StrictFloat
    text: str
    gold: StrictBool  # its article is one of the question's gold articles
    shown: StrictBool  # it fitted the character budget and stands in the prompt


@dataclass(frozen=True, slots=True)
class Context:
    """The text that a prompt has as context, and what was found for it.

    text               None: the prompt has no context
    passages           that were retrieved for it, best first; none for a question's own context
    withheld           distractors only: the gold articles are left out on purpose
    gold_articles      distractors only: how many the question has
    gold_from_context  distractors only: of those shown, how many the index does not hold
    """

    text: str | None
    passages: tuple[ShownPassage, ...] = ()
    withheld: bool = False
    gold_articles: int = 0
    gold_from_context: int = 0

    @property
    def shown(self) -> tuple[ShownPassage, ...]:
        """The passages in the text, in the order of their numbers."""
        return tuple(one for one in self.passages if one.shown)

    @property
    def doc_ids(self) -> tuple[str, ...]:
        """The ids of the passages in the text."""
        return tuple(one.id for one in self.shown)

    @property
    def left_out(self) -> int:
        """Passages that were found but did not fit the character budget."""
        return len(self.passages) - len(self.shown)

    @property
    def gold_places(self) -> tuple[int, ...]:
        """The numbers under which gold articles stand in the text."""
        return tuple(number for number, one in enumerate(self.shown, start=1) if one.gold)

    def holds_gold(self, source: ContextSource) -> bool:
        """Whether the prompt shows what decides: always with ``gold``, whatever the context's headings are."""
        return source == "gold" or (source != "none" and bool(self.gold_places))


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """Where contexts come from in one run."""

    source: ContextSource
    retriever_type: str  # none, gold, or the retriever's type
    top_k: int  # passages asked for; 0 without retrieval
    context_of: Callable[[Question], Context]


def no_context(_: Question) -> Context:
    """No context at all."""
    return Context(None)


def gold_context(question: Question) -> Context:
    """The question's own context as it is. Raises DataError if it has none."""
    if question.context is None:
        raise DataError(f"{question.id}: コンテキストがないので、--context gold では作れません。")
    return Context(question.context)


def is_gold(question: Question, law_title: str, part: str, article: str, title: str = "") -> bool:
    """Whether this article of this law is one of the question's gold articles; the rest as in ``article_key``."""
    return article_key(law_title, part, article, title) in {ref.article_key for ref in question.articles}


def retrieved_context(question: Question, passages: Sequence[Any], formatted: Any, **distractors: Any) -> Context:
    """The context that retrieval makes: ``passages`` best first, and what ``format_context`` made of them."""
    shown = {passage.id for passage in formatted.used}
    return Context(
        formatted.text or None,
        tuple(
            ShownPassage(
                id=passage.id,
                law_title=passage.law_title,
                article=passage.article,
                paragraph=passage.paragraph,
                score=round(float(passage.score), 6),
                text=passage.text,
                gold=is_gold(question, passage.law_title, passage.part, passage.article, passage.title),
                shown=passage.id in shown,
            )
            for passage in passages
        ),
        **distractors,
    )
