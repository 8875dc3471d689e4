"""What an index is built or changed with: the options of ``build_index.py``, without the engines that do it.

Programs that only plan a build read this, and answer ``--help`` before tantivy and numpy are imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from ...core.options import faults, option, refuse
from ...core.rag_config import RAGConfig, load_config

Scope = Literal["acts", "orders", "articles", "all"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """From which statutes an index is built or changed, and what it can be searched by; None where the environment says."""

    source: Path | None = field(default=None, metadata=option("法令XMLの zip・フォルダ・ファイル"))
    index_dir: Path | None = field(
        default=None, metadata=option("索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    )
    retriever: Literal["bm25", "vector", "hybrid"] | None = field(
        default=None,
        metadata=option("vector と hybrid は EMBEDDING_MODEL で埋め込みも作る（既定: RETRIEVER_TYPE、bm25）"),
    )
    vectors: Scope | None = field(
        default=None,
        metadata=option(
            "EMBEDDING_MODEL のベクトルをどこまで作るか（acts: 憲法と法律の条、orders: 政令の条も、articles: 府省令の条も、all: 長い条は項ごとにも。この順に作る）。"
            "--source がなければ、いまの索引に加える（途中で止めても、同じコマンドで続きから。既定: 索引を vector・hybrid で作るときは all）"
        ),
    )
    sudachi: bool | None = field(
        default=None,
        metadata=option("Sudachi の語の欄も作る（既定: RETRIEVER_SUDACHI、作らない。追加パッケージ [sudachi]）"),
    )
    laws: tuple[str, ...] = field(default=(), metadata=option("この法令だけを入れる", metavar="法令ID"))
    as_of: date | None = field(
        default=None,
        metadata=option(
            "この日に施行されている版だけを入れる（検索もこの日の条文になる。既定: 全部の版を入れ、検索の日に施行されている版を探す）",
            metavar="YYYY-MM-DD",
            read=date.fromisoformat,
        ),
    )
    add: Path | None = field(
        default=None,
        metadata=option("いまの索引に法令を加える（同じ版は置き換え、新しい版は施行日から有効）", metavar="SOURCE"),
    )
    remove: tuple[str, ...] = field(
        default=(), metadata=option("いまの索引から法令ID（全版）や履歴IDの法令を除く", metavar="ID")
    )
    skip_unreadable: bool = field(default=False, metadata=option("読めない法令を除いて作る（除いたものは記録する）"))

    def __post_init__(self) -> None:
        refuse(faults(self))

    @property
    def config(self) -> RAGConfig:
        """These settings over the environment."""
        return load_config(
            retriever_index_dir=self.index_dir, retriever_type=self.retriever, retriever_sudachi=self.sudachi
        )
