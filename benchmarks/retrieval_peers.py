"""Other search engines on the laws and queries of this one, each in a process of its own, so that memory can be compared.

``benchmarks/retrieval.py peers`` writes the laws and queries into a folder and runs this file once for each engine:

  python benchmarks/retrieval_peers.py bm25s FOLDER

It prints one JSON object: seconds of building, milliseconds of each query, peak memory, and the articles found.
bm25s and rank_bm25 get the passages and tokens of this project; jlawcite reads the same XML in its own way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import read_jsonl, to_json
from app.core.manifests import peak_rss_bytes
from app.data.egov.source import law_files
from app.data.egov.xml import law_id_in
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.store.passages import searched_passages
from app.retrieval.text.passages import body, header
from app.retrieval.text.tokens import tokenize

DEPTH = 100  # documents fetched for each query
Article = tuple[str, str]
Search = Callable[[str], list[Article]]


def prepare(folder: Path, source: Path, law_ids: Sequence[str], queries: dict[str, str]) -> int:
    """Write the XML of the laws and the queries into ``folder``; returns the number of laws."""
    wanted = set(law_ids)
    count = 0
    for file in law_files(source):
        stem = PurePosixPath(file.name).stem
        if law_id_in(stem) in wanted:
            path = folder / "xml" / stem / f"{stem}.xml"
            path.parent.mkdir(parents=True)
            path.write_bytes(file.read())
            count += 1
    rows = [to_json({"id": name, "query": text}) for name, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return count


def run(engine: str, folder: Path) -> dict[str, Any]:
    """What the engine's own process measured."""
    done = subprocess.run([sys.executable, __file__, engine, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def documents(folder: Path) -> Iterator[tuple[Article, list[str]]]:
    """Article and tokens of every passage that our index searches; builds that index first, outside the time taken."""
    index = StatuteIndex(_index(folder))
    for rev, law_id in index.store.connection.execute("SELECT rev, law_id FROM revisions ORDER BY rev").fetchall():
        for passage in searched_passages(index.store, rev):
            item = passage.item
            key = item.provision.num if item.provision.part == "main" else item.provision.anchor
            yield (law_id, key), tokenize(f"{header(passage.law_title, item.provision, item.passage)}\n{body(item.passage.lines)}")  # fmt: skip


def _index(folder: Path) -> Path:
    if not (folder / "index/manifest.json").exists():
        build_index(folder / "xml", folder / "index")
    return folder / "index"


def horei(folder: Path, parts: Sequence[str] | None) -> Callable[[], Search]:
    """This project: the whole ranking, or BM25 alone."""

    def build() -> Search:
        index = StatuteIndex(_index(folder))

        def search(query: str) -> list[Article]:
            hits = index.search(query, 10) if parts is None else index.search(query, 10, parts=parts)
            return [(hit.article.law_id, hit.article.num if hit.article.part == "main" else hit.article.anchor) for hit in hits]  # fmt: skip

        return search

    return build


def with_bm25s(folder: Path) -> Callable[[], Search]:
    """bm25s with our tokens."""
    import bm25s

    def build() -> Search:
        articles, corpus = _in_memory(folder)
        retriever = bm25s.BM25(k1=1.2, b=0.75)
        retriever.index(corpus, show_progress=False)

        def search(query: str) -> list[Article]:
            asked = [list(dict.fromkeys(tokenize(query)))]
            found = retriever.retrieve(asked, k=DEPTH, show_progress=False)[0][0].tolist()
            return list(dict.fromkeys(articles[place] for place in found))

        return search

    return build


def with_rank_bm25(folder: Path) -> Callable[[], Search]:
    """rank_bm25 with our tokens."""
    from rank_bm25 import BM25Okapi

    def build() -> Search:
        articles, corpus = _in_memory(folder)
        scorer = BM25Okapi(corpus, k1=1.2, b=0.75)

        def search(query: str) -> list[Article]:
            scores = scorer.get_scores(list(dict.fromkeys(tokenize(query))))
            return list(dict.fromkeys(articles[place] for place in scores.argsort()[::-1][:DEPTH].tolist()))

        return search

    return build


def with_jlawcite(folder: Path, graph: bool) -> Callable[[], Search]:
    """jlawcite as its own benchmark runs it: BM25 of trigrams, with or without its citation graph."""
    from jlawcite.pipeline import eval_search, ingest_full
    from jlawcite.search import SearchDB, build_index

    def build() -> Search:
        path = folder / "jlawcite/search.sqlite"
        if not path.exists():
            sys.argv = ["build", "--input", str(folder / "xml"), "--output", str(path.parent)]
            stdout, sys.stdout = sys.stdout, sys.stderr
            try:
                ingest_full.main()
                build_index(path.parent, path, progress=False)
            finally:
                sys.stdout = stdout
        database = SearchDB(path)
        rank = eval_search.rank_bm25_graph if graph else eval_search.rank_bm25

        def search(query: str) -> list[Article]:
            found = (name.partition("_a") for name, _ in rank(database, query, DEPTH))
            return [(law_id, num.replace("-", "_")) for law_id, _, num in found]

        return search

    return build


def _in_memory(folder: Path) -> tuple[list[Article], list[list[str]]]:
    articles: list[Article] = []
    corpus: list[list[str]] = []
    for article, tokens in documents(folder):
        articles.append(article)
        corpus.append(tokens)
    return articles, corpus


ENGINES: dict[str, Callable[[Path], Callable[[], Search]]] = {
    "horei-ft": lambda folder: horei(folder, None),
    "horei-ft, BM25 only": lambda folder: horei(folder, ()),
    "bm25s": with_bm25s,
    "rank_bm25": with_rank_bm25,
    "jlawcite, BM25": lambda folder: with_jlawcite(folder, graph=False),
    "jlawcite, BM25 + graph": lambda folder: with_jlawcite(folder, graph=True),
}


def measure(engine: str, folder: Path) -> dict[str, Any]:
    """Build, search every query once after one to warm up, and say what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    search = ENGINES[engine](folder)()
    built = {"build_seconds": time.perf_counter() - wall, "build_cpu_seconds": time.process_time() - cpu}
    queries = read_jsonl(folder / "queries.jsonl")
    search(queries[0]["query"])
    times: list[float] = []
    cpus: list[float] = []
    found: dict[str, list[Article]] = {}
    for row in queries:
        wall, cpu = time.perf_counter(), time.process_time()
        found[row["id"]] = search(row["query"])[:10]
        times.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return built | {"query_ms": times, "query_cpu_ms": cpus, "peak_rss": peak_rss_bytes(), "found": found}


if __name__ == "__main__":
    print(to_json(measure(sys.argv[1], Path(sys.argv[2]))))
