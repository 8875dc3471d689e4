"""Measures the flat vector store, and faiss beside it, on random vectors that all point one way, as those of e5 do.

  python benchmarks/vectors.py --rows 700000 --width 384

Prints one JSON object: milliseconds a query, memory, and how many of the ten truly nearest are among the ten found. faiss
is measured when it is installed (``pip install faiss-cpu``); the project does not use it (docs/retrieval.md).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.manifests import peak_rss_bytes
from app.retrieval.engines.vectors import VectorIndex, VectorWriter, quantised

WANTED = 60  # passages fetched for one query, as StatuteIndex does
TOP = 10
BLOCK = 50_000


def blocks(rows: int, width: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Vectors of length 1: a thousand topics around one common direction, block after block."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=width)
    topics = generator.normal(size=(1000, width))
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        made = 2 * common + topics[generator.integers(0, 1000, count)] + generator.normal(size=(count, width))
        yield (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def timed(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> tuple[dict[str, float], list[Any]]:
    """Milliseconds of the clock and of the processor at the median, and what was found."""
    search(queries[0])
    clock, processor, found = [], [], []
    for query in queries:
        wall, cpu = time.perf_counter(), time.process_time()
        found.append(search(query))
        clock.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    return {"wall_ms": round(float(np.median(clock)) * 1e3, 1), "cpu_ms": round(float(np.median(processor)) * 1e3, 1)}, found  # fmt: skip


def recall(found: list[list[int]], exact: list[list[int]]) -> float:
    """Share of the truly nearest that were found."""
    return round(float(np.mean([len(set(some) & set(all_)) / len(all_) for some, all_ in zip(found, exact, strict=True)])), 4)  # fmt: skip


def measure(rows: int, width: int, queries: int) -> dict[str, Any]:
    """Our store, and faiss's flat indexes if it is there."""
    asked = np.concatenate(list(blocks(queries, width, seed=0)))  # the same topics, other noise than the rows below
    out: dict[str, Any] = {"rows": rows, "width": width, "load_average": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = VectorWriter(folder, width, 0)
        everything = np.concatenate(list(blocks(rows + queries, width)))[queries:]
        writer.set_mean(everything[:10_000].mean(axis=0))
        mean = writer.mean
        assert mean is not None
        for start in range(0, rows, BLOCK):
            part = everything[start : start + BLOCK]
            writer.append(quantised(part, mean, range(start, start + len(part))))
        everything -= mean  # what is compared is the angle from the mean
        everything /= np.linalg.norm(everything, axis=1, keepdims=True)
        exact = [np.argsort(-(everything @ query))[:TOP].tolist() for query in asked - mean]
        index = VectorIndex(folder, width, rows)
        times, found = timed(lambda query: [one.passage_id for one in index.search(query, WANTED)], asked)
        out["ours"] = times | {"recall": recall([some[:TOP] for some in found], exact), "file_mib": round((folder / "rows.bin").stat().st_size / 2**20), "memory_mib": round(rows * ((width + 63) // 64 * 8 + 8) / 2**20)}  # fmt: skip
        out |= _faiss(everything, asked - mean, exact)
    out["peak_rss_mib"] = round((peak_rss_bytes() or 0) / 2**20)
    return out


def _faiss(everything: np.ndarray, asked: np.ndarray, exact: list[list[int]]) -> dict[str, Any]:
    try:
        import faiss
    except ImportError:
        return {"faiss": "not installed"}
    faiss.omp_set_num_threads(1)  # numpy's scan runs on one core too
    width = everything.shape[1]
    binary = faiss.IndexBinaryFlat(width)
    binary.add(np.packbits(everything > 0, axis=1))

    def signs(query: np.ndarray) -> list[int]:
        places = binary.search(np.packbits(query > 0)[None], WANTED * 20)[1][0]
        # Rescored from the vectors in memory, where ours reads 8-bit rows from a file.
        return places[np.argsort(-(everything[places] @ query))][:TOP].tolist()

    flat = faiss.IndexFlatIP(width)
    flat.add(everything)
    out: dict[str, Any] = {}
    for name, search, size in (
        ("faiss IndexBinaryFlat", signs, len(everything) * width / 8),
        ("faiss IndexFlatIP", lambda query: flat.search(query[None], TOP)[1][0].tolist(), len(everything) * width * 4),
    ):
        times, found = timed(search, asked)
        out[name] = times | {"recall": recall(found, exact), "memory_mib": round(size / 2**20)}
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=700_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--queries", type=int, default=50)
    given = parser.parse_args()
    print(to_json(measure(given.rows, given.width, given.queries), indent=2))
