"""A memory plan as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence

from .plan import MemoryPlan
from .projection import PHASES

ITEM_NAMES = {
    "weights_4bit": "重み（4bit の符号）",
    "weights": "重み（量子化しない線形層）",
    "scales": "4bit の尺度（二重量子化）",
    "embeddings": "埋め込み表",
    "lm_head": "出力層（lm_head）",
    "norms": "正規化・バイアスなど",
    "lora": "LoRA の重み",
    "gradients": "LoRA の勾配",
    "optimizer": "AdamW の状態",
    "checkpoints": "各層の入力（checkpointing）",
    "activations": "計算の途中結果",
    "logits": "logits とその勾配",
    "scratch": "作業領域（4bit の展開など）",
    "reserve": "アロケータのすき間",
    "cuda_context": "CUDA コンテキスト",
}
PHASE_NAMES = {"load": "読み込み", "forward": "順伝播", "loss": "損失", "backward": "逆伝播", "optimizer": "更新"}


def describe_plan(made: MemoryPlan, reasons: Sequence[str] = (), advice: Sequence[str] = ()) -> str:
    """Verdict, setting, a table by item at the peak and one by phase, and the reasons or the advice."""
    lines = [_verdict(made), "", f"設定: {describe_setting(made)}", "", "項目（ピークのとき）"]
    lines += [f"  {made.items[name]:7.2f} GiB  {label}" for name, label in ITEM_NAMES.items() if name in made.items]
    lines.append(f"  {made.required_gib:7.2f} GiB  合計")
    if made.vram_gib is not None:
        lines.append(f"  {made.desktop_gib:7.2f} GiB  画面とほかのプログラム（--desktop）")
    lines += ["", "段階ごとのピーク（確保中のテンソルの合計。torch.cuda.max_memory_allocated に当たる）"]
    for phase in PHASES:
        mark = "  ← 最大" if phase == made.peak_phase else ""
        lines.append(f"  {made.phases[phase]:7.2f} GiB  {PHASE_NAMES[phase]}{mark}")
    lines.append(f"  {made.reserved_gib:7.2f} GiB  アロケータの予約（torch.cuda.max_memory_reserved に当たる）")
    lines.append(
        f"  {made.growing_gib:7.2f} GiB  同、セグメントを伸ばすとき（Linux の学習はこちら。expandable_segments）"
    )
    if reasons:
        lines += ["", "この設定を選んだ理由", *(f"  - {reason}" for reason in reasons)]
    if advice:
        lines += ["", "入れるには（上から順に、重ねて適用したときの必要量）", *(f"  - {line}" for line in advice)]
    return "\n".join(lines)


def _verdict(made: MemoryPlan) -> str:
    need = made.required_gib + made.desktop_gib
    if made.vram_gib is None:
        return (
            f"{made.model}: GPU に {made.required_gib:.1f} GiB の空きが必要（ピークは{PHASE_NAMES[made.peak_phase]}）"
        )
    room = made.vram_gib - need
    verdict = f"入ります（余り {room:.1f} GiB）" if made.fits else f"入りません（{-room:.1f} GiB 不足）"
    return f"{made.model}: {made.vram_gib:g} GiB の GPU に{verdict}。必要 {need:.1f} GiB、ピークは{PHASE_NAMES[made.peak_phase]}"


def describe_setting(made: MemoryPlan) -> str:
    """The setting in one line."""
    setting = made.setting
    labels = "全位置を一度に" if setting.label_positions is None else f"1 行 {setting.label_positions} 位置"
    weights = "16bit" if setting.quantization == "none" else f"4bit {setting.quantization}"
    return "、".join(
        [
            f"{setting.max_seq_length} トークン × {setting.batch_size} 行",
            f"勾配の累積 {setting.gradient_accumulation_steps} 回",
            f"重み {weights}",
            f"LoRA r={setting.lora_r} {setting.lora_dtype} dropout {setting.lora_dropout:g}（{' '.join(setting.target_modules)}）",
            f"ラベル {labels}",
            f"checkpointing {'あり' if setting.checkpointing else 'なし'}",
            *(["入力は主メモリに"] if setting.offload else []),
            *(["埋め込み表は主メモリに"] if setting.embedding_device == "cpu" else []),
            *(["出力層も 4bit"] if setting.lm_head_4bit else []),
            *(["共通の前半を共有"] if setting.share_prefix else []),
            f"最適化 {setting.optimizer}",
            *(["凍結した重みを fp32 に複製"] if setting.upcast else []),
        ]
    )
