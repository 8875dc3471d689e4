"""The command line of the memory planner."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ...core.cli import JapaneseParser
from ..config import EMBEDDING_DEVICES, LORA_DTYPES, OPTIMIZERS
from .setting import QUANTIZATIONS, MemorySetting

_EXAMPLES = (
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10 --max-seq-length 1024 --batch-size 2 --json",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --max-seq-length 1024 --reference usual",
)
_DEFAULTS = MemorySetting()
# What people did before: fp32 copies of the frozen 16-bit weights, and logits of every position in fp32.
_REFERENCES: dict[str, dict[str, Any]] = {
    "usual": {"upcast": True, "label_positions": None, "lora_dtype": "fp32", "lora_dropout": 0.05}
}


def parser() -> JapaneseParser:
    """The parser of ``scripts/plan_memory.py``; an option that is not given is None."""
    made = JapaneseParser(
        "学習に必要な GPU メモリを、モデルを読み込まずに見積もります。--max-seq-length も --batch-size も付けなければ、--vram に入る最大の設定を探します。",
        _EXAMPLES,
    )
    made.add_argument("--model-name", required=True, help="Qwen/Qwen3-8B などの名前、または config.json かそのフォルダ")
    made.add_argument(
        "--vram",
        type=float,
        help="GPU のメモリ（GiB）。torch が全容量として示す値（公称 10 GB の RTX 3080 では 9.78〜10.00）",
    )
    made.add_argument("--desktop", type=float, default=0.8, help="そのうち画面とほかのプログラムが使う分（既定: 0.8）")
    made.add_argument("--json", action="store_true", help="JSON で出力する")
    made.add_argument(
        "--exact",
        action="store_true",
        help="全層をシミュレートする（遅い。ピークの値は同じ。大きさを指定したときだけ）",
    )
    _add_setting(made)
    return made


def _add_setting(made: JapaneseParser) -> None:
    group = made.add_argument_group("学習の設定（train_qwen_law_ft.py と同じ名前）")
    group.add_argument("--max-seq-length", type=int, help=_help("一番長い行のトークン数", "max_seq_length"))
    group.add_argument("--batch-size", type=int, help=_help("一度に計算する行数", "batch_size"))
    group.add_argument(
        "--gradient-accumulation-steps", type=int, help=_help("勾配をためる回数", "gradient_accumulation_steps")
    )
    group.add_argument("--lora-r", type=int, help=_help("LoRA のランク", "lora_r"))
    group.add_argument("--lora-dropout", type=float, help=_help("LoRA の dropout", "lora_dropout"))
    group.add_argument("--lora-dtype", choices=LORA_DTYPES, help=_help("LoRA の重みの型", "lora_dtype"))
    group.add_argument("--target-modules", nargs="+", help="LoRA を付ける層（既定: all-linear）")
    group.add_argument("--quantization", choices=QUANTIZATIONS, help=_help("凍結した線形層の持ち方", "quantization"))
    group.add_argument(
        "--label-positions", type=_positions,
        help="1 行のうち損失に入る位置の数（direct は 2。既定: 256）。full は全位置の logits を一度に計算する普通の方法で、比較用",
    )  # fmt: skip
    group.add_argument(
        "--checkpointing", action=argparse.BooleanOptionalAction, help="各層の途中結果を捨てて計算し直す（既定: する）"
    )
    group.add_argument(
        "--activation-offload", dest="offload", action="store_true", default=None,
        help="checkpointing で残すものを主メモリに置く",
    )  # fmt: skip
    group.add_argument(
        "--embedding-device", choices=EMBEDDING_DEVICES, help=_help("埋め込み表の置き場所", "embedding_device")
    )
    group.add_argument("--lm-head-4bit", action="store_true", default=None, help="出力層も 4bit で持つ")
    group.add_argument(
        "--share-prefix", action="store_true", default=None,
        help="同じ問題の行を 1 本にまとめる。--max-seq-length は、まとめた 1 本のトークン数",
    )  # fmt: skip
    group.add_argument("--optimizer", choices=OPTIMIZERS, help=_help("AdamW の状態の持ち方", "optimizer"))
    group.add_argument(
        "--reference", choices=_REFERENCES,
        help="比較用の設定。usual は、凍結した重みを fp32 にし、全位置の logits を計算する従来の方法",
    )  # fmt: skip


def _help(text: str, name: str) -> str:
    return f"{text}（既定: {getattr(_DEFAULTS, name)}）"


def _positions(text: str) -> int | str:
    if text == "full":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} は整数でも full でもありません") from None


def setting_from_arguments(arguments: argparse.Namespace) -> tuple[MemorySetting, dict[str, Any]]:
    """The setting, and the fields that the user fixed."""
    names = MemorySetting.__dataclass_fields__
    fixed = {name: getattr(arguments, name) for name in names if getattr(arguments, name, None) is not None}
    if "target_modules" in fixed:
        fixed["target_modules"] = tuple(fixed["target_modules"])
    if fixed.get("label_positions") == "full":
        fixed["label_positions"] = None
    fixed = {**_REFERENCES.get(arguments.reference, {}), **fixed}
    return _with_fitting_labels(replace(_DEFAULTS, **fixed), fixed), fixed


def _with_fitting_labels(setting: MemorySetting, fixed: dict[str, Any]) -> MemorySetting:
    # The default number of label positions gives way to a short row; one that was asked for is checked instead.
    if "label_positions" in fixed or setting.label_positions is None:
        return setting
    return replace(setting, label_positions=max(min(setting.label_positions, setting.max_seq_length - 1), 1))
