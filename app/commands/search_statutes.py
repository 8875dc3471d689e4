"""Search the statute index: one question on the terminal, or a file of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, count, log, progress, run_program
from ..core.files import to_json

EXAMPLES = (
    'python scripts/search_statutes.py "届出の効力はいつ生ずるか"',
    'python scripts/search_statutes.py "届出の効力はいつ生ずるか" --top-k 5 --full --explain',
    'python scripts/search_statutes.py --article "金商法27条の2"',
    "python scripts/search_statutes.py --queries queries.jsonl > hits.jsonl",
)


WHOLE = 1_000_000  # characters of context that cut no article


def parser() -> JapaneseParser:
    parser = JapaneseParser("条文を検索し、条の順位・法令名・e-Gov へのリンク・本文を表示する。", EXAMPLES)
    parser.add_argument("query", nargs="?", help="検索する文")
    parser.add_argument("--article", metavar="条", help="検索せず、この条をそのまま表示する（例 金商法27条の2）")
    parser.add_argument("--queries", type=Path, help='まとめて検索する JSONL（1 行に {"id", "query"}）')
    parser.add_argument("--index-dir", type=Path, help="索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    parser.add_argument(
        "--retriever", choices=("bm25", "vector", "hybrid"), help="検索の方法（既定: RETRIEVER_TYPE、bm25）"
    )
    parser.add_argument("--top-k", type=count, help="表示する条の数（既定: RETRIEVER_TOP_K、3）")
    parser.add_argument(
        "--as-of", type=date.fromisoformat, metavar="YYYY-MM-DD", help="この日に施行されている条文を探す（既定: 今日）"
    )
    parser.add_argument("--full", action="store_true", help="問いにいちばん近い一文だけでなく、条の全文を表示する")
    parser.add_argument("--explain", action="store_true", help="点数の内訳と施行日も表示する")
    parser.add_argument("--json", action="store_true", help="1 行に 1 件の JSON で出力する")
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    if sum(value is not None for value in (arguments.query, arguments.queries, arguments.article)) != 1:
        program.error("検索する文、--article、--queries のどれか一つが要ります")
    from ..core.rag_config import load_config
    from ..retrieval.index.manifest import source_changed
    from ..retrieval.rag_pipeline import RAGPipeline
    from ..retrieval.showing.hits_text import as_hit, as_json, bold, bracketed, render
    from ..retrieval.text.queries import read_queries

    queries = None if arguments.queries is None else read_queries(arguments.queries)
    pipeline = RAGPipeline(
        load_config(
            retriever_index_dir=arguments.index_dir,
            retriever_top_k=arguments.top_k,
            retriever_type=arguments.retriever,
            # Articles are cut to their share of a context's length; nobody's context is meant here.
            retriever_max_context_chars=WHOLE if arguments.full else None,
        )
    )
    if queries is not None:
        for item in progress(queries, total=len(queries), label="検索"):
            hits = pipeline.retrieve_documents(item.query, as_of=arguments.as_of)
            reach = pipeline.reach(item.query, as_of=arguments.as_of)
            row = {"id": item.id, "coverage": reach.coverage, "rewritten": list(reach.rewritten)}
            print(to_json(row | {"hits": [as_hit(hit) for hit in hits]}))
        return 0
    looked_up = arguments.article is not None
    if looked_up:
        hits = pipeline.lookup(arguments.article, as_of=arguments.as_of)
    else:
        hits = pipeline.retrieve_documents(arguments.query, as_of=arguments.as_of)
    for note in pipeline.notes(arguments.article or arguments.query, as_of=arguments.as_of, looked_up=looked_up):
        log(f"注意: {note}")
    if source_changed(pipeline.index.manifest):
        log(
            f"注意: 索引を作った後に {pipeline.index.manifest.source} が変わっています（build_index.py --add で取り込めます）。"
        )
    asked: dict[str, Any] = {"coverage": None, "rewritten": []}
    if not looked_up:
        reached = pipeline.reach(arguments.query, as_of=arguments.as_of)
        asked = {"coverage": reached.coverage, "rewritten": list(reached.rewritten)}
        if arguments.explain and reached.coverage is not None:
            log(f"問いの語の重みのうち、最初の結果にある割合: {reached.coverage:.0%}")
    style = bold if sys.stdout.isatty() else bracketed
    for number, hit in enumerate(hits, start=1):
        if arguments.json:
            print(to_json(as_json(hit) | asked))
        else:
            print(render(number, hit, arguments.query or "", style, explain=arguments.explain, full=arguments.full))
    if not hits:
        print("見つかりませんでした。", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
