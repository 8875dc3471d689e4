"""The application: its pages, its endpoint, and what becomes of errors."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..core.errors import BackendError, ModelError, UserError
from ..core.failures import known_failure
from ..core.redaction import hide
from . import asking_pages, description, endpoint, experiment_pages, reading_pages
from .desk import Desk
from .guard import Guard
from .line import LineFullError
from .view import render, told

RETRY_SECONDS = 30
BUSY = "いま込み合っています。少し待ってから、もう一度お試しください。"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def create_app(
    desk: Desk,
    *,
    hosts: Collection[str] = LOOPBACK,
    any_address: bool = False,
    token: str | None = None,
    max_new_tokens: int = 512,
    runs: Sequence[Path] = (),
) -> Starlette:
    """The ASGI application around a desk; ``runs`` are folders whose trainings and evaluations are listed."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.thread.shut_down()

    app = Starlette(
        routes=[
            Route("/", asking_pages.ask_form),
            Route("/ask", asking_pages.ask, methods=["POST"]),
            Route("/check", asking_pages.check_form),
            Route("/check", asking_pages.check, methods=["POST"]),
            Route("/search", reading_pages.search),
            Route("/article", reading_pages.article),
            Route("/runs", experiment_pages.runs),
            Route("/runs/compare", experiment_pages.compare),
            Route("/runs/question", experiment_pages.question),
            Route("/status", reading_pages.status),
            Route("/feedback", asking_pages.feedback, methods=["POST"]),
            Route("/thanks", asking_pages.thanks),
            Route("/v1/models", endpoint.models),
            Route("/v1/chat/completions", endpoint.chat, methods=["POST"]),
            Route("/openapi.json", description.openapi),
            Route("/api", description.page),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        middleware=[Middleware(Guard, hosts=hosts, token=token, any_address=any_address)],
        exception_handlers=dict.fromkeys(
            (UserError, OSError, sqlite3.DatabaseError, LineFullError, HTTPException), _told
        ),
        lifespan=lifespan,
    )
    app.state.desk = desk
    app.state.max_new_tokens = max_new_tokens
    app.state.runs = tuple(runs)
    return app


def _told(request: Request, error: Exception) -> Response:
    """An error as a page, or in OpenAI's form where a program asks."""
    headers: dict[str, str] = {}
    if isinstance(error, LineFullError):
        status, words, headers = 503, BUSY, {"Retry-After": str(RETRY_SECONDS)}
    elif isinstance(error, HTTPException):
        status, words = (
            error.status_code,
            {404: "ページがありません。", 405: "この方法では開けません。"}.get(error.status_code, error.detail),
        )
    elif isinstance(error, OSError | sqlite3.DatabaseError):  # a full disk, an index that was taken away or damaged
        status, words = 503, hide(known_failure(error) or str(error))
    else:
        status, words = 503 if isinstance(error, ModelError | BackendError) else 400, told(error)
    if request.url.path.startswith("/v1/"):
        return endpoint.failure(status, words, headers)
    page = render("message.html", "うまくいきませんでした", request.url.path, kind="trouble", words=words)
    return HTMLResponse(page, status, headers)
