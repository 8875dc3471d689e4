"""Where the contexts of records come from: nowhere, the question's own articles, or retrieval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.files import sha256_file
from ..core.questions import Question
from ..data.context import Context, ContextPlan, ContextSource, gold_context, no_context, retrieved_context
from ..llm.model_files import files_sha256


def context_plan(
    source: ContextSource,
    top_k: int,
    index_dir: Path | None,
    *,
    questions: Sequence[Question] = (),
    without_gold: float = 0.0,
    seed: int = 42,
) -> ContextPlan:
    """The plan for one context source. For ``rag`` and ``distractors`` the index is opened at once.

    ``questions``, ``without_gold`` (share of them) and ``seed`` are for ``distractors``, see app/retrieval/distractors.py.
    Raises StaleIndexError when the index is missing, stale or broken: a run with retrieval never goes on without it.
    """
    if source == "none":
        return ContextPlan("none", "none", 0, no_context)
    if source == "gold":
        return ContextPlan("gold", "gold", 0, gold_context)
    if top_k < 1:
        raise ConfigError(f"--top-k {top_k}: 1 以上にしてください。検索を使わないときは --no-rag を付けてください。")
    pipeline = open_pipeline(top_k, index_dir)
    retriever = pipeline.config.retriever.type
    if source == "distractors":
        from .distractors import among_distractors

        context_of = among_distractors(pipeline, top_k, questions, without_gold=without_gold, seed=seed)
        return ContextPlan("distractors", retriever, top_k, context_of)
    return ContextPlan("rag", retriever, top_k, retrieved_by(pipeline, top_k))


def open_pipeline(top_k: int, index_dir: Path | None) -> Any:
    """The ``RAGPipeline`` of the environment over ``index_dir``. Raises StaleIndexError, see ``context_plan``."""
    # The retrieval engine loads only where it is needed.
    from ..core.rag_config import load_config
    from .rag_pipeline import RAGPipeline

    return RAGPipeline(load_config(retriever_top_k=top_k, retriever_index_dir=index_dir))


def searched_facts(pipeline: Any) -> dict[str, Any]:
    """What the articles that ``pipeline`` finds depend on: the statutes that are searched, and how."""
    from .index.building import corpus_hash

    config = pipeline.config
    reranker, rewrite = config.reranker, config.retriever.rewrite
    facts = {
        "corpus_hash": corpus_hash(pipeline.index.store),
        "law_since": pipeline.index.store.last_change(pipeline.index.day(None)),
        "retriever": config.retriever.model_dump(mode="json"),
        "reranker": None,
        "embedding": config.embedding.model_dump(mode="json") if config.retriever.type != "bm25" else None,
    }
    if pipeline.query_adapter_sha256:
        facts["query_adapter_sha256"] = pipeline.query_adapter_sha256
    if reranker.model:
        facts["reranker"] = {**reranker.model_dump(mode="json"), "model_sha256": files_sha256(reranker.model)}
    if rewrite not in ("off", "auto", "always"):
        facts["rewritings_sha256"] = sha256_file(Path(rewrite))
    return facts


def retrieved_by(pipeline: Any, top_k: int) -> Callable[[Question], Context]:
    """A function that retrieves the context of a question with ``pipeline`` (see app/retrieval/rag_pipeline.py)."""
    from .rag_pipeline import search_query

    def context_of(question: Question) -> Context:
        passages = pipeline.retrieve_documents(search_query(question), top_k)
        return retrieved_context(question, passages, pipeline.format_context(passages))

    return context_of
