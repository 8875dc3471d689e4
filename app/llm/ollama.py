"""A model served by Ollama (https://github.com/ollama/ollama/blob/main/docs/api.md, POST /api/chat)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..core.cli import log
from ..core.errors import BackendError, ConfigError
from ..core.redaction import hide
from .backend import NO_SAMPLERS, NUM_CTX
from .by_text import AskedByText, Reply, count_of
from .http import JsonClient, Patience
from .top_logprobs import TOP_LOGPROBS

# Everything but the temperature off, as the other backends write. What is not sent is the model's own PARAMETER or else
# the server's default: a repeat_penalty of 1.1 (before 2026-08), which changes greedy answers too, top_k 40, top_p 0.9;
# models of its library set presence_penalty to 1.5.
_NO_SAMPLERS: Mapping[str, int | float] = {
    "repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0,
}  # fmt: skip


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
    concurrency      requests at once
    tokenizer        folder or Hub name of the model's tokenizer, with which the lengths of prompts are compared
    """

    model: str
    host: str = "http://localhost:11434"
    num_ctx: int = NUM_CTX
    think: bool | None = False
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 42
    timeout_seconds: float = 300.0
    retries: int = 2
    wait_seconds: float = 1.0
    concurrency: int = 4
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens >= self.num_ctx:
            raise ConfigError(
                f"回答の長さ {self.max_new_tokens} トークンが num_ctx {self.num_ctx} に収まりません。num_ctx を増やしてください。"
            )


class OllamaLLM(AskedByText):
    """Text answers, and letters and judgements from the 20 likeliest first tokens (Ollama 0.12.11 or newer)."""

    def __init__(self, config: OllamaConfig) -> None:
        self.config = config
        patience = Patience(config.timeout_seconds, config.retries, config.wait_seconds, config.concurrency)
        self._server: dict[str, Any] | None = None
        super().__init__(
            JsonClient(config.host, patience), "/api/chat",
            max_new_tokens=config.max_new_tokens, temperature=config.temperature, tokenizer=config.tokenizer,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What a result records about the backend."""
        return {
            "backend": "ollama",
            **asdict(self.config),
            "host": hide(self.config.host),
            "samplers": NO_SAMPLERS,
            "same_prompt": self.check(),
            "server": self.about(),
        }

    def about(self) -> dict[str, Any]:
        """``digest`` of the model's files by GET /api/tags, None where the server does not say it; asked once.

        A name is no model: ``ollama pull`` and ``ollama create`` put another one behind it.
        """
        if self._server is None:
            names = (self.config.model, f"{self.config.model}:latest")
            try:
                listed = self._client.get("/api/tags").get("models")
            except BackendError as error:
                log(f"注意: サーバーのモデルの中身（digest）を確かめられません（{error}）。")
                listed = None
            models = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            ours = [one for one in models if one.get("name") in names or one.get("model") in names]
            self._server = {"digest": ours[0].get("digest") if ours else None}
        return self._server

    def request(self, prompt: str, budget: int, temperature: float, *, probabilities: bool = False) -> dict[str, Any]:
        """See ``AskedByText``. Raises ConfigError for probabilities after a thought: they are of the thought's first token."""
        config = self.config
        if probabilities and config.think:
            raise ConfigError(
                "--think は答えの前に思考を書かせ、その後の確率を読めないので、文の判断と選択肢のある問題では使えません。--think を外してください。"
            )
        return {
            "model": config.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": False,
            "truncate": False,  # servers that know it refuse a prompt that does not fit instead of cutting it
            "options": {
                "num_ctx": config.num_ctx,
                "num_predict": budget,
                "temperature": temperature,
                "seed": config.seed,
                **_NO_SAMPLERS,
            },
            **({} if config.think is None else {"think": config.think}),
            **({"logprobs": True, "top_logprobs": TOP_LOGPROBS} if probabilities else {}),
        }

    def reply(self, value: Mapping[str, Any], prompt: str, budget: int) -> Reply:
        """See ``AskedByText``."""
        message = value.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise BackendError(
                f"{self.url}: 応答に message.content がありません。Ollama のアドレスか確かめてください。"
            )
        read, window = count_of(value, "prompt_eval_count"), self.config.num_ctx
        # Others keep half the window, and two tokens more (ollama/ollama#17427).
        halved = read is not None and abs(read - window // 2 - 2) <= 1 and len(prompt) > 2 * read
        if read is not None and (read + budget > window or halved):
            raise BackendError(
                f"{self.url}: プロンプト {read} トークンと回答 {budget} トークンが num_ctx {window} に収まらず、"
                "プロンプトが切られたおそれがあります。--num-ctx を増やしてください。"
            )
        listed = value.get("logprobs")
        return Reply(
            message["content"],
            read,
            count_of(value, "eval_count"),
            truncated=value.get("done_reason") == "length",
            first_token=listed[0] if isinstance(listed, list) and listed else None,
        )

    def piece(self, event: Mapping[str, Any]) -> str:
        """See ``AskedByText``."""
        message = event.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        return content if isinstance(content, str) else ""
