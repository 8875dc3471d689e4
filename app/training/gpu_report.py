"""The Markdown report of a GPU check, made to be pasted into an issue."""

from __future__ import annotations

from app.training.gpu_check import GpuCheck
from app.training.memory import CUDA_CONTEXT_GIB, GIB
from app.training.memory_projection import PHASES
from app.training.memory_report import PHASE_NAMES, describe_setting

# A prediction is called good within this; what issue 4 asks of the reference points.
TOLERANCE_GIB = 0.35
# Probabilities of the letters may differ by this between two devices that both multiply in bfloat16.
LETTER_TOLERANCE = 0.05


def render_report(check: GpuCheck) -> str:
    """The whole report; says in its first lines when it was not made on a GPU."""
    parts = [f"# GPU 検査: {check.model_name}", "", _verdict(check), "", *_machine(check), "", *_memory(check), ""]
    return "\n".join([*parts, *_speed(check), "", *_letters(check)]) + "\n"


def memory_error_gib(check: GpuCheck) -> float:
    """Measured minus predicted peak."""
    return max(check.peaks.values()) / GIB - check.plan.peak_gib


def letters_agree(check: GpuCheck) -> bool:
    """True when both devices choose the same letters, or differ only where the probabilities are as good as equal."""
    return check.letters == check.cpu_letters or check.largest_difference <= LETTER_TOLERANCE


def _verdict(check: GpuCheck) -> str:
    if check.device == "cpu":
        return "**GPU では動かしていません**（CPU で同じ処理を通しただけです。メモリと速さの数字に意味はありません）。"
    memory = "合っています" if abs(memory_error_gib(check)) <= TOLERANCE_GIB else "**外れています**"
    letters = "一致" if letters_agree(check) else "**不一致**"
    return (
        f"メモリの予測は{memory}（差 {memory_error_gib(check):+.2f} GiB、許容 ±{TOLERANCE_GIB}）。"
        f"GPU と CPU の選んだ文字は{letters}。"
    )


def _machine(check: GpuCheck) -> list[str]:
    hardware = check.run["hardware"]
    packages = "、".join(f"{name} {version}" for name, version in check.run["packages"].items() if version)
    return [
        "## 環境",
        f"- GPU: {hardware.get('gpu', 'なし')}（{hardware.get('gpu_memory_gib', '-')} GiB）、{hardware['system']}",
        f"- Python {check.run['python']}、{packages}",
        f"- commit: {check.run['git_revision']}、日時: {check.run['started_at']}",
    ]


def _memory(check: GpuCheck) -> list[str]:
    made = check.plan
    lines = [
        "## メモリ（GiB）",
        f"設定: {describe_setting(made)}",
        "",
        f"| 段階 | 予測 | 実測（{check.measured_with}） | 差 |",
        "|---|---|---|---|",
    ]
    for phase in PHASES:
        measured = check.peaks.get(phase)
        row = "測れず | -" if measured is None else f"{measured / GIB:.2f} | {measured / GIB - made.phases[phase]:+.2f}"
        lines.append(f"| {PHASE_NAMES[phase]} | {made.phases[phase]:.2f} | {row} |")
    peak, reserved = max(check.peaks.values()) / GIB, check.reserved / GIB
    lines += [
        f"| 最大 | {made.peak_gib:.2f} | {peak:.2f} | {peak - made.peak_gib:+.2f} |",
        f"| アロケータの予約 | {made.reserved_gib:.2f} | {reserved:.2f} | {reserved - made.reserved_gib:+.2f} |",
        "",
        f"このほかに CUDA コンテキストを {CUDA_CONTEXT_GIB} GiB と仮定しています。",
    ]
    return lines


def _speed(check: GpuCheck) -> list[str]:
    seconds = "、".join(f"{value:.2f}" for value in check.step_seconds)
    losses = "、".join(f"{value:.3f}" for value in check.losses)
    return [
        "## 速さ",
        f"- 学習 {check.tokens_per_second:,.0f} トークン/秒（最初のステップを除く。1 ステップ平均"
        f" {check.tokens_per_step:,.0f} トークン）",
        f"- 各ステップの秒数: {seconds}",
        f"- 各ステップの損失: {losses}",
    ]


def _letters(check: GpuCheck) -> list[str]:
    right = sum(chosen == gold for chosen, gold in zip(check.letters, check.correct, strict=True))
    return [
        f"## 見本の {len(check.correct)} 問（学習 {len(check.losses)} ステップの後。正答率を語れる数ではありません）",
        f"- 正解: {' '.join(check.correct)}",
        f"- {check.device}: {' '.join(check.letters)}（{right} 問正答）",
        f"- CPU: {' '.join(check.cpu_letters)}",
        f"- 文字の確率の最大の差: {check.largest_difference:.4f}",
    ]
