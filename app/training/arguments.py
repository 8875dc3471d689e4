"""The command line of the training program; what each setting is stands in TrainConfig alone."""

from __future__ import annotations

import argparse

from ..core.cli import JapaneseParser
from ..core.options import add_options, from_arguments
from ..core.run_file import add_config_option
from .config import TrainConfig

_EXAMPLES = (
    "python scripts/train_qwen_law_ft.py --model-name Qwen/Qwen3-8B --use-4bit --bf16"
    " --train-file results/finetune/ft_direct_full_rag_top3.jsonl --output-dir runs/direct_rag_v1",
    "python scripts/train_qwen_law_ft.py --model-name sample/tiny-qwen3"
    " --train-file results/finetune/ft_direct_full_norag.jsonl --output-dir runs/tiny --max-steps 20 --dry-run",
    "python scripts/train_qwen_law_ft.py --model-name sample/tiny-qwen3"
    " --train-file results/finetune/ft_direct_full_norag.jsonl --output-dir runs/tiny --max-steps 20 --resume",
    "python scripts/train_qwen_law_ft.py --config runs/tiny/run.yaml --output-dir runs/tiny_seed7 --seed 7",
)


def parser(*, unset: bool = False) -> JapaneseParser:
    """The parser of ``scripts/train_qwen_law_ft.py``; with ``unset`` a setting is None unless it was given."""
    parser = JapaneseParser("法令四択問題で LoRA / QLoRA の学習をし、アダプタのフォルダを作ります。", _EXAMPLES)
    add_options(parser, TrainConfig, unset=unset)
    group = parser.add_argument_group("実行")
    add_config_option(group)
    group.add_argument("--resume", action="store_true", help="中断した学習を、最後に保存したところから続ける")
    group.add_argument(
        "--no-plan", action="store_true", help="GPU メモリに入らない見込みでも始める（見積もりは run.json に残す）"
    )
    group.add_argument("--dry-run", action="store_true", help="最初のステップの直前まで確かめ、学習も書き込みもしない")
    return parser


def config_from_arguments(arguments: argparse.Namespace) -> TrainConfig:
    """The settings. Raises ConfigError listing every contradiction at once."""
    config: TrainConfig = from_arguments(TrainConfig, arguments)
    return config
