"""Questions as people ask them: how often the deciding article is among the first, as asked and rewritten.

``benchmarks/retrieval.py lay`` prints this. The file of questions is ``lay_questions/open66.jsonl`` (``{"id", "query",
"gold": [[title, article]]}``); its odd ids are for choosing settings, the even ones for the figure. The rewritings of
the odd ids were written by hand, as a model that knows statutes would, without a look at the statutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from app.core.files import read_jsonl, write_jsonl
from app.core.rag_config import load_config
from app.data.provisions import law_key
from app.retrieval.index.statute_index import PARTS
from app.retrieval.rag_pipeline import RAGPipeline
from app.retrieval.text.law_names import title_names

REWRITINGS = Path(__file__).with_name("lay_rewritings.jsonl")
TOPS = (3, 10)
WITHOUT_PRIOR = tuple(part for part in PARTS if part != "prior")
EQUAL = tuple(part for part in PARTS if part not in ("prior", "coverage"))


@dataclass(frozen=True, slots=True)
class LayQuestion:
    """One question with the articles that decide it."""

    id: str
    query: str
    gold: frozenset[tuple[str, str]]  # (law_key title, article)

    @property
    def odd(self) -> bool:
        """Whether the question may be used to choose settings."""
        return int("".join(filter(str.isdigit, self.id))) % 2 == 1


def read_lay(path: Path) -> list[LayQuestion]:
    """The questions of a file."""
    return [
        LayQuestion(row["id"], row["query"], frozenset((law_key(title), article) for title, article in row["gold"]))
        for row in read_jsonl(path)
    ]


def hits_at(found: Sequence[Sequence[tuple[str, str]]], questions: Sequence[LayQuestion]) -> dict[str, float]:
    """Hit@3 and Hit@10: the share of questions with a deciding article among so many first ones."""
    return {
        f"hit_at_{top}": round(
            sum(bool(set(articles[:top]) & one.gold) for articles, one in zip(found, questions, strict=True)) / len(questions), 4
        )
        for top in TOPS
    }  # fmt: skip


def lay(index_dir: Path, path: Path, *, even: bool, model: str | None = None) -> dict[str, Any]:
    """Rows of the odd questions as asked and rewritten by hand, and with ``even`` of the even ones as asked.

    With ``model`` (EMBEDDING_MODEL of the vectors that the index has) also rows of vectors, alone and with words.
    """
    questions = read_lay(path)
    odd = [one for one in questions if one.odd]
    rows = _rows("odd ids", index_dir, odd, model)
    by_id = {row["id"]: row for row in read_jsonl(REWRITINGS)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rewritings.jsonl"
        write_jsonl(file, [by_id[one.id] | {"query": one.query} for one in odd if one.id in by_id])
        rows["odd ids: rewritten by hand"] = _row(index_dir, odd, retriever_rewrite=str(file))
    if even:
        others = [one for one in questions if not one.odd]
        rows |= _rows("even ids", index_dir, others, model)
    return {"questions": len(questions), "rows": rows}


def _rows(label: str, index_dir: Path, questions: Sequence[LayQuestion], model: str | None) -> dict[str, Any]:
    rows: dict[str, Any] = {
        f"{label}: without prior": _row(index_dir, questions, parts=WITHOUT_PRIOR),
        f"{label}: as asked": _row(index_dir, questions),
    }
    if model is not None:
        vectors = {"embedding_model": model, "retriever_type": "vector"}
        rows[f"{label}: vectors alone"] = _row(index_dir, questions, **vectors)
        both = {"embedding_model": model, "retriever_type": "hybrid"}
        rows[f"{label}: words and vectors, equal weights, without prior"] = _row(
            index_dir, questions, parts=EQUAL, **both
        )
        rows[f"{label}: words and vectors"] = _row(index_dir, questions, **both)
    return rows


def _row(
    index_dir: Path, questions: Sequence[LayQuestion], *, parts: Sequence[str] | None = None, **overrides: Any
) -> dict[str, Any]:
    """Hits of the whole pipeline, or with ``parts`` of the index with these parts of the ranking."""
    pipeline = RAGPipeline(load_config(env_file=None, retriever_index_dir=index_dir, **overrides))
    found = [_articles(pipeline, one.query, parts) for one in questions]
    coverages = [pipeline.reach(one.query).coverage or 0.0 for one in questions]
    return {"questions": len(questions), **hits_at(found, questions), "coverage_median": round(median(coverages), 2)}


def _articles(pipeline: RAGPipeline, query: str, parts: Sequence[str] | None) -> list[tuple[str, str]]:
    if parts is not None:
        hits = pipeline.index.search(query, max(TOPS), parts=parts)
        found = [(hit.article.law_title, hit.article.num) for hit in hits]
    else:
        found = [(hit.law_title, hit.article) for hit in pipeline.retrieve_documents(query, max(TOPS))]
    return [(law_key(title_names(title)[-1]), article) for title, article in found]
