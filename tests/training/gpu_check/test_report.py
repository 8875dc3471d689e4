"""The report of a GPU check: what counts as a good prediction, by phase and at the peak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.training.gpu_check.check import GpuCheck
from app.training.gpu_check.report import letters_agree, memory_error_gib, render_report, tolerance_gib
from app.training.memory.plan import GIB, MemoryPlan
from app.training.memory.setting import MemorySetting

PLAN = MemoryPlan(
    model="m", peak_gib=0.76, peak_phase="backward", reserved_gib=0.9, growing_gib=0.88, required_gib=1.4, vram_gib=10, desktop_gib=0,
    fits=True, items={}, setting=MemorySetting(),
    phases={"load": 0.5, "forward": 0.6, "loss": 0.65, "backward": 0.76, "optimizer": 0.6},
)  # fmt: skip
CHECK = GpuCheck(
    run={"hardware": {"system": "Linux", "gpu": "card"}, "packages": {}, "python": "3.11", "git_revision": "r",
         "started_at": "now"},
    model_name="m", device="cuda", plan=PLAN, measured_with="x", reserved=int(0.8 * GIB), step_tokens=[10, 20, 40],
    peaks={phase: int(size * GIB) for phase, size in PLAN.phases.items()}, step_seconds=[5.0, 1.0, 2.0],
    losses=[1.0, 0.9, 0.8], correct=["a", "b"], letters=["a", "b"], cpu_letters=["a", "b"], largest_difference=0.01,
)  # fmt: skip


def measured(**gib: float) -> GpuCheck:
    return replace(CHECK, peaks={**CHECK.peaks, **{phase: int(size * GIB) for phase, size in gib.items()}})


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {name} |"))


@pytest.mark.parametrize(("predicted", "allowed"), [(0.5, 0.1), (0.76, 0.1), (2.0, 0.1), (7.0, 0.35), (12.0, 0.6)])
def test_a_prediction_may_be_off_by_a_twentieth_but_never_less_than_what_cannot_be_told(
    predicted: float, allowed: float
) -> None:
    assert tolerance_gib(predicted) == pytest.approx(allowed)


@pytest.mark.parametrize(
    ("backward", "good"), [(0.76, True), (0.85, True), (0.87, False), (0.66, False), (0.45, False)]
)
def test_the_verdict_is_about_the_peak(backward: float, good: bool) -> None:
    check = measured(backward=backward)
    text = render_report(check)
    assert ("メモリの予測は合っています" in text) == good
    assert ("○" in row(text, "最大")) == good
    assert memory_error_gib(check) == pytest.approx(max(backward, 0.65) - 0.76, abs=1e-6)


def test_each_phase_is_judged_by_itself() -> None:
    text = render_report(measured(load=0.9, forward=0.65))
    assert row(text, "読み込み") == "| 読み込み | 0.50 | 0.90 | +0.40 | **外れ** |"
    assert row(text, "順伝播") == "| 順伝播 | 0.60 | 0.65 | +0.05 | ○ |"
    assert row(text, "アロケータの予約").endswith("| -0.10 | - |")
    unmeasured = replace(CHECK, peaks={"backward": int(0.76 * GIB)})
    assert row(render_report(unmeasured), "更新") == "| 更新 | 0.60 | 測れず | - | - |"


def test_on_the_cpu_nothing_is_judged() -> None:
    text = render_report(replace(CHECK, device="cpu"))
    assert "GPU では動かしていません" in text
    assert "○" not in row(text, "逆伝播")


def test_speed_leaves_the_first_step_out() -> None:
    assert CHECK.tokens_per_second == pytest.approx((20 + 40) / (1.0 + 2.0))
    assert replace(CHECK, step_seconds=[5.0], step_tokens=[10]).tokens_per_second == pytest.approx(2.0)
    assert "各ステップで 10、20、40 トークン" in render_report(CHECK)


@pytest.mark.parametrize(
    ("cpu_letters", "difference", "agree"),
    [(["a", "b"], 0.3, True), (["a", "c"], 0.04, True), (["a", "c"], 0.06, False)],
)
def test_letters(cpu_letters: list[str], difference: float, agree: bool) -> None:
    check = replace(CHECK, cpu_letters=cpu_letters, largest_difference=difference)
    assert letters_agree(check) == agree
    assert ("**不一致**" in render_report(check)) == (not agree)
