"""llama.cpp asked by token ids: the server in this process (PyPI ``xllamacpp``) or one that runs already."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import BackendError, ConfigError, ModelError
from ..http import post_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Log-probabilities asked for at first; where an answer's token is not among them, eight times as many, and so on.
FIRST_PROBABILITIES = 512
# An answer's spellings that were not listed may hide this much of its log-probability at most.
HIDDEN_LOGPROB = 1e-3


def require_xllamacpp() -> None:
    """Raise ConfigError, with the command that installs it, when the wheel is not there."""
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        raise ConfigError(
            'GGUF を llama.cpp で確かめるには xllamacpp が必要です。pip install "horei-ft[gguf]" を実行するか、'
            "--recheck 0 を付けてください（確かめていないことが run.json に残ります）。"
        ) from None


@contextmanager
def served(path: Path, *, context_tokens: int) -> Iterator[str]:
    """The address of a llama.cpp server in this process that serves ``path`` on 127.0.0.1 until the block ends.

    Attention is computed plainly and its keys and values kept in float32, so that what is compared is the file.
    """
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = context_tokens
    settings.n_parallel = 1
    settings.port = 0
    settings.warmup = False
    settings.verbosity = -1
    settings.fit_params = False
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # Its threads spin while they wait for each other: one more than there are free cores makes it many times slower.
    threads = max(1, (os.cpu_count() or 2) // 2)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    try:
        server = xllamacpp.Server(settings)
    except Exception as error:  # the binding raises RuntimeError with llama.cpp's own words
        raise ModelError(f"{path}: llama.cpp が読み込めません（{str(error).strip()[:200]}）。") from None
    try:
        yield str(server.listening_address)
    finally:
        del server


class LlamaCppScorer:
    """Scores token ids with a llama.cpp server at ``url``."""

    def __init__(self, url: str, *, timeout_seconds: float = 600.0, retries: int = 1) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._retries = retries

    def score(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Log-probability (rows, answers) that the next token is a spelling of each answer, over the whole vocabulary.

        Raises BackendError when the server does not answer or leaves an answer's token out.
        """
        import numpy as np

        return np.array([self._row(row, answers) for row in rows], dtype=np.float32)

    def _row(self, row: Sequence[int], answers: Sequence[Sequence[int]]) -> list[float]:
        wanted = FIRST_PROBABILITIES
        while True:
            listed = self._next_token(row, wanted, answers[0][0])
            found = [summed(listed, ids) for ids in answers]
            whole = len(listed) < wanted  # the vocabulary is smaller than what was asked for
            if whole or all(hidden <= HIDDEN_LOGPROB for _, hidden in found):
                break
            wanted *= 8
        if any(value == -math.inf for value, _ in found):
            raise BackendError(
                f"{self.url}: 答えのトークンの確率が応答にありません。同じトークナイザのモデルか確かめてください。"
            )
        return [value for value, _ in found]

    def _next_token(self, row: Sequence[int], count: int, written: int) -> dict[int, float]:
        """Token id → log-probability of the ``count`` most probable next tokens, before sampling.

        The server holds probabilities back where the token it writes is half a character; so it is made to write
        ``written``, which the probabilities do not see.
        """
        value = self._post(
            "/completion",
            {
                "prompt": list(row), "n_predict": 1, "n_probs": count, "temperature": 0.0, "cache_prompt": True,
                "logit_bias": [[written, 1000.0]],
            },
        )  # fmt: skip
        try:
            # Servers of before 2025 call them "probs", without log-probabilities: refused here by name.
            listed = value["completion_probabilities"][0]["top_logprobs"]
            return {int(one["id"]): float(one["logprob"]) for one in listed}
        except (KeyError, IndexError, TypeError, ValueError):
            raise BackendError(
                f"{self.url}/completion: 応答に completion_probabilities[0].top_logprobs がありません。新しい llama.cpp を使ってください。"
            ) from None

    def tokenize(self, text: str) -> list[int]:
        """How the server turns a rendered prompt into ids, markers included."""
        value = self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return [int(one) for one in value.get("tokens") or []]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return post_json(self.url + path, body, timeout_seconds=self._timeout, retries=self._retries)


def summed(listed: dict[int, float], ids: Sequence[int]) -> tuple[float, float]:
    """Log of the summed probability of ``ids`` as far as they are listed, and how much the others may add to it.

    A token that is not listed is at most as probable as the last one that is.
    """
    known = [listed[index] for index in ids if index in listed]
    if not known:
        return -math.inf, math.inf
    top = max(known)
    total = top + math.log(sum(math.exp(value - top) for value in known))
    missing = len(ids) - len(known)
    if not missing:
        return total, 0.0
    return total, math.log1p(missing * math.exp(min(listed.values()) - total))
