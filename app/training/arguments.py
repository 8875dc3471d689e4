"""The command line of the training program, and the settings it gives. Defaults live in TrainConfig alone."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..core.chat import CHAT_FORMATS
from ..core.cli import JapaneseParser
from ..llm.loading import COMPUTE_DTYPES, QUANT_TYPES
from .config import (
    DEVICES,
    EMBEDDING_DEVICES,
    LORA_BIASES,
    LORA_DTYPES,
    OBJECTIVES,
    OPTIMIZERS,
    REPORTERS,
    TRAIN_MODES,
    TrainConfig,
)

_EXAMPLES = (
    "python scripts/train_qwen_law_ft.py --model-name Qwen/Qwen3-8B --use-4bit --bf16"
    " --train-file results/finetune/ft_direct_full_rag_top3.jsonl --output-dir runs/direct_rag_v1",
    "python scripts/train_qwen_law_ft.py --model-name sample/tiny-qwen3"
    " --train-file results/finetune/ft_direct_full_norag.jsonl --output-dir runs/tiny --max-steps 20 --dry-run",
    "python scripts/train_qwen_law_ft.py --model-name sample/tiny-qwen3"
    " --train-file results/finetune/ft_direct_full_norag.jsonl --output-dir runs/tiny --max-steps 20 --resume",
)
_DEFAULTS: dict[str, Any] = {
    field.name: list(field.default) if isinstance(field.default, tuple) else field.default
    for field in fields(TrainConfig)
}


def parser() -> JapaneseParser:
    """The parser of ``scripts/train_qwen_law_ft.py``."""
    parser = JapaneseParser("法令四択問題で LoRA / QLoRA の学習をし、アダプタのフォルダを作ります。", _EXAMPLES)
    _add_required(parser)
    _add_schedule(parser)
    _add_lora(parser)
    _add_precision(parser)
    _add_data(parser)
    _add_watching(parser)
    _add_running(parser)
    return parser


def config_from_arguments(arguments: argparse.Namespace) -> TrainConfig:
    """The settings. Raises ConfigError listing every contradiction at once."""
    values = {field.name: getattr(arguments, field.name) for field in fields(TrainConfig)}
    return TrainConfig(**{**values, "target_modules": tuple(values["target_modules"])})


def _option(group: Any, name: str, kind: Any, text: str, **more: Any) -> None:
    field = name.removeprefix("--").replace("-", "_")
    default = _DEFAULTS[field]
    shown = "" if default is None else f"（既定: {' '.join(default) if isinstance(default, list) else default}）"
    group.add_argument(name, type=kind, default=default, help=text + shown, **more)


def _choice(group: Any, name: str, choices: Any, text: str) -> None:
    _option(group, name, str, text, choices=choices)


def _flag(group: Any, name: str, text: str) -> None:
    field = name.removeprefix("--").replace("-", "_")
    default = _DEFAULTS[field]
    action = argparse.BooleanOptionalAction if default else "store_true"
    group.add_argument(name, action=action, default=default, help=text)


def _add_required(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("必須")
    group.add_argument("--model-name", required=True, help="ベースモデルのフォルダ、または Hugging Face Hub の名前")
    group.add_argument(
        "--train-file",
        required=True,
        type=Path,
        help="学習データの JSONL（build_finetune_dataset.py の出力。Alpaca 形式と ShareGPT 形式の会話も読む）",
    )
    group.add_argument("--output-dir", required=True, type=Path, help="アダプタのフォルダ（一つの学習に一つ）")
    _option(
        parser,
        "--init-adapter",
        Path,
        "このアダプタの重みから始める（同じベースモデルと LoRA の形）。学習した問題の記録も引き継ぐ",
        metavar="DIR",
    )


def _add_schedule(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("学習の進め方")
    _option(group, "--num-epochs", int, "学習データを何周するか")
    _option(group, "--max-steps", int, "最適化のステップ数。指定すると --num-epochs の代わりになる")
    _option(group, "--learning-rate", float, "学習率の最大値。ウォームアップの後、0 まで直線で下がる")
    _option(group, "--batch-size", int, "一度に計算する行数。増やすとメモリが増える")
    _option(group, "--gradient-accumulation-steps", int, "何回分の勾配をためて 1 ステップにするか")
    _option(group, "--warmup-ratio", float, "学習率を 0 から上げていく区間の、全ステップに対する割合")
    _option(group, "--weight-decay", float, "AdamW の weight decay")
    _option(group, "--seed", int, "乱数の種。LoRA の初期値、データの順序、dropout を決める")


def _add_lora(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("LoRA")
    _option(group, "--lora-r", int, "LoRA のランク")
    _option(group, "--lora-alpha", int, "LoRA の倍率の分子。更新は alpha / r 倍される")
    _flag(group, "--rslora", "倍率を alpha / √r にする（rank-stabilised LoRA）。ランクを上げても学習の速さが落ちにくい")
    _option(group, "--lora-dropout", float, "LoRA の入力を落とす割合")
    _option(
        group, "--target-modules", str, "LoRA を付ける層の名前（例: q_proj v_proj）。all-linear は出力層を除くすべての線形層",
        nargs="+",
    )  # fmt: skip
    _choice(group, "--lora-bias", LORA_BIASES, "バイアスも学習するか")
    _choice(
        group,
        "--lora-dtype",
        LORA_DTYPES,
        "LoRA の重みと勾配の型。bf16 では残りの 16bit を最適化の側に持ち、小さな更新も失わない",
    )


def _add_precision(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("精度とメモリ")
    _flag(
        group,
        "--bf16",
        "bfloat16 で計算する。Ampere 以後の GPU か CPU（既定: GPU では対応していれば bf16、CPU では重みの型のまま。bfloat16 の命令がない CPU では float32）",
    )
    _flag(group, "--fp16", "float16 で計算する（GPU のみ。--bf16 とは同時に使えない）")
    _flag(group, "--use-4bit", "ベースモデルを 4bit で読み込む（QLoRA、二重量子化）")
    _choice(
        group,
        "--bnb-4bit-compute-dtype",
        COMPUTE_DTYPES,
        "4bit の重みを計算のときに戻す型。指定しなければ計算の型に合わせる（fp16 なら float16、bfloat16 の命令がない CPU では float32、ほかは bfloat16）",
    )
    _choice(group, "--bnb-4bit-quant-type", QUANT_TYPES, "4bit の量子化方式")
    _flag(group, "--activation-checkpointing", "各層の途中結果を捨てて計算し直し、メモリを減らす（既定: する）")
    _flag(
        group,
        "--activation-offload",
        "計算し直しのために残す値をメインメモリに置く。長い列で GPU のメモリが減り、少し遅くなる",
    )
    _choice(
        group,
        "--embedding-device",
        EMBEDDING_DEVICES,
        "埋め込み表の置き場所。cpu にすると GPU のメモリが減る（8B で約 1.2 GiB）",
    )
    _flag(group, "--lm-head-4bit", "出力層も 4bit にする（8B で約 0.9 GiB 減る。logits が少し丸められる）")
    _choice(group, "--optimizer", OPTIMIZERS, "adamw_8bit は最適化の状態を 8bit で持ち、メモリを減らす（bitsandbytes）")
    _choice(group, "--device", DEVICES, "計算する装置。auto は GPU があれば使う")


def _add_data(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("データ")
    _option(group, "--max-seq-length", int, "プロンプトと回答を合わせたトークン数の上限。超えるレコードは切らずに断る")
    _flag(group, "--skip-long-records", "上限を超えるレコードを断らずに除く（件数と ID を run.json に残す）")
    _flag(
        group,
        "--share-prefix",
        "同じ問題の順序違いを、共通の前半を一度だけ計算する一本の列にする（--batch-size は問題の数になる）",
    )
    _choice(group, "--train-mode", TRAIN_MODES, "direct・cot は、全レコードがその形式かを確かめる。auto はそのまま使う")
    _choice(
        group,
        "--objective",
        OBJECTIVES,
        "損失。text は回答の文字と終了トークン、letter は評価と同じ四つの文字の確率（direct だけ。終了は学習しない）、"
        "choice は build_finetune_dataset.py --form choice のレコードで、問題の中での選択肢の比較と選択肢ごとの○×"
        "（--share-prefix も付き、--batch-size は問題の数になる）",
    )
    _flag(group, "--loss-on-output-only", "回答だけを損失に入れる（既定: する。--no- を付けるとプロンプトも学習する）")
    _choice(group, "--chat-format", CHAT_FORMATS, "プロンプトの包み方。auto はモデルのチャットテンプレート")


def _add_watching(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("経過の確認と保存")
    _option(group, "--eval-file", Path, "開発用の JSONL。学習中に正答率を測り、最良のアダプタを残す")
    _option(group, "--eval-steps", int, "何ステップごとに開発用データで測るか（既定: 1 エポックごと）")
    _option(group, "--early-stopping-patience", int, "何回続けて最良を更新しなければ止めるか（既定: 止めない）")
    _option(group, "--logging-steps", int, "何ステップごとに経過を表示するか")
    _option(group, "--save-steps", int, "何ステップごとに途中経過を保存するか（既定: 1 エポックごと）")
    _choice(group, "--report-to", REPORTERS, "tensorboard を指定すると、そのログも書く")


def _add_running(parser: JapaneseParser) -> None:
    group = parser.add_argument_group("実行")
    group.add_argument("--resume", action="store_true", help="中断した学習を、最後に保存したところから続ける")
    group.add_argument(
        "--no-plan", action="store_true", help="GPU メモリに入らない見込みでも始める（見積もりは run.json に残す）"
    )
    group.add_argument("--dry-run", action="store_true", help="最初のステップの直前まで確かめ、学習も書き込みもしない")
