"""Servers asked by token ids: a real llama.cpp says what the local model says, and a vLLM is asked as its API wants."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.chat import letter_token_ids, render_prompt, stop_token_id
from app.core.errors import BackendError, ModelError
from app.core.files import write_json
from app.core.prompts import build_choice_prompt, build_mc_prompt_direct
from app.core.questions import LETTERS
from app.core.rag_config import environment_names, load_config
from app.data.lawqa import load_questions
from app.llm.backend import Generation
from app.llm.backends import Running, load_backend
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.http import JsonClient
from app.llm.llamacpp import LlamaCppLLM, LlamaCppScorer, uncut
from app.llm.loading import load_tokenizer
from app.llm.openai_compatible import OpenAICompatibleLLM, OpenAIConfig
from app.llm.token_server import TokenServerConfig
from app.llm.vllm import MAX_IDS, VLLM
from tests.llm.sample_prompts import CHOICE_PROMPTS, LETTER_PROMPTS

ROOT = Path(__file__).resolve().parents[2]
# Both compute in float32; llama.cpp's kernels add in another order (3e-6 when this was written).
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def local(llamacpp_server: Any) -> HFLoRALLM:
    """The same model here."""
    return HFLoRALLM(HFLLMConfig(str(llamacpp_server.folder), load_in_4bit=False, device="cpu"))


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def llamacpp(llamacpp_server: Any, clean: None) -> Any:
    settings = {"llm_host": llamacpp_server.url, "llm_model": "tiny", "llm_tokenizer": str(llamacpp_server.folder)}
    return load_backend(load_config(llm_backend="llamacpp", **settings).llm, Running(form="choice"))


@pytest.fixture
def chat(llamacpp_server: Any) -> OpenAICompatibleLLM:
    """The same server by its chat protocol."""
    return OpenAICompatibleLLM(OpenAIConfig("tiny", llamacpp_server.url + "/v1", tokenizer=str(llamacpp_server.folder)))


def test_llamacpp_reads_the_letters_that_the_local_model_reads(llamacpp: LlamaCppLLM, local: HFLoRALLM) -> None:
    here, there = local.read_letters(LETTER_PROMPTS, LETTERS), llamacpp.read_letters(LETTER_PROMPTS, LETTERS)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.logprobs, one.logprobs, atol=TOLERANCE)
        assert other.mass == pytest.approx(one.mass, abs=TOLERANCE)
        assert (other.prompt_tokens, other.outside) == (one.prompt_tokens, 0)


def test_llamacpp_reads_the_letters_behind_a_reasoning(llamacpp: LlamaCppLLM, local: HFLoRALLM) -> None:
    reasonings = ["Reasoning: 第一条による。", "", "Reasoning: 期限は二週間。"]
    here = local.read_letters(LETTER_PROMPTS, LETTERS, reasonings=reasonings)
    there = llamacpp.read_letters(LETTER_PROMPTS, LETTERS, reasonings=reasonings)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.logprobs, one.logprobs, atol=TOLERANCE)


def test_llamacpp_judges_what_the_local_model_judges(llamacpp: LlamaCppLLM, local: HFLoRALLM) -> None:
    here, there = local.judge(CHOICE_PROMPTS), llamacpp.judge(CHOICE_PROMPTS)
    np.testing.assert_allclose([one.log_odds for one in there], [one.log_odds for one in here], atol=2 * TOLERANCE)
    assert np.ptp([one.log_odds for one in here]) > 100 * TOLERANCE
    assert [one.prompt_tokens for one in there] == [one.prompt_tokens for one in here]


def test_llamacpp_writes_what_the_local_model_writes(llamacpp: LlamaCppLLM, local: HFLoRALLM) -> None:
    here = local.generate(LETTER_PROMPTS, max_new_tokens=8)
    there = llamacpp.generate(LETTER_PROMPTS, max_new_tokens=8)
    assert [one.text for one in there] == [one.text for one in here]
    assert [one.truncated for one in there] == [one.truncated for one in here]
    assert [one.prompt_tokens for one in there] == [one.prompt_tokens for one in here]
    assert "".join(llamacpp.stream(LETTER_PROMPTS[0], max_new_tokens=8)) == here[0].text


def test_llamacpp_says_what_it_serves(llamacpp: LlamaCppLLM, llamacpp_server: Any) -> None:
    facts = llamacpp.facts()
    assert (facts["backend"], facts["host"], facts["chat_format"]) == ("llamacpp", llamacpp_server.url, "auto")
    assert facts["samplers"] == "off"
    assert facts["server"]["model_path"].endswith("tiny.gguf")
    assert (facts["server"]["n_ctx"], facts["server"]["same_tokens"]) == (2048, True)


def test_llamacpp_cuts_text_as_the_sample_model_s_tokenizer_does(llamacpp_server: Any) -> None:
    tokenizer, scorer = load_tokenizer(str(llamacpp_server.folder)), LlamaCppScorer(llamacpp_server.url)
    asked = load_questions(ROOT / "sample" / "selection.json")[::10]
    prompts = [build_mc_prompt_direct(one.question, one.choices, one.context, few_shot=False) for one in asked]
    prompts += [build_choice_prompt(one.question, one.choices["a"], one.context) for one in asked]
    prompts += [
        "第１２３条の二第4項 it's  2,048\u3000tokens:\ta) b)\r\n\r\n  <think>…",
        "一\n\n\n二  \n　三！？👩‍⚖️ ñ がﾞ e\u0301 \u200b①㈱ don'T 12345",
    ]
    for text in (render_prompt(tokenizer, prompt) for prompt in prompts):
        assert scorer.tokenize(text) == tokenizer(text, add_special_tokens=False)["input_ids"], text


def test_another_tokenizer_than_the_servers_is_refused(llamacpp_server: Any, tiny_model_dir: Path) -> None:
    llm = LlamaCppLLM(TokenServerConfig("m", llamacpp_server.url, str(tiny_model_dir)))
    with pytest.raises(BackendError, match=r"トークンの番号が違います。--tokenizer に、サーバーのモデルのトークナイザ"):
        llm.invoke("問題")


def test_a_prompt_longer_than_the_servers_context_is_one_line(llamacpp: LlamaCppLLM) -> None:
    with pytest.raises(BackendError) as caught:
        llamacpp.judge(["届出は二週間以内にする。" * 400])
    assert "exceed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_real_server_s_chat_asks_the_prompt_of_training_only_without_thinking(
    chat: OpenAICompatibleLLM, llamacpp_server: Any
) -> None:
    assert chat.facts()["same_prompt"] is True
    thinking = OpenAICompatibleLLM(chat.config)
    thinking._takes_template_kwargs = False
    with pytest.raises(BackendError, match="学習時の 62 トークンと違います"):
        thinking.invoke("問題")


def test_a_real_server_s_chat_answers_as_token_ids_do(
    chat: OpenAICompatibleLLM, llamacpp: LlamaCppLLM, local: HFLoRALLM
) -> None:
    prompts = ["次のうち、正しいものを教えてください。", "届出は二週間以内にする。"]
    assert [one.text for one in chat.generate(prompts, max_new_tokens=4)] == [
        one.text for one in llamacpp.generate(prompts, max_new_tokens=4)
    ]
    assert "".join(chat.stream(prompts[0], max_new_tokens=4)) == chat.invoke(prompts[0], max_new_tokens=4)
    for one, other in zip(local.judge(prompts), chat.judge(prompts), strict=True):
        assert other.outside is False
        assert other.log_odds == pytest.approx(one.log_odds, abs=0.05)  # the rarest spellings are not among the 20


@pytest.mark.parametrize("value", [{"truncated": True, "tokens_evaluated": 10}, {"tokens_evaluated": 6}])
def test_a_prompt_that_llamacpp_cut_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="10 トークンのプロンプトが切られました"):
        uncut(value, 10, "http://h")


class Scripted(JsonClient):
    """A vLLM that answers from a table of functions and keeps what it was sent."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__("http://h")
        self.answers, self.sent = answers, []

    def get(self, path: str) -> Any:
        return self.answers[path]

    def post_all(self, path: str, bodies: Any) -> Any:
        self.sent += [(path, body) for body in bodies]
        answer = self.answers[path]
        return [answer(body) if callable(answer) else answer for body in bodies]

    def stream(self, path: str, body: Any) -> Any:
        self.sent.append((path, body))
        yield from self.answers["stream"]


