"""Ollama and OpenAI-compatible backends against a small local server: answers, timeouts, empty answers, garbage."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.core.answers import parse_answer
from app.core.chat import encode_prompt
from app.core.errors import BackendError, ConfigError
from app.llm.backend import Generation, Judgement, LetterReading
from app.llm.by_text import PROBE, count_of
from app.llm.http import JsonClient, Patience
from app.llm.loading import load_tokenizer
from app.llm.ollama import OllamaConfig, OllamaLLM
from app.llm.openai_compatible import OpenAICompatibleLLM, OpenAIConfig
from tests.local_server import LocalServer

Reply = Callable[[BaseHTTPRequestHandler], None]


class Server(LocalServer):
    """Answers each request with the next scripted reply (the last one again and again) and keeps what it was sent.

    What is asked for without a body is answered from ``pages``.
    """

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.pages: dict[str, Reply] = {}
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, body, dict(self.headers)))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                reply(self)

            def do_GET(self) -> None:
                outer.pages[self.path](self)

        super().__init__(Handler)


def reply(value: Any, status: int = 200) -> Reply:
    data = value if isinstance(value, bytes) else json.dumps(value).encode("utf-8")

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return send


def slow(seconds: float) -> Reply:
    def send(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return send


def dribble(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then: each read is quick, the whole never ends in time."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"message"')


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop", **more}


def asked(url: str, patience: Patience | None = None, **headers: str) -> dict[str, Any]:
    """What a server answers to an empty request."""
    return JsonClient(url, patience or Patience(5, 0), headers=headers).post("", {})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr("app.llm.http.pause", pause)
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


# One request at a time, so that the scripted replies meet the prompts in their order.
PATIENCE: dict[str, Any] = {"timeout_seconds": 5, "wait_seconds": 0, "concurrency": 1}


def ollama(server: Server, **values: Any) -> OllamaLLM:
    return OllamaLLM(OllamaConfig("qwen3:8b", server.url, **{**PATIENCE, **values}))


def test_ollama_sends_its_settings_and_reads_the_answer(server: Server) -> None:
    server.replies = [reply(chat(" c\n", prompt_eval_count=120, eval_count=2))]
    assert ollama(server, num_ctx=4096, seed=7).generate(["問題"], max_new_tokens=16) == [
        Generation("c", 120, 2, False)
    ]
    path, body, _ = server.requests[0]
    assert path == "/api/chat"
    assert body == {
        "model": "qwen3:8b",
        "messages": [{"role": "user", "content": "問題"}],
        "stream": False,
        "truncate": False,
        "think": False,
        "options": {
            "num_ctx": 4096, "num_predict": 16, "temperature": 0.0, "seed": 7, "repeat_penalty": 1.0, "presence_penalty": 0.0,
            "frequency_penalty": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0,
        },
    }  # fmt: skip


@pytest.mark.parametrize("way", ["judge", "read_letters"])
def test_ollama_reads_no_probabilities_after_a_thought(server: Server, way: str) -> None:
    more = ("ab",) if way == "read_letters" else ()
    with pytest.raises(ConfigError, match="--think を外してください"):
        getattr(ollama(server, think=True), way)(["問題"], *more)
    assert [path for path, _ in server.requests if path == "/api/chat"] == []


def test_ollama_leaves_thinking_to_the_model_when_asked_to(server: Server) -> None:
    server.replies = [reply(chat("a"))]
    assert ollama(server, think=None).invoke("問題") == "a"
    assert "think" not in server.requests[0][1]


TAGS = [{"name": "other:8b", "digest": "aa"}, {"name": "qwen3:8b", "model": "qwen3:8b", "digest": "bb"}, 3]


@pytest.mark.parametrize(
    ("page", "digest"),
    [
        (reply({"models": TAGS}), "bb"),
        (reply({"models": [{"name": "qwen3:8b:latest", "digest": "cc"}]}), "cc"),
        (reply({"models": TAGS[:1]}), None),
        (reply({"models": "x"}), None),
        (reply({"models": [{"name": ["qwen3:8b"]}]}), None),
    ],
)
def test_ollama_says_which_model_stands_behind_the_name(server: Server, page: Reply, digest: str | None) -> None:
    server.pages["/api/tags"] = page
    llm = ollama(server)
    assert llm.facts()["server"] == {"digest": digest}
    server.pages.clear()  # asked once
    assert llm.facts()["server"] == {"digest": digest}


def test_an_ollama_that_does_not_say_its_models_is_said_to_be_one(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.pages["/api/tags"] = reply({"error": "no"}, 404)
    assert ollama(server).facts()["server"] == {"digest": None}
    assert "注意: サーバーのモデルの中身（digest）を確かめられません（" in capsys.readouterr().err


def test_ollama_answers_in_the_order_of_the_prompts(server: Server) -> None:
    server.replies = [reply(chat("a")), reply(chat("b")), reply(chat("c"))]
    assert [one.text for one in ollama(server).generate(["1", "2", "3"])] == ["a", "b", "c"]
    assert [body["messages"][0]["content"] for _, body, _ in server.requests] == ["1", "2", "3"]


def test_ollama_tells_a_truncated_and_an_empty_answer(server: Server) -> None:
    server.replies = [reply({**chat("考え中"), "done_reason": "length"}), reply(chat(""))]
    long, empty = ollama(server).generate(["1", "2"])
    assert (long.truncated, empty.text, empty.truncated) == (True, "", False)


@pytest.mark.parametrize(
    "trouble",
    [reply(b"<html>busy</html>"), reply(b"\xff\xfe"), reply([1, 2]), reply({"error": "loading"}, 503), cut],
    ids=["no-json", "no-utf8", "no-object", "busy", "cut-off"],
)  # fmt: skip
def test_trouble_is_tried_again(server: Server, trouble: Reply) -> None:
    server.replies = [trouble, trouble, reply(chat("d"))]
    assert ollama(server, retries=2).invoke("問題") == "d"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (reply(b"garbage"), "応答が JSON ではありません（2 回試しました）"),
        (reply({"error": "out of memory"}, 500), "HTTP 500: out of memory（2 回試しました）"),
    ],
)
def test_lasting_trouble_is_one_line(server: Server, trouble: Reply, message: str) -> None:
    server.replies = [trouble]
    with pytest.raises(BackendError) as caught:
        ollama(server, retries=1).invoke("問題")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 2


@pytest.mark.parametrize("trouble", [slow(1.0), dribble], ids=["silent", "dribbling"])
def test_a_timeout_holds_for_the_whole_answer(server: Server, trouble: Reply) -> None:
    server.replies = [trouble]
    started = time.monotonic()
    with pytest.raises(BackendError, match=r"0\.2 秒以内に応答がありません（再試行なし）"):
        ollama(server, retries=0, timeout_seconds=0.2).invoke("問題")
    assert time.monotonic() - started < 0.9


def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.replies = [reply({"error": "model 'qwen3:8b' not found"}, 404)]
    with pytest.raises(BackendError, match="HTTP 404: model 'qwen3:8b' not found"):
        ollama(server).invoke("問題")
    assert len(server.requests) == 1


def test_no_server_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BackendError, match=r"接続できません.*2 回試しました"):
        OllamaLLM(OllamaConfig("m", f"http://127.0.0.1:{port}", retries=1, wait_seconds=0)).invoke("問題")


@pytest.mark.parametrize("answer", [{}, {"message": "c"}, {"message": {"content": None}}, {"error": None}])
def test_an_answer_of_another_shape_is_refused(server: Server, answer: dict[str, Any]) -> None:
    server.replies = [reply(answer)]
    with pytest.raises(BackendError, match=r"message\.content"):
        ollama(server).invoke("問題")


def test_a_prompt_that_was_cut_to_the_context_is_refused(server: Server) -> None:
    server.replies = [reply(chat("c", prompt_eval_count=4050))]
    with pytest.raises(BackendError, match=r"num_ctx 4096 に収まらず.*--num-ctx"):
        ollama(server, num_ctx=4096).generate(["問題"], max_new_tokens=64)


def test_a_context_that_cannot_hold_the_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_ctx 256"):
        OllamaConfig("m", num_ctx=256, max_new_tokens=256)


def test_waits_double(server: Server, waits: list[float]) -> None:
    server.replies = [reply(b"no")]
    with pytest.raises(BackendError):
        asked(server.url, Patience(5, retries=3, wait_seconds=0.5))
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "localhost:11434"])
def test_only_http_addresses_are_asked(url: str) -> None:
    with pytest.raises(BackendError, match="http://"):
        asked(url)


def test_openai_sends_its_key_and_reads_the_answer(server: Server) -> None:
    server.replies = [
        reply(
            {
                "choices": [{"message": {"content": " b "}, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 3},
            }
        )
    ]
    llm = OpenAICompatibleLLM(OpenAIConfig("m", server.url + "/v1/", api_key="s3cret", seed=1))
    assert llm.generate(["問題"], max_new_tokens=9) == [Generation("b", 11, 3, True)]
    path, body, headers = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer s3cret"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "問題"}],
        "max_tokens": 9,
        "temperature": 0.0,
        "seed": 1,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert "s3cret" not in repr(llm.config) + json.dumps(llm.facts())


def test_openai_without_key_sends_none_and_refuses_another_shape(server: Server) -> None:
    server.replies = [reply({"choices": []})]
    llm = OpenAICompatibleLLM(OpenAIConfig("m", server.url, retries=0))
    with pytest.raises(BackendError, match="choices"):
        llm.invoke("問題")
    assert "Authorization" not in server.requests[0][2]


def test_openai_reads_a_null_answer_as_empty(server: Server) -> None:
    server.replies = [reply({"choices": [{"message": {"content": None}}]})]
    llm = OpenAICompatibleLLM(OpenAIConfig("m", server.url))
    assert llm.generate(["問題"]) == [Generation("", None, None, False)]


def redirect(status: int, to: str) -> Reply:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: Server, status: int) -> None:
    server.replies = [redirect(status, "http://localhost:1/stolen?token=abcdef")]
    with pytest.raises(BackendError) as caught:
        asked(server.url, Patience(5, retries=3), Authorization="Bearer k")
    assert "別のアドレス http://localhost:1/stolen?token=*** へ転送されました" in str(caught.value)
    assert len(server.requests) == 1


def test_a_password_in_the_address_is_sent_and_never_shown(server: Server) -> None:
    host = server.url.replace("http://", "http://user:s3cr3tpw@")
    model = OllamaLLM(OllamaConfig("m", host=host, retries=0))
    server.replies = [reply({"message": {"content": "b"}})]
    assert model.invoke("q") == "b"
    assert server.requests[0][2]["Authorization"] == "Basic dXNlcjpzM2NyM3Rwdw=="
    assert (model.facts()["host"], model.facts()["samplers"]) == (server.url.replace("http://", "http://***@"), "off")
    server.replies = [reply({"error": "no user s3cr3tpw"}, status=400)]
    with pytest.raises(BackendError) as caught:
        model.invoke("q")
    assert "s3cr3tpw" not in str(caught.value)
    assert "no user ***" in str(caught.value)


def test_this_machine_is_never_asked_through_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://me:proxypw@127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.replies = [reply({"ok": 1})]
    assert asked(server.url) == {"ok": 1}
    with pytest.raises(
        BackendError, match=r"プロキシ http://\*\*\*@127\.0\.0\.1:9 を通しました（通さないなら NO_PROXY"
    ):
        asked("http://model.example/v1")


def top(*tokens: tuple[str, float]) -> dict[str, Any]:
    """The entry of a first token with its alternatives, as both servers write it."""
    first, value = tokens[0]
    return {
        "token": first,
        "logprob": math.log(value),
        "top_logprobs": [{"token": token, "logprob": math.log(share)} for token, share in tokens],
    }


def judged_by(server: Server, kind: str) -> Any:
    if kind == "ollama":
        return ollama(server)
    return OpenAICompatibleLLM(OpenAIConfig("m", server.url + "/v1", timeout_seconds=5, wait_seconds=0))


def answered(kind: str, entry: Any) -> Reply:
    if kind == "ollama":
        return reply(chat("x", prompt_eval_count=12, **({} if entry is None else {"logprobs": [entry]})))
    choice = {"message": {"content": "x"}, **({} if entry is None else {"logprobs": {"content": [entry]}})}
    return reply({"choices": [choice], "usage": {"prompt_tokens": 12}})


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("tokens", "log_odds", "mass", "outside"),
    [
        ([("○", 0.6), ("×", 0.2), ("は", 0.1)], math.log(3), 0.8, False),
        ([("○", 0.4), (" 〇", 0.2), ("×", 0.2)], math.log(3), 0.8, False),  # every spelling counts
        ([("×", 0.5), ("✕", 0.25), ("○", 0.25)], math.log(1 / 3), 1.0, False),
        ([("○", 0.6), ("は", 0.2), ("。", 0.1)], math.log(6), 0.6, True),  # × is at most as likely as 。
        ([("は", 0.6), ("×", 0.3)], 0.0, 0.3, True),  # ○ is at most as likely as ×, the last returned
    ],
)
def test_a_judgement_from_the_likeliest_tokens(
    server: Server, kind: str, tokens: list[tuple[str, float]], log_odds: float, mass: float, outside: bool
) -> None:
    server.replies = [answered(kind, top(*tokens))]
    (found,) = judged_by(server, kind).judge(["問題"])
    assert found == Judgement(pytest.approx(log_odds), pytest.approx(mass), 12, outside)
    _, body, _ = server.requests[0]
    assert (body["logprobs"], body["top_logprobs"], body["messages"][0]["content"]) == (True, 20, "問題")
    budget = body["options"]["num_predict"] if kind == "ollama" else body["max_tokens"]
    assert budget == 1


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("way", "what", "out"),
    [("judge", "「○」も「×」も", "てください。$"), ("read_letters", "選択肢の文字が一つも", "るか、--scoring text")],
)
def test_nothing_is_claimed_of_answers_that_were_not_returned(
    server: Server, kind: str, way: str, what: str, out: str
) -> None:
    server.replies = [answered(kind, top(("<think>", 0.9), ("思", 0.05)))]
    more = ("abcd",) if way == "read_letters" else ()
    with pytest.raises(
        BackendError, match=f"上位 20 個のトークンに{what}ありません。思考が始まっていないか確かめ{out}"
    ):
        getattr(judged_by(server, kind), way)(["問題"], *more)


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize("entry", [None, {"token": "○", "logprob": -0.1}, {"top_logprobs": [{"token": 1}]}, "x"])
def test_a_server_without_probabilities_is_said_to_be_one(server: Server, kind: str, entry: Any) -> None:
    server.replies = [answered(kind, entry)]
    with pytest.raises(BackendError, match=r"トークンの確率（logprobs、top_logprobs）がありません。.*--scoring text"):
        judged_by(server, kind).judge(["問題"])


@pytest.mark.parametrize(
    ("body", "tries", "words"),
    [
        ({"error": {"message": "upstream is busy", "code": 502}}, 3, "502 upstream is busy（3 回試しました）"),
        ({"error": {"message": "no such model", "code": 404}}, 1, "サーバーがエラーを返しました（404 no such model）"),
        ({"error": "quota exceeded"}, 1, "サーバーがエラーを返しました（quota exceeded）"),
    ],
)
def test_an_error_with_status_200_is_said_in_the_servers_words(
    server: Server, waits: list[float], body: dict[str, Any], tries: int, words: str
) -> None:
    server.replies = [reply(body)]
    with pytest.raises(BackendError) as caught:
        asked(server.url, Patience(5, retries=2))
    assert words in str(caught.value)
    assert len(server.requests) == tries


def test_a_busy_server_is_given_the_time_it_asks_for(server: Server, waits: list[float]) -> None:
    def busy(after: str) -> Reply:
        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(429)
            handler.send_header("Retry-After", after)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return send

    server.replies = [busy("8"), busy("Wed, 21 Oct 2015 07:28:00 GMT"), busy("soon"), busy("99999"), reply({"ok": 1})]
    assert asked(server.url, Patience(5, retries=4)) == {"ok": 1}
    assert waits == [8.0, 2.0, 4.0, 300.0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("b", "b"),
        (None, ""),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "a かもしれない"}]}, {"type": "text", "text": "b"}], "b"),
        ([{"type": "text", "text": "答えは"}, {"type": "text", "text": "c"}, "x"], "答えはc"),
    ],
)  # fmt: skip
def test_the_text_of_a_message_is_its_text_parts(server: Server, content: Any, text: str) -> None:
    server.replies = [reply({"choices": [{"message": {"content": content}}], "usage": {"prompt_tokens": 200.0, "completion_tokens": "7"}})]  # fmt: skip
    (generation,) = OpenAICompatibleLLM(OpenAIConfig("m", base_url=server.url, retries=0)).generate(["q"])
    assert (generation.text, generation.prompt_tokens, generation.new_tokens) == (text, 200, 7)
    assert (type(generation.prompt_tokens), type(generation.new_tokens)) == (int, int)  # 200.0 == 200


@pytest.mark.parametrize("kind", ["openai", "ollama"])
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
@pytest.mark.parametrize("said", ["", " b "])
def test_a_thought_in_a_field_of_its_own_is_no_answer(server: Server, kind: str, field: str, said: str) -> None:
    message = {"role": "assistant", "content": said, field: "選択肢 a は"}
    cut = {"message": message, "done": True, "done_reason": "length"}
    server.replies = [
        reply(cut if kind == "ollama" else {"choices": [{"message": message, "finish_reason": "length"}]})
    ]
    (generation,) = judged_by(server, kind).generate(["問題"])
    assert (generation.text, generation.truncated) == (said.strip(), True)
    status = parse_answer(generation.text, cut_off=generation.truncated).status
    assert status == ("ok" if said else "truncated")  # the budget went into the thought: not an empty answer


@pytest.mark.parametrize("less", [0, 1, 300])
def test_a_prompt_that_an_openai_compatible_server_cut_is_refused(
    server: Server, less: int, tiny_model_dir: Path
) -> None:
    tokenizer, prompt = load_tokenizer(str(tiny_model_dir)), "届出は二週間以内にする。" * 100
    probe, own = (len(encode_prompt(tokenizer, text)) for text in (PROBE, prompt))

    def said(read: int) -> Reply:
        return reply({"choices": [{"message": {"content": "b"}}], "usage": {"prompt_tokens": read}})

    server.replies = [said(probe), said(own - less)]
    llm = OpenAICompatibleLLM(OpenAIConfig("m", server.url, tokenizer=str(tiny_model_dir)))
    if less:
        with pytest.raises(BackendError, match=f"{own} トークンのプロンプトが {own - less} トークンに切られました"):
            llm.invoke(prompt)
    else:
        assert llm.invoke(prompt) == "b"


def test_a_prompt_that_was_cut_to_half_the_window_is_refused(server: Server) -> None:
    server.replies = [reply(chat("c", prompt_eval_count=2050))]
    with pytest.raises(BackendError, match=r"num_ctx 4096 に収まらず.*--num-ctx"):
        ollama(server, num_ctx=4096).invoke("法" * 20_000)
    assert ollama(server, num_ctx=4096).invoke("法" * 2050) == "c"  # a prompt that really has so many tokens


@pytest.mark.parametrize(
    ("said", "count"),
    [(7, 7), ("7", 7), (7.0, 7), ("7.0", 7), (7.5, None), ("many", None), (True, None), (-1, None), (float("nan"), None), (None, None), ([7], None)],
)  # fmt: skip
def test_a_number_of_tokens_is_a_number(said: Any, count: int | None) -> None:
    found = count_of({"prompt_tokens": said}, "prompt_tokens")
    assert (found, type(found)) == (count, type(count))  # 7.0 == 7


@pytest.mark.parametrize("usage", [None, [], "200", {}])
def test_usage_may_be_missing(server: Server, usage: Any) -> None:
    server.replies = [reply({"choices": [{"message": {"content": "b"}}], "usage": usage})]
    (generation,) = OpenAICompatibleLLM(OpenAIConfig("m", base_url=server.url, retries=0)).generate(["q"])
    assert generation == Generation("b", None, None, False)


def sse(*events: Any) -> Reply:
    return reply("".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n")


def ndjson(*events: Any) -> Reply:
    return reply("".join(json.dumps(event) + "\n" for event in events).encode())


DELTAS = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "a かもしれない"}}]},
    {"choices": [{"index": 0, "delta": {"content": " 条"}}]},
    {"choices": [{"index": 0, "delta": {"content": "文 "}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
)
LINES = (
    {"message": {"role": "assistant", "content": " 条"}, "done": False},
    {"message": {"role": "assistant", "content": "", "thinking": "a"}, "done": False},
    {"message": {"role": "assistant", "content": "文 "}, "done": True, "done_reason": "length", "prompt_eval_count": 9, "eval_count": 2},
)  # fmt: skip


@pytest.mark.parametrize(("kind", "streamed"), [("openai", sse(*DELTAS)), ("openai", ndjson(*DELTAS)), ("ollama", ndjson(*LINES)), ("ollama", sse(*LINES))])  # fmt: skip
def test_a_stream_is_read_asked_for_or_not(server: Server, kind: str, streamed: Reply) -> None:
    server.replies = [streamed]
    llm = judged_by(server, kind)
    assert llm.generate(["問題"]) == [Generation("条文", 9, 2, True)]
    assert list(llm.stream("問題", max_new_tokens=7)) == ["条", "文"]
    (_, whole, _), (_, pieces, _) = server.requests
    assert (whole.get("stream", False), pieces["stream"]) == (False, True)
    assert (pieces["options"]["num_predict"] if kind == "ollama" else pieces["max_tokens"]) == 7


def test_a_stream_that_breaks_off_is_said_to_have(server: Server) -> None:
    server.replies = [sse(DELTAS[2], {"error": {"message": "out of memory", "code": 500}})]
    pieces = judged_by(server, "openai").stream("問題")
    assert next(pieces) == "条"
    with pytest.raises(BackendError, match=r"回答の途中で途切れました（500 out of memory）"):
        next(pieces)


def test_a_cut_prompt_is_seen_at_the_end_of_a_stream_as_in_a_whole_answer(server: Server) -> None:
    lines = ({"message": {"content": "条"}, "done": False}, {"message": {"content": "文"}, "done": True, "prompt_eval_count": 250})  # fmt: skip
    server.replies = [ndjson(*lines)]
    pieces = ollama(server, num_ctx=256, max_new_tokens=10).stream("問題")
    assert [next(pieces), next(pieces)] == ["条", "文"]
    with pytest.raises(BackendError, match="プロンプトが切られたおそれがあります"):
        next(pieces)


def test_a_stream_of_another_shape_is_no_empty_answer(server: Server) -> None:
    server.replies = [sse({"unexpected": 1})]
    with pytest.raises(BackendError, match=r"choices\[0\]\.message\.content がありません"):
        list(judged_by(server, "openai").stream("問題"))
    # Nothing but thoughts was written: the answer is there, and empty.
    server.replies = [
        sse({"choices": [{"index": 0, "delta": {"reasoning_content": "考え"}, "finish_reason": "length"}]})
    ]
    assert list(judged_by(server, "openai").stream("問題")) == []


def test_letters_from_the_likeliest_tokens(server: Server) -> None:
    entry = top(("b", 0.5), (" B", 0.1), ("ａ", 0.2), ("d", 0.1), ("は", 0.05))
    server.replies = [answered("ollama", entry)]
    (read,) = judged_by(server, "ollama").read_letters(["問題"], "abcd")
    wanted = [math.log(share) for share in (0.2, 0.6, 0.05, 0.1)]  # c is at most as likely as は
    assert read == LetterReading(pytest.approx(tuple(wanted)), pytest.approx(0.9), 12, outside=1)
    server.replies = [answered("ollama", top(("は", 0.6), ("。", 0.3)))]
    with pytest.raises(BackendError, match=r"上位 20 個のトークンに選択肢の文字が一つもありません"):
        judged_by(server, "ollama").read_letters(["問題"], "abcd")
    with pytest.raises(ConfigError, match="--llm-backend hf・vllm・llamacpp だけ"):
        judged_by(server, "openai").read_letters(["問題"], "abcd", reasonings=["理由"])


def test_a_server_that_does_not_know_how_to_switch_thinking_off(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    message = {"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}}
    server.replies = [reply(message, 400), reply({"choices": [{"message": {"content": "b"}}]})]
    llm = judged_by(server, "openai")
    assert llm.invoke("問題") == llm.invoke("問題") == "b"
    assert ["chat_template_kwargs" in body for _, body, _ in server.requests] == [True, False, False]
    assert llm.facts()["thinking_switched_off"] is False
    assert capsys.readouterr().err.count("思考を切らずに尋ねます") == 1


def test_a_stream_leaves_the_switch_out_as_well(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = reply({"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}}, 400)
    server.replies = [refusal, sse(*DELTAS)]
    llm = judged_by(server, "openai")
    assert list(llm.stream("問題")) == list(llm.stream("問題")) == ["条", "文"]
    assert ["chat_template_kwargs" in body for _, body, _ in server.requests] == [True, False, False]
    assert capsys.readouterr().err.count("思考を切らずに尋ねます") == 1


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("more", "same"), [(0, True), (4, "テンプレートか、思考の切り方が別です"), (None, None)], ids=["same", "longer", "untold"]
)  # fmt: skip
def test_the_length_of_a_prompt_is_compared_before_the_first_question(
    server: Server, kind: str, more: int | None, same: Any, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = len(encode_prompt(load_tokenizer(str(tiny_model_dir)), PROBE))
    read = None if more is None else own + more
    count = {"prompt_eval_count": read} if kind == "ollama" else {"usage": {"prompt_tokens": read}}
    server.replies = [reply(chat("b") | {"choices": [{"message": {"content": "b"}}]} | count)]
    llm: Any = (
        OllamaLLM(OllamaConfig("m", server.url, tokenizer=str(tiny_model_dir)))
        if kind == "ollama"
        else OpenAICompatibleLLM(OpenAIConfig("m", server.url, tokenizer=str(tiny_model_dir)))
    )
    if isinstance(same, str):
        with pytest.raises(BackendError, match=f"{own + 4} トークンで、学習時の {own} トークンと違います.*{same}"):
            llm.invoke("問題")
        with pytest.raises(
            BackendError, match="テンプレートか"
        ):  # not forgotten by whoever goes on (a page, a conversation)
            list(llm.stream("問題"))
        return
    assert llm.invoke("問題") == llm.invoke("問題") == "b"
    assert [body["messages"][0]["content"] for _, body, _ in server.requests] == [PROBE, "問題", "問題"]
    assert llm.facts()["same_prompt"] is same
    assert ("学習時と同じかは分かりません" in capsys.readouterr().err) == (same is None)


def test_a_prompt_of_unknown_length_is_said_once(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.replies = [reply(chat("b"))]
    llm = ollama(server)
    assert (llm.facts()["same_prompt"], llm.invoke("1"), llm.invoke("2")) == (None, "b", "b")
    assert capsys.readouterr().err.count("学習時と同じかは確かめていません") == 1
