"""Which model answers and how it is run, as the command lines of all programs say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.chat import ChatFormat
from ..core.errors import ConfigError
from ..core.files import sha256_file
from ..core.options import faults, option, option_name, refuse
from ..core.rag_config import Backend, LLMConfig, RAGConfig, load_config
from ..core.redaction import hide
from .backend import NUM_CTX
from .backends import BACKENDS, BY_TEXT, Running
from .model_files import files_sha256


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What the command line says of the model; where it says nothing (None), the environment does."""

    llm_backend: Backend | None = field(
        default=None, metadata=option("モデルの動かし方（既定: LLM_BACKEND、hf）", group="モデル")
    )
    llm_model: str | None = field(default=None, metadata=option("サーバーのモデル名（既定: LLM_MODEL）"))
    llm_host: str | None = field(
        default=None,
        metadata=option(
            "サーバーのアドレス（既定: LLM_HOST、なければ vllm・openai は http://localhost:8000/v1、llamacpp は "
            "http://localhost:8080、ollama は OLLAMA_HOST）"
        ),
    )
    tokenizer: str | None = field(
        default=None,
        metadata=option(
            "サーバーのモデルのトークナイザ: フォルダか名前。アダプタのフォルダなら学習のしかたも run.json から読む"
            "（既定: LLM_TOKENIZER、なければ vllm・llamacpp は --hf-model-name）",
            metavar="MODEL",
        ),
    )
    llm_timeout: float | None = field(
        default=None,
        metadata=option("サーバーの 1 回答の制限時間（既定: LLM_TIMEOUT、300 秒）", metavar="SECONDS"),
    )
    llm_concurrency: int | None = field(
        default=None, metadata=option("サーバーに同時に送る要求の数（既定: LLM_CONCURRENCY、4）")
    )
    num_ctx: int | None = field(
        default=None, metadata=option(f"ollama の文脈の長さ、トークン（既定 {NUM_CTX}）", least=1)
    )
    think: bool = field(default=False, metadata=option("ollama で思考を有効にする（既定: しない）"))
    hf_model_name: str | None = field(
        default=None, metadata=option("Hugging Face のモデル名かフォルダ（既定: HF_MODEL_NAME）")
    )
    hf_lora_path: Path | None = field(default=None, metadata=option("学習したアダプタのフォルダ（既定: LORA_PATH）"))
    hf_load_in_4bit: bool | None = field(default=None, metadata=option("4bit で読み込む（既定: LOAD_IN_4BIT、する）"))
    bnb_4bit_compute_dtype: str | None = field(
        default=None,
        metadata=option("4bit の計算型 float16・bfloat16・float32（既定: BNB_4BIT_COMPUTE_DTYPE）"),
    )
    bnb_4bit_quant_type: str | None = field(
        default=None, metadata=option("4bit の方式 nf4・fp4（既定: BNB_4BIT_QUANT_TYPE）")
    )
    device: str = field(default="auto", metadata=option("auto・cpu・cuda・cuda:番号"))
    chat_format: ChatFormat | None = field(
        default=None, metadata=option("会話の形式（既定: アダプタの学習時の形式、なければ auto）")
    )

    def __post_init__(self) -> None:
        refuse(faults(self))

    @property
    def running(self) -> Running:
        """How the model is run, as far as these options say."""
        return Running(
            device=self.device, chat_format=self.chat_format, num_ctx=self.num_ctx or NUM_CTX, think=self.think
        )