def vllm(tiny_model_dir: Path, **answers: Any) -> tuple[VLLM, Scripted]:
    llm = VLLM(TokenServerConfig("m", "http://h/v1/", str(tiny_model_dir), seed=7))
    client = Scripted({
        "/v1/models": {"data": [{"id": "m", "root": "runs/x", "parent": "base", "max_model_len": 512}, {"id": "base"}]},
        "/version": {"version": "0.30.0"},
        "/detokenize": lambda body: {"prompt": llm.tokenizer.decode(body["tokens"])},
        **answers,
    })  # fmt: skip
    llm.client = client
    return llm, client


def told(body: dict[str, Any]) -> dict[str, Any]:
    """Every token asked for has as many hundredths as its prompt has tokens; vLLM's own shape, the last prompt first."""
    tables = [
        {f"token_id:{index}": math.log(0.01 * len(row)) for index in [*body["logprob_token_ids"], 999_999]}
        for row in body["prompt"]
    ]
    choices = [{"index": n, "text": "x", "logprobs": {"top_logprobs": [table]}} for n, table in enumerate(tables)]
    return {"choices": choices[::-1]}


def test_vllm_is_asked_by_token_ids(tiny_model_dir: Path) -> None:
    llm, client = vllm(tiny_model_dir, **{"/v1/completions": told})
    (read,) = llm.read_letters(["問題"], LETTERS)
    ids, share = letter_token_ids(llm.tokenizer, LETTERS), 0.01 * len(llm.encode("問題"))
    assert read.logprobs == pytest.approx([math.log(share * len(each)) for each in ids], abs=1e-6)
    assert read.mass == pytest.approx(share * sum(map(len, ids)), abs=1e-5)
    path, body = client.sent[-1]
    assert path == "/v1/completions"
    assert body == {
        "model": "m", "prompt": [llm.encode("問題")], "max_tokens": 1, "temperature": 0.0, "logprobs": 1,
        "logprob_token_ids": [index for each in ids for index in each], "return_tokens_as_token_ids": True,
    }  # fmt: skip
    assert llm.facts()["server"] == {
        "root": "runs/x", "parent": "base", "max_model_len": 512, "version": "0.30.0", "same_tokens": True,
    }  # fmt: skip


