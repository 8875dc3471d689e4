"""The pages that ask no model: search, an article, what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..core.redaction import hide
from ..data.law_numbers import article_label
from ..retrieval.rag_pipeline import RAGPipeline
from ..retrieval.showing.context_text import RetrievedPassage
from ..retrieval.store.defined_terms import defined_terms
from .desk import Desk
from .forms import MAX_CHARS, day_of, text_of
from .view import article_views, render, safe_link

MOST_CITED = 60  # articles listed that one article cites
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
        shown = {"articles": article_views(passages, query, parts=True), "coverage": share, "lines": lines}
    return HTMLResponse(render("search.html", "検索", "/search", query=query, as_of=day, most_chars=MAX_CHARS, **shown))


def _found(desk: Desk, query: str, day: date | None) -> tuple[list[RetrievedPassage], float | None, list[str]]:
    pipeline = desk.session.pipeline
    passages = pipeline.retrieve_documents(query, SEARCHED, as_of=day)
    reach = pipeline.reach(query, as_of=day)
    return passages, reach.coverage, pipeline.notes(query, as_of=day, reach=reach)


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """One whole article with what explains it."""

    name: str
    caption: str
    valid_from: str
    link: str
    text: str
    definitions: tuple[str, ...]
    cites: tuple[str, ...]  # law and 条 of what it cites, as they are looked up


async def article(request: Request) -> Response:
    """The articles that a reference names, whole, on a day, with definitions and what they cite."""
    fields = _fields(request)
    reference, day = text_of(fields, "ref"), text_of(fields, "as_of")
    articles: list[ArticlePage] = []
    lines: list[str] = []
    if reference:
        desk = _desk(request)
        articles, lines = await desk.search(partial(_looked_up, desk.session.pipeline, reference, day_of(day)))
    return HTMLResponse(
        render(
            "article.html", "条文", "/article", reference=reference, as_of=day, most_chars=MAX_CHARS,
            articles=articles, lines=lines,
        )
    )  # fmt: skip


def _looked_up(pipeline: RAGPipeline, reference: str, day: date | None) -> tuple[list[ArticlePage], list[str]]:
    with pipeline.index.reading():
        passages = pipeline.lookup(reference, as_of=day)
        pages = [_article_page(pipeline, passage, day) for passage in passages]
        return pages, pipeline.notes(reference, as_of=day, looked_up=True)


def _article_page(pipeline: RAGPipeline, passage: RetrievedPassage, day: date | None) -> ArticlePage:
    index, store = pipeline.index, pipeline.index.store
    rows = store.find_articles(passage.law_id, passage.article, index.day(day), passage.part)
    row = next((one for one in rows if f"{one.law_id}#{one.anchor}" == passage.id), None)
    definitions: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    if row is not None:
        (terms,) = defined_terms(store, index.names(), [row], "", [passage.text])
        definitions = tuple(term.line for term in terms)
        cited = [(law_id, num) for law_id, num in store.citations_from(row.article_id) if num][:MOST_CITED]
        cites = tuple(f"{index.names().title(law_id)}{article_label(num)}" for law_id, num in cited)
    return ArticlePage(
        name=f"{passage.law_title} {passage.title}",
        caption=passage.caption,
        valid_from=passage.valid_from,
        link=safe_link(passage.link),
        text=passage.text,
        definitions=definitions,
        cites=cites,
    )


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
