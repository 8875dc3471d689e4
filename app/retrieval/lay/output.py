"""The folder of a trained retriever: what is added where questions are read, and what a model was asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.files import append_jsonl, read_jsonl_tail, write_bytes
from ...core.outputs import Output, check_folder_place, check_outputs, jsonl_keys
from ..engines.query_adapter import FILE, QueryAdapter, adapter_bytes, is_adapter
from .pairs import Captioned, Pair, by_model

ASKED = "asked.jsonl"


def check_retriever_folder(folder: Path, inputs: dict[str, Path]) -> None:
    """Raise ConfigError, one line, when a retriever must not or cannot be written into ``folder``."""
    check_folder_place("--output", folder)
    check_outputs(
        [
            Output("--output", folder / FILE, is_adapter),
            Output("--output", folder / ASKED, jsonl_keys("law", "article", "questions", "model")),
        ],
        inputs,
    )


def asked_pairs(
    folder: Path,
    articles: Sequence[Captioned],
    ask: Callable[[Sequence[str]], Sequence[str]],
    model: str,
    watch: Callable[[Sequence[Any], str], Iterator[Any]],
) -> list[Pair]:
    """The pairs of a model's questions; what it was asked before, in this folder, is not asked again."""
    path = folder / ASKED
    rows = read_jsonl_tail(path) if path.exists() else []
    known = {(row["law"], row["article"]): row["questions"] for row in rows if row["model"] == model}
    new = [one for one in articles if (one.law, one.article) not in known]
    answers = by_model(new, ask)
    for one in watch(new, "質問を書く"):
        questions = [pair.question for pair in next(answers)]
        append_jsonl(path, {"law": one.law, "article": one.article, "questions": questions, "model": model})
        known[(one.law, one.article)] = questions
    return [Pair(question, one.law, one.article) for one in articles for question in known[(one.law, one.article)]]


def write_retriever(folder: Path, adapter: QueryAdapter) -> None:
    """The adapter, in one step: a killed run leaves the one that was there."""
    write_bytes(folder / FILE, adapter_bytes(adapter))
