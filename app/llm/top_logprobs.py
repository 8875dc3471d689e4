"""A judgement of the choice form from the most probable first tokens that a server returns.

A server tells the probabilities of its likeliest tokens only. Where one of the two answers is not among them, its
probability is at most that of the least probable token returned; it is taken as that, and the judgement says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..core.chat import PAIR_SPELLINGS
from ..core.errors import BackendError
from .backend import Judgement

# As many as OpenAI's API allows; vLLM, llama.cpp and Ollama give as many.
TOP_LOGPROBS = 20


def judgement_of(answer: Any, prompt_tokens: int | None, url: str) -> Judgement:
    """The judgement from the entry of the first token: ``{"token", "logprob", "top_logprobs": [...]}``.

    Raises BackendError when there is none, as from a server that gives no log-probabilities.
    """
    tokens = list(_tokens(answer))
    if not tokens:
        raise BackendError(
            f"{url}: 応答にトークンの確率（logprobs、top_logprobs）がありません。"
            "確率を返すサーバーを使うか、--scoring text を指定してください。"
        )
    least = min(value for _, value in tokens)
    sums = [_log_sum([value for text, value in tokens if text in spellings]) for spellings in PAIR_SPELLINGS]
    fits, fits_not = (least if value is None else value for value in sums)
    seen = [value for value in sums if value is not None]
    mass = sum(math.exp(value) for value in seen)
    return Judgement(fits - fits_not, min(mass, 1.0), prompt_tokens, outside=len(seen) < len(sums))


def _tokens(answer: Any) -> Iterable[tuple[str, float]]:
    """(text without spaces around it, log-probability) of every returned token, each spelling once."""
    listed = answer.get("top_logprobs") if isinstance(answer, dict) else None
    found: dict[str, float] = {}
    for one in listed if isinstance(listed, list) else []:
        token, value = (one.get("token"), one.get("logprob")) if isinstance(one, dict) else (None, None)
        if isinstance(token, str) and isinstance(value, int | float) and math.isfinite(value):
            found.setdefault(token, float(value))
    return [(token.strip(), value) for token, value in found.items()]


def _log_sum(values: Sequence[float]) -> float | None:
    """Log of the summed probabilities, None for none."""
    if not values:
        return None
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
