"""Letters and judgements from the most probable first tokens that a server returns.

A server tells the probabilities of its likeliest tokens only. Where an answer is not among them, its probability is at
most that of the least probable token returned; it is taken as that, and the reading says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..core.chat import PAIR_SPELLINGS, letter_spellings
from ..core.errors import BackendError
from ..core.prompts import FITS, FITS_NOT
from .backend import Judgement, LetterReading

# As many as OpenAI's API allows; vLLM, llama.cpp and Ollama give as many.
TOP_LOGPROBS = 20


def judgement_of(answer: Any, prompt_tokens: int | None, url: str) -> Judgement:
    """The judgement from the entry of the first token: ``{"token", "logprob", "top_logprobs": [...]}``.

    Raises BackendError when there is none, as from a server that gives no log-probabilities, and where neither answer is
    among the tokens: nothing says which it is.
    """
    read = _read(answer, PAIR_SPELLINGS, prompt_tokens, url)
    _check_told(read, f"「{FITS}」も「{FITS_NOT}」も", url, "思考が始まっていないか確かめてください。")
    fits, fits_not = read.logprobs
    return Judgement(fits - fits_not, read.mass, prompt_tokens, outside=read.outside > 0)


def letters_of(answer: Any, letters: Sequence[str], prompt_tokens: int | None, url: str) -> LetterReading:
    """The reading of the letters from the entry of the first token.

    Raises BackendError as ``judgement_of``, and where none of the letters is among the tokens.
    """
    read = _read(answer, letter_spellings(letters), prompt_tokens, url)
    way = "思考が始まっていないか確かめるか、--scoring text を指定してください。"
    _check_told(read, "選択肢の文字が一つも", url, way)
    return read


def _check_told(read: LetterReading, what: str, url: str, way_out: str) -> None:
    if read.outside == len(read.logprobs):
        raise BackendError(f"{url}: 上位 {TOP_LOGPROBS} 個のトークンに{what}ありません。{way_out}")


def _read(answer: Any, spellings: Sequence[Sequence[str]], prompt_tokens: int | None, url: str) -> LetterReading:
    tokens = list(_tokens(answer))
    if not tokens:
        raise BackendError(
            f"{url}: 応答にトークンの確率（logprobs、top_logprobs）がありません。"
            "確率を返すサーバーを使うか、--scoring text を指定してください。"
        )
    least = min(value for _, value in tokens)
    told = [[value for text, value in tokens if text in each] for each in spellings]
    sums = [log_sum(values) if values else None for values in told]
    seen = [value for value in sums if value is not None]
    return LetterReading(
        tuple(least if value is None else value for value in sums),
        min(sum(math.exp(value) for value in seen), 1.0),
        prompt_tokens,
        outside=len(sums) - len(seen),
    )


def _tokens(answer: Any) -> Iterable[tuple[str, float]]:
    """(text without spaces around it, log-probability) of every returned token, each spelling once."""
    listed = answer.get("top_logprobs") if isinstance(answer, dict) else None
    found: dict[str, float] = {}
    for one in listed if isinstance(listed, list) else []:
        token, value = (one.get("token"), one.get("logprob")) if isinstance(one, dict) else (None, None)
        if isinstance(token, str) and isinstance(value, int | float) and math.isfinite(value):
            found.setdefault(token, float(value))
    return [(token.strip(), value) for token, value in found.items()]


def log_sum(values: Sequence[float]) -> float:
    """Log of the summed probabilities of at least one value."""
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
