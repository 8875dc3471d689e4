"""The Markdown report of a GPU check, made to be pasted into an issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..memory.plan import CUDA_CONTEXT_GIB, GIB
from ..memory.projection import PHASES
from ..memory.report import PHASE_NAMES, describe_setting
from .check import GpuCheck

# A prediction is called good within the larger of the two: a share of it, as what is left out (kernels' own scratch,
# rounding) grows with the model; and what cannot be less, since the allocator hands out segments of up to 20 MiB and
# libraries keep workspaces of some tens. Much wider, and a plan of 0.8 GiB could not be wrong.
TOLERANCE_SHARE = 0.05
TOLERANCE_GIB = 0.1
# Probabilities of the letters may differ by this between two devices that both multiply in bfloat16.
LETTER_TOLERANCE = 0.05


def render_report(check: GpuCheck) -> str:
    """The whole report; says in its first lines when it was not made on a GPU."""
    parts = [
        f"# GPU 検査: {check.model_name}",
        "",
        _verdict(check),
        "",
        *machine_lines(check.run),
        "",
        *_memory(check),
        "",
    ]
    return "\n".join([*parts, *_speed(check), "", *_letters(check)]) + "\n"


def memory_error_gib(check: GpuCheck) -> float:
    """Measured minus predicted peak."""
    return max(check.peaks.values()) / GIB - check.plan.peak_gib


def tolerance_gib(predicted_gib: float) -> float:
    """How far a measurement may be from ``predicted_gib``."""
    return max(TOLERANCE_GIB, TOLERANCE_SHARE * predicted_gib)


def mark(predicted_gib: float, measured_gib: float) -> str:
    """○ for a good prediction, as ``tolerance_gib`` has it."""
    return "○" if abs(measured_gib - predicted_gib) <= tolerance_gib(predicted_gib) else "**外れ**"


def _beside(predicted_gib: float, measured: int) -> str:
    return f"{measured / GIB:.2f} | {measured / GIB - predicted_gib:+.2f}"


def letters_agree(check: GpuCheck) -> bool:
    """True when both devices choose the same letters, or differ only where the probabilities are as good as equal."""
    return check.letters == check.cpu_letters or check.largest_difference <= LETTER_TOLERANCE


def _verdict(check: GpuCheck) -> str:
    if check.device == "cpu":
        return "**GPU では動かしていません**（CPU で同じ処理を通しただけです。メモリと速さの数字に意味はありません）。"
    allowed = tolerance_gib(check.plan.peak_gib)
    memory = "合っています" if abs(memory_error_gib(check)) <= allowed else "**外れています**"
    letters = "一致" if letters_agree(check) else "**不一致**"
    return (
        f"メモリの予測は{memory}（最大の差 {memory_error_gib(check):+.2f} GiB、許容 ±{allowed:.2f}）。"
        f"GPU と CPU の選んだ文字は{letters}。"
    )


def machine_lines(run: Mapping[str, Any]) -> list[str]:
    """What was measured on and with, of a run's header."""
    hardware = run["hardware"]
    packages = "、".join(f"{name} {version}" for name, version in run["packages"].items() if version)
    return [
        "## 環境",
        f"- GPU: {hardware.get('gpu', 'なし')}（{hardware.get('gpu_memory_gib', '-')} GiB）、{hardware['system']}",
        f"- Python {run['python']}、{packages}",
        f"- commit: {run['git_revision']}、日時: {run['started_at']}",
    ]


def _memory(check: GpuCheck) -> list[str]:
    made = check.plan
    lines = [
        "## メモリ（GiB）",
        f"設定: {describe_setting(made)}",
        "",
        f"| 段階 | 予測 | 実測（{check.measured_with}） | 差 | 判定 |",
        "|---|---|---|---|---|",
    ]
    rows = [(PHASE_NAMES[phase], made.phases[phase], check.peaks.get(phase)) for phase in PHASES]
    for name, predicted, found in [*rows, ("最大", made.peak_gib, max(check.peaks.values()))]:
        if found is None:
            lines.append(f"| {name} | {predicted:.2f} | 測れず | - | - |")
        else:
            judged = "-" if check.device == "cpu" else mark(predicted, found / GIB)
            lines.append(f"| {name} | {predicted:.2f} | {_beside(predicted, found)} | {judged} |")
    # Which of the two applies is the system's affair (app.training.model.setup): for information.
    lines.append(f"| アロケータの予約 | {made.reserved_gib:.2f} | {_beside(made.reserved_gib, check.reserved)} | - |")
    lines.append(f"| 同、伸びるセグメント | {made.growing_gib:.2f} | {_beside(made.growing_gib, check.reserved)} | - |")
    lines += [
        "",
        f"判定は、差が ±{TOLERANCE_GIB} GiB か予測の {TOLERANCE_SHARE:.0%} の大きいほう以内なら ○。"
        f"このほかに CUDA コンテキストを {CUDA_CONTEXT_GIB} GiB と仮定しています。",
    ]
    return lines


def _speed(check: GpuCheck) -> list[str]:
    seconds = "、".join(f"{value:.2f}" for value in check.step_seconds)
    losses = "、".join(f"{value:.3f}" for value in check.losses)
    return [
        "## 速さ",
        f"- 学習 {check.tokens_per_second:,.0f} トークン/秒（最初のステップを除く。各ステップで"
        f" {'、'.join(f'{tokens:,}' for tokens in check.step_tokens)} トークン）",
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
