"""A model served by Ollama (https://github.com/ollama/ollama/blob/main/docs/api.md, POST /api/chat)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..core.errors import BackendError, ConfigError
from ..core.redaction import hide
from .backend import Generation, Judgement
from .http import post_json
from .top_logprobs import TOP_LOGPROBS, judgement_of


@dataclass(frozen=True, slots=True)
class OllamaConfig:
    """Which model is asked, and how.

    model            its name on the server, e.g. qwen3:8b
    host             address of the server
    num_ctx          tokens of prompt and answer together; the server's own default cuts long prompts silently
    think            False switches thinking off, True on; None leaves it to the model
    max_new_tokens   longest answer, in tokens
    temperature      0 takes the most probable token each time
    seed             of sampling
    timeout_seconds  for one answer
    retries          further tries after a failure
    wait_seconds     before the first of them; doubled each time
    """

    model: str
    host: str = "http://localhost:11434"
    num_ctx: int = 8192
    think: bool | None = False
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 42
    timeout_seconds: float = 300.0
    retries: int = 2
    wait_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.max_new_tokens >= self.num_ctx:
            raise ConfigError(
                f"回答の長さ {self.max_new_tokens} トークンが num_ctx {self.num_ctx} に収まりません。num_ctx を増やしてください。"
            )


class OllamaLLM:
    """Text answers and judgements over HTTP, one request at a time."""

    def __init__(self, config: OllamaConfig) -> None:
        self.config = config

    def facts(self) -> dict[str, Any]:
        """What a result records about the backend."""
        return {"backend": "ollama", **asdict(self.config), "host": hide(self.config.host)}

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        return self.generate([prompt], **kwargs)[0].text

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """Answers in the order of the prompts. An empty answer is returned as empty text, not raised.

        Raises BackendError when the server fails after retries, refuses, or had to cut the prompt to ``num_ctx``.
        """
        budget = self.config.max_new_tokens if max_new_tokens is None else max_new_tokens
        heat = self.config.temperature if temperature is None else temperature
        return [self._ask(prompt, budget, heat) for prompt in prompts]

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``."""
        yield self.generate([prompt], max_new_tokens=max_new_tokens, temperature=temperature)[0].text

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        """Whether each prompt's candidate fits, from the likeliest first tokens (Ollama 0.12.11 or newer returns them).

        Raises BackendError as ``generate``, and for a server that returns no log-probabilities.
        """
        return [self._judge(prompt) for prompt in prompts]

    def _judge(self, prompt: str) -> Judgement:
        value, read, url = self._post(prompt, 1, 0.0, {"logprobs": True, "top_logprobs": TOP_LOGPROBS})
        listed = value.get("logprobs")
        return judgement_of(listed[0] if isinstance(listed, list) and listed else None, read, url)

    def _ask(self, prompt: str, budget: int, temperature: float) -> Generation:
        value, read, _ = self._post(prompt, budget, temperature, {})
        text = value["message"]["content"].strip()
        return Generation(text, read, _count(value, "eval_count"), truncated=value.get("done_reason") == "length")

    def _post(
        self, prompt: str, budget: int, temperature: float, more: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int | None, str]:
        """The server's answer, checked to hold a text, the tokens it read, and the address asked."""
        config = self.config
        body: dict[str, Any] = {
            "model": config.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": False,
            "truncate": False,  # servers that know it refuse a prompt that does not fit instead of cutting it
            "options": {
                "num_ctx": config.num_ctx,
                "num_predict": budget,
                "temperature": temperature,
                "seed": config.seed,
            },
            **more,
        }
        if config.think is not None:
            body["think"] = config.think
        url = config.host.rstrip("/") + "/api/chat"
        value = post_json(
            url,
            body,
            timeout_seconds=config.timeout_seconds,
            retries=config.retries,
            wait_seconds=config.wait_seconds,
        )
        message = value.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise BackendError(f"{url}: 応答に message.content がありません。Ollama のアドレスか確かめてください。")
        read = _count(value, "prompt_eval_count")
        # Others keep half the window, and two tokens more (ollama/ollama#17427).
        halved = read is not None and abs(read - config.num_ctx // 2 - 2) <= 1 and len(prompt) > 2 * read
        if read is not None and (read + budget > config.num_ctx or halved):
            raise BackendError(
                f"{url}: プロンプト {read} トークンと回答 {budget} トークンが num_ctx {config.num_ctx} に収まらず、"
                "プロンプトが切られたおそれがあります。--num-ctx を増やしてください。"
            )
        return value, read, url


def _count(value: dict[str, Any], name: str) -> int | None:
    count = value.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) else None
