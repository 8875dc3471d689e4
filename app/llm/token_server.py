"""A model behind a server that takes token ids: it reads training's prompt, whatever template the server has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..core.chat import ChatFormat, chat_template_hash
from ..core.cli import log
from ..core.errors import BackendError, ModelError
from ..core.prompts import Form
from ..core.redaction import hide
from .adapters import adapter_chat_format, check_chat
from .backend import NO_SAMPLERS, Generation
from .by_text import PROBE
from .by_tokens import AskedByTokens
from .events import checked_pieces
from .exported import exported_model
from .http import JsonClient, Patience, bearer
from .http_try import RefusedError
from .letters import LetterScores
from .loading import load_tokenizer
from .model_files import tokenizer_sha256
from .pieces import trimmed


@dataclass(frozen=True, slots=True)
class TokenServerConfig:
    """Which model is asked, and how.

    model            its name on the server (an adapter that vLLM serves has one of its own)
    address          of the server, with or without /v1
    tokenizer        folder or Hub name of the model's tokenizer; of an adapter's or exported model's folder the run.json
                     says how the model learned to be asked
    api_key          sent as a bearer token; never shown, never stored
    max_new_tokens   longest answer, in tokens
    temperature      0 takes the most probable token each time
    seed             of sampling
    timeout_seconds  for one answer
    retries          further tries after a failure
    wait_seconds     before the first of them; doubled each time
    concurrency      requests at once
    """

    model: str
    address: str
    tokenizer: str
    api_key: str | None = field(default=None, repr=False)
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 42
    timeout_seconds: float = 300.0
    retries: int = 2
    wait_seconds: float = 1.0
    concurrency: int = 4


class TokenServer(AskedByTokens):
    """Text answers, letters and judgements by token ids; what a server speaks is in the methods that raise here."""

    backend: ClassVar[str]

    def __init__(
        self, config: TokenServerConfig, *, chat_format: ChatFormat | None = None, form: Form = "letter"
    ) -> None:
        """Load the tokenizer; the server is asked later. ``chat_format`` None takes the one of training, or ``auto``.

        Raises ModelError when the tokenizer is missing, does not fit ``form``, or is not the one of training.
        """
        self.config = config
        trained = exported_model(config.tokenizer)
        learned = adapter_chat_format(None if trained is None else trained[1])
        if trained is not None and chat_format not in (None, learned):
            raise ModelError(
                f"{config.tokenizer}: モデルは --chat-format {learned} で学習したものです（指定は {chat_format}）。"
            )
        tokenizer = load_tokenizer(config.tokenizer)
        super().__init__(tokenizer, chat_format or learned, form)
        if trained is not None:
            check_chat(trained[0], trained[1], tokenizer, self.chat_format)
        self.client = JsonClient(
            config.address.rstrip("/").removesuffix("/v1"),
            Patience(config.timeout_seconds, config.retries, config.wait_seconds, config.concurrency),
            headers=bearer(config.api_key),
        )
        self._about: dict[str, Any] | None = None

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What the server says of itself and the model it serves."""

    @abstractmethod
    def text_of_ids(self, ids: Sequence[int]) -> str:
        """The text that the server's own tokenizer makes of ids, markers included."""

    @abstractmethod
    def scores(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> LetterScores:
        """See ``AskedByTokens.score_ids``."""

    @property
    @abstractmethod
    def writing_path(self) -> str:
        """Where text is asked for."""

    @abstractmethod
    def request(self, row: Sequence[int], budget: int, temperature: float) -> dict[str, Any]:
        """The body that asks for text after a row of token ids."""

    @abstractmethod
    def written(self, value: Mapping[str, Any]) -> Generation:
        """What was written. Raises BackendError for an answer of another shape, or a prompt that was cut."""

    @abstractmethod
    def piece(self, event: Mapping[str, Any]) -> str:
        """The text that one event of a stream adds."""

    @property
    def concurrency(self) -> int:
        """Requests that are on their way at once."""
        return self.client.patience.concurrency

    def check(self) -> dict[str, Any]:
        """What the server says of itself, asked the first time only.

        Raises BackendError when it does not answer, or its tokens are not ours: ids would be other words there.
        """
        if self._about is None:
            about = self.about()
            ids = self.encode(PROBE)
            own = str(self.tokenizer.decode(ids))
            try:
                theirs = self.text_of_ids(ids)
            except RefusedError as error:
                log(f"注意: トークンの番号がサーバーのモデルと同じかは確かめられません（{error}）")
                about["same_tokens"] = None
            else:
                if theirs != own:
                    raise BackendError(
                        f"{self.client.address}: サーバーのモデルとトークナイザ {self.config.tokenizer} は、トークンの番号が違います。"
                        "--tokenizer に、サーバーのモデルのトークナイザを指定してください。"
                    )
                about["same_tokens"] = True
            self._about = about
        return self._about

    def facts(self) -> dict[str, Any]:
        """What a result records: the settings, and what the server says it serves."""
        config = self.config
        return {
            "backend": self.backend,
            "model": config.model,
            "host": hide(config.address),
            "tokenizer": config.tokenizer,
            "chat_format": self.chat_format,
            "template_sha256": chat_template_hash(self.tokenizer, self.chat_format),
            "tokenizer_sha256": tokenizer_sha256(self.tokenizer),
            "temperature": config.temperature,
            "samplers": NO_SAMPLERS,
            "seed": config.seed,
            "server": self.check(),
        }

    def score_ids(
        self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, shared_prefix: bool
    ) -> LetterScores:
        """See ``AskedByTokens``; servers find what rows have in common by themselves."""
        self.check()
        return self.scores(rows, answers)

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        return self.generate([prompt], **kwargs)[0].text

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """Answers in the order of the prompts. Raises BackendError when the server fails after retries or refuses."""
        self.check()
        bodies = [self._request(prompt, max_new_tokens, temperature) for prompt in prompts]
        return [self.written(value) for value in self.client.post_all(self.writing_path, bodies)]

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``."""
        self.check()
        body = {**self._request(prompt, max_new_tokens, temperature), "stream": True}
        events = self.client.stream(self.writing_path, body)
        return trimmed(checked_pieces(events, self.piece, self.written))

    def _request(self, prompt: str, budget: int | None, temperature: float | None) -> dict[str, Any]:
        return self.request(
            self.encode(prompt),
            self.config.max_new_tokens if budget is None else budget,
            self.config.temperature if temperature is None else temperature,
        )
