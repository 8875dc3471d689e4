"""Gold among distractors: a question's own articles at a random place among retrieved articles that are not its own.

A model that only ever saw the right article alone learns to trust whatever it is given, and one that always saw it first
learns to read the first passage only. Here it has to find the article among others, in exactly the form in which
retrieval shows them, and for a share of the questions it is not there at all. Those keep the right letter as their
answer: evaluation asks for one of four letters whether retrieval hit or missed, so there is no other answer to teach,
and choosing without the article (by what the model knows, by what the choices exclude) is what such a question needs.
The scheme follows RAFT (Zhang et al., arXiv 2403.10131), which trains 1 - P of its questions without the oracle passage.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..core.errors import ConfigError, DataError
from ..core.questions import Question
from ..data.context import Context, retrieved_context
from ..data.headings import WHOLE_TEXT
from ..data.law_numbers import paragraph_label
from ..data.provisions import Provision, article_key, parse_provisions, section_label
from .rag_pipeline import RAGPipeline, search_query
from .showing.context_text import RetrievedPassage
from .showing.excerpt import excerpt
from .store.rows import PassageRow

Passage = TypeVar("Passage")


def withheld_ids(questions: Sequence[Question], share: float, seed: int) -> frozenset[str]:
    """Ids of the questions that get no gold article: ``share`` of them, rounded, drawn with ``seed``."""
    if not 0 <= share <= 1:
        raise ConfigError(f"--without-gold {share:g}: 0 から 1 の割合にしてください。")
    count = int(share * len(questions) + 0.5)
    ids = sorted(question.id for question in questions)
    return frozenset(random.Random(f"{seed}:without gold").sample(ids, count))  # noqa: S311  # reproducible, no secret


def placed(
    gold: Sequence[Passage], others: Sequence[Passage], top_k: int, draw: random.Random
) -> tuple[list[Passage], list[int]]:
    """At most ``top_k`` passages, and the places (from 0) at which the gold ones stand, in the order of ``gold``.

    Gold comes first when places are short; the others fill up, best first and in their order. Every place is equally
    likely for every gold passage.
    """
    shown = gold[:top_k]
    rest = list(others[: top_k - len(shown)])
    spots = draw.sample(range(len(shown) + len(rest)), len(shown))
    at = dict(zip(spots, shown, strict=True))
    fill = iter(rest)
    return [at[place] if place in at else next(fill) for place in range(len(shown) + len(rest))], spots


def among_distractors(
    pipeline: RAGPipeline, top_k: int, questions: Sequence[Question], *, without_gold: float, seed: int
) -> Callable[[Question], Context]:
    """The function that gives each of ``questions`` its context of ``top_k`` passages; the same in all four orders.

    A gold article comes from the index; one that the index does not hold (a guideline, say) comes from the question's
    own context, cut and headed alike, and is counted. Raises DataError for a question that names no article.
    """
    withheld = withheld_ids(questions, without_gold, seed)

    def context_of(question: Question) -> Context:
        if not question.articles:
            raise DataError(
                f"{question.id}: コンテキストの見出しから根拠条文を読めないので、--context distractors では作れません。"
                "--context rag か gold を指定してください。"
            )
        query = search_query(question)
        keys = list(dict.fromkeys(ref.article_key for ref in question.articles))
        found = pipeline.retrieve_candidates(query, 2 * top_k + len(keys), shown=top_k)
        scores = {passage.id: passage.score for passage in found}
        others = [one for one in found if article_key(one.law_title, one.part, one.article, one.title) not in keys]
        gold: list[RetrievedPassage] = []
        for key in [] if question.id in withheld else keys:
            paragraphs = [ref.paragraph for ref in question.articles if ref.article_key == key and ref.paragraph]
            passage = pipeline.named_article(*key, paragraphs, query, shown=top_k)
            passage = passage or own_passage(question, key, query, pipeline.share(top_k))
            gold.append(replace(passage, score=scores.get(passage.id, 0.0)))
        draw = random.Random(f"{seed}:{question.id}")  # noqa: S311  # reproducible, no secret
        passages, _ = placed(gold, others, top_k, draw)
        context = pipeline.format_context(passages)
        own = {passage.id for passage in gold}
        while own & {passage.id for passage in context.left_out} and any(one.id not in own for one in passages):
            # A gold article must not be what falls out of the budget: the worst distractor goes instead.
            worst = next(one for one in reversed(others) if one in passages)
            passages = [one for one in passages if one is not worst]
            context = pipeline.format_context(passages)
        return retrieved_context(
            question,
            passages,
            context,
            withheld=question.id in withheld,
            gold_articles=len(keys),
            gold_from_context=sum(one.id in own and not one.law_id for one in context.used),
        )

    return context_of


def own_passage(question: Question, key: tuple[str, str], query: str, budget_chars: int) -> RetrievedPassage:
    """A gold article as the question's own context has it, cut and headed like a retrieved one."""
    provisions = [one for one in parse_provisions(question.context or "") if one.ref.article_key == key]
    rows = _rows(provisions)
    cut = excerpt(rows, [row.passage_id for row in rows], query, budget_chars)
    first = provisions[0]
    return RetrievedPassage(
        id=f"context:{question.id}#{key[1]}",
        law_id="",
        law_title="".join(first.law.split()),
        part="main",  # the article's own name says 附則 where it is one
        article=key[1],
        paragraph=first.paragraph,
        title=("" if key[1] == WHOLE_TEXT else section_label(key[1])) + paragraph_label(first.paragraph),
        caption="",
        text=cut.text,
        left_out_chars=cut.left_out_chars,
        score=0.0,
        components={},
        link="",
        valid_from="",
    )


def _rows(provisions: Sequence[Provision]) -> list[PassageRow]:
    """A passage per paragraph, with its items as lines, as the index stores an article."""
    lines: dict[str, list[tuple[str, str]]] = {}
    for one in provisions:
        path = ".".join(part for part in (one.item, one.subitem) if part) if one.item else ""
        text = f"{one.subitem}　{one.text}" if one.subitem and not one.item else one.text
        lines.setdefault(one.paragraph or "", []).append((path, text))
    return [PassageRow(number, 0, name, "", "", tuple(held)) for number, (name, held) in enumerate(lines.items())]
