"""A model behind an OpenAI-compatible server (vLLM, llama.cpp, LM Studio …): POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.cli import log
from ..core.errors import BackendError
from ..core.redaction import hide
from .by_text import AskedByText, Reply, count_of, text_of
from .http import JsonClient, Patience, bearer
from .top_logprobs import TOP_LOGPROBS


@dataclass(frozen=True, slots=True)
class OpenAIConfig:
    """Which model is asked, and how.

    model            its name on the server
    base_url         address up to /v1
    api_key          sent as a bearer token; never shown, never stored
    max_new_tokens   longest answer, in tokens
    temperature      0 takes the most probable token each time
    seed             of sampling, where the server honours it
    timeout_seconds  for one answer
    retries          further tries after a failure
    wait_seconds     before the first of them; doubled each time
    concurrency      requests at once
    tokenizer        folder or Hub name of the model's tokenizer, with which the lengths of prompts are compared
    """

    model: str
    base_url: str = "http://localhost:8000/v1"
    api_key: str | None = field(default=None, repr=False)
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 42
    timeout_seconds: float = 300.0
    retries: int = 2
    wait_seconds: float = 1.0
    concurrency: int = 4
    tokenizer: str | None = None


class OpenAICompatibleLLM(AskedByText):
    """Text answers, and letters and judgements from the 20 likeliest first tokens where the server tells them."""

    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config
        self._takes_template_kwargs = True
        patience = Patience(config.timeout_seconds, config.retries, config.wait_seconds, config.concurrency)
        super().__init__(
            JsonClient(config.base_url, patience, headers=bearer(config.api_key)), "/chat/completions",
            max_new_tokens=config.max_new_tokens, temperature=config.temperature, tokenizer=config.tokenizer,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What a result records about the backend; the key is left out."""
        return {
            "backend": "openai",
            "model": self.config.model,
            "base_url": hide(self.config.base_url),
            "temperature": self.config.temperature,
            "seed": self.config.seed,
            "same_prompt": self.check(),
            "thinking_switched_off": self._takes_template_kwargs,
        }

    def ask(
        self, prompts: Sequence[str], budget: int, temperature: float, *, probabilities: bool = False
    ) -> list[Reply]:
        """See ``AskedByText``; a server that does not know the switch of the thinking is asked without it, which is said."""
        try:
            return super().ask(prompts, budget, temperature, probabilities=probabilities)
        except BackendError as error:
            self._leave_the_switch_out(error)
        return super().ask(prompts, budget, temperature, probabilities=probabilities)

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``; the switch is left out as in ``ask``. It is refused before anything is written."""
        try:
            yield from super().stream(prompt, max_new_tokens=max_new_tokens, temperature=temperature)
        except BackendError as error:
            self._leave_the_switch_out(error)
        else:
            return
        yield from super().stream(prompt, max_new_tokens=max_new_tokens, temperature=temperature)

    def _leave_the_switch_out(self, error: BackendError) -> None:
        """From now on thinking is not switched off, which is said. Raises ``error`` unless the server refused the switch."""
        if not self._takes_template_kwargs or "chat_template_kwargs" not in str(error):
            raise error
        self._takes_template_kwargs = False
        log(
            f"注意: {self.url}: サーバーが chat_template_kwargs を知らないので、思考を切らずに尋ねます"
            "（思考するモデルなら、サーバーの側で切ってください）。"
        )

    def request(self, prompt: str, budget: int, temperature: float, *, probabilities: bool = False) -> dict[str, Any]:
        """See ``AskedByText``."""
        return {
            "model": self.config.model,
            "messages": [{"role": "user", "content": prompt}],
            "seed": self.config.seed,
            "max_tokens": budget,
            "temperature": temperature,
            # How vLLM, SGLang and llama.cpp are told to leave Qwen3's thinking out; other templates ignore it.
            **({"chat_template_kwargs": {"enable_thinking": False}} if self._takes_template_kwargs else {}),
            **({"logprobs": True, "top_logprobs": TOP_LOGPROBS} if probabilities else {}),
        }

    def reply(self, value: Mapping[str, Any], prompt: str, budget: int) -> Reply:
        """See ``AskedByText``."""
        try:
            choice = value["choices"][0]
            content = choice["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise BackendError(
                f"{self.url}: 応答に choices[0].message.content がありません。アドレスを確かめてください。"
            ) from None
        listed = (choice.get("logprobs") or {}).get("content")
        usage = value.get("usage")
        read = count_of(usage, "prompt_tokens")
        self.check_whole(prompt, read)
        return Reply(
            text_of(content),
            read,
            count_of(usage, "completion_tokens"),
            truncated=choice.get("finish_reason") == "length",
            first_token=listed[0] if isinstance(listed, list) and listed else None,
        )

    def piece(self, event: Mapping[str, Any]) -> str:
        """See ``AskedByText``."""
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = choice.get("delta", choice.get("message")) if isinstance(choice, dict) else None
        return text_of(delta.get("content")) if isinstance(delta, dict) else ""
