"""llama.cpp's server asked by token ids (tools/server/README.md of ggml-org/llama.cpp: POST /completion)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import BackendError
from .backend import Generation
from .by_text import count_of
from .http import JsonClient, Patience
from .letters import LetterScores
from .token_server import TokenServer
from .top_logprobs import log_sum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Log-probabilities asked for at first; where an answer's token is not among them, eight times as many, and so on.
FIRST_PROBABILITIES = 512
# An answer's spellings that were not listed may hide this much of its log-probability at most.
HIDDEN_LOGPROB = 1e-3


class LlamaCppScorer:
    """Scores token ids with a llama.cpp server."""

    def __init__(self, server: str | JsonClient) -> None:
        """``server`` is its address, or the client that asks it."""
        self.client = JsonClient(server, Patience(600.0, retries=1)) if isinstance(server, str) else server

    def score(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Log-probability (rows, answers) that the next token is a spelling of each answer, over the whole vocabulary.

        Raises BackendError when the server does not answer or leaves an answer's token out.
        """
        import numpy as np

        found: list[list[tuple[float, float]]] = [[] for _ in rows]
        left, wanted = list(range(len(rows))), FIRST_PROBABILITIES
        while left:
            tables = self._next_tokens([rows[place] for place in left], wanted, answers[0][0])
            for place, listed in zip(left, tables, strict=True):
                found[place] = [summed(listed, ids) for ids in answers]
            left = [
                place
                for place, listed in zip(left, tables, strict=True)
                # A vocabulary that is smaller than what was asked for is listed whole.
                if len(listed) >= wanted and any(hidden > HIDDEN_LOGPROB for _, hidden in found[place])
            ]
            wanted *= 8
        if any(value == -math.inf for row in found for value, _ in row):
            raise BackendError(
                f"{self.client.address}: 答えのトークンの確率が応答にありません。同じトークナイザのモデルか確かめてください。"
            )
        return np.array([[value for value, _ in row] for row in found], dtype=np.float32)

    def _next_tokens(self, rows: Sequence[Sequence[int]], count: int, written: int) -> list[dict[int, float]]:
        """For each row, token id → log-probability of the ``count`` most probable next tokens, before sampling.

        The server holds probabilities back where the token it writes is half a character; so it is made to write
        ``written``, which the probabilities do not see.
        """
        bodies = [
            {
                "prompt": list(row), "n_predict": 1, "n_probs": count, "temperature": 0.0, "cache_prompt": True,
                "logit_bias": [[written, 1000.0]],
            }
            for row in rows
        ]  # fmt: skip
        values = self.client.post_all("/completion", bodies)
        for value, row in zip(values, rows, strict=True):
            uncut(value, len(row), self.client.address)
        return [self._listed(value) for value in values]

    def _listed(self, value: Mapping[str, Any]) -> dict[int, float]:
        try:
            # Servers of before 2025 call them "probs", without log-probabilities: refused here by name.
            listed = value["completion_probabilities"][0]["top_logprobs"]
            return {int(one["id"]): float(one["logprob"]) for one in listed}
        except (KeyError, IndexError, TypeError, ValueError):
            raise BackendError(
                f"{self.client.address}/completion: 応答に completion_probabilities[0].top_logprobs がありません。"
                "新しい llama.cpp を使ってください。"
            ) from None

    def tokenize(self, text: str) -> list[int]:
        """How the server turns a rendered prompt into ids, markers included."""
        value = self.client.post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return [int(one) for one in value.get("tokens") or []]


def uncut(value: Mapping[str, Any], tokens: int | None, address: str) -> None:
    """Raise BackendError where the server says that it cut the prompt (of ``tokens``, where that is known)."""
    read = count_of(value, "tokens_evaluated")
    if value.get("truncated") is True or (tokens is not None and read is not None and read != tokens):
        raise BackendError(
            f"{address}: {tokens or ''} トークンのプロンプトが切られました（読まれたのは {read}）。"
            "llama.cpp の文脈の長さ（-c）を増やすか、文脈（--top-k）を減らしてください。"
        )


def summed(listed: dict[int, float], ids: Sequence[int]) -> tuple[float, float]:
    """Log of the summed probability of ``ids`` as far as they are listed, and how much the others may add to it.

    A token that is not listed is at most as probable as the last one that is.
    """
    known = [listed[index] for index in ids if index in listed]
    if not known:
        return -math.inf, math.inf
    total = log_sum(known)
    missing = len(ids) - len(known)
    if not missing:
        return total, 0.0
    return total, math.log1p(missing * math.exp(min(listed.values()) - total))


class LlamaCppLLM(TokenServer):
    """A GGUF behind llama.cpp's server."""

    backend = "llamacpp"

    def about(self) -> dict[str, Any]:
        """See ``TokenServer``: the file, its context length and the build of llama.cpp."""
        value = self.client.get("/props")
        settings = value.get("default_generation_settings")
        return {
            "model_path": value.get("model_path"),
            "n_ctx": count_of(settings, "n_ctx"),
            "build": value.get("build_info"),
        }

    def text_of_ids(self, ids: Sequence[int]) -> str:
        """See ``TokenServer``."""
        return str(self.client.post("/detokenize", {"tokens": list(ids)}).get("content"))

    def scores(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> LetterScores:
        """See ``TokenServer``."""
        import numpy as np

        logprobs = LlamaCppScorer(self.client).score(rows, answers)
        return LetterScores(logprobs, np.exp(logprobs).sum(axis=1))

    @property
    def writing_path(self) -> str:
        """See ``TokenServer``."""
        return "/completion"

    def request(self, row: Sequence[int], budget: int, temperature: float) -> dict[str, Any]:
        """See ``TokenServer``; the samplers that the server would add are left out."""
        return {
            "prompt": list(row), "n_predict": budget, "temperature": temperature, "seed": self.config.seed,
            "cache_prompt": True, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0,
        }  # fmt: skip

    def written(self, value: Mapping[str, Any]) -> Generation:
        """See ``TokenServer``."""
        uncut(value, None, self.client.address)
        if not isinstance(value.get("content"), str):
            raise BackendError(
                f"{self.client.address}/completion: 応答に content がありません。llama.cpp のアドレスか確かめてください。"
            )
        return Generation(
            value["content"].strip(),
            count_of(value, "tokens_evaluated"),
            count_of(value, "tokens_predicted"),
            truncated=value.get("stop_type") == "limit",
        )

    def piece(self, event: Mapping[str, Any]) -> str:
        """See ``TokenServer``."""
        content = event.get("content")
        return content if isinstance(content, str) else ""
