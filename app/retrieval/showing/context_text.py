"""What a prompt shows of the statutes: articles found for a question, as numbered passages within a number of characters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...data.egov.link import link
from ...data.law_numbers import article_label, paragraph_label
from ..index.statute_index import ArticleHit
from ..store.defined_terms import DefinedTerm
from ..store.rows import ArticleRow
from ..text.passages import part_label
from .deciding import Deciding

DEFINITIONS_HEAD = "【用語の定義】"


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """An article found for a question, with its text around what was hit."""

    id: str  # ``323AC0000000025#Mp-At_27_2``
    law_id: str
    law_title: str
    part: str  # main, supplement (附則), amendment, preamble, appendix
    article: str  # ``27_2``; empty where the law has no article there
    paragraph: str | None  # the paragraph that was hit best
    title: str  # 第27条の2第1項, 附則第3条, 別表第一
    caption: str  # （見出し）
    text: str
    left_out_chars: int  # characters of the article that did not fit into ``text``
    score: float
    components: Mapping[str, float]
    link: str
    valid_from: str  # ISO date
    deciding: Deciding | None = None  # the sentence that says most about the question
    definitions: tuple[DefinedTerm, ...] = ()  # of terms used here (with the first: in the question), if asked for

    @property
    def name(self) -> str:
        """Law and provision as people cite them: no 第1項 of an article that has one paragraph."""
        only = self.deciding is not None and "項" not in self.deciding.place
        return f"{self.law_title} {re.sub(r'(?<=.)第1項$', '', self.title) if only else self.title}".strip()


@dataclass(frozen=True, slots=True)
class FormattedContext:
    """Numbered passages for a prompt."""

    text: str
    used: tuple[RetrievedPassage, ...]  # in the order of their numbers
    left_out: tuple[RetrievedPassage, ...]  # did not fit into the budget
    definitions: tuple[DefinedTerm, ...] = ()  # explained after the passages


def passage_title(article: ArticleRow, paragraph: str | None) -> str:
    """How a provision is cited after the law's name."""
    name = article_label(article.num) or ("" if article.part in ("main", "preamble") else article.title)
    number = paragraph_label(paragraph) if article.part != "appendix" and paragraph else ""
    return part_label(article.part, article.amend_law_num) + name + number


def to_passage(hit: ArticleHit, text: str, left_out_chars: int, deciding: Deciding | None = None) -> RetrievedPassage:
    """A hit as the rest of the program sees it."""
    article = hit.article
    paragraph = (hit.passages[0].paragraph or None) if hit.passages else None
    return RetrievedPassage(
        id=f"{article.law_id}#{article.anchor}",
        law_id=article.law_id,
        law_title=article.law_title,
        part=article.part,
        article=article.num,
        paragraph=paragraph,
        title=passage_title(article, paragraph),
        caption=article.caption,
        text=text,
        left_out_chars=left_out_chars,
        score=hit.score,
        components=dict(hit.components),
        link=link(article.law_id, article.part, article.anchor),
        valid_from=article.valid_from,
        deciding=deciding,
    )


def header_line(number: int, passage: RetrievedPassage) -> str:
    """What stands over a passage: ``[1] 法令名 第N条第M項（見出し）``."""
    return f"[{number}] {passage.law_title} {passage.title}{passage.caption}\n"


def format_passages(passages: Sequence[RetrievedPassage], max_chars: int) -> FormattedContext:
    """``[1] 法令名 第N条第M項`` and the text, passage after passage, as long as they fit whole into ``max_chars``.

    What does not fit is named in ``left_out``; a smaller passage after it may still be used, so numbers count the used.
    Definitions of the used passages follow under 【用語の定義】, each whole, as far as there is room left.
    """
    pieces: list[str] = []
    used: list[RetrievedPassage] = []
    left_out: list[RetrievedPassage] = []
    size = 0
    for passage in passages:
        piece = header_line(len(used) + 1, passage) + passage.text
        cost = len(piece) + (2 if used else 0)
        if size + cost > max_chars:
            left_out.append(passage)
            continue
        pieces.append(piece)
        used.append(passage)
        size += cost
    explained: list[DefinedTerm] = []
    for term in (term for passage in used for term in passage.definitions):
        cost = len(term.line) + 1 + (0 if explained else len(DEFINITIONS_HEAD) + 2)
        if size + cost <= max_chars:
            explained.append(term)
            size += cost
    if explained:
        pieces.append("\n".join([DEFINITIONS_HEAD, *(term.line for term in explained)]))
    return FormattedContext("\n\n".join(pieces), tuple(used), tuple(left_out), tuple(explained))
