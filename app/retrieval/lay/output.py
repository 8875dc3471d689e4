"""The folder of a trained retriever: the model in model2vec's form, what it was trained on, and what a model was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.files import append_jsonl, read_jsonl_tail, sha256_bytes, sha256_file, to_json, write_bytes, write_json
from ...core.outputs import Output, check_folder_place, check_outputs, in_ledger, json_kind, jsonl_keys
from ...core.places import MODEL
from ..engines.embedder import RETRIEVER_KIND, STATIC_FILES, Vectors
from .pairs import Captioned, Pair, by_model
from .static_training import Start

MANIFEST, ASKED = "manifest.json", "asked.jsonl"
WEIGHTS, TOKENIZER, CONFIG = STATIC_FILES


def check_retriever_folder(folder: Path, inputs: Sequence[Path]) -> None:
    """Raise ConfigError, one line, when a retriever must not or cannot be written into ``folder``."""
    check_folder_place("--output", folder, own=MODEL)
    ours = in_ledger(folder / MANIFEST)
    check_outputs(
        [
            Output("--output", folder / MANIFEST, json_kind(RETRIEVER_KIND)),
            Output("--output", folder / ASKED, jsonl_keys("law", "article", "questions", "model")),
            *(Output("--output", folder / name, ours) for name in STATIC_FILES),
        ],
        {f"--exclude-questions {number}": path for number, path in enumerate(inputs, 1)},
        own=MODEL,
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
    return [
        Pair(question, one.law, one.article, "model", one.text)
        for one in articles
        for question in known[(one.law, one.article)]
    ]


def write_retriever(folder: Path, start: Start, rows: Vectors, facts: dict[str, Any]) -> None:
    """The model and its manifest, which names the files' bytes: while they are replaced, both the old and the new ones."""
    from safetensors.numpy import save

    files = {
        WEIGHTS: save({"embeddings": rows}),
        TOKENIZER: start.tokenizer.to_str().encode("utf-8"),
        CONFIG: to_json({"model_type": "model2vec", "normalize": True}).encode("utf-8"),
    }
    new = {name: [sha256_bytes(data)] for name, data in files.items()}
    old = {name: [sha256_file(folder / name)] for name in files if (folder / name).exists()}
    write_json(
        folder / MANIFEST,
        {"kind": RETRIEVER_KIND, **facts, "files": {name: old.get(name, []) + new[name] for name in new}},
    )
    for name, data in files.items():
        write_bytes(folder / name, data)
    write_json(folder / MANIFEST, {"kind": RETRIEVER_KIND, **facts, "files": new})