def test_vllm_is_told_no_more_tokens_than_it_takes_at_once(tiny_model_dir: Path) -> None:
    llm, client = vllm(tiny_model_dir, **{"/v1/completions": told})
    scores = llm.scores([[1, 2], [3]], [list(range(100)), list(range(100, 150))])
    np.testing.assert_allclose(np.exp(scores.logprobs), [[2.0, 1.0], [1.0, 0.5]], rtol=1e-5)
    asked = [(body["prompt"], len(body["logprob_token_ids"])) for _, body in client.sent]
    assert asked == [([[1, 2]], MAX_IDS), ([[1, 2]], 22), ([[3]], MAX_IDS), ([[3]], 22)]


@pytest.mark.parametrize(
    ("rows", "sizes"), [(1, [1]), (4, [1] * 4), (5, [2, 2, 1]), (12, [3] * 4), (70, [16] * 4 + [6])]
)
def test_vllm_is_asked_several_prompts_a_request(tiny_model_dir: Path, rows: int, sizes: list[int]) -> None:
    llm, client = vllm(tiny_model_dir, **{"/v1/completions": told})
    assert llm.concurrency == 4
    scores = llm.scores([[7] * (place % 9 + 1) for place in range(rows)], [[1], [2]])
    np.testing.assert_allclose(
        np.exp(scores.logprobs), [[0.01 * (place % 9 + 1)] * 2 for place in range(rows)], rtol=1e-5
    )
    assert [len(body["prompt"]) for _, body in client.sent] == sizes


