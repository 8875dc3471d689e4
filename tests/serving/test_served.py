"""A real server with real connections: pieces arrive as they are written, closed tabs stop the model, many ask at once."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.retrieval.index.building import build_index
from app.retrieval.rag_pipeline import RAGPipeline
from app.serving.application import create_app
from app.serving.desk import Desk

QUESTION = "旅客名簿の保存はいつまでか"
ASKED = {"messages": [{"role": "user", "content": QUESTION}]}


@contextmanager
def served(desk: Desk, **more: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(desk, **more), port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    (port,) = {socket.getsockname()[1] for one in server.servers for socket in one.sockets}
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "nothing happened within 20 seconds"
        time.sleep(0.01)


@pytest.fixture
def gated(model_of):
    """A model that writes a piece each time it is let."""

    class Gated(model_of):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            self.gate = threading.Semaphore(0)
            self.at_once = self.most_at_once = self.given = 0

        def stream(self, prompt, *, max_new_tokens=None):
            self.prompts.append(prompt)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                for piece in self.pieces:
                    self.gate.acquire()
                    self.given += 1
                    yield piece
            finally:
                self.at_once -= 1
                self.closed += 1

    return Gated


def test_pieces_arrive_as_they_are_written_and_a_closed_tab_ends_the_writing(session_with, gated):
    model = gated(["一", *["二"] * 2000])
    desk = Desk(session_with(model))
    with served(desk) as url, httpx.Client(timeout=20) as client:
        with client.stream("POST", f"{url}/ask", data={"question": QUESTION}) as answer:
            text = answer.iter_text()
            seen = ""
            while "渡船法" not in seen:  # the articles are there before the model has written anything
                seen += next(text)
            assert "一" not in seen.partition('class="answer"')[2]
            model.gate.release()
            while "一" not in seen.partition('class="answer"')[2]:
                seen += next(text)
            assert model.closed == 0
        # The model goes on until the server has heard of it, and not to its end.
        until(lambda: model.gate.release() is None and model.closed == 1)
        until(lambda: desk.line.length == 0)
        assert model.given < 2001
        model.pieces = ["はい[1]。"]
        assert "はい[1]。" in client.post(f"{url}/ask", data={"question": QUESTION}).text


def test_who_waits_sees_the_place_and_may_go_away(session_with, gated):
    model = gated(["はい[1]。"])
    desk = Desk(session_with(model))
    with served(desk) as url, httpx.Client(timeout=20) as client, httpx.Client(timeout=20) as other:
        with client.stream("POST", f"{url}/ask", data={"question": QUESTION}):
            until(lambda: model.at_once == 1)
            with other.stream("POST", f"{url}/ask", data={"question": QUESTION}) as waiting:
                text, seen = waiting.iter_text(), ""  # kept: an iterator that is dropped closes the connection
                while "順番を待っています（前に 1 件）。" not in seen:
                    seen += next(text)
                assert desk.line.length == 2
            until(lambda: desk.line.length == 1)
            model.gate.release()
        until(lambda: desk.line.length == 0)
    assert len(model.prompts) == 1  # the one that went away was never asked


def test_fifty_at_once_are_answered_or_told_to_come_again(session_with, gated):
    model = gated(["はい[1]。"])
    desk = Desk(session_with(model), most_waiting=20)

    async def ask(url: str) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            asked = [asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=ASKED)) for _ in range(50)]
            while sum(task.done() for task in asked) < 29:
                await asyncio.sleep(0.01)
            assert desk.line.length == 21
            for _ in range(21):
                model.gate.release()
            return await asyncio.gather(*asked)

    with served(desk) as url:
        answers = asyncio.run(ask(url))
    good = [answer for answer in answers if answer.status_code == 200]
    busy = [answer for answer in answers if answer.status_code == 503]
    assert (len(good), len(busy)) == (21, 29)
    assert {answer.json()["choices"][0]["message"]["content"] for answer in good} == {"はい[1]。"}
    assert {(answer.headers["retry-after"], answer.json()["error"]["message"]) for answer in busy} == {
        ("30", "いま込み合っています。少し待ってから、もう一度お試しください。")
    }
    assert (model.most_at_once, model.closed, desk.line.length) == (1, 21, 0)


@pytest.fixture
def newer(tmp_path, ferry_index) -> tuple[Path, Callable[[], None]]:
    """A copy of the index, and what puts another in its place, whose law says 八年間 for 一年間."""
    index = shutil.copytree(ferry_index, tmp_path / "index")
    laws = shutil.copytree(ferry_index.parent / "laws", tmp_path / "laws")
    (law,) = laws.rglob("*.xml")
    law.write_text(law.read_text(encoding="utf-8").replace("一年間", "八年間"), encoding="utf-8")
    return index, lambda: build_index(laws, index)


def test_the_index_is_replaced_while_it_serves(session_with, model_of, newer):
    index, replace = newer
    desk = Desk(session_with(model_of(), retriever_index_dir=index))
    with served(desk) as url, httpx.Client(timeout=20) as client:
        assert "一年間" in client.get(f"{url}/search", params={"q": "旅客名簿"}).text
        replace()
        assert "八年間" in client.get(f"{url}/search", params={"q": "旅客名簿"}).text
        (index / "manifest.json").write_text("{", encoding="utf-8")
        assert "八年間" in client.get(f"{url}/search", params={"q": "旅客名簿"}).text
        assert "新しい索引を開けないので、前の索引で続けています" in client.get(f"{url}/status").text


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "/article", {"ref": "渡船法第9条"}),
        ("POST", "/ask", {"question": "旅客名簿の保存の期間はどれか。\na 長い\nb 短い"}),
        ("POST", "/check", {"text": "旅客名簿は長い間とっておく。"}),
    ],
    ids=["article", "choices", "check"],
)
def test_the_first_who_asks_after_the_index_was_replaced_is_shown_the_new_one(
    session_with, model_of, newer, method, path, fields
):
    index, replace = newer
    desk = Desk(session_with(model_of([], 2.0), retriever_index_dir=index))
    with served(desk) as url:
        replace()
        given = {"params" if method == "GET" else "data": fields}
        page = httpx.request(method, url + path, timeout=20, **given).text
    assert "八年間" in page
    assert "一年間" not in page


def test_what_the_system_refused_once_is_opened_for_the_next(session_with, model_of, ferry_index, monkeypatch):
    desk = Desk(session_with(model_of(), retriever_index_dir=ferry_index))
    refused = []

    def opening(*given, **more):
        if not refused:
            refused.append(True)
            raise OSError(24, "Too many open files", "store.sqlite")
        return RAGPipeline(*given, **more)

    monkeypatch.setattr("app.serving.desk.RAGPipeline", opening)
    with served(desk) as url, httpx.Client(timeout=20) as client:
        os.utime(ferry_index / "manifest.json")
        for trouble in (True, False):
            assert "一年間" in client.get(f"{url}/search", params={"q": "旅客名簿"}).text
            assert ("store.sqlite" in desk.trouble) is trouble
            assert bool(desk.trouble) is trouble


def test_nobody_else_waits_while_a_new_index_is_opened(session_with, model_of, newer, monkeypatch):
    index, replace = newer
    desk = Desk(session_with(model_of(), retriever_index_dir=index))
    opened, gate = [], threading.Event()

    def opening(*given, **more):
        opened.append(threading.current_thread())
        assert gate.wait(20)
        return RAGPipeline(*given, **more)

    monkeypatch.setattr("app.serving.desk.RAGPipeline", opening)
    pages: list[str] = []
    with served(desk) as url:

        def search() -> None:
            pages.append(httpx.get(f"{url}/search", params={"q": "旅客名簿"}, timeout=20).text)

        replace()
        searches = [threading.Thread(target=search) for _ in range(2)]
        for thread in searches:
            thread.start()
        until(lambda: len(opened) == 1)
        assert httpx.get(f"{url}/check", timeout=5).status_code == 200  # asks no index
        gate.set()
        for thread in searches:
            thread.join(20)
    assert (len(opened), len(pages)) == (1, 2)
    assert all("八年間" in page for page in pages)


def test_rewriting_a_question_waits_for_its_turn_at_the_model(session_with, gated):
    class Rewriting(gated):
        rewritten = 0

        def invoke(self, prompt, **_):
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            time.sleep(0.05)  # long enough for another thread to come in
            self.rewritten += 1
            self.at_once -= 1
            return "検索: 旅客名簿 保存"

    model = Rewriting(["はい[1]。"])
    desk = Desk(session_with(model, retriever_rewrite="always"))
    answers: list[httpx.Response] = []
    with served(desk) as url, httpx.Client(timeout=20) as client:

        def search(query: str) -> None:
            answers.append(httpx.get(f"{url}/search", params={"q": query}, timeout=20))

        with client.stream("POST", f"{url}/ask", data={"question": QUESTION}) as answer:
            until(lambda: len(model.prompts) == 1)  # its own question is rewritten, its answer is being written
            searches = [threading.Thread(target=search, args=(f"名簿はどこに置くか{number}",)) for number in range(3)]
            for thread in searches:
                thread.start()
            until(lambda: desk.line.length == 4)
            assert model.rewritten == 1
            model.gate.release()
            answer.read()
        for thread in searches:
            thread.join(20)
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert all("言い換えて探しました" in one.text for one in answers)
    assert (model.rewritten, model.most_at_once, desk.line.length) == (4, 1, 0)


def test_rewriting_inside_the_model_s_thread_does_not_wait_for_itself(session_with, model_of):
    model = model_of(["検索: 旅客名簿 保存"], 2.0)
    desk = Desk(session_with(model, retriever_rewrite="always"))
    with served(desk) as url:
        answer = httpx.post(f"{url}/check", data={"text": "名簿は一年間とっておく。"}, timeout=20)
    assert "言い換えて探しました" in answer.text
    assert len(model.prompts) == 2
