"""What every model backend offers, whether it runs here or behind HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


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


class TextBackend(Protocol):
    """A model that answers in text. Implementations raise BackendError or ModelError, never a bare exception."""

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt."""
        ...

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        """The answers to a batch of prompts, in their order; None keeps the backend's own setting."""
        ...
