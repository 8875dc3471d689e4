"""Whether the words of a query reach the law, and the rewritings that are searched beside it where they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..core.errors import DataError
from ..core.outputs import Output, check_outputs, jsonl_keys
from ..core.rag_config import LLMConfig, RAGConfig
from ..llm.exported import trained_of, weights_identity
from .engines.coverage import LOW
from .index.statute_index import StatuteIndex
from .rewriting import CACHE_KEYS, Rewriter, read_rewritings
from .text.tokens import tokenize


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether words reach what is asked."""

    coverage: float | None  # share of the query's word weight that the first article has; None where it is not known
    rewritten: tuple[str, ...]  # what is searched beside the query
    tried: bool = False  # whether it could have been rewritten
    unused_vectors: bool = False  # whether the index has vectors that were not searched

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of it, in Japanese."""
        if self.rewritten:
            return [f"言い換えて探しました: {' ／ '.join(self.rewritten)}"]
        if self.coverage is None or self.coverage >= LOW:
            return []
        if self.unused_vectors:
            way_out = "この索引のベクトルで探す（RETRIEVER_TYPE=hybrid、--retriever hybrid）か、法令で使われる言葉で探し直してください。"
        elif self.tried:
            way_out = "使える言い換えはありませんでした。法令で使われる言葉で探し直してください。"
        else:
            way_out = "法令で使われる言葉で探し直すか、RETRIEVER_REWRITE=auto でモデルに言い換えさせてください。"
        return [
            f"法令の言葉と一致が少ない質問です（一致 {self.coverage:.0%}）。結果は当たっていないことが多くなります。{way_out}"
        ]


class Reaching:
    """How far queries reach in one index, and what ``rewriter`` makes of them; ``always``: of those that reach, too."""

    def __init__(self, index: StatuteIndex, rewriter: Rewriter | None, *, always: bool) -> None:
        self.index = index
        self.rewriter = rewriter
        self.always = always

    def of(self, query: str, as_of: date | None) -> Reach:
        """How far the query's own words reach, and what is searched beside it."""
        own = self._coverage(query, as_of)
        unused = self.index.manifest.embedding is not None and self.index.retriever == "bm25"
        return Reach(own, self.rewritten(query, as_of, own), self.rewriter is not None, unused)

    def rewritten(self, query: str, as_of: date | None, own: float | None = None) -> tuple[str, ...]:
        """The rewritings of a query whose words reach, and further than its own: a bad one does no harm, nor does one
        without any word (検索: …), which cannot be searched.

        Not to be called within ``StatuteIndex.reading``: a model may have to wait for its turn, and what is read would be
        old by then.
        """
        if self.rewriter is None:
            return ()
        if own is None:
            own = self._coverage(query, as_of)
        if own is None or (own >= LOW and not self.always):
            return ()
        rewriting = self.rewriter.of(query)
        if rewriting is None:
            return ()
        # The names of the laws alone are no rewriting of a question.
        texts = [text for text, words in zip(rewriting.texts, rewriting.queries, strict=True) if tokenize(words)]
        return tuple(text for text in texts if (self._coverage(text, as_of) or 0.0) > max(own, LOW))

    def _coverage(self, text: str, as_of: date | None) -> float | None:
        with self.index.reading():
            return self.index.coverage(text, self.index.search(text, 1, as_of=as_of))


def load_rewriter(config: RAGConfig, ask: Callable[[str], str]) -> Rewriter | None:
    """What rewrites queries as configured; None for ``off``. Raises DataError for a file that is not there."""
    retriever, model = config.retriever, config.llm
    if retriever.rewrite == "off":
        return None
    if retriever.rewrite not in ("auto", "always"):
        path = Path(retriever.rewrite)
        if not path.exists():
            raise DataError(f"RETRIEVER_REWRITE={path}: 言い換えのファイルがありません。")
        return Rewriter(read_rewritings(path))
    if retriever.rewrite_cache is None:
        return Rewriter(ask=ask)
    check_outputs([Output("RETRIEVER_REWRITE_CACHE", retriever.rewrite_cache, jsonl_keys(*CACHE_KEYS))], {})
    return Rewriter(ask=ask, cache=retriever.rewrite_cache, model=_writer(model))


def _writer(model: LLMConfig) -> str:
    """Whose rewritings a cache holds: an adapter writes others than its base, and than what was trained there before."""
    trained = trained_of(model)
    return model.answering_model if trained is None else f"{model.answering_model} {weights_identity(*trained)[:12]}"
