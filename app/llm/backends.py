"""The one place where a backend is made: evaluation, retrieval-augmented answering, rationales and ``ask`` call this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from ..core.chat import ChatFormat
from ..core.errors import ConfigError
from ..core.prompts import Form
from ..core.rag_config import Backend, LLMConfig
from ..core.redaction import usable_key
from .backend import NUM_CTX, ScoringBackend

BACKENDS: tuple[Backend, ...] = get_args(Backend)
# Only text goes to these; the others are asked by token ids.
BY_TEXT: tuple[Backend, ...] = ("ollama", "openai")


@dataclass(frozen=True, slots=True)
class Running:
    """How a model is run; which one, ``LLMConfig`` says. Every backend takes what it knows of this.

    temperature   0 takes the most probable token each time; None keeps the configuration's
    seed          of sampling
    device        hf: auto, cpu, cuda or cuda:N
    chat_format   hf, vllm, llamacpp: None takes the adapter's, or the tokenizer's own template
    form          hf, vllm, llamacpp: the answers that must be single tokens of the tokenizer
    num_ctx       ollama: tokens of prompt and answer together
    think         ollama: let the model think before it answers
    """

    temperature: float | None = None
    seed: int = 42
    device: str = "auto"
    chat_format: ChatFormat | None = None
    form: Form = "letter"
    num_ctx: int = NUM_CTX
    think: bool = False


def load_backend(llm: LLMConfig, running: Running | None = None) -> ScoringBackend:
    """The configured backend, ready to answer; a server is not asked before the first prompt.

    Raises ConfigError for settings that contradict each other, ModelError for a model that cannot be loaded.
    """
    running = running or Running()
    temperature = llm.temperature if running.temperature is None else running.temperature
    if running.think and llm.backend != "ollama":
        raise ConfigError("--think は --llm-backend ollama だけで使えます。外すか、サーバーの側で設定してください。")
    # What every server is asked with.
    served: dict[str, Any] = {
        "model": llm.model,
        "max_new_tokens": llm.max_new_tokens,
        "temperature": temperature,
        "seed": running.seed,
        "timeout_seconds": llm.timeout_seconds,
        "concurrency": llm.concurrency,
    }
    if llm.backend == "openai":
        from .openai_compatible import OpenAICompatibleLLM, OpenAIConfig

        return OpenAICompatibleLLM(
            OpenAIConfig(base_url=llm.address, api_key=_key(llm), tokenizer=llm.tokenizer, **served)
        )
    if llm.backend == "ollama":
        from .ollama import OllamaConfig, OllamaLLM

        return OllamaLLM(
            OllamaConfig(
                host=llm.address, num_ctx=running.num_ctx, think=running.think, tokenizer=llm.tokenizer, **served
            )
        )
    if llm.backend in ("vllm", "llamacpp"):
        return _token_server(llm, running, served)
    import torch

    from .hf_llm import HFLLMConfig, HFLoRALLM

    torch.manual_seed(running.seed)
    return HFLoRALLM(
        HFLLMConfig(
            model_name=llm.hf_model_name,
            lora_path=str(llm.lora_path) if llm.lora_path else None,
            device=running.device,
            max_new_tokens=llm.max_new_tokens,
            temperature=temperature,
            load_in_4bit=llm.load_in_4bit,
            bnb_4bit_compute_dtype=llm.bnb_4bit_compute_dtype,
            bnb_4bit_quant_type=llm.bnb_4bit_quant_type,
        ),
        chat_format=running.chat_format,
        form=running.form,
    )


def _token_server(llm: LLMConfig, running: Running, served: dict[str, Any]) -> ScoringBackend:
    from .llamacpp import LlamaCppLLM
    from .token_server import TokenServer, TokenServerConfig
    from .vllm import VLLM

    kind: type[TokenServer] = VLLM if llm.backend == "vllm" else LlamaCppLLM
    config = TokenServerConfig(address=llm.address, tokenizer=llm.tokenizer_name, api_key=_key(llm), **served)
    return kind(config, chat_format=running.chat_format, form=running.form)


def _key(llm: LLMConfig) -> str | None:
    return usable_key("OPENAI_API_KEY", llm.api_key.get_secret_value() if llm.api_key else None)
