"""The pages that ask no model: search, an article, what is loaded."""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..core.errors import DataError
from ..core.redaction import hide
from ..data.egov.link import link as egov_link
from ..retrieval.index.statute_index import StatuteIndex
from ..retrieval.rag_pipeline import RAGPipeline
from ..retrieval.showing.context_text import RetrievedPassage, passage_title
from ..retrieval.showing.linked_article import Link, linked_article
from ..retrieval.store.rows import ArticleRow
from .desk import Desk
from .forms import MAX_CHARS, day_of, text_of
from .view import article_href, article_views, render, safe_link

SEARCHED = 10  # articles that a search shows


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _fields(request: Request) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


async def search(request: Request) -> Response:
    """What a query finds, and what each part of the ranking gave."""
    fields = _fields(request)
    query, day = text_of(fields, "q"), text_of(fields, "as_of")
    shown: dict[str, Any] = {"articles": None, "coverage": None, "lines": []}
    if query:
        desk = _desk(request)
        passages, coverage, lines = await desk.search(partial(_found, desk, query, day_of(day)))
        share = None if coverage is None else f"{coverage:.0%}"
        shown = {
            "articles": article_views(passages, query, day=day_of(day), parts=True),
            "coverage": share,
            "lines": lines,
        }
    return HTMLResponse(render("search.html", "検索", "/search", query=query, as_of=day, most_chars=MAX_CHARS, **shown))


def _found(desk: Desk, query: str, day: date | None) -> tuple[list[RetrievedPassage], float | None, list[str]]:
    pipeline = desk.session.pipeline
    passages = pipeline.retrieve_documents(query, SEARCHED, as_of=day)
    reach = pipeline.reach(query, as_of=day)
    return passages, reach.coverage, pipeline.notes(query, as_of=day, reach=reach)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of an article's line; ``href`` is empty where it leads nowhere."""

    text: str
    href: str = ""
    kind: str = ""  # reference or term
    title: str = ""  # what stands there


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of an article."""

    id: str  # of the first line of a paragraph, for links to it; else empty
    asked: bool  # whether its paragraph was asked for
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """One whole article."""

    name: str
    caption: str
    valid_from: str
    link: str
    lines: tuple[LineView, ...]


async def article(request: Request) -> Response:
    """The articles that a reference names (``ref``), or the one at a place (``at``), whole, on a day."""
    fields = _fields(request)
    reference, place, day = (text_of(fields, name) for name in ("ref", "at", "as_of"))
    articles: list[ArticlePage] = []
    lines: list[str] = []
    if reference or place:
        desk = _desk(request)
        articles, lines = await desk.search(partial(_looked_up, desk, reference, place, day_of(day)))
    return HTMLResponse(
        render(
            "article.html", "条文", "/article", reference=reference or (articles[0].name if articles else ""), as_of=day,
            most_chars=MAX_CHARS, articles=articles, lines=lines,
        )
    )  # fmt: skip


def _looked_up(desk: Desk, reference: str, place: str, day: date | None) -> tuple[list[ArticlePage], list[str]]:
    pipeline = desk.session.pipeline
    index = pipeline.index
    on = index.day(day)
    with index.reading():
        asked = pipeline.meant(reference, as_of=day) if reference else [(_at(index, place, on), [])]
        known: dict[str, dict[str, str]] = {}  # short names by revision, read once for the page
        pages = [
            _article_page(pipeline, row, day, "" if number == 1 else f"a{number}-", paragraphs, known)
            for number, (row, paragraphs) in enumerate(asked, start=1)
        ]
        notes = pipeline.notes(reference, as_of=day, looked_up=True) if reference else index.gaps(day)
        return pages, notes


def _at(index: StatuteIndex, place: str, on: str) -> ArticleRow:
    """The article at ``law id#anchor``. Raises DataError where none is in force there on the day."""
    law_id, _, anchor = place.partition("#")
    row = index.store.article_at(law_id, anchor, on)
    if row is None:
        raise DataError(f"{place[:80]}: {on} に施行されている条文の中にありません。法令名と条で探してください。")
    return row


def _article_page(
    pipeline: RAGPipeline,
    row: ArticleRow,
    day: date | None,
    prefix: str,
    asked: Collection[str],
    known: dict[str, dict[str, str]],
) -> ArticlePage:
    """``prefix`` tells the paragraphs of several articles on one page apart, ``asked`` are the paragraphs that are meant."""
    index = pipeline.index

    def href(link: Link) -> str:
        if (link.law_id, link.anchor) == (row.law_id, row.anchor):
            return "#" + urllib.parse.quote(f"{prefix}p{link.paragraph}")
        return article_href(f"{link.law_id}#{link.anchor}", link.paragraph, day)

    lines = tuple(
        LineView(
            id=f"{prefix}p{line.paragraph}" if line.begins and line.paragraph else "",
            asked=bool(line.paragraph) and line.paragraph in asked,
            stretches=tuple(
                Stretch(one.text)
                if one.link is None
                else Stretch(one.text, href(one.link), one.link.kind, _title(one.link))
                for one in line.pieces
            ),
        )
        for line in linked_article(index.store, index.names(), row, index.day(day), known)
    )
    return ArticlePage(
        name=f"{row.law_title} {passage_title(row, None)}",
        caption=row.caption,
        valid_from=row.valid_from,
        link=safe_link(egov_link(row.law_id, row.part, row.anchor)),
        lines=lines,
    )


def _title(link: Link) -> str:
    return f"{link.name}: {link.meaning}" if link.meaning else link.name


async def status(request: Request) -> Response:
    """Which model and index are used, how old the law data is, how long the line is."""
    desk = _desk(request)
    rows = await desk.search(partial(_status_rows, desk))
    return HTMLResponse(render("status.html", "モデルと索引", "/status", rows=rows, trouble=desk.trouble))


def _status_rows(desk: Desk) -> list[tuple[str, str]]:
    session, pipeline = desk.session, desk.session.pipeline
    manifest, llm = pipeline.index.manifest, pipeline.config.llm
    model = "なし（条文だけを示す）"
    if session.model.named:
        where = "" if llm.backend == "hf" else f"（{llm.backend}、{hide(llm.address)}）"
        adapter = "" if llm.lora_path is None else f"、アダプタ {llm.lora_path}"
        model = f"{llm.answering_model}{where}{adapter}"
    counts = pipeline.index.store.counts()
    newest = pipeline.index.store.connection.execute("SELECT max(valid_from) FROM revisions").fetchone()[0]
    built = (pipeline.config.retriever.index_dir / "manifest.json").stat().st_mtime
    return [
        ("モデル", model),
        ("読み込み", "済み" if session.model.loaded else "最初の質問のとき"),
        ("四択の尋ね方", session.form),
        ("順番", f"{desk.line.length} 件（上限 {desk.line.most_waiting + 1} 件）"),
        ("索引", str(pipeline.config.retriever.index_dir)),
        ("法令", f"{counts['laws']:,} 法令、{counts['articles']:,} 条"),
        ("元データ", manifest.source),
        ("索引の更新", datetime.fromtimestamp(built, UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("最も新しい版の施行日", str(newest)),
        ("この日の条文だけ", manifest.as_of or "いいえ"),
        ("検索", pipeline.config.retriever.type),
    ]
