"""Models behind a chat protocol: only text goes to them, and the server's template makes the prompt of it.

Whether that prompt is training's shows in its length: with a tokenizer at hand the server's count is compared with ours
before the first question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.chat import ChatFormat, encode_prompt
from ..core.cli import log
from ..core.errors import BackendError, ConfigError
from .backend import Generation, Judgement, LetterReading
from .events import checked_pieces
from .http import JsonClient
from .loading import load_tokenizer
from .pieces import trimmed
from .top_logprobs import judgement_of, letters_of

# What is asked to compare the lengths; its answer is thrown away.
PROBE = "次のうち、正しいものを教えてください。\n選択肢:\na 届出は二週間以内にする。\nb 届出は要らない。\n回答は a か b の一文字だけ。"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    text           of the message, thoughts in fields of their own left out
    prompt_tokens  read, None where it does not tell
    new_tokens     written, None where it does not tell
    truncated      the token budget ended the text
    first_token    the entry of the first token with its alternatives, None without
    """

    text: str
    prompt_tokens: int | None
    new_tokens: int | None
    truncated: bool
    first_token: Any = None


class AskedByText(ABC):
    """Text answers, letters and judgements over a chat protocol; what a protocol says is in the three methods below."""

    def __init__(
        self,
        client: JsonClient,
        path: str,
        *,
        max_new_tokens: int,
        temperature: float,
        tokenizer: str | None = None,
        chat_format: ChatFormat = "auto",
    ) -> None:
        """``tokenizer`` (a folder or Hub name) makes the lengths of prompts comparable."""
        self._client, self._path = client, path
        self._budget, self._temperature = max_new_tokens, temperature
        self._tokenizer, self._chat_format = tokenizer, chat_format
        self._loaded: Any = None
        self._same_prompt: bool | None = None
        self._ready = False

    @property
    def url(self) -> str:
        """The address that prompts go to, without a login."""
        return self._client.address + self._path

    @abstractmethod
    def request(self, prompt: str, budget: int, temperature: float, *, probabilities: bool = False) -> dict[str, Any]:
        """The body that asks one prompt; with ``probabilities`` of the likeliest tokens."""

    @abstractmethod
    def reply(self, value: Mapping[str, Any], prompt: str, budget: int) -> Reply:
        """What the server's answer says. Raises BackendError for another shape, or a prompt that was cut."""

    @abstractmethod
    def piece(self, event: Mapping[str, Any]) -> str:
        """The text that one event of a stream adds."""

    def ask(
        self, prompts: Sequence[str], budget: int, temperature: float, *, probabilities: bool = False
    ) -> list[Reply]:
        """The server's replies in the order of the prompts, several requests at once."""
        bodies = [self.request(prompt, budget, temperature, probabilities=probabilities) for prompt in prompts]
        values = self._client.post_all(self._path, bodies)
        return [self.reply(value, prompt, budget) for value, prompt in zip(values, prompts, strict=True)]

    @property
    def concurrency(self) -> int:
        """Requests that are on their way at once."""
        return self._client.patience.concurrency

    def check(self) -> bool | None:
        """Whether the server makes the prompt of training of a text; None where that cannot be told, which is said once.

        Raises BackendError, one line, when the lengths differ. Asks the server the first time only.
        """
        if self._ready:
            return self._same_prompt
        if self._tokenizer is None:
            self._ready = True
            log(
                f"注意: {self.url}: サーバーが作るプロンプトが学習時と同じかは確かめていません（--tokenizer にモデルの"
                "トークナイザを指定すると、トークンの数を比べます）。"
            )
            return None
        self._loaded = load_tokenizer(self._tokenizer)
        own = self._length(PROBE)
        (reply,) = self.ask([PROBE], 1, 0.0)
        if reply.prompt_tokens is None:
            self._ready = True
            log(
                f"注意: {self.url}: サーバーが読んだトークンの数を返さないので、プロンプトが学習時と同じかは分かりません。"
            )
            return None
        if reply.prompt_tokens != own:
            raise BackendError(
                f"{self.url}: サーバーのプロンプトは {reply.prompt_tokens} トークンで、学習時の {own} トークンと違います"
                "（チャットテンプレートか、思考の切り方が別です）。--llm-backend vllm か llamacpp でトークン番号のまま尋ねるか、"
                "違うままでよければ --tokenizer を外してください。"
            )
        self._ready = self._same_prompt = True
        return True

    def check_whole(self, prompt: str, read: int | None) -> None:
        """Raise BackendError where the server read fewer tokens of a prompt than it has, as far as that can be told."""
        if self._same_prompt and read is not None and read < (own := self._length(prompt)):
            raise BackendError(
                f"{self.url}: {own} トークンのプロンプトが {read} トークンに切られました。"
                "サーバーの文脈の長さを増やすか、文脈（--top-k）を減らしてください。"
            )

    def _length(self, prompt: str) -> int:
        return len(encode_prompt(self._loaded, prompt, chat_format=self._chat_format))

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        return self.generate([prompt], **kwargs)[0].text

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """Answers in the order of the prompts. An empty answer is returned as empty text, not raised.

        Raises BackendError when the server fails after retries or refuses.
        """
        self.check()
        replies = self.ask(prompts, *self._writing(max_new_tokens, temperature))
        return [Generation(one.text.strip(), one.prompt_tokens, one.new_tokens, one.truncated) for one in replies]

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``."""
        self.check()
        budget, heat = self._writing(max_new_tokens, temperature)
        events = self._client.stream(self._path, {**self.request(prompt, budget, heat), "stream": True})
        return trimmed(checked_pieces(events, self.piece, lambda whole: self.reply(whole, prompt, budget)))

    def read_letters(
        self,
        prompts: Sequence[str],
        letters: Sequence[str],
        *,
        reasonings: Sequence[str] | None = None,
        alike: bool = False,
    ) -> list[LetterReading]:
        """What the likeliest first tokens say of the letters.

        Raises BackendError as ``generate`` and for a server that returns no log-probabilities; ConfigError for
        ``reasonings``, since only a server that takes token ids can go on from a text.
        """
        if reasonings is not None:
            raise ConfigError(
                "理由の後の文字の確率は、--llm-backend hf・vllm・llamacpp だけで読めます。--scoring text を指定してください。"
            )
        return [
            letters_of(one.first_token, letters, one.prompt_tokens, self.url) for one in self._first_tokens(prompts)
        ]

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        """Whether each prompt's candidate fits, from the likeliest first tokens; failures as in ``read_letters``."""
        return [judgement_of(one.first_token, one.prompt_tokens, self.url) for one in self._first_tokens(prompts)]

    def _first_tokens(self, prompts: Sequence[str]) -> list[Reply]:
        self.check()
        return self.ask(prompts, 1, 0.0, probabilities=True)

    def _writing(self, budget: int | None, temperature: float | None) -> tuple[int, float]:
        return (
            self._budget if budget is None else budget,
            self._temperature if temperature is None else temperature,
        )


def text_of(content: Any) -> str:
    """The text of a message; of a list of parts those that are text (not what was thought)."""
    if isinstance(content, list):
        parts = [
            part for part in content if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text")
        ]
        return "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def count_of(values: Any, name: str) -> int | None:
    """A number of tokens; gateways that estimate send 200.0, others "200"."""
    value = values.get(name) if isinstance(values, Mapping) else None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value) if value == value // 1 else None
