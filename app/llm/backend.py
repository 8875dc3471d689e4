"""What every model backend offers, whether it runs here or behind HTTP. ``app.llm.backends`` makes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

NUM_CTX = 8192  # tokens of prompt and answer together, for a server that has to be told (Ollama)
# In the facts of a backend whose texts are drawn by the temperature alone: no penalty, no cut. Results of before 0.3.0,
# which held what the model or the server added, do not say it.
NO_SAMPLERS = "off"


@dataclass(frozen=True, slots=True)
class Generation:
    """One generated answer.

    text           what the model wrote, markers and stop token removed
    prompt_tokens  tokens read, None where a server does not tell
    new_tokens     tokens written, stop token included; None where a server does not tell
    truncated      the token budget ended the text, not the model
    """

    text: str
    prompt_tokens: int | None
    new_tokens: int | None
    truncated: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a prompt's candidate fits, as the next token says (the choice form).

    log_odds       natural log of the probability of 「○」 over that of 「×」, every spelling of each counted
    mass           probability that the next token is one of the two
    prompt_tokens  tokens read, None where a server does not tell
    outside        a server did not return one of the two, which was then given the least probability it returned
    """

    log_odds: float
    mass: float
    prompt_tokens: int | None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class LetterReading:
    """What the next token says of each letter.

    logprobs       natural log of the probability of each letter, in their order, every spelling of it counted
    mass           probability that the next token is one of the letters
    prompt_tokens  tokens read, None where a server does not tell
    outside        letters that a server did not return, each given the least probability it returned
    """

    logprobs: tuple[float, ...]
    mass: float
    prompt_tokens: int | None
    outside: int = 0


class TextBackend(Protocol):
    """A model that answers in text. Implementations raise BackendError or ModelError, never a bare exception."""

    def facts(self) -> dict[str, Any]:
        """What a result records about the model that was loaded or asked; no secrets."""
        ...

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        ...

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """The answers to a batch of prompts, in their order; None keeps the backend's own setting."""
        ...

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """The answer to one prompt in pieces, as they are written; joined they are the text of ``generate``.

        The iterator may be left early: the model stops writing then. A failure is raised at the piece it comes in.
        """
        ...


class ScoringBackend(TextBackend, Protocol):
    """A model that also tells how probable an answer is, before anything is written."""

    def read_letters(
        self,
        prompts: Sequence[str],
        letters: Sequence[str],
        *,
        reasonings: Sequence[str] | None = None,
        alike: bool = False,
    ) -> list[LetterReading]:
        """What the next token after each prompt says of the letters; with ``reasonings`` after each and ``Answer:``.

        ``alike``: the prompts begin alike, as the orders of one question do.
        """
        ...

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        """Whether each prompt's candidate fits."""
        ...
