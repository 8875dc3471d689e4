"""A training run in words, as they are printed before its first step."""

from __future__ import annotations

import math

from .config import TrainConfig
from .model.setup import LoadedModel
from .preparation import PreparedData
from .rank_group import here

_OBJECTIVE_NAMES = {
    "text": "回答の文字列（text）",
    "letter": "回答の位置での四つの文字の確率（letter）",
    "choice": "問題の中での選択肢の比較と、選択肢ごとの○×（choice）",
}
_PRECISION_NAMES = {
    "stored": "重みの型のまま",
    "fp32": "float32（この CPU には bfloat16 の命令がない）",
    "bf16": "bfloat16",
    "fp16": "float16",
}


def describe_run(config: TrainConfig, data: PreparedData, loaded: LoadedModel, processes: str | None = None) -> str:
    """The summary that is printed before the first step."""
    audit = data.audit
    kind = f"4bit {config.bnb_4bit_quant_type}" if config.use_4bit else "量子化なし"
    lines = [
        f"モデル: {config.model_name}（{kind}、計算 {_PRECISION_NAMES[loaded.precision]}、装置 {loaded.device}）",
        f"学習データ: {config.train_file} {audit.rows} 件（{data.mode}）、{audit.tokens} トークン、うち損失に入るのは"
        f" {audit.supervised}、最長 {audit.longest}、計算するのは {audit.computed_tokens} トークン",
        f"損失: {_OBJECTIVE_NAMES[config.objective]}",
        f"LoRA: r={config.lora_r} alpha={config.lora_alpha}{'（rslora）' if config.rslora else ''} {config.lora_dtype}、学習する重み {loaded.trainable:,}"
        f"（全体 {loaded.total:,} の {loaded.trainable / loaded.total:.2%}）",
        f"ステップ: {data.total_steps}（1 エポック {data.epoch_steps}、実効バッチ {_effective_batch(config)}）",
    ]
    if processes is not None:
        lines.append(processes)
    if data.choices is not None:
        lines.insert(2, f"問題: {len(data.units)} 問（選択肢 {audit.rows}、一つの問題の選択肢を一本の列にする）")
    if data.initial is not None:
        lines.append(f"始まり: {config.init_adapter} のアダプタ（SHA-256 {data.initial.weights_sha256[:12]}…）")
    if data.built.too_long:
        names = "、".join(name for name, _ in data.built.too_long[:5])
        lines.append(f"除いた長いレコード: {len(data.built.too_long)} 件（{names}）")
    if data.dev is not None:
        lines.append(f"開発用データ: {config.eval_file} {len(data.dev.correct)} 問")
    shown = audit.shown_row if len(audit.shown_row) <= 600 else f"{audit.shown_row[:200]} … {audit.shown_row[-400:]}"
    lines.append(f"検査: すべての行が正しい。例（⟦⟧ の中を学習する）:\n{shown}")
    return "\n".join(lines)


def _effective_batch(config: TrainConfig) -> str:
    parts = [config.batch_size, config.gradient_accumulation_steps]
    if here().world == 1:
        return str(math.prod(parts))
    parts.append(here().world)
    return f"{math.prod(parts)} = {' × '.join(map(str, parts))}（一つのプロセスの行数 × 累積 × プロセス）"
