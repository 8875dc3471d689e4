"""Contexts of the three kinds, and which passages are gold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.questions import ArticleRef
from app.data.context import Context, ShownPassage, is_gold
from app.evaluation.running.contexts import context_lookup


@dataclass(frozen=True)
class Found:
    id: str
    law_title: str
    article: str
    part: str = "main"
    title: str = ""
    paragraph: str | None = None
    text: str = "本文"
    score: float = 1.23456789
    definitions: tuple[Any, ...] = ()


class Pipeline:
    """Finds the same passages for every query; only the first fits into a context."""

    def __init__(self, passages: Sequence[Found]) -> None:
        self.passages = passages
        self.asked: list[tuple[str, int]] = []

    def retrieve_documents(self, query: str, top_k: int) -> Sequence[Found]:
        self.asked.append((query, top_k))
        return self.passages[:top_k]

    def retrieve_candidates(self, query: str, count: int, *, shown: int) -> Sequence[Found]:
        return self.passages[:count]

    def format_context(self, passages: Sequence[Found]) -> Any:
        return SimpleNamespace(text="\n".join(passage.text for passage in passages[:1]), used=tuple(passages[:1]))


def test_no_context_and_gold_context(question_of: Any) -> None:
    question = question_of()
    assert context_lookup("none")(question) == Context(None)
    assert context_lookup("gold")(question) == Context(question.context)
    assert context_lookup("gold")(question_of(context=None)) == Context(None)


def test_retrieved_passages_are_kept_with_what_they_are_worth(question_of: Any) -> None:
    pipeline = Pipeline(
        [Found("x#1", "架空法", "9"), Found("x#2", "架空法（略称）", "1", paragraph="2"), Found("x#3", "他法", "1")]
    )
    lookup = context_lookup("rag", pipeline=pipeline, search_query=lambda question: f"検索 {question.id}", top_k=3)
    context = lookup(question_of(1))
    assert pipeline.asked == [("検索 q1", 3)]
    assert context.text == "本文"
    assert context.passages == (
        ShownPassage("x#1", "架空法", "9", None, 1.234568, "本文", gold=False, shown=True),
        ShownPassage("x#2", "架空法（略称）", "1", "2", 1.234568, "本文", gold=True, shown=False),
        ShownPassage("x#3", "他法", "1", None, 1.234568, "本文", gold=False, shown=False),
    )


def test_nothing_found_is_no_context(question_of: Any) -> None:
    lookup = context_lookup("rag", pipeline=Pipeline([]), search_query=lambda question: "", top_k=3)
    assert lookup(question_of()) == Context(None, ())


def test_rag_needs_a_pipeline() -> None:
    with pytest.raises(ValueError, match="pipeline"):
        context_lookup("rag")


@pytest.mark.parametrize(
    ("law", "part", "article", "gold"),
    [
        ("架空法", "main", "5", True),
        ("架空法(略称)", "main", "5", True),
        ("架空法", "main", "5_2", False),
        ("架空法", "supplement", "5", False),  # 附則第5条 is another article than 第5条
        ("架空法", "supplement", "1", True),
        ("架空法", "main", "1", False),
        ("他法", "main", "5", False),
    ],
)
def test_gold_is_by_law_part_and_article(question_of: Any, law: str, part: str, article: str, gold: bool) -> None:
    question = question_of(articles=(ArticleRef("架空法", "5", "1"), ArticleRef("架空法", "附則1")))
    assert is_gold(question, law, part, article) is gold


@pytest.mark.parametrize(
    ("own", "title", "gold"),
    [
        ("別表第1", "別表第一（第二条関係）", True),
        ("別表第1", "別表第二", False),
        ("別表第1", "附則（令和元年法律第一号）の別表第一", False),
        ("別表第1", "", False),
        ("附則", "別表第一", False),  # paragraphs of a 附則 without articles
    ],
)
def test_an_appendix_is_gold_by_its_title(question_of: Any, own: str, title: str, gold: bool) -> None:
    question = question_of(articles=(ArticleRef("架空法", own),))
    assert is_gold(question, "架空法", "appendix", "", title) is gold


def test_a_removed_appendix_is_not_shown(question_of: Any) -> None:
    pipeline = Pipeline([Found(f"x#{n}", "架空法", "", "appendix", title=f"別表第{n}") for n in "一二三"])
    lookup = context_lookup("removed", pipeline=pipeline, search_query=lambda question: "", top_k=2)
    context = lookup(question_of(articles=(ArticleRef("架空法", "別表第2"),)))
    assert [passage.id for passage in context.passages] == ["x#一", "x#三"]


def test_a_retrieved_appendix_is_gold_by_its_title(question_of: Any) -> None:
    pipeline = Pipeline([Found("x#1", "架空法", "", "appendix", title=f"別表第{number}") for number in "一二"])
    lookup = context_lookup("rag", pipeline=pipeline, search_query=lambda question: "", top_k=2)
    context = lookup(question_of(articles=(ArticleRef("架空法", "別表第2"),)))
    assert [passage.gold for passage in context.passages] == [False, True]


def test_a_definition_of_a_removed_article_does_not_come_back_under_another(question_of: Any) -> None:
    gold = SimpleNamespace(law_title="架空法", article="1", title="第1条第1項")
    other = SimpleNamespace(law_title="架空法", article="2", title="第2条第1項")
    pipeline = Pipeline([Found("x#1", "架空法", "1"), Found("x#9", "架空法", "9", definitions=(gold, other))])
    shown: list[Found] = []
    pipeline.format_context = lambda passages: (  # type: ignore[method-assign]
        shown.extend(passages) or SimpleNamespace(text="本文", used=tuple(passages))
    )
    context_lookup("removed", pipeline=pipeline, search_query=lambda question: "", top_k=3)(question_of(1))
    assert [(one.id, one.definitions) for one in shown] == [("x#9", (other,))]
