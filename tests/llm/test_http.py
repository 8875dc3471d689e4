"""The client itself: several requests at once, streams that are left, use inside a running event loop, odd bodies."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BackendError
from app.llm.events import checked_pieces, error_inside, objects_of, whole_answer
from app.llm.http import JsonClient, Patience
from app.llm.http_try import retry_after
from tests.local_server import LocalServer


class Counting(LocalServer):
    """A server that takes a while, knows how many it serves at once, and streams numbers until it is left."""

    def __init__(self) -> None:
        self.at_once = self.most = self.written = 0
        self.left = threading.Event()
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.at_once += 1
                    outer.most = max(outer.most, outer.at_once)
                try:
                    self.numbers() if body.get("stream") else self.one(body)
                finally:
                    with lock:
                        outer.at_once -= 1

            def one(self, body: Any) -> None:
                time.sleep(0.05)
                status, data = (400, b'{"error": "no"}') if body["n"] == "bad" else (200, json.dumps(body).encode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def numbers(self) -> None:
                self.send_response(200)
                self.end_headers()
                try:
                    for number in range(1000):
                        self.wfile.write(f'data: {{"n": {number}}}\n\n'.encode())
                        self.wfile.flush()
                        outer.written = number
                        time.sleep(0.005)
                except OSError:
                    outer.left.set()

        super().__init__(Handler)


@pytest.fixture
def counting() -> Iterator[Counting]:
    server = Counting()
    yield server
    server.close()


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_at_once_than_asked_for(counting: Counting, concurrency: int) -> None:
    client = JsonClient(counting.url, Patience(5, 0, concurrency=concurrency))
    assert client.post_all("/x", [{"n": n} for n in range(6)]) == [{"n": n} for n in range(6)]
    assert counting.most == concurrency


def test_one_refusal_ends_the_others(counting: Counting) -> None:
    client = JsonClient(counting.url, Patience(5, 0, concurrency=2))
    with pytest.raises(BackendError, match="HTTP 400: no"):
        client.post_all("/x", [{"n": "bad"}, *({"n": n} for n in range(50))])


def test_a_stream_that_is_left_ends_at_the_server(counting: Counting) -> None:
    events = JsonClient(counting.url, Patience(30, 0)).stream("/x", {"stream": True})
    assert [next(events), next(events)] == [{"n": 0}, {"n": 1}]
    events.close()  # type: ignore[attr-defined]  # a generator
    assert counting.left.wait(5)
    assert counting.written < 900


def test_the_client_works_where_an_event_loop_runs_already(counting: Counting) -> None:
    async def inside() -> dict[str, Any]:
        return JsonClient(counting.url, Patience(5, 0)).post("/x", {"n": 1})

    assert asyncio.run(inside()) == {"n": 1}


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999999", "http://a b:1"])
def test_an_address_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises(BackendError) as caught:
        JsonClient(url, Patience(1, 0)).get("/x")
    assert "\n" not in str(caught.value)


def test_a_proxy_of_an_unknown_kind_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://me:proxypw@h:1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(BackendError, match=r"プロキシ gopher://\*\*\*@h:1 は使えません"):
        JsonClient("http://model.example", Patience(1, 0)).get("/x")


@pytest.mark.parametrize(
    ("header", "seconds"), [("8", 8), (" 8 ", 8), ("0", 0), ("99999", 300), ("-1", 0), ("soon", 0), ("", 0), ("1.5", 0)]
)
def test_how_long_a_server_asks_to_wait(header: str, seconds: float) -> None:
    assert retry_after(header) == seconds


def test_a_moment_to_wait_for() -> None:
    assert 18 < retry_after(formatdate(time.time() + 20, usegmt=True)) <= 20
    assert retry_after(formatdate(time.time() + 9999, usegmt=True)) == 300
    assert retry_after(formatdate(time.time() - 20, usegmt=True)) == 0


def objects(data: bytes, size: int) -> list[dict[str, Any]]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def read() -> list[dict[str, Any]]:
        return [value async for value in objects_of(chunks())]

    return asyncio.run(read())


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        ('{"a": "条"}', [{"a": "条"}]),
        ('\n\n{\n  "a": 1,\n  "b": {\n  }\n}\n', [{"a": 1, "b": {}}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\r\n\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
        (': waiting\nevent: message\nid: 3\nretry: 5\ndata: {"a": 1}\n\ndata:{"a": 2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"a": 2}]),
        ('data: {"a": 1}\n\nerror: {"message": "no"}\n\n', [{"a": 1}, {"error": {"message": "no"}}]),
        ('data: {"a": 1}', [{"a": 1}]),
    ],
)  # fmt: skip
def test_the_objects_of_an_answer(data: str, found: list[dict[str, Any]], size: int) -> None:
    assert objects(data.encode(), size) == found


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "空です"),
        (b"<html>busy</html>\n<p>\n", "JSON ではありません"),
        (b"[" * 100_000, "JSON ではありません"),
        (b"[1, 2]", "JSON のオブジェクトではありません"),
        (b"\xff", "JSON ではありません"),
        (b'{"a": 1}\n{"a"', "JSON ではありません"),
        (b'{\n"a": 1\n', "JSON ではありません"),
        (b": waiting\n\ndata: [DONE]\n", "空です"),
    ],
)
def test_what_holds_no_objects(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        objects(data, 4)


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8))
def test_pieces_come_together_in_order(texts: list[str]) -> None:
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    assert whole_answer([*events, last]) == {
        "choices": [{"index": 0, "message": {"content": "".join(texts)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3},
    }


def test_a_single_answer_stays_as_it_is() -> None:
    answer = {"choices": [{"message": {"content": [{"type": "text", "text": "b"}]}}], "x": None}
    assert whole_answer([answer]) is answer


def test_halves_of_a_character_come_together_or_are_told_apart() -> None:
    def pieces(*texts: str) -> list[dict[str, Any]]:
        return [json.loads(f'{{"message": {{"content": "{text}"}}}}') for text in texts]

    # U+1F600, cut where one token ends; then a half that nothing follows.
    assert whole_answer(pieces(r"a\ud83d", r"\ude00b")) == {"message": {"content": "a\U0001f600b"}}
    assert whole_answer(pieces(r"a\ud83d")) == {"message": {"content": "a\ufffd"}}
    assert error_inside({"error": {"message": "\ud83d"}}) == (None, "\ufffd")


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        (["吉\ud842", "\udfb7田"], ["吉", "\U00020bb7田"]),
        (["\ud842", "", "\udfb7"], ["", "", "\U00020bb7"]),
        (["a\ud842", "b"], ["a", "\ufffdb"]),
        (["a", "b\ud842"], ["a", "b", "\ufffd"]),  # nothing follows
        (["\udfb7a", "\ud842\ud842", "\udfb7"], ["\ufffda", "\ufffd", "\U00020bb7"]),
    ],
)
def test_half_a_character_of_a_stream_waits_for_the_other(written: list[str], pieces: list[str]) -> None:
    told: list[dict[str, Any]] = []
    events = checked_pieces([{"text": text} for text in written], lambda event: str(event["text"]), told.append)
    assert list(events) == pieces
    assert [whole["text"] for whole in told] == ["".join(pieces)]


def test_several_choices_grow_by_their_index() -> None:
    events = [
        {"choices": [{"index": 1, "text": "b"}]},
        {"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "c"}]},
    ]
    assert whole_answer(events) == {"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "bc"}]}
