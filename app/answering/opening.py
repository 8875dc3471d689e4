"""Index and model as the command line names them, ready to be asked."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ..core.options import from_arguments
from ..llm.backend import ScoringBackend
from ..llm.backends import load_backend
from ..llm.model_options import ModelOptions, resolve_config
from ..retrieval.rag_pipeline import RAGPipeline
from .model import NamedModel, named_model
from .options import AnswerForm
from .session import LazyModel, Session


def open_session(arguments: argparse.Namespace) -> tuple[Session, dict[str, Any] | None]:
    """The session, and run.json of what was trained (None where nothing says so). The model is loaded when first asked.

    Raises StaleIndexError for an index that cannot be used, ConfigError and ModelError for a model that cannot.
    """
    options: ModelOptions = from_arguments(ModelOptions, arguments)
    config = resolve_config(
        options,
        retriever_top_k=arguments.top_k,
        retriever_index_dir=arguments.index_dir,
        retriever_type=arguments.retriever,
    )
    named = named_model(config.llm)
    form: AnswerForm = arguments.form or ("choice" if named is None else named.form)
    model = LazyModel(None if named is None else lambda: _load(options, named, form))
    if named is not None:
        config = config.model_copy(update={"llm": named.config})
    few_shot, cited_words = (False, False) if named is None else (named.few_shot, named.cited_words)
    pipeline = RAGPipeline(config, llm=model)
    session = Session(pipeline, model, form=form, few_shot=few_shot, cited_words=cited_words)
    return session, None if named is None else named.manifest


def _load(options: ModelOptions, named: NamedModel, form: AnswerForm) -> ScoringBackend:
    # Letters are looked up in the tokenizer when they are first read; ○ and × are asked for at once.
    return load_backend(named.config, replace(options.running, form="letter" if form == "letter" else "choice"))
