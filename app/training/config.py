"""The settings of one training run: each field with its effect and unit; what contradicts itself is refused at once."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..core.chat import ChatFormat
from ..core.options import faults, is_of, option, option_name, refuse
from ..core.outputs import same_file
from ..llm.loading import ComputeDtype, QuantType

TrainMode = Literal["direct", "cot", "auto"]
LoraBias = Literal["none", "all", "lora_only"]
Objective = Literal["text", "letter", "choice"]
LoraDtype = Literal["fp32", "bf16"]
EmbeddingDevice = Literal["gpu", "cpu"]
Optimizer = Literal["adamw", "adamw_8bit"]
# What products are computed in: autocast to bf16 or fp16, or the type the weights are stored in.
Precision = Literal["stored", "fp32", "bf16", "fp16"]
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a run learns. Two runs with equal configs, data and machine give equal adapters."""

    model_name: str = field(metadata=option("ベースモデルのフォルダ、または Hugging Face Hub の名前", group="必須"))
    train_file: Path = field(
        metadata=option(
            "学習データの JSONL（build_finetune_dataset.py の出力。Alpaca 形式と ShareGPT 形式の会話も読む）"
        )
    )
    output_dir: Path = field(metadata=option("アダプタのフォルダ（一つの学習に一つ）"))
    init_adapter: Path | None = field(
        default=None,
        metadata=option(
            "このアダプタの重みから始める（同じベースモデルと LoRA の形）。学習した問題の記録も引き継ぐ",
            group="学習の進め方",
            metavar="DIR",
        ),
    )
    num_epochs: int = field(default=3, metadata=option("学習データを何周するか", least=1))
    max_steps: int | None = field(
        default=None, metadata=option("最適化のステップ数。指定すると --num-epochs の代わりになる", least=1)
    )
    learning_rate: float = field(
        default=2e-4,
        metadata=option("学習率の最大値。ウォームアップの後、0 まで直線で下がる", above=0, below=1),
    )
    batch_size: int = field(default=1, metadata=option("一度に計算する行数。増やすとメモリが増える", least=1))
    gradient_accumulation_steps: int = field(
        default=8, metadata=option("何回分の勾配をためて 1 ステップにするか", least=1)
    )
    warmup_ratio: float = field(
        default=0.05, metadata=option("学習率を 0 から上げていく区間の、全ステップに対する割合", least=0, below=1)
    )
    weight_decay: float = field(default=0.0, metadata=option("AdamW の weight decay", least=0))
    seed: int = field(
        default=42, metadata=option("乱数の種。LoRA の初期値、データの順序、dropout を決める", least=0, below=2**32)
    )
    lora_r: int = field(default=16, metadata=option("LoRA のランク", group="LoRA", least=1))
    lora_alpha: int = field(default=32, metadata=option("LoRA の倍率の分子。更新は alpha / r 倍される", least=1))
    # Rank-stabilised LoRA, arXiv 2312.03732.
    rslora: bool = field(
        default=False,
        metadata=option("倍率を alpha / √r にする（rank-stabilised LoRA）。ランクを上げても学習の速さが落ちにくい"),
    )
    lora_dropout: float = field(default=0.05, metadata=option("LoRA の入力を落とす割合", least=0, below=1))
    target_modules: tuple[str, ...] = field(
        default=(ALL_LINEAR,),
        metadata=option("LoRA を付ける層の名前（例: q_proj v_proj）。all-linear は出力層を除くすべての線形層"),
    )
    lora_bias: LoraBias = field(default="none", metadata=option("バイアスも学習するか"))
    # The other 16 bits: app.training.model.master_weights.
    lora_dtype: LoraDtype = field(
        default="fp32",
        metadata=option("LoRA の重みと勾配の型。bf16 では残りの 16bit を最適化の側に持ち、小さな更新も失わない"),
    )
    bf16: bool = field(
        default=False,
        metadata=option(
            "bfloat16 で計算する。Ampere 以後の GPU か CPU（既定: GPU では対応していれば bf16、CPU では重みの型のまま。bfloat16 の命令がない CPU では float32）",
            group="精度とメモリ",
        ),
    )
    fp16: bool = field(default=False, metadata=option("float16 で計算する（GPU のみ。--bf16 とは同時に使えない）"))
    # QLoRA, arXiv 2305.14314.
    use_4bit: bool = field(default=False, metadata=option("ベースモデルを 4bit で読み込む（QLoRA、二重量子化）"))
    bnb_4bit_compute_dtype: ComputeDtype | None = field(
        default=None,
        metadata=option(
            "4bit の重みを計算のときに戻す型。指定しなければ計算の型に合わせる（fp16 なら float16、bfloat16 の命令がない CPU では float32、ほかは bfloat16）"
        ),
    )
    bnb_4bit_quant_type: QuantType = field(default="nf4", metadata=option("4bit の量子化方式"))
    # About a third slower.
    activation_checkpointing: bool = field(
        default=True, metadata=option("各層の途中結果を捨てて計算し直し、メモリを減らす")
    )
    # Two copies a layer.
    activation_offload: bool = field(
        default=False,
        metadata=option("計算し直しのために残す値をメインメモリに置く。長い列で GPU のメモリが減り、少し遅くなる"),
    )
    # With a tied output head the head is computed in main memory too.
    embedding_device: EmbeddingDevice = field(
        default="gpu",
        metadata=option("埋め込み表の置き場所。cpu にすると GPU のメモリが減る（8B で約 1.2 GiB）"),
    )
    lm_head_4bit: bool = field(
        default=False,
        metadata=option("出力層も 4bit にする（8B で約 0.9 GiB 減る。logits が少し丸められる）"),
    )
    optimizer: Optimizer = field(
        default="adamw",
        metadata=option("adamw_8bit は最適化の状態を 8bit で持ち、メモリを減らす（bitsandbytes）"),
    )
    device: Literal["auto", "cpu", "cuda"] = field(
        default="auto", metadata=option("計算する装置。auto は GPU があれば使う")
    )
    # The choice objective compares a question's choices, which share one sequence: there the limit is of all together.
    max_seq_length: int = field(
        default=2048,
        metadata=option(
            "プロンプトと回答を合わせたトークン数の上限。超えるレコードは切らずに断る", group="データ", least=8
        ),
    )
    skip_long_records: bool = field(
        default=False,
        metadata=option("上限を超えるレコードを断らずに除く（件数と ID を run.json に残す）"),
    )
    share_prefix: bool = field(
        default=False,
        metadata=option(
            "同じ問題の順序違いを、共通の前半を一度だけ計算する一本の列にする（--batch-size は問題の数になる）"
        ),
    )
    train_mode: TrainMode = field(
        default="auto",
        metadata=option("direct・cot は、全レコードがその形式かを確かめる。auto はそのまま使う"),
    )
    objective: Objective = field(
        default="text",
        metadata=option(
            "損失。text は回答の文字と終了トークン、letter は評価と同じ四つの文字の確率（direct だけ。終了は学習しない）、"
            "choice は build_finetune_dataset.py --form choice のレコードで、問題の中での選択肢の比較と選択肢ごとの○×"
            "（--share-prefix も付き、--batch-size は問題の数になる）"
        ),
    )
    loss_on_output_only: bool = field(
        default=True,
        metadata=option("回答だけを損失に入れる（既定: する。--no- を付けるとプロンプトも学習する）"),
    )
    chat_format: ChatFormat = field(
        default="auto", metadata=option("プロンプトの包み方。auto はモデルのチャットテンプレート")
    )
    eval_file: Path | None = field(
        default=None,
        metadata=option("開発用の JSONL。学習中に正答率を測り、最良のアダプタを残す", group="経過の確認と保存"),
    )
    eval_steps: int | None = field(
        default=None,
        metadata=option("何ステップごとに開発用データで測るか（既定: 1 エポックごと）", least=1),
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata=option("何回続けて最良を更新しなければ止めるか（既定: 止めない）", least=1),
    )
    # The loss of every step is stored in any case.
    logging_steps: int = field(default=5, metadata=option("何ステップごとに経過を表示するか", least=1))
    save_steps: int | None = field(
        default=None,
        metadata=option("何ステップごとに途中経過を保存するか（既定: 1 エポックごと）", least=1),
    )
    report_to: Literal["none", "tensorboard", "wandb", "mlflow", "trackio"] = field(
        default="none",
        metadata=option(
            "経過をここにも送る（そのパッケージが必要。tensorboard はアダプタのフォルダに書き、ほかは各自の設定に従う）"
        ),
    )

    def __post_init__(self) -> None:
        if self.objective == "choice":
            object.__setattr__(self, "share_prefix", True)
        refuse([*faults(self), *_contradictions(self)])
        if self.init_adapter is not None:
            # A shell leaves the ~ of --init-adapter=~/run as it is, and everything after this reads the folder.
            object.__setattr__(self, "init_adapter", Path(os.path.expanduser(self.init_adapter)))


