"""Build the statute index from e-Gov XML (a zip, a folder or one file)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..core.cli import JapaneseParser, format_seconds, log, progress, run_program
from ..core.files import to_json
from ..core.manifests import peak_rss_bytes, run_header
from ..core.options import add_options, from_arguments
from ..core.rag_config import RAGConfig
from ..retrieval.index.settings import IndexSettings

if TYPE_CHECKING:  # --help answers before tantivy and numpy are imported
    from ..retrieval.engines.embedder import Embedder

EXAMPLES = (
    "python scripts/build_index.py --source sample/laws --index-dir data/index",
    "python scripts/build_index.py --source data/egov/all_laws.zip --laws 129AC0000000089 417AC0000000086",
    "python scripts/build_index.py --source data/egov/all_laws.zip --as-of 2024-04-01 --index-dir data/index-2024",
    "python scripts/build_index.py --add data/egov/updated.zip",
    "python scripts/build_index.py --vectors acts",
    "python scripts/build_index.py --stats",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser(
        "e-Gov の法令XMLから条文の索引を作る。途中で止めても、同じコマンドで続きから作る。", EXAMPLES
    )
    add_options(parser, IndexSettings)
    parser.add_argument(
        "--sync",
        action="store_true",
        help="RETRIEVER_STORE=qdrant のコレクションをいまの索引に合わせる（作成・更新の後は自動）",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="いまの索引が書いたときのままか、本文のすべての検査値と語のファイル・ベクトルまで確かめる（作らない）",
    )
    parser.add_argument("--stats", action="store_true", help="いまの索引の中身を JSON で表示する（作らない）")
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    settings: IndexSettings = from_arguments(IndexSettings, arguments)
    config = settings.config
    index_dir = config.retriever.index_dir
    if arguments.verify:
        return _verify(index_dir)
    if arguments.stats:
        from ..retrieval.index.contents import index_statistics

        print(to_json(index_statistics(index_dir), indent=2))
        return 0
    if settings.add is not None or settings.remove:
        if settings.source is not None:
            program.error("--source（作り直し）と --add・--remove（更新）は同時に使えません")
        if settings.vectors is not None:
            program.error(
                "--vectors は --add・--remove と同時に使えません（更新は、索引のベクトルと同じ範囲を埋め込みます）"
            )
        _change(settings)
    elif arguments.sync:
        if config.retriever.store != "qdrant":
            program.error("--sync は RETRIEVER_STORE=qdrant のときに使います")
        _sync(config)
    elif settings.source is None and settings.vectors is not None:
        from ..retrieval.index.adding_vectors import add_vectors

        started = monotonic()
        embedded = add_vectors(index_dir, _load_embedder(config), settings.vectors, _watch)
        log(f"索引 {index_dir}: ベクトルを {embedded:,} 件加えました（{format_seconds(monotonic() - started)}）")
        _sync(config)
    elif settings.source is None:
        program.error("--source、--add、--remove、--vectors、--sync、--verify、--stats のどれかが要ります")
    else:
        write_index(settings, settings.source, run_header(argv))
    return 0


def _change(settings: IndexSettings) -> None:
    """Put laws into the index or take them out."""
    from ..retrieval.engines.sudachi import second_words
    from ..retrieval.index.updating import update_index

    config, started = settings.config, monotonic()
    index_dir = config.retriever.index_dir
    done = update_index(
        index_dir,
        add=settings.add,
        remove=settings.remove,
        embedder=_embedder(config),
        second=second_words(config.retriever),
    )
    log(
        f"索引 {index_dir}: 追加 {done.added:,}、置き換え {done.replaced:,}、削除 {done.removed:,}、"
        f"変更なし {done.unchanged:,}（{format_seconds(monotonic() - started)}）"
    )
    if done.redated:
        log(f"施行日が変わったので除いた版（同じ改正法の、前の予定日のもの）: {_named(done.redated)}")
    if done.repealed:
        log(f"廃止・失効したので除いた法令: {_named(done.repealed)}")
    _sync(config)


def write_index(settings: IndexSettings, source: Path, header: dict[str, Any]) -> None:
    """Build the index of ``source``, or go on where the same was stopped."""
    from ..retrieval.engines.sudachi import second_words
    from ..retrieval.index.building import build_index

    config, started = settings.config, monotonic()
    index_dir = config.retriever.index_dir
    result = build_index(
        source,
        index_dir,
        laws=settings.laws,
        as_of=settings.as_of,
        skip_unreadable=settings.skip_unreadable,
        run=header,
        embedder=_embedder(config) if settings.vectors is None else _load_embedder(config),
        scope=settings.vectors or "all",
        second=second_words(config.retriever),
        watch=_watch,
    )
    if result.resumed:
        log(f"中断した処理の続きから作りました（{result.resumed:,} 法令は済んでいました）。")
    if result.dropped:
        log(
            f"{settings.as_of} に施行されている版がなく、入れなかった法令 {len(result.dropped):,} 件（全部は --stats の dropped）: "
            + _named([f"{title}（{law_id}）" for law_id, title in result.dropped])
        )
    if result.repealed:
        log(f"廃止・失効していて、入れなかった法令 {len(result.repealed):,} 件: {_named(result.repealed)}")
    for reason in result.unreadable:
        log(f"除いた法令: {reason}")
    if result.notes:
        log(f"{result.notes:,} 法令に、様式にない要素がありました（本文は残しています。--stats で見られます）。")
    peak = peak_rss_bytes()
    log(
        f"索引 {index_dir}: {result.counts['laws']:,} 法令、{result.counts['articles']:,} 条、"
        f"検索できる項 {result.counts['searched']:,}（{format_seconds(monotonic() - started)}"
        + (f"、最大メモリ {peak / 2**20:,.0f} MB）" if peak else "）")
    )
    _sync(config)


def _verify(index_dir: Path) -> int:
    from ..retrieval.index.contents import verify_index

    started = monotonic()
    found = verify_index(index_dir)
    vectors = f"、{found.vectors:,} 件のベクトル" if found.vectors_sum else ""
    log(
        f"索引 {index_dir}: {found.passages:,} 項と語のファイル{vectors}は、書いたときのままです"
        f"（{format_seconds(monotonic() - started)}）"
    )
    unsummed = [
        f"{found.passages - found.summed:,} 項の本文" if found.summed < found.passages else "",
        f"{found.vectors:,} 件のベクトル" if found.vectors and not found.vectors_sum else "",
    ]
    if any(unsummed):
        log(
            f"注意: {'と'.join(filter(None, unsummed))}には検査値がなく、確かめていません（前の版の索引）。"
            "--source で作り直すと付きます。"
        )
    return 0


def _named(items: Sequence[str], shown: int = 10) -> str:
    return "、".join(items[:shown]) + (f" ほか {len(items) - shown:,} 件" if len(items) > shown else "")


def _watch(items: Sequence[Any], label: str) -> Iterator[Any]:
    return progress(items, total=len(items), label=label)


def _sync(config: RAGConfig) -> None:
    from ..retrieval.engines.qdrant_collection import qdrant_address

    address = qdrant_address(config.retriever)
    if address is None:
        return
    from ..retrieval.index.qdrant_sync import synchronise

    done = synchronise(config.retriever.index_dir, address, _watch)
    log(
        f"Qdrant {address.url}: 追加 {done.added:,}、削除 {done.removed:,}、日付の変更 {done.redated:,} 版、"
        f"書いた文書 {done.documents:,}"
    )


def _embedder(config: RAGConfig) -> Embedder | None:
    if config.retriever.type == "bm25":
        return None
    return _load_embedder(config)


def _load_embedder(config: RAGConfig) -> Embedder:
    from ..retrieval.engines.embedder import load_embedder

    return load_embedder(config.embedding.model, config.embedding.batch_size)


if __name__ == "__main__":
    sys.exit(run_program(main))
