"""The command line of the memory planner."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ...core.cli import JapaneseParser
from ...core.options import add_options
from .setting import MemorySetting

_EXAMPLES = (
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10 --quantization nf4 --max-seq-length 1024 --batch-size 2 --json",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --max-seq-length 1024 --reference usual",
)
# What people did before: QLoRA with fp32 copies of the frozen 16-bit weights, and logits of every position in fp32.
_REFERENCES: dict[str, dict[str, Any]] = {
    "usual": {
        "quantization": "nf4", "upcast": True, "label_positions": None, "lora_dtype": "fp32", "lora_dropout": 0.05,
    }
}  # fmt: skip


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
    group = made.add_argument_group("学習の設定（train_qwen_law_ft.py と同じ名前、同じ既定）")
    add_options(group, MemorySetting, unset=True)
    group.add_argument(
        "--reference", choices=_REFERENCES,
        help="比較用の設定。usual は、凍結した重みを fp32 にし、全位置の logits を計算する従来の方法（重みは 4bit）",
    )  # fmt: skip
    return made


def setting_from_arguments(arguments: argparse.Namespace) -> tuple[MemorySetting, dict[str, Any]]:
    """The setting, and the fields that the user fixed."""
    names = MemorySetting.__dataclass_fields__
    fixed = {name: getattr(arguments, name) for name in names if getattr(arguments, name, None) is not None}
    if "target_modules" in fixed:
        fixed["target_modules"] = tuple(fixed["target_modules"])
    if fixed.get("label_positions") == "full":
        fixed["label_positions"] = None
    fixed = {**_REFERENCES.get(arguments.reference, {}), **fixed}
    if fixed.get("lm_head_4bit"):  # only 4-bit weights have a 4-bit head
        fixed.setdefault("quantization", "nf4")
    setting = MemorySetting(**fixed)
    # The default number of label positions gives way to a short row; one that was asked for is checked instead.
    if "label_positions" in fixed or setting.label_positions is None:
        return setting, fixed
    fitting = max(min(setting.label_positions, setting.max_seq_length - 1), 1)
    return replace(setting, label_positions=fitting), fixed