def default_of(name: str) -> Any:
    """The default of a setting that need not be given."""
    return next(one.default for one in fields(TrainConfig) if one.name == name)


def _contradictions(config: TrainConfig) -> list[str]:
    found = []
    if not config.target_modules:
        found.append("--target-modules に層の名前がありません")
    if ALL_LINEAR in config.target_modules and len(config.target_modules) > 1:
        found.append("--target-modules では all-linear と層の名前を一緒に指定できません")
    if config.activation_offload and not config.activation_checkpointing:
        found.append("--activation-offload には --activation-checkpointing が必要です")
    if config.lm_head_4bit and not config.use_4bit:
        found.append("--lm-head-4bit には --use-4bit が必要です")
    if config.fp16 and config.bf16:
        found.append("--fp16 と --bf16 は同時に指定できません。どちらか一方にしてください")
    if config.fp16 and config.lora_dtype == "bf16":
        found.append("--lora-dtype bf16 と --fp16 は同時に指定できません")
    one_token = config.objective != "text"
    if one_token and not config.loss_on_output_only:
        found.append(f"--objective {config.objective} と --no-loss-on-output-only は同時に指定できません")
    if one_token and config.train_mode == "cot":
        found.append(
            f"--objective {config.objective} は direct のレコードだけに使えます（--train-mode cot とは同時に指定できません）"
        )
    if config.share_prefix and not one_token and not config.loss_on_output_only:
        found.append(
            "--share-prefix と --no-loss-on-output-only は同時に指定できません（共有する部分の損失が一度になるため）"
        )
    if config.eval_file is None:
        for name in ("eval_steps", "early_stopping_patience"):
            if getattr(config, name) is not None:
                found.append(f"{option_name(TrainConfig, name)} には --eval-file が必要です")
    elif all(is_of(Path, one) for one in (config.eval_file, config.train_file)) and same_file(
        config.eval_file, config.train_file
    ):
        found.append("--eval-file と --train-file が同じファイルです。学習に使わない問題を指定してください")
    return found


