"""Ollama's replies in the shapes that its API description gives (docs/openapi.yaml of ollama/ollama: ChatResponse,
ChatStreamEvent, Logprob, TokenLogprob; the errors of docs/api.md), with every field, over a real HTTP connection.

No Ollama can be had from PyPI, npm or Debian; ``test_real_ollama.py`` asks one where it is installed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from app.core.errors import BackendError
from app.llm.backend import Generation, Judgement, LetterReading
from app.llm.ollama import OllamaConfig, OllamaLLM
from tests.local_server import LocalServer

TIMES = {
    "total_duration": 4883583458, "load_duration": 1334875, "prompt_eval_count": 26, "prompt_eval_duration": 342546000,
    "eval_count": 2, "eval_duration": 4535599000,
}  # fmt: skip
TAGS = {
    "models": [
        {
            "name": "tiny:latest", "model": "tiny:latest", "modified_at": "2025-10-03T23:34:03.4096+09:00", "size": 3338801804,
            "digest": "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a",
            "details": {"format": "gguf", "family": "qwen3", "families": ["qwen3"], "parameter_size": "8.2B", "quantization_level": "F16"},
        }
    ]
}  # fmt: skip


def token(text: str, share: float) -> dict[str, Any]:
    return {"token": text, "logprob": math.log(share), "bytes": list(text.encode("utf-8"))}


def event(content: str, **more: Any) -> dict[str, Any]:
    return {
        "model": "tiny", "created_at": "2025-11-14T08:52:19.385406455-07:00",
        "message": {"role": "assistant", "content": content, "thinking": "", "tool_calls": [], "images": None}, **more,
    }  # fmt: skip


class Documented(LocalServer):
    """Answers /api/chat as described: whole or streamed, with log-probabilities where asked; errors by the prompt."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send(200, json.dumps(TAGS))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                if body["model"] != "tiny":
                    self.send(404, json.dumps({"error": f"model '{body['model']}' not found"}))
                elif body["messages"][0]["content"] == "長い":
                    self.send(400, json.dumps({"error": "input length exceeds maximum context length"}))
                elif body["stream"]:
                    # Its last event has the counts; the older description gives it no message.
                    last = {
                        "model": "tiny",
                        "created_at": "2025-11-14T08:52:20Z",
                        "done": True,
                        "done_reason": "stop",
                        **TIMES,
                    }
                    events = [event("届", done=False), event("出", done=False), last]
                    self.send(200, "".join(json.dumps(each) + "\n" for each in events), "application/x-ndjson")
                else:
                    listed = [
                        {
                            **token("b", 0.5),
                            "top_logprobs": [token("b", 0.5), token(" a", 0.25), token("○", 0.125), token("×", 0.0625)],
                        }
                    ]
                    probabilities = {"logprobs": listed} if body.get("logprobs") else {}
                    self.send(200, json.dumps(event("届出", done=True, done_reason="stop", **TIMES, **probabilities)))

            def send(self, status: int, text: str, kind: str = "application/json; charset=utf-8") -> None:
                data = text.encode("utf-8")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        super().__init__(Handler)


@pytest.fixture
def documented() -> Iterator[Documented]:
    server = Documented()
    yield server
    server.close()


def test_a_text_and_its_counts(documented: Documented) -> None:
    llm = OllamaLLM(OllamaConfig("tiny", documented.url))
    assert llm.generate(["問題"], max_new_tokens=2) == [Generation("届出", 26, 2, False)]
    assert list(llm.stream("問題", max_new_tokens=2)) == ["届", "出"]
    assert llm.facts()["server"] == {"digest": TAGS["models"][0]["digest"]}


def test_letters_and_a_judgement_with_what_is_not_among_the_tokens_said(documented: Documented) -> None:
    llm = OllamaLLM(OllamaConfig("tiny", documented.url))
    (read,) = llm.read_letters(["問題"], "abcd")
    least = math.log(0.0625)
    assert read == LetterReading(
        pytest.approx((math.log(0.25), math.log(0.5), least, least)), pytest.approx(0.75), 26, outside=2
    )
    assert llm.judge(["問題"]) == [Judgement(pytest.approx(math.log(2)), pytest.approx(0.1875), 26)]
    asked = documented.asked[-1]
    assert (asked["logprobs"], asked["top_logprobs"], asked["think"], asked["options"]["num_predict"]) == (
        True,
        20,
        False,
        1,
    )


@pytest.mark.parametrize(
    ("model", "prompt", "words"),
    [("none", "問題", "model 'none' not found"), ("tiny", "長い", "input length exceeds maximum context length")],
)
def test_an_error_is_one_line_in_its_own_words(documented: Documented, model: str, prompt: str, words: str) -> None:
    with pytest.raises(BackendError, match=words) as caught:
        OllamaLLM(OllamaConfig(model, documented.url)).invoke(prompt)
    assert len(str(caught.value).splitlines()) == 1
    assert len(documented.asked) == 1
