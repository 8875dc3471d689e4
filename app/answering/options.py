"""Command line of asking: where is searched, which model answers."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Literal

from ..core.cli import count
from ..core.options import add_options as add_settings
from ..llm.model_options import ModelOptions

ANSWER_TOKENS = 512
# How a question with choices is put: as evaluation puts it in one of the forms, or in both, whose answers are pooled.
AnswerForm = Literal["letter", "choice", "both"]
ANSWER_FORMS: tuple[AnswerForm, ...] = ("letter", "choice", "both")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that ``scripts/ask.py`` and ``scripts/serve.py`` share."""
    add = parser.add_argument
    add("--index-dir", type=Path, help="索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    add("--retriever", choices=("bm25", "vector", "hybrid"), help="検索の方法（既定: RETRIEVER_TYPE、bm25）")
    add("--top-k", type=count, help="示す条の数（既定: RETRIEVER_TOP_K、3）")
    add(
        "--adapter",
        dest="hf_lora_path",
        type=Path,
        metavar="DIR",
        help="学習したアダプタのフォルダ。ベースモデルと 4bit かどうかは、指定しなければ run.json から読む（--hf-lora-path と同じ）",
    )
    add(
        "--form",
        choices=ANSWER_FORMS,
        help="四択の尋ね方: choice 選択肢を一つずつ、letter 文字、both 両方を合わせる（時間も両方の分。既定: アダプタの学習時の形、なければ choice）",
    )
    add(
        "--max-new-tokens",
        type=count,
        default=ANSWER_TOKENS,
        help=f"書かせる長さの上限、トークン（既定 {ANSWER_TOKENS}）",
    )
    add_settings(parser, ModelOptions)


def add_day(parser: argparse.ArgumentParser) -> None:
    """The option for the day whose law is meant."""
    parser.add_argument(
        "--as-of",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="この日に施行されている条文で答える（既定: 今日）",
    )
