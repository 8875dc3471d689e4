"""vLLM's protocol over a real HTTP connection: several prompts a request, several requests at once, a busy moment.

The real one is asked by ``test_real_vllm.py``; this server answers in its shapes, so that these run everywhere.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import BackendError
from app.llm.token_server import TokenServerConfig
from app.llm.vllm import VLLM
from tests.local_server import LocalServer


class Served(LocalServer):
    """Tells each token as many hundredths as its prompt has tokens.

    busy     answers of 503 that come first
    crowd    requests that must be there at once before any is answered
    seconds  that an answer takes
    """

    def __init__(self, decode: Any, *, busy: int = 0, crowd: int = 1, seconds: float = 0.0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.at_once = self.most = 0
        outer, lock, left, crowded = self, threading.Lock(), [busy], threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send(
                    {"data": [{"id": "m", "root": "runs/x", "max_model_len": 512}]}
                    if "models" in self.path
                    else {"version": "0.32.0"}
                )

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/detokenize":
                    return self.send({"prompt": decode(body["tokens"])})
                with lock:
                    outer.at_once += 1
                    outer.most = max(outer.most, outer.at_once)
                    outer.bodies.append(body)
                    turned_away = left[0] > 0
                    left[0] -= 1
                    if outer.at_once >= crowd:
                        crowded.set()
                assert crowded.wait(30)
                time.sleep(seconds)
                with lock:
                    outer.at_once -= 1
                if turned_away:
                    return self.send({"error": {"message": "queue is full", "code": 503}}, 503, {"Retry-After": "1"})
                tables = [
                    {f"token_id:{index}": math.log(0.01 * len(row)) for index in body["logprob_token_ids"]}
                    for row in body["prompt"]
                ]
                return self.send({
                    "id": "cmpl-1", "object": "text_completion", "model": "m",
                    "choices": [
                        {"index": place, "text": "x", "finish_reason": "length", "logprobs": {"top_logprobs": [table]}}
                        for place, table in enumerate(tables)
                    ],
                })  # fmt: skip

            def send(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(value).encode("utf-8")
                self.send_response(status)
                for name, text in (headers or {}).items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # whoever asked did not wait
                    self.wfile.write(data)

        super().__init__(Handler)


def asked(server: Served, tokenizer: Path, **settings: Any) -> VLLM:
    return VLLM(TokenServerConfig("m", server.url, str(tokenizer), **settings))


@pytest.fixture
def serve(tiny_tokenizer: Any) -> Iterator[Callable[..., Served]]:
    """Starts servers that end with the test."""
    with contextlib.ExitStack() as opened:

        def start(**how: Any) -> Served:
            server = Served(tiny_tokenizer.decode, **how)
            opened.callback(server.close)
            return server

        yield start


def test_many_prompts_go_in_groups_at_once_and_a_busy_answer_repeats_only_its_own(
    serve: Callable[..., Served], tiny_model_dir: Path
) -> None:
    server = serve(busy=1, crowd=4)
    llm = asked(server, tiny_model_dir, concurrency=4, wait_seconds=0)
    rows = [[7] * (place % 9 + 1) for place in range(40)]
    began = time.monotonic()
    scores = llm.score_ids(rows, [[1, 2], [3]], shared_prefix=False)
    assert time.monotonic() - began >= 1.0  # as long as the server asked for
    np.testing.assert_allclose(
        np.exp(scores.logprobs), [[0.02 * (place % 9 + 1), 0.01 * (place % 9 + 1)] for place in range(40)], rtol=1e-5
    )
    assert server.most == 4
    # Four requests, the first to come twice.
    prompts = [body["prompt"] for body in server.bodies]
    assert [len(one) for one in prompts] == [10] * 5
    assert sorted(prompts[:4]) == sorted(rows[start : start + 10] for start in (0, 10, 20, 30))
    assert prompts[4] == prompts[0]
    assert server.bodies[4]["logprob_token_ids"] == [1, 2, 3]


def test_one_request_at_a_time(serve: Callable[..., Served], tiny_model_dir: Path) -> None:
    server = serve()
    asked(server, tiny_model_dir, concurrency=1).score_ids([[7]] * 40, [[1]], shared_prefix=False)
    assert ([len(body["prompt"]) for body in server.bodies], server.most) == ([16, 16, 8], 1)


def test_a_deadline_holds_for_each_request(serve: Callable[..., Served], tiny_model_dir: Path) -> None:
    server = serve(seconds=1.0)
    llm = asked(server, tiny_model_dir, timeout_seconds=0.3, retries=1, wait_seconds=0)
    llm.check = dict  # type: ignore[method-assign]  # its questions would have to be quick on a busy machine, too
    with pytest.raises(BackendError, match=r"0\.3 秒以内に応答がありません（2 回試しました）"):
        llm.score_ids([[7]], [[1]], shared_prefix=False)
    assert len(server.bodies) == 2
