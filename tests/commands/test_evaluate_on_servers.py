"""The evaluation on servers: a real llama.cpp gives the numbers of the local model; failures and secrets of any server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.commands import compare_runs, evaluate_multiple_choice
from app.core.cli import run_program
from app.core.files import write_json
from app.core.rag_config import environment_names
from app.evaluation.results.file import read_result
from tests.local_server import LocalServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def evaluated(name: str, *options: object) -> Any:
    arguments = ["--data", ROOT / "sample" / "selection.json", "--output", name, "--context", "gold", *options]
    assert run_program(evaluate_multiple_choice.main, [str(one) for one in arguments]) in (0, 3)
    return read_result(Path(name))


@pytest.mark.parametrize("scoring", ["letter", "choice"])
def test_the_numbers_are_those_of_the_local_model(llamacpp_server: Any, scoring: str) -> None:
    asked = ("--samples", 3, "--scoring", scoring)
    here = evaluated("here.json", *asked, "--hf-model-name", llamacpp_server.folder, "--no-hf-load-in-4bit")
    server = ("--llm-backend", "llamacpp", "--llm-host", llamacpp_server.url, "--llm-model", "tiny")
    there = evaluated("there.json", *asked, *server, "--tokenizer", llamacpp_server.folder, "--llm-concurrency", 2)
    for one, other in zip(here.outcomes, there.outcomes, strict=True):
        assert other.predicted == one.predicted
        for mine, theirs in zip(one.answers, other.answers, strict=True):
            assert theirs.prompt_sha256 == mine.prompt_sha256
            assert theirs.prompt_tokens == mine.prompt_tokens
            values = (mine.logprobs, theirs.logprobs) if scoring == "letter" else (mine.log_odds, theirs.log_odds)
            np.testing.assert_allclose(values[1], values[0], atol=1e-4)
    assert there.run["model"]["server"]["same_tokens"] is True
    assert there.run["model"]["tokenizer"] == str(llamacpp_server.folder)


def test_the_run_json_of_the_tokenizer_guards_what_was_trained(
    llamacpp_server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.core.chat import chat_template_hash
    from app.core.prompts import PROMPT_VERSION
    from app.data.lawqa import load_questions
    from app.llm.loading import load_tokenizer

    tokenizer = load_tokenizer(str(llamacpp_server.folder))
    tokenizer.save_pretrained(tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    question = load_questions(ROOT / "sample" / "selection.json")[0]
    write_json(tmp_path / "adapter" / "run.json", {
        "kind": "adapter", "prompt_version": PROMPT_VERSION, "form": "letter", "few_shot": False,
        "chat": {"format": "auto", "template_sha256": chat_template_hash(tokenizer)},
        "trained_question_ids": [question.id], "trained_question_hashes": [], "trained_clusters": [],
        "dev_question_ids": [], "dev_question_hashes": [],
    })  # fmt: skip
    arguments = [
        "--data",
        ROOT / "sample" / "selection.json",
        "--output",
        "x.json",
        "--no-rag",
        "--tokenizer",
        "adapter",
    ]
    server = ["--llm-backend", "llamacpp", "--llm-host", llamacpp_server.url]
    assert run_program(evaluate_multiple_choice.main, [str(one) for one in [*arguments, *server]]) == 1
    assert "1 問はこのアダプタの学習に使われています" in capsys.readouterr().err


@pytest.fixture
def replies() -> Iterator[tuple[str, list[tuple[int, Any]]]]:
    """An address, and the (status, body) it answers with in turn; the last one goes on.

    A question that is refused is asked once more, by itself.
    """
    said: list[tuple[int, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = said.pop(0) if len(said) > 1 else said[0]
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.send_error(404)

    server = LocalServer(Handler)
    yield server.url, said
    server.close()


def asked(name: str, url: str, kind: str, *options: object) -> int:
    arguments = ["--data", ROOT / "sample" / "selection.json", "--output", name, "--no-rag", "--samples", 3]
    server = ["--llm-backend", kind, "--llm-model", "m", "--llm-host", url]
    return run_program(evaluate_multiple_choice.main, [str(one) for one in [*arguments, *server, *options]])


def answer(text: str | None, **usage: Any) -> tuple[int, Any]:
    return 200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}


def test_a_question_that_failed_is_no_result_and_resume_asks_it_alone(replies: Any, capsys: Any) -> None:
    url, said = replies
    said += [(400, {"error": "bad"})] * 2 + [(200, {"message": {"content": "b"}, "done_reason": "stop"})]
    assert asked("o.json", url, "ollama", "--batch-size", 1) == 3
    (reason,) = read_result(Path("o.json")).run["distrust"]
    (failed,) = [one.id for one in read_result(Path("o.json")).outcomes if one.answers[0].error]
    assert reason == (
        f"FAILED: 3 問のうち 1 問に答えが得られませんでした（最初は {failed}: {url}/api/chat: "
        "サーバーが要求を拒みました（HTTP 400: bad））。--resume を付けると、その問題だけを尋ね直します"
    )
    assert capsys.readouterr().err.splitlines()[-1] == f"警告: {reason}"
    assert asked("o.json", url, "ollama", "--batch-size", 1, "--resume") == 0
    assert read_result(Path("o.json")).run["distrust"] == []


def test_answers_that_the_budget_left_empty_are_no_result_and_not_compared(replies: Any, capsys: Any) -> None:
    url, said = replies
    said.append((200, {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}))
    assert asked("empty.json", f"{url}/v1", "openai") == 3
    empty = read_result(Path("empty.json"))
    assert [(one.answers[0].text_status, one.answers[0].truncated) for one in empty.outcomes] == [
        ("truncated", True)
    ] * 3
    (reason,) = empty.run["distrust"]
    assert reason.startswith("UNREAD: 3 件の回答のうち 3 件から答えを読み取れません（途中で切れた 3）。")
    said[:] = [answer("b")]
    assert asked("good.json", f"{url}/v1", "openai") == 0
    capsys.readouterr()
    assert run_program(compare_runs.main, ["empty.json", "good.json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(
        "エラー: empty.json: 読み取れない答えが多く、比べても差はモデルの差ではありません（UNREAD: "
    )


def test_estimated_numbers_of_tokens_give_results_that_can_be_compared(replies: Any, capsys: Any) -> None:
    url, said = replies
    said.append(answer("b", prompt_tokens=200.0, completion_tokens=1.0))
    for name in ("one.json", "two.json"):
        assert asked(name, f"{url}/v1", "openai") == 0
    assert '"prompt_tokens": 200,' in Path("one.json").read_text("utf-8")
    assert run_program(compare_runs.main, ["one.json", "two.json"]) == 0
    assert "差があるとは言えません（+0.0 ポイント、3 問、" in capsys.readouterr().out


def test_a_password_of_an_address_is_in_nothing_that_is_written(replies: Any, capsys: Any) -> None:
    url, said = replies
    said += [(400, {"error": "s3cr3tpw was refused"})] * 2 + [
        (200, {"message": {"content": "b"}, "done_reason": "stop"})
    ]
    address = url.replace("http://", "http://user:s3cr3tpw@")
    assert asked("o.json", address, "ollama", "--batch-size", 1, "--report", "o.html") == 3
    assert {path.name for path in Path().iterdir()} >= {"o.json", "o.html", "o.run.yaml"}
    for path in Path().iterdir():
        assert "s3cr3tpw" not in path.read_text("utf-8"), path
    assert read_result(Path("o.json")).run["model"]["host"] == url.replace("http://", "http://***@")
    captured = capsys.readouterr()
    assert "s3cr3tpw" not in captured.out + captured.err
