"""The command line of the memory planner."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, replace
from pathlib import Path
from typing import Any

from ...core.cli import JapaneseParser
from ...core.errors import ConfigError
from ...core.options import add_options, option_name, settings_fields
from ..config import TrainConfig
from .setting import MemorySetting

MOST_TOKENS = 2**26  # of a step: tensors beyond that cannot even be described

_EXAMPLES = (
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10 --train-file results/finetune/choice_rag.jsonl --objective choice --max-seq-length 4096",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --vram 10 --quantization nf4 --max-seq-length 1024 --batch-size 2 --json",
    "python scripts/plan_memory.py --model-name Qwen/Qwen3-8B --max-seq-length 1024 --reference usual",
)
# What the planner's settings name otherwise than training: what stands for it beside --train-file (None: the file says it).
_OF_PLANNER_ALONE = {
    "quantization": "--use-4bit と --bnb-4bit-quant-type",
    "checkpointing": "--activation-checkpointing",
    "label_positions": None,
}
_SAME_OPTION = {"activation_offload": "offload"}
_OUTPUTS = "runs"
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
        help="全層をシミュレートする（遅い。値は同じ。大きさを指定したときだけ）",
    )
    group = made.add_argument_group("学習の設定（train_qwen_law_ft.py と同じ名前、同じ既定）")
    add_options(group, MemorySetting, unset=True)
    file = made.add_argument_group(
        "学習データから見積もる（学習のほかの引数も、train_qwen_law_ft.py と同じものを付けられる）"
    )
    file.add_argument(
        "--train-file", type=Path, help="この学習データの、束ねた後の長さを読んで見積もり、学習のコマンドを表示する"
    )
    file.add_argument(
        "--tokenizer", metavar="DIR",
        help="学習データを読むトークナイザのフォルダか名前（既定: --model-name のもの。8B なら 0.6B などの同じ系列のものでよい）",
    )  # fmt: skip
    add_options(made, TrainConfig, only=_training_fields(), unset=True)
    file.add_argument(
        "--output-dir", type=Path, help=f"表示するコマンドのアダプタのフォルダ（既定: {_OUTPUTS}/データの名前）"
    )
    group.add_argument(
        "--reference", choices=_REFERENCES,
        help="比較用の設定。usual は、凍結した重みを fp32 にし、全位置の logits を計算する従来の方法（重みは 4bit）",
    )  # fmt: skip
    return made


def _training_fields() -> list[str]:
    """The optional settings of training that the planner's own do not have."""
    known = {*MemorySetting.__dataclass_fields__, *_SAME_OPTION}
    return [one.name for one, _ in settings_fields(TrainConfig) if one.name not in known and one.default is not MISSING]


def training_from_arguments(arguments: argparse.Namespace) -> tuple[TrainConfig, set[str]] | None:
    """The training that ``--train-file`` and the options beside it stand for, and the fields that the user fixed.

    None without ``--train-file``. Raises ConfigError for options that only one of the two ways has.
    """
    given = {
        one.name: value
        for one, _ in settings_fields(TrainConfig)
        if (value := getattr(arguments, _SAME_OPTION.get(one.name, one.name), None)) is not None
    }
    if arguments.train_file is None:
        alone = {*_training_fields(), "output_dir"} & set(given)
        words = [option_name(TrainConfig, name) for name in given if name in alone]
        words += ["--tokenizer"] if arguments.tokenizer is not None else []
        if words:
            raise ConfigError(f"{'、'.join(words)} は --train-file と一緒に使います。")
        return None
    for name, other in _OF_PLANNER_ALONE.items():
        if getattr(arguments, name) is not None:
            way = "その値は学習データから読みます" if other is None else f"{other} で指定してください"
            raise ConfigError(f"{option_name(MemorySetting, name)} は --train-file と同時に指定できません。{way}。")
    for name in ("reference", "exact"):
        if getattr(arguments, name):
            raise ConfigError(f"--{name} は --train-file と同時に指定できません。")
    given.setdefault("output_dir", Path(_OUTPUTS) / arguments.train_file.stem)
    if "target_modules" in given:
        given["target_modules"] = tuple(given["target_modules"])
    return TrainConfig(**given), set(given)


def setting_from_arguments(arguments: argparse.Namespace) -> tuple[MemorySetting, dict[str, Any]]:
    """The setting, and the fields that the user fixed. Raises ConfigError for a step whose sizes cannot be counted."""
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
    if setting.batch_size * setting.max_seq_length > MOST_TOKENS:
        raise ConfigError(f"--batch-size と --max-seq-length の積は {MOST_TOKENS:,} トークンまで見積もれます。")
    # The default number of label positions gives way to a short row; one that was asked for is checked instead.
    if "label_positions" in fixed or setting.label_positions is None:
        return setting, fixed
    fitting = max(min(setting.label_positions, setting.max_seq_length - 1), 1)
    return replace(setting, label_positions=fitting), fixed