# Options that only these backends take; given to another, they would be left out without a word.
_SERVERS = tuple(name for name in BACKENDS if name != "hf")
_BY_IDS = tuple(name for name in BACKENDS if name not in BY_TEXT)
_ONLY_FOR: dict[tuple[str, ...], tuple[str, ...]] = {
    ("hf_lora_path", "hf_load_in_4bit", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type"): ("hf",),
    ("hf_model_name", "chat_format"): _BY_IDS,
    ("num_ctx", "think"): ("ollama",),
    ("llm_model", "llm_host", "tokenizer", "llm_timeout", "llm_concurrency"): _SERVERS,
}


def resolve_config(model: ModelOptions, **retrieval: Any) -> RAGConfig:
    """Command line over environment over defaults; ``retrieval`` are more of ``load_config``.

    Raises ConfigError for an option that the backend has no use for.
    """
    config = load_config(
        llm_backend=model.llm_backend,
        llm_model=model.llm_model,
        llm_host=model.llm_host,
        llm_tokenizer=model.tokenizer,
        llm_timeout=model.llm_timeout,
        llm_concurrency=model.llm_concurrency,
        hf_model_name=model.hf_model_name,
        lora_path=model.hf_lora_path,
        load_in_4bit=model.hf_load_in_4bit,
        bnb_4bit_compute_dtype=model.bnb_4bit_compute_dtype,
        bnb_4bit_quant_type=model.bnb_4bit_quant_type,
        **retrieval,
    )
    for name, backends in _of_no_use(model, config.llm.backend):
        way = "どちらかを外してください。"
        if name == "hf_lora_path":
            way = "サーバーがアダプタを載せているなら、--tokenizer にそのフォルダを指定してください。"
        raise ConfigError(
            f"{option_name(type(model), name)} は {option_name(type(model), 'llm_backend')} {'・'.join(backends)} だけで使えます"
            f"（指定は {config.llm.backend}）。{way}"
        )
    return config


def check_environment(*, four_bits: bool = False) -> None:
    """For programs that evaluate an untuned model of their own and its adapters. Raises ConfigError where environment or
    .env name an adapter, which the untuned model would get too, or a server; with ``four_bits`` also the type in which
    4-bit weights are multiplied, which the trainings do not take from there."""
    llm = load_config().llm
    found: dict[str, object] = {"LORA_PATH": llm.lora_path, "LLM_BACKEND": None if llm.backend == "hf" else llm.backend}
    if four_bits and "bnb_4bit_compute_dtype" in llm.model_fields_set:
        found["BNB_4BIT_COMPUTE_DTYPE"] = llm.bnb_4bit_compute_dtype
    for name, value in found.items():
        if value is not None:
            raise ConfigError(
                f"環境変数か .env に {name}={value} があります。調整前のモデルもそれで評価することになるので、外してから実行してください。"
            )


def _of_no_use(model: ModelOptions, backend: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(field, backends that take it) of what was given and ``backend`` does not take."""
    for names, backends in _ONLY_FOR.items():
        for name in names:
            value = getattr(model, name)
            given = value is not None and (name != "think" or bool(value))  # --no-think asks for nothing
            if given and backend not in backends:
                yield name, backends


def resolved_model(llm: LLMConfig) -> dict[str, Any]:
    """The options of the model that the environment may have given, as they took effect."""
    found: dict[str, Any] = {"llm_backend": llm.backend}
    if llm.backend == "hf":
        found |= {"hf_model_name": llm.hf_model_name, "hf_load_in_4bit": llm.load_in_4bit}
        found |= {"hf_lora_path": llm.lora_path} if llm.lora_path is not None else {}
        if llm.load_in_4bit:
            found["bnb_4bit_compute_dtype"] = llm.bnb_4bit_compute_dtype
            found["bnb_4bit_quant_type"] = llm.bnb_4bit_quant_type
    else:
        found |= {"llm_model": llm.model, "llm_host": llm.address}
        found |= {"tokenizer": llm.tokenizer} if llm.tokenizer is not None else {}
    return found


def model_key(model: ModelOptions, llm: LLMConfig, weights_sha256: str | None) -> dict[str, Any]:
    """What names the model and changes its answers; a resumed run must have the same."""
    if llm.backend != "hf":
        # Only what is sent is recorded.
        sent: dict[str, Any] = (
            {"num_ctx": model.running.num_ctx, "think": model.think} if llm.backend == "ollama" else {}
        )
        if llm.backend not in BY_TEXT:
            sent = {"tokenizer": llm.tokenizer_name, "chat_format_option": model.chat_format}
            sent |= {"adapter_sha256": weights_sha256} if weights_sha256 else {}
        return {"backend": llm.backend, "model": llm.model, "host": hide(llm.address), **sent}
    settings = None if llm.lora_path is None else llm.lora_path.expanduser() / "adapter_config.json"
    return {
        "backend": "hf",
        "model": llm.hf_model_name,
        "files_sha256": files_sha256(llm.hf_model_name),
        "adapter_sha256": weights_sha256,
        "adapter_config_sha256": sha256_file(settings) if settings is not None and settings.is_file() else None,
        "load_in_4bit": llm.load_in_4bit,
        "bnb": [llm.bnb_4bit_compute_dtype, llm.bnb_4bit_quant_type] if llm.load_in_4bit else None,
        "chat_format_option": model.chat_format,
        "device": model.device,
    }
