"""Measures how far a Qdrant server ranks like the index folder that it was brought in step with, and what a query takes.

  RETRIEVER_STORE=qdrant python scripts/build_index.py --sync --index-dir data/index
  python benchmarks/retrieval_qdrant.py --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json

The server is the one of QDRANT_URL. Where none can be had, ``python tests/retrieval/qdrant_server.py --folder DIR`` puts
Qdrant's engine behind the same requests. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.questions import Question
from app.core.rag_config import load_config
from app.data.lawqa import load_questions
from app.retrieval.engines.qdrant_collection import qdrant_address
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.rag_pipeline import search_query


def found_by(index: StatuteIndex, queries: Sequence[str]) -> tuple[list[list[int]], dict[str, float]]:
    """The ten best articles of each query, and milliseconds of the clock at the median and the slowest."""
    index.search(queries[0], 10)
    found: list[list[int]] = []
    times: list[float] = []
    for query in queries:
        started = time.perf_counter()
        hits = index.search(query, 10)
        times.append((time.perf_counter() - started) * 1000)
        found.append([hit.article.article_id for hit in hits])
    times.sort()
    return found, {"p50": round(times[len(times) // 2], 1), "slowest": round(times[-1], 1)}


def compare(local: StatuteIndex, remote: StatuteIndex, questions: Sequence[Question]) -> dict[str, Any]:
    """Queries with the same first article, the same three and the same ten in the same order."""
    queries = [search_query(question) for question in questions]
    here, here_ms = found_by(local, queries)
    there, there_ms = found_by(remote, queries)
    pairs = list(zip(here, there, strict=True))
    return {
        "load_average": round(os.getloadavg()[0], 1),
        "documents": int(local.store.meta("searched")),
        "queries": len(queries),
        "same": {f"first {count}": sum(one[:count] == other[:count] for one, other in pairs) for count in (1, 3, 10)},
        "same_articles_in_top_3": sum(set(one[:3]) == set(other[:3]) for one, other in pairs),
        "query_ms": {"local": here_ms, "qdrant": there_ms},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index-dir", type=Path, default=Path("data/index"))
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    address = qdrant_address(load_config(retriever_store="qdrant").retriever)
    local_index, remote_index = StatuteIndex(given.index_dir), StatuteIndex(given.index_dir, qdrant=address)
    print(to_json(compare(local_index, remote_index, load_questions(given.data)), indent=2))
