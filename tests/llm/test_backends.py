"""One factory for every program: what of the configuration and of the run reaches which backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.chat import encode_prompt
from app.core.errors import ConfigError, ModelError
from app.core.rag_config import environment_names, load_config
from app.llm.backends import BACKENDS, Running, load_backend
from app.llm.hf_llm import HFLoRALLM
from app.llm.llamacpp import LlamaCppLLM
from app.llm.ollama import OllamaLLM
from app.llm.openai_compatible import OpenAICompatibleLLM
from app.llm.vllm import VLLM


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)


def made(running: Running | None = None, **values: Any) -> Any:
    return load_backend(load_config(**values).llm, running)


def test_an_openai_server_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LLM_BACKEND": "openai", "LLM_MODEL": "m", "LLM_HOST": "http://h:1/v1", "OPENAI_API_KEY": " s3cretkey \n",
        "LLM_MAX_NEW_TOKENS": "9", "LLM_TIMEOUT": "7.5", "LLM_TEMPERATURE": "0.5",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    backend = made()
    assert isinstance(backend, OpenAICompatibleLLM)
    config = backend.config
    assert (config.model, config.base_url, config.api_key) == ("m", "http://h:1/v1", "s3cretkey")
    assert (config.max_new_tokens, config.timeout_seconds, config.temperature) == (9, 7.5, 0.5)
    assert "s3cretkey" not in str(backend.facts()) + repr(load_config())


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({"llm_backend": "openai"}, "http://localhost:8000/v1"),
        ({"llm_backend": "ollama"}, "http://localhost:11434"),
        ({"llm_backend": "ollama", "ollama_host": "0.0.0.0"}, "http://127.0.0.1:11434"),
        ({"llm_backend": "ollama", "ollama_host": "http://a:1", "llm_host": "b:2"}, "http://b:2"),
        ({"llm_backend": "hf", "llm_host": "nothing of the kind"}, ""),
    ],
)
def test_where_a_server_is(values: dict[str, str], address: str) -> None:
    assert load_config(**values).llm.address == address


def test_an_address_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="LLM_HOST='h:1/v1'（http:// か https://"):
        load_config(llm_backend="openai", llm_host="h:1/v1")


def test_what_the_run_says_wins_over_the_configuration() -> None:
    backend = made(
        Running(temperature=0.0, seed=5, num_ctx=4096, think=True), llm_backend="ollama", llm_temperature=1.0
    )
    assert isinstance(backend, OllamaLLM)
    config = backend.config
    assert (config.temperature, config.seed, config.num_ctx, config.think) == (0.0, 5, 4096, True)


def test_thinking_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ConfigError, match="--think は --llm-backend ollama"):
        made(Running(think=True), llm_backend="openai")


@pytest.mark.parametrize(("name", "kind", "root"), [("vllm", VLLM, "http://localhost:8000"), ("llamacpp", LlamaCppLLM, "http://localhost:8080")])  # fmt: skip
def test_a_server_of_token_ids(name: str, kind: type, root: str, tiny_model_dir: Path) -> None:
    backend = made(
        Running(chat_format="plain", form="choice"), llm_backend=name, llm_model="m", llm_tokenizer=str(tiny_model_dir),
        openai_api_key="s3cretkey", llm_concurrency=9,
    )  # fmt: skip
    assert isinstance(backend, kind)
    assert (backend.client.address, backend.client.patience.concurrency) == (root, 9)
    assert (backend.config.tokenizer, backend.config.api_key) == (str(tiny_model_dir), "s3cretkey")
    assert backend.encode("問い") == encode_prompt(backend.tokenizer, "問い", chat_format="plain")
    assert "s3cretkey" not in repr(backend.config)
    with pytest.raises(ModelError, match="no/such"):
        made(llm_backend=name, hf_model_name="no/such/model")


def test_a_local_model(tiny_model_dir: Path) -> None:
    backend = made(
        Running(device="cpu", chat_format="plain"), hf_model_name=str(tiny_model_dir), load_in_4bit=False, llm_max_new_tokens=7
    )  # fmt: skip
    assert isinstance(backend, HFLoRALLM)
    assert (backend.chat_format, backend.config.max_new_tokens, backend.facts()["backend"]) == ("plain", 7, "hf")
    with pytest.raises(ModelError, match="no/such"):
        made(hf_model_name="no/such/model")


def test_every_backend_is_a_choice() -> None:
    assert BACKENDS == ("hf", "ollama", "openai", "vllm", "llamacpp")
