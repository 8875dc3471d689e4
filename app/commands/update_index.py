"""Bring the statute index up to date with e-Gov: what changed since the last time is fetched and applied in one commit."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ..core.cli import JapaneseParser, format_seconds, log, progress, run_program
from ..core.errors import BackendError, DataError
from ..core.outputs import check_folder_place
from ..core.places import INDEX
from ..data.egov.api import SITE, ListedLaw, PoliteClient, Politeness

if TYPE_CHECKING:  # --help answers before numpy and pydantic are imported
    from ..core.rag_config import RAGConfig
    from ..retrieval.index.following import Held, Plan
    from ..retrieval.index.manifest import Manifest

EXAMPLES = (
    "python scripts/update_index.py",
    "python scripts/update_index.py --dry-run",
    "python scripts/update_index.py --index-dir data/index --pause 2",
)
SHOWN = 20  # laws named in a list


def parser() -> JapaneseParser:
    parser = JapaneseParser(
        "e-Gov の法令APIに前回からの変更を問い合わせ、変わった版・新しい法令・施行日の変更・廃止を索引に一度に反映する。"
        "何週間空いても一度で追いつく。止めても、同じコマンドで続きから取得する。",
        EXAMPLES,
    )
    parser.add_argument("--index-dir", type=Path, help="索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    parser.add_argument("--dry-run", action="store_true", help="何が変わるかを表示するだけで、索引を書き換えない")
    parser.add_argument("--pause", type=float, default=1.0, metavar="秒", help="要求と要求の間に待つ秒数（既定 1）")
    parser.add_argument("--retries", type=int, default=4, help="失敗したときに試し直す回数（既定 4）")
    parser.add_argument("--site", default=SITE, help="法令APIのアドレス（既定: e-Gov）")
    return parser


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    from ..core.rag_config import load_config
    from ..retrieval.index.following import FAR, Listing, changes, plan
    from ..retrieval.index.manifest import read_manifest

    config = load_config(retriever_index_dir=arguments.index_dir)
    index_dir = config.retriever.index_dir
    manifest = read_manifest(index_dir)
    if not arguments.dry_run:
        check_folder_place("--index-dir", index_dir, own=INDEX)
    if manifest.as_of is not None:
        raise DataError(
            f"{index_dir}: {manifest.as_of} の条文だけの索引は更新できません。--as-of を付けずに作った索引を指定してください。"
        )
    client = PoliteClient(arguments.site, Politeness(pause_seconds=arguments.pause, retries=arguments.retries))
    index, before = _held(index_dir, manifest)
    started = monotonic()
    listing = Listing(list(client.laws()), list(client.laws(as_of=FAR)))
    found = changes(index, listing)
    log(
        f"e-Gov の一覧 {len(listing.today):,} 法令と照合しました: 調べる法令 {len(found.look_at):,}、廃止・失効 {len(found.repealed):,}"
    )
    if found.partial:
        log(f"一部の法令だけの索引なので、いま入っている {len(index.revisions):,} 法令だけを更新します。")
    elif found.ignored:
        log(
            f"前回より前からある {found.ignored:,} 法令は、索引に入れていないものとして加えません（加えるには build_index.py --add）。"
        )
    if found.unlisted:
        log(f"e-Gov の一覧にない {len(found.unlisted):,} 法令は、そのまま残します: {_named(found.unlisted)}")
    todo = plan(index, found, lambda law: client.revisions(law.law_id), date.today())
    for label, names in (
        ("取得する版", [f"{law.title}（{law.revision_id}）" for law in todo.fetch]),
        ("除くもの（廃止・失効、なくなった予定）", list(todo.remove)),
    ):
        if names:
            log(f"{label} {len(names):,}: {_named(names)}")
    if arguments.dry_run:
        return 0
    if todo.fetch or todo.remove or found.newest not in ("", before):
        _apply(config, client, todo, found.newest)
    else:
        log("変更はありません。")
    log(
        f"索引 {index_dir} は e-Gov の {found.newest or '更新日時のない一覧'} までの変更を反映しています（{format_seconds(monotonic() - started)}）"
    )
    return 0


def _held(index_dir: Path, manifest: Manifest) -> tuple[Held, str]:
    from ..retrieval.index.following import SYNCED, held
    from ..retrieval.store.store import Store

    store = Store(index_dir / manifest.folder / "store.sqlite")
    built_at = str(manifest.run.get("source_fetched_at") or manifest.run.get("finished_at") or "")
    try:
        return held(store, manifest.laws, built_at), store.meta(SYNCED)
    finally:
        store.close()


def _apply(config: RAGConfig, client: PoliteClient, todo: Plan, newest: str) -> None:
    """Fetch what is new, then write it and what goes into the index in one commit."""
    from ..data.egov.download import download_laws
    from ..retrieval.engines.embedder import load_embedder
    from ..retrieval.engines.qdrant_collection import qdrant_address
    from ..retrieval.engines.sudachi import second_words
    from ..retrieval.index.following import SYNCED
    from ..retrieval.index.qdrant_sync import synchronise
    from ..retrieval.index.updating import update_index

    index_dir = config.retriever.index_dir
    # Named after e-Gov's state, so that an interrupted run goes on and an older one's files are not taken for today's.
    folder = index_dir / f".egov-updates-{re.sub(r'[^0-9]', '', newest) or 'none'}"
    for old in index_dir.glob(".egov-updates-*"):
        if old != folder:
            shutil.rmtree(old)
    if todo.fetch:
        done = download_laws(client, todo.fetch, folder, _watch)
        if done.failed:
            raise BackendError(
                f"{len(done.failed)} 版を取得できず、索引は変えていません（{done.failed[0]}）。同じコマンドで続きから取得できます。"
            )
    embedding = config.embedding
    result = update_index(
        index_dir,
        add=folder if todo.fetch else None,
        remove=todo.remove,
        embedder=None if config.retriever.type == "bm25" else load_embedder(embedding.model, embedding.batch_size),
        second=second_words(config.retriever),
        facts={SYNCED: newest} if newest else {},
        redate=False,
    )
    shutil.rmtree(folder, ignore_errors=True)
    log(f"追加 {result.added:,}、置き換え {result.replaced:,}、削除 {result.removed:,}、変更なし {result.unchanged:,}")
    address = qdrant_address(config.retriever)
    if address is not None:
        synchronise(index_dir, address, lambda items, label: progress(items, total=len(items), label=label))


def _watch(items: Sequence[ListedLaw]) -> Iterator[ListedLaw]:
    return progress(items, total=len(items), label="取得")


def _named(items: Sequence[str]) -> str:
    return "、".join(items[:SHOWN]) + (f" ほか {len(items) - SHOWN:,} 件" if len(items) > SHOWN else "")


if __name__ == "__main__":
    sys.exit(run_program(main))
