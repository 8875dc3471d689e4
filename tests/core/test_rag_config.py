from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.errors import ConfigError
from app.core.rag_config import environment_names, load_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults():
    config = load_config()
    assert (config.llm.backend, config.llm.load_in_4bit, config.llm.bnb_4bit_quant_type) == ("hf", True, "nf4")
    assert config.llm.lora_path is None
    assert (config.retriever.type, config.retriever.top_k) == ("bm25", 3)
    assert config.reranker.model is None


def test_command_line_over_environment_over_dotenv(monkeypatch):
    Path(".env").write_text("RETRIEVER_TOP_K=7\nHF_MODEL_NAME=dotenv\nOLLAMA_HOST=http://h:1\n", encoding="utf-8")
    monkeypatch.setenv("RETRIEVER_TOP_K", "5")
    monkeypatch.setenv("HF_MODEL_NAME", "env")
    config = load_config(hf_model_name="argument", retriever_type=None)
    assert config.llm.hf_model_name == "argument"
    assert config.retriever.top_k == 5
    assert config.llm.ollama_host == "http://h:1"


def test_empty_value_is_not_set(monkeypatch):
    monkeypatch.setenv("LORA_PATH", "")
    assert load_config().llm.lora_path is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RETRIEVER_TYPE", "bm52", ["RETRIEVER_TYPE='bm52'", "bm25, vector, hybrid"]),
        ("RETRIEVER_TOP_K", "0", ["RETRIEVER_TOP_K='0'", "1 以上"]),
        ("RETRIEVER_TOP_K", "three", ["RETRIEVER_TOP_K='three'", "整数"]),
        ("LOAD_IN_4BIT", "maybe", ["LOAD_IN_4BIT='maybe'", "true か false"]),
        ("BNB_4BIT_COMPUTE_DTYPE", "int8", ["BNB_4BIT_COMPUTE_DTYPE='int8'", "float16, bfloat16, float32"]),
        ("LLM_TEMPERATURE", "3", ["LLM_TEMPERATURE='3'", "2.0 以下"]),
        ("RETRIEVER_MMR", "x", ["RETRIEVER_MMR='x'", "数にする"]),
    ],
)
def test_a_value_not_allowed_is_refused_by_name(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_environment_of_other_programs_is_no_setting(monkeypatch):
    """HOST stands in every shell of conda's compilers, and an API_KEY of another program must not reach our server."""
    usual = load_config()
    for name, value in {
        "MODEL": "other", "HOST": "x86_64-conda-linux-gnu", "API_KEY": "sk-other", "TYPE": "vector", "TEMPERATURE": "2",
        "BACKEND": "vllm", "TIMEOUT_SECONDS": "1", "TOKENIZER": "t", "STORE": "qdrant", "GRAPH": "1", "QUERY": "off", "TOP_K": "9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert load_config() == usual
    assert load_config().llm.api_key is None


@pytest.mark.parametrize(
    ("name", "uses", "value"), [("OLLAMA_HOST", "LLM_BACKEND=ollama", "ftp://h"), ("QDRANT_URL", "RETRIEVER_STORE=qdrant", "me:6333")]
)  # fmt: skip
def test_an_address_is_refused_where_it_is_used_and_only_there(monkeypatch, name, uses, value):
    monkeypatch.setenv(name, value)
    load_config()
    monkeypatch.setenv(*uses.split("="))
    with pytest.raises(ConfigError, match=f"{name}='{value}'（http:// か https://"):
        load_config()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://user:pa ss-word@h:1/", "***@h:1/"),
        ("http://h:1/#key-0123", "http://h:1/#***"),
        ("http://u:pa@h/#a@b", "***@h/#***"),
    ],
)
def test_an_address_that_is_none_is_shown_without_what_may_be_secret(monkeypatch, value, shown):
    monkeypatch.setenv("LLM_HOST", value)
    monkeypatch.setenv("LLM_BACKEND", "openai")
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert f"LLM_HOST={shown!r}（" in str(caught.value)


def test_passwords_of_addresses_are_used_and_never_dumped(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "http://u:s3cr3tpw@h:1")
    monkeypatch.setenv("QDRANT_URL", "https://u:s3cr3tpw@h:2")
    config = load_config()
    assert config.llm.ollama_host == "http://u:s3cr3tpw@h:1"
    assert config.llm.model_dump(mode="json")["ollama_host"] == "http://***@h:1"
    assert config.retriever.model_dump()["qdrant_url"] == "https://***@h:2"


def test_override_is_refused_by_name_too():
    with pytest.raises(ConfigError, match="BNB_4BIT_QUANT_TYPE='int4'（使える値: nf4, fp4）"):
        load_config(bnb_4bit_quant_type="int4")


def test_all_faults_at_once(monkeypatch):
    monkeypatch.setenv("RETRIEVER_TYPE", "x")
    monkeypatch.setenv("LLM_BACKEND", "y")
    with pytest.raises(ConfigError, match=r"LLM_BACKEND='y'.*RETRIEVER_TYPE='x'"):
        load_config()


def test_unknown_override_is_a_programming_error():
    with pytest.raises(TypeError, match="top_kk"):
        load_config(top_kk=3)


def test_config_is_frozen():
    with pytest.raises(ValidationError):
        load_config().llm.load_in_4bit = False


def test_dotenv_in_another_encoding_is_one_line():
    Path(".env").write_bytes("LLM_MODEL=日本".encode("shift_jis"))
    with pytest.raises(ConfigError, match=r"\.env: UTF-8"):
        load_config()


def test_example_file_lists_every_name_with_its_default():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = [line.split("=")[0] for line in text.splitlines() if "=" in line and not line.startswith("#")]
    assert sorted(listed) == sorted(environment_names())
    Path(".env").write_text(text, encoding="utf-8")
    assert load_config() == load_config(env_file=None)
