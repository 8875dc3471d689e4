"""Index and model as the command line names them, ready to be asked."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ..core.prompts import Form
from ..evaluation.running.options import resolve_config, running_of
from ..llm.backend import ScoringBackend
from ..llm.backends import load_backend
from ..retrieval.rag_pipeline import RAGPipeline
from .model import NamedModel, named_model
from .session import LazyModel, Session


def open_session(arguments: argparse.Namespace) -> tuple[Session, dict[str, Any] | None]:
    """The session, and run.json of what was trained (None where nothing says so). The model is loaded when first asked.

    Raises StaleIndexError for an index that cannot be used, ConfigError and ModelError for a model that cannot.
    """
    config = resolve_config(arguments)
    named = named_model(config.llm)
    form: Form = arguments.form or ("choice" if named is None else named.form)
    model = LazyModel(None if named is None else lambda: _load(arguments, named, form))
    if named is not None:
        config = config.model_copy(update={"llm": named.config})
    few_shot = named is not None and named.few_shot
    session = Session(RAGPipeline(config, llm=model), model, form=form, few_shot=few_shot)
    return session, None if named is None else named.manifest


def _load(arguments: argparse.Namespace, named: NamedModel, form: Form) -> ScoringBackend:
    return load_backend(named.config, replace(running_of(arguments), form=form))