def compute_dtype_of(config: TrainConfig, precision: Precision) -> ComputeDtype:
    """What 4-bit weights are expanded to: the user's choice, else the type of the products around them."""
    if config.bnb_4bit_compute_dtype is not None:
        return config.bnb_4bit_compute_dtype
    return "float16" if precision == "fp16" else "float32" if precision == "fp32" else "bfloat16"


def config_as_json(config: TrainConfig) -> dict[str, Any]:
    """The resolved settings as plain JSON values, paths as given."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
    }


def config_differences(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Settings in which two stored configs differ, as ``--learning-rate: 0.0002 → 0.0001``.

    How often progress is printed and where files lie do not change what is learned, so they may differ; what the files
    hold is compared by ``run_manifest.check_same_run``.
    """
    free = {"logging_steps", "output_dir", "report_to", "model_name", "train_file", "eval_file", "init_adapter"}
    names = [one.name for one in fields(TrainConfig) if one.name not in free]
    return [
        f"{option_name(TrainConfig, name)}: {before.get(name)} → {now.get(name)}"
        for name in names
        if now.get(name) != before.get(name)
    ]


def steps_per_epoch(records: int, batch_size: int, gradient_accumulation_steps: int) -> int:
    """Optimiser steps in one pass over ``records`` rows; the last step of an epoch may be smaller."""
    batches = -(-records // batch_size)
    return -(-batches // gradient_accumulation_steps)
