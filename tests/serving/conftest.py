"""The application on the ferry law with a scripted model."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.serving.application import create_app
from app.serving.desk import Desk

_ANSWERING = runpy.run_path(str(Path(__file__).resolve().parents[1] / "answering/conftest.py"))
ferry_index, model_of, session_with = (_ANSWERING[name] for name in ("ferry_index", "model_of", "session_with"))


@pytest.fixture
def page(session_with: Callable[..., Any]) -> Iterator[Callable[..., TestClient]]:
    """``page(model, token=…)``: a browser without scripts, at http://127.0.0.1."""
    clients: list[TestClient] = []

    def made(model: Any = None, *, feedback: Path | None = None, waiting: int = 32, **options: Any) -> TestClient:
        desk = Desk(session_with(model), feedback=feedback, most_waiting=waiting)
        client = TestClient(create_app(desk, **options), base_url="http://127.0.0.1")
        clients.append(client.__enter__())
        return client

    yield made
    for client in clients:
        client.__exit__(None, None, None)
