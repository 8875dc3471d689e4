"""A model behind an OpenAI-compatible server (vLLM, llama.cpp, LM Studio …): POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import BackendError
from ..core.redaction import hide
from .backend import Generation, Judgement
from .http import post_json
from .top_logprobs import TOP_LOGPROBS, judgement_of


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


class OpenAICompatibleLLM:
    """Text answers and judgements over HTTP, one request at a time."""

    def __init__(self, config: OpenAIConfig) -> None:
        self.config = config

    def facts(self) -> dict[str, Any]:
        """What a result records about the backend; the key is left out."""
        return {
            "backend": "openai",
            "model": self.config.model,
            "base_url": hide(self.config.base_url),
            "temperature": self.config.temperature,
            "seed": self.config.seed,
        }

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        return self.generate([prompt], **kwargs)[0].text

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """Answers in the order of the prompts. Raises BackendError when the server fails after retries or refuses."""
        budget = self.config.max_new_tokens if max_new_tokens is None else max_new_tokens
        heat = self.config.temperature if temperature is None else temperature
        return [self._ask(prompt, budget, heat) for prompt in prompts]

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``."""
        yield self.generate([prompt], max_new_tokens=max_new_tokens, temperature=temperature)[0].text

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        """Whether each prompt's candidate fits, from the likeliest first tokens that the server returns.

        Raises BackendError as ``generate``, and for a server that returns no log-probabilities.
        """
        return [self._judge(prompt) for prompt in prompts]

    def _judge(self, prompt: str) -> Judgement:
        asked = {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        choice, usage, url = self._post(prompt, {"max_tokens": 1, "temperature": 0.0, **asked})
        content = (choice.get("logprobs") or {}).get("content")
        first = content[0] if isinstance(content, list) and content else None
        return judgement_of(first, _count(usage, "prompt_tokens"), url)

    def _ask(self, prompt: str, budget: int, temperature: float) -> Generation:
        choice, usage, _ = self._post(prompt, {"max_tokens": budget, "temperature": temperature})
        return Generation(
            _text(choice["message"]["content"]).strip(),
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
            truncated=choice.get("finish_reason") == "length",
        )

    def _post(self, prompt: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
        """The first choice, the usage and the address asked."""
        config = self.config
        url = config.base_url.rstrip("/") + "/chat/completions"
        value = post_json(
            url,
            {
                "model": config.model,
                "messages": [{"role": "user", "content": prompt}],
                "seed": config.seed,
                **settings,
            },
            headers={"Authorization": f"Bearer {config.api_key}"} if config.api_key else None,
            timeout_seconds=config.timeout_seconds,
            retries=config.retries,
            wait_seconds=config.wait_seconds,
        )
        try:
            choice = value["choices"][0]
            choice["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise BackendError(
                f"{url}: 応答に choices[0].message.content がありません。アドレスを確かめてください。"
            ) from None
        usage = value.get("usage")
        return choice, usage if isinstance(usage, dict) else {}, url


def _text(content: Any) -> str:
    """The text of a message; of a list of parts those that are text (not what was thought)."""
    if isinstance(content, list):
        parts = [
            part for part in content if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text")
        ]
        return "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    """A number of tokens; gateways that estimate send 200.0."""
    value = usage.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None
