"""A real vLLM says what the local model says: the prompts' tokens, letters, choices, texts, and an adapter on the model.

It is started here where TEST_VLLM_PYTHON names a Python that has it; docs/servers.md says how to make one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.chat import encode_prompt
from app.core.errors import BackendError
from app.core.questions import LETTERS
from app.core.rag_config import load_config
from app.llm.backends import Running, load_backend
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.http import JsonClient
from app.llm.loading import load_tokenizer
from app.llm.openai_compatible import OpenAICompatibleLLM, OpenAIConfig
from app.llm.vllm import VLLM
from tests.llm.export.conftest import make_adapter
from tests.llm.sample_prompts import CHOICE_PROMPTS, LETTER_PROMPTS
from tests.real_server import free_port, running

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).resolve().parents[2]
# Both compute in float32; vLLM's kernels add in another order (2e-6 when this was written). Its sums of an adapter as
# strong as this one shift all letters alike by 1e-4, which no choice and no letter sees (6e-6 between two answers).
TOLERANCE = 1e-4
SHIFT = 5e-4


@dataclass(frozen=True)
class Served:
    """A vLLM that serves ``folder`` as ``base`` and ``adapter`` on it as ``tuned``."""

    url: str
    folder: Path
    adapter: Path


@pytest.fixture(scope="module")
def vllm(sample_float32: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    python = os.environ.get("TEST_VLLM_PYTHON")
    if python is None:
        pytest.skip("TEST_VLLM_PYTHON names no Python with vLLM")
    place = tmp_path_factory.mktemp("vllm")
    adapter = make_adapter(place / "adapter", sample_float32, four_bit=False, std=0.05)
    load_tokenizer(str(sample_float32)).save_pretrained(adapter)
    port = free_port()
    command = [
        python, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port),
        "--model", str(sample_float32), "--served-model-name", "base", "--dtype", "float32", "--enforce-eager",
        "--max-model-len", "2048", "--max-num-seqs", "8", "--enable-lora", "--max-lora-rank", "8",
        "--lora-modules", f"tuned={adapter}",
    ]  # fmt: skip
    # The first start on a slow machine compiles hundreds of modules; one GB of keys and values is plenty here.
    environ = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1"}
    url = f"http://127.0.0.1:{port}"
    seconds = float(os.environ.get("TEST_VLLM_SECONDS", "900"))
    with running(command, f"{url}/health", place / "log.txt", seconds=seconds, environ=environ):
        yield Served(url, sample_float32, adapter)


def here(vllm: Served, *, tuned: bool = False) -> HFLoRALLM:
    """The same model in this process."""
    lora = str(vllm.adapter) if tuned else None
    return HFLoRALLM(HFLLMConfig(str(vllm.folder), lora, load_in_4bit=False, device="cpu"))


def there(vllm: Served, *, tuned: bool = False) -> Any:
    """The model as programs ask it."""
    name, tokenizer = ("tuned", vllm.adapter) if tuned else ("base", vllm.folder)
    config = load_config(llm_backend="vllm", llm_host=vllm.url, llm_model=name, llm_tokenizer=str(tokenizer))
    return load_backend(config.llm, Running(form="choice"))


@pytest.mark.parametrize("tuned", [False, True], ids=["base", "lora"])
def test_letters_and_choices_are_those_of_the_local_model(vllm: Served, tuned: bool) -> None:
    local, server = here(vllm, tuned=tuned), there(vllm, tuned=tuned)
    for one, other in zip(
        local.read_letters(LETTER_PROMPTS, LETTERS), server.read_letters(LETTER_PROMPTS, LETTERS), strict=True
    ):
        np.testing.assert_allclose(other.logprobs, one.logprobs, atol=SHIFT if tuned else TOLERANCE)
        np.testing.assert_allclose(
            np.subtract(other.logprobs, other.logprobs[0]), np.subtract(one.logprobs, one.logprobs[0]), atol=TOLERANCE
        )
        assert other.mass == pytest.approx(one.mass, abs=TOLERANCE)
        assert (other.prompt_tokens, other.outside) == (one.prompt_tokens, 0)
    mine, theirs = local.judge(CHOICE_PROMPTS), server.judge(CHOICE_PROMPTS)
    np.testing.assert_allclose([one.log_odds for one in theirs], [one.log_odds for one in mine], atol=TOLERANCE)
    assert np.ptp([one.log_odds for one in mine]) > 100 * TOLERANCE


def test_the_adapter_is_another_model_than_its_base(vllm: Served) -> None:
    base, tuned = (there(vllm, tuned=tuned).read_letters(LETTER_PROMPTS, LETTERS) for tuned in (False, True))
    assert min(np.abs(np.subtract(a.logprobs, b.logprobs)).max() for a, b in zip(base, tuned, strict=True)) > 0.01


def test_letters_behind_a_reasoning(vllm: Served) -> None:
    reasonings = ["Reasoning: 第一条による。", "", "Reasoning: 期限は二週間。"]
    mine, theirs = (
        llm.read_letters(LETTER_PROMPTS, LETTERS, reasonings=reasonings) for llm in (here(vllm), there(vllm))
    )
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(other.logprobs, one.logprobs, atol=TOLERANCE)


def test_the_prompt_is_read_token_for_token(vllm: Served) -> None:
    tokenizer, client = load_tokenizer(str(vllm.folder)), JsonClient(vllm.url)
    rows = [encode_prompt(tokenizer, prompt) for prompt in LETTER_PROMPTS]
    whole = {"model": "base", "max_tokens": 1, "temperature": 0.0, "return_token_ids": True}
    read = [client.post("/v1/completions", {**whole, "prompt": row})["choices"][0]["prompt_token_ids"] for row in rows]
    assert read == rows
    # Several prompts in one request are read as they are one by one.
    together = client.post("/v1/completions", {**whole, "prompt": rows})["choices"]
    assert [one["prompt_token_ids"] for one in sorted(together, key=lambda one: one["index"])] == rows
    # What its chat makes of the text, thinking off, is training's prompt as well; with thinking it is not.
    chat = {"model": "base", "messages": [{"role": "user", "content": LETTER_PROMPTS[0]}]}
    off = client.post("/tokenize", {**chat, "chat_template_kwargs": {"enable_thinking": False}})
    assert off["tokens"] == rows[0]
    assert client.post("/tokenize", chat)["tokens"] != rows[0]


def test_texts_are_those_of_the_local_model(vllm: Served) -> None:
    mine, server = here(vllm).generate(LETTER_PROMPTS, max_new_tokens=8), there(vllm)
    assert server.generate(LETTER_PROMPTS, max_new_tokens=8) == mine
    assert "".join(server.stream(LETTER_PROMPTS[0], max_new_tokens=8)) == mine[0].text


def test_its_chat_asks_the_prompt_of_training(vllm: Served) -> None:
    chat = OpenAICompatibleLLM(OpenAIConfig("base", vllm.url + "/v1", tokenizer=str(vllm.folder)))
    assert chat.facts()["same_prompt"] is True
    assert chat.facts()["thinking_switched_off"] is True
    prompts = ["次のうち、正しいものを教えてください。", "届出は二週間以内にする。"]
    for one, other in zip(here(vllm).judge(prompts), chat.judge(prompts), strict=True):
        assert other.outside is False
        assert other.log_odds == pytest.approx(one.log_odds, abs=0.05)  # the rarest spellings are not among the 20
    assert [one.text for one in chat.generate(prompts, max_new_tokens=4)] == [
        one.text for one in there(vllm).generate(prompts, max_new_tokens=4)
    ]


def test_it_says_what_it_serves(vllm: Served) -> None:
    base, tuned = (there(vllm, tuned=tuned).facts()["server"] for tuned in (False, True))
    assert (base["root"], base["parent"], base["max_model_len"]) == (str(vllm.folder), None, 2048)
    assert (tuned["root"], tuned["parent"]) == (str(vllm.adapter), "base")
    assert base["same_tokens"] is tuned["same_tokens"] is True


def test_what_it_does_not_have_or_cannot_hold_is_one_line(vllm: Served, tiny_model_dir: Path) -> None:
    settings = {"llm_backend": "vllm", "llm_host": vllm.url, "llm_tokenizer": str(vllm.folder)}
    with pytest.raises(BackendError, match=r"モデル m がありません（あるのは base、tuned）"):
        load_backend(load_config(**{**settings, "llm_model": "m"}).llm).invoke("問題")
    other = load_config(**{**settings, "llm_model": "base", "llm_tokenizer": str(tiny_model_dir)}).llm
    with pytest.raises(BackendError, match="トークンの番号が違います"):
        load_backend(other).invoke("問題")
    server = there(vllm)
    assert isinstance(server, VLLM)
    with pytest.raises(BackendError) as caught:
        server.judge(["届出は二週間以内にする。" * 400])
    assert "2048" in str(caught.value)
    assert "\n" not in str(caught.value)
