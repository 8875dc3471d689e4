"""The Markdown report of a check on random weights: planned beside measured, ours beside what people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..memory.plan import CUDA_CONTEXT_GIB, GIB
from ..memory.projection import PHASES
from ..memory.report import PHASE_NAMES
from .cases import SIDE_NAMES
from .report import TOLERANCE_GIB, TOLERANCE_SHARE, machine_lines, mark, tolerance_gib

_TRAININGS = {"train": "共有なし", "train_shared": "前半を共有（--share-prefix）"}
# What app.training.memory.tracker counts: rows of a shared prefix have a mask, and Flash Attention takes none.
_PLANNED_ATTENTION = {"train": "FLASH_ATTENTION", "train_shared": "EFFICIENT_ATTENTION"}
_SCORINGS = {"scoring": "行ごと", "scoring_shared": "前半を共有"}


def render_random_report(result: Mapping[str, Any]) -> str:
    """The whole report; what was not run is said in a line."""
    models = list(dict.fromkeys(case["model"] for case in result["cases"]))
    lines = [f"# GPU 検査（乱数の重み）: {'、'.join(models)}", "", _verdict(result), ""]
    machine = result["run"]
    if machine is not None:
        lines += [*machine_lines(machine["run"]), f"- メモリの読み方: {machine['measured_with']}", ""]
    lines += [
        "重みは、モデルの寸法だけを使い、カードの上で一層ずつ乱数から作った 4bit（nf4、二重量子化）です。答えの質は測れません。",
        "",
    ]
    for model in models:
        lines += [f"## {model}", ""]
        for case in result["cases"]:
            if case["model"] == model:
                lines += _case(case, on_card=result["device"] != "cpu")
        lines += _speeds([case for case in result["cases"] if case["model"] == model])
    lines += [
        f"判定は、差が ±{TOLERANCE_GIB} GiB か予測の {TOLERANCE_SHARE:.0%} の大きいほう以内なら ○。「すき間」は、同じ段階の"
        f"予約の最大 − 確保の最大です。CUDA コンテキスト（{CUDA_CONTEXT_GIB} GiB と仮定）は、どちらにも入りません。",
        *(f"- {note}" for note in result["notes"]),
    ]
    return "\n".join(lines) + "\n"


def _verdict(result: Mapping[str, Any]) -> str:
    if result["device"] == "cpu":
        return "**GPU では動かしていません**（CPU で同じ処理を通しただけです。メモリと速さの数字に意味はありません）。"
    off = [
        f"{case['model']} {part} {error:+.2f} GiB"
        for case in result["cases"]
        if case["side"] == "ours"
        for part, error, allowed in _errors(case)
        if abs(error) > allowed
    ]
    seen = any(_errors(case) for case in result["cases"] if case["side"] == "ours")
    if not seen:
        return "**測れませんでした**（下の表を見てください）。"
    found = f"メモリの予測は**外れています**（{'、'.join(off)}）。" if off else "メモリの予測は合っています。"
    return found + ("" if result["finished"] else "**途中まで**です（下に理由）。")


def _errors(case: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """(part, measured − planned peak, what is allowed) of the trainings that were measured to their end; GiB."""
    return [
        (part, _peak(case, part) - planned["peak_gib"], tolerance_gib(planned["peak_gib"]))
        for part, planned in case["plans"].items()
        if part in case["parts"] and "unfinished" not in case["parts"][part]
    ]


def _peak(case: Mapping[str, Any], part: str) -> float:
    highest = max(case["parts"][part]["peak_bytes"].values())
    return float(max(highest, case["parts"].get("load", {}).get("peak_bytes", {}).get("load", 0)) / GIB)


def _case(case: Mapping[str, Any], *, on_card: bool) -> list[str]:
    segments = "伸びるセグメント" if case["growing"] else "普通のセグメント"
    lines = [f"### {SIDE_NAMES[case['side']]}、{segments}", ""]
    if case["error"]:
        lines += [f"**{case['error']}**", ""]
    for part, planned in case["plans"].items():
        if part not in case["parts"]:
            continue
        lines += [
            f"{_TRAININGS[part] if case['side'] == 'ours' else '学習'}（{_how(part, case['parts'][part])}）:",
            "",
            "| 段階 | 予測 (GiB) | 実測 | 差 | 判定 | 予約 | すき間 |",
            "|---|---|---|---|---|---|---|",
        ]
        measured = case["parts"][part]
        load = case["parts"].get("load", {"peak_bytes": {}, "reserved_bytes": {}})
        peaks = {**load["peak_bytes"], **measured["peak_bytes"]}
        reserved = {**load["reserved_bytes"], **measured["reserved_bytes"]}
        lines += [
            _phase(PHASE_NAMES[phase], planned["phases"][phase], peaks.get(phase), reserved.get(phase), on_card)
            for phase in PHASES
        ]
        held = max(reserved.values()) / GIB
        expected = planned["growing_gib" if case["growing"] else "reserved_gib"]
        lines += [
            f"| 予約の最大 | {expected:.2f} | {held:.2f} | {held - expected:+.2f} | - | {held:.2f} | "
            f"{held - max(peaks.values()) / GIB:.2f}（予測 {expected - planned['peak_gib']:.2f}） |",
            "",
        ]
        if measured["retries"]:
            lines += [f"カードが一杯になり、空けてやり直した回数: {measured['retries']}", ""]
    return lines


def _how(part: str, measured: Mapping[str, Any]) -> str:
    """Kernels of attention beside the one that the plan has, and how far a training came that did not end."""
    done, steps = len(measured["step_seconds"]), measured["shape"]["steps"]
    kernels = f"注意機構 {'・'.join(measured['attention']) or '見えず'}、予測の前提 {_PLANNED_ATTENTION[part]}"
    return kernels + (f"。**{steps} ステップ中 {done} で止まりました**" if "unfinished" in measured else "")


def _phase(name: str, planned: float, peak: int | None, reserved: int | None, on_card: bool) -> str:
    if peak is None or reserved is None:
        return f"| {name} | {planned:.2f} | 測れず | - | - | - | - |"
    found = peak / GIB
    judged = mark(planned, found) if on_card else "-"
    return (
        f"| {name} | {planned:.2f} | {found:.2f} | {found - planned:+.2f} | {judged} | {reserved / GIB:.2f} | "
        f"{(reserved - peak) / GIB:.2f} |"
    )


def _speeds(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    trained = [
        f"| {SIDE_NAMES[case['side']].partition('（')[0]}、{name if case['side'] == 'ours' else '共有なし'}"
        f"{'' if case['growing'] else '、普通のセグメント'} | {part['row_tokens_per_second']:,.0f} | "
        f"{part['computed_tokens_per_second']:,.0f} | {'、'.join(f'{one:.2f}' for one in part['step_seconds'])} | "
        f"{max(part['peak_bytes'].values()) / GIB:.2f} | {max(part['reserved_bytes'].values()) / GIB:.2f} |"
        for case in cases
        for key, name in _TRAININGS.items()
        if (part := case["parts"].get(key)) is not None
    ]
    scored = [
        f"| {name}{'' if case['growing'] else '、普通のセグメント'} | {part['questions']} | {part['tokens_per_second']:,.0f} | "
        f"{part['work_seconds']:.2f} | {max(part['peak_bytes'].values()) / GIB:.2f} | "
        f"{max(part['reserved_bytes'].values()) / GIB:.2f} |"
        for case in cases
        for key, name in _SCORINGS.items()
        if (part := case["parts"].get(key)) is not None
    ]
    lines: list[str] = []
    if trained:
        shape = next(case["shape"] for case in cases)
        lines += [
            f"学習の速さ（1 行 {shape['tokens']:,} トークン、{shape['orders']} 行で 1 問、うち前半の {shape['shared']:,} が同じ、"
            f"一度に 1 問、1 ステップ {shape['accumulation']} 問。最初のステップを除く）:",
            "",
            "| 側 | 行のトークン/秒 | 計算したトークン/秒 | 各ステップの秒数 | 最大 (GiB) | 予約 (GiB) |",
            "|---|---|---|---|---|---|",
            *trained,
            "",
        ]
    if scored:
        lines += [
            "採点の速さ（四つの文字の確率。このプログラム）:",
            "",
            "| 方法 | 問 | プロンプトのトークン/秒 | 秒 | 最大 (GiB) | 予約 (GiB) |",
            "|---|---|---|---|---|---|",
            *scored,
            "",
        ]
    return lines
