"""Cross-encoders: models that read question and passage together. Slow, so they see only the best candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...core.errors import ConfigError
from ...llm.weight_files import no_pickles


class Reranker(Protocol):
    """Scores passages against a question; higher is better."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text."""
        ...


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder (for example hotchpotch/japanese-reranker-xsmall-v2)."""

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError:
            raise ConfigError(
                f"RERANKER_MODEL={model} には追加パッケージが要ります。pip install 'horei-ft[vectors]' で入れてください。"
            ) from None
        try:
            with no_pickles():
                self._model: Any = CrossEncoder(model, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"RERANKER_MODEL={model} を読み込めません（{error}）。名前か接続を確かめてください。"
            ) from None

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text."""
        return [
            float(score) for score in self._model.predict([(query, text) for text in texts], show_progress_bar=False)
        ]


def reranked(order: Sequence[int], scores: Sequence[float]) -> list[int]:
    """``order`` sorted by ``scores`` (one each, higher first); equal scores keep their order."""
    if len(order) != len(scores):
        raise ValueError(f"{len(scores)} scores for {len(order)} candidates")
    return [one for _, one in sorted(zip(scores, order, strict=True), key=lambda pair: -pair[0])]