def test_vllm_writes_from_token_ids(tiny_model_dir: Path) -> None:
    answer = {
        "choices": [{"text": " b ", "finish_reason": "length"}],
        "usage": {"prompt_tokens": 9.0, "completion_tokens": "2"},
    }
    pieces = [{"choices": [{"text": "答え"}]}, {"choices": [{"text": " は"}]}, {"choices": [], "usage": {}}]
    llm, client = vllm(tiny_model_dir, **{"/v1/completions": answer, "stream": pieces})
    assert llm.generate(["問題"], max_new_tokens=2, temperature=0.5) == [Generation("b", 9, 2, True)]
    assert list(llm.stream("問題")) == ["答え", " は"]
    whole, streamed = [body for path, body in client.sent if path == "/v1/completions"]
    assert whole == {
        "model": "m", "prompt": llm.encode("問題"), "max_tokens": 2, "temperature": 0.5, "seed": 7, "top_p": 1.0,
        "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "stop_token_ids": [stop_token_id(llm.tokenizer)],
    }  # fmt: skip
    assert streamed == {**whole, "max_tokens": 256, "temperature": 0.0, "stream": True}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"/v1/models": {"data": [{"id": "a"}, {"id": "b"}]}}, r"モデル m がありません（あるのは a、b）"),
        ({"/v1/models": {}}, r"あるのは なし"),
        ({"/detokenize": {"prompt": "別の文"}}, "トークンの番号が違います"),
        ({"/v1/completions": {"choices": []}}, r"logprobs\.top_logprobs がありません"),
        ({"/v1/completions": {"choices": [{"index": 0, "logprobs": None}]}}, r"logprobs\.top_logprobs がありません"),
        ({"/v1/completions": {"choices": [{"index": 1, "logprobs": {"top_logprobs": [{"token_id:5": -1.0}]}}]}}, r"1 個のプロンプトのそれぞれの"),
        ({"/v1/completions": {"choices": [{"index": 0, "logprobs": {"top_logprobs": [{"a": -1.0}]}}]}}, r"logprobs\.top_logprobs がありません"),
        ({"/v1/completions": {"choices": [{"index": 0, "logprobs": {"top_logprobs": [{"token_id:5": -1.0}]}}]}}, "logprob_token_ids を知る新しい vLLM"),
    ],
)  # fmt: skip
def test_a_vllm_that_answers_something_else_is_one_line(
    answers: dict[str, Any], message: str, tiny_model_dir: Path
) -> None:
    llm, _ = vllm(tiny_model_dir, **answers)
    with pytest.raises(BackendError, match=message):
        llm.read_letters(["問題"], LETTERS)


def test_the_run_json_beside_a_tokenizer_says_how_the_model_was_trained(tmp_path: Path, tiny_model_dir: Path) -> None:
    folder = tmp_path / "adapter"
    load_tokenizer(str(tiny_model_dir)).save_pretrained(folder)
    write_json(folder / "run.json", {"kind": "adapter", "chat": {"format": "plain", "template_sha256": "plain"}})
    config = TokenServerConfig("m", "http://h", str(folder))
    assert VLLM(config).chat_format == "plain"
    with pytest.raises(ModelError, match="--chat-format plain で学習したもの"):
        VLLM(config, chat_format="chatml")
    write_json(folder / "run.json", {"kind": "adapter", "chat": {"format": "chatml", "template_sha256": "0" * 64}})
    with pytest.raises(ModelError):
        VLLM(config)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["vllm", "ollama"])
def test_a_real_server_says_what_the_local_model_says(name: str, clean: None) -> None:
    """With the addresses and models of docs/servers.md in the environment."""
    address, model = os.environ.get(f"TEST_{name.upper()}_URL"), os.environ.get("TEST_SERVED_MODEL")
    if address is None or model is None:
        pytest.skip(f"TEST_{name.upper()}_URL and TEST_SERVED_MODEL name no server")
    local = HFLoRALLM(HFLLMConfig(model, load_in_4bit=False, device="cpu"))
    local.model.float()
    asked = os.environ.get(f"TEST_{name.upper()}_MODEL", model)
    config = load_config(llm_backend=name, llm_host=address, llm_model=asked, llm_tokenizer=model)
    there: Any = load_backend(config.llm)
    tolerance = 0.05 if name == "vllm" else 0.5
    for one, other in zip(
        local.read_letters(LETTER_PROMPTS, LETTERS), there.read_letters(LETTER_PROMPTS, LETTERS), strict=True
    ):
        assert int(np.argmax(other.logprobs)) == int(np.argmax(one.logprobs))
        if not other.outside:
            np.testing.assert_allclose(other.logprobs, one.logprobs, atol=tolerance)
