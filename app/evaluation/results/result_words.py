"""What a reader calls the parts of a result: names of codes, and single numbers with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.prompts import FITS, Form
from ..number_text import interval_text, nats, p_text, points
from ..running.plan import RETRIEVED
from ..statistics import Interval
from .run_facts import PlanFacts

POLARITY_NAMES = {
    "correct": "正しいもの",
    "incorrect": "誤っているもの",
    "not_applicable": "該当しないもの",
    "other": "その他",
}
CONTEXT_NAMES = {
    "none": "文脈なし",
    "removed": "正解の条文を抜いた検索結果",
    "rag": "検索した条文",
    "gold": "正解の条文",
}
STATUS_NAMES = {
    "correct": "正解",
    "wrong": "不正解",
    "tied": "同数で決まらず",
    "unparsed": "読み取れず",
    "failed": "失敗",
}
# How a written answer read (app.core.answers).
TEXT_STATUS_NAMES = {
    "ok": "読み取れた",
    "ambiguous": "あいまい",
    "unparsed": "答えなし",
    "truncated": "途中で切れた",
    "empty": "空",
}


def percent(value: float | None) -> str:
    """``0.4286`` as ``42.9 %``; a dash for None."""
    return "—" if value is None else f"{100 * value:.1f} %"


def interval(bounds: tuple[float, float] | list[float]) -> str:
    """A 95 % interval as ``95 % 区間 35.0–51.2 %``."""
    return f"95 % 区間 {100 * bounds[0]:.1f}–{100 * bounds[1]:.1f} %"


def accuracy_label(orders: int, ensemble: bool, form: Form = "letter") -> str:
    """What the headline accuracy counts: with several orders, one answer a question."""
    if form == "choice":
        return "正解率（選択肢ごとの判断）"
    return "正解率" if orders == 1 else f"正解率（{orders} 通りの並びの{'確率の平均' if ensemble else '多数決'}）"


def form_of(summary: Mapping[str, Any]) -> Form:
    """The form in which a result was asked: choices that were judged by themselves are counted as statements."""
    return "choice" if summary["statements"] or "chi_square" not in summary["collapse"] else "letter"


def counts_text(counts: Mapping[str, int]) -> str:
    """How the questions came out; ties without an answer only where there are some."""
    return "、".join(
        f"{name} {counts[status]}" for status, name in STATUS_NAMES.items() if status != "tied" or counts[status]
    )


def ties_text(ties: Mapping[str, int]) -> str:
    """How many answers hang on a tie, and how many of those are right."""
    return f"うち同数で決まった問題 {ties['questions']}（正解 {ties['correct']}）"


def number_text(value: float | None) -> str:
    """An AUC as ``0.586``; a dash for None."""
    return "—" if value is None else f"{value:.3f}"


def auc_text(statements: Mapping[str, Any]) -> str:
    """The AUC with its interval over clusters."""
    bounds = statements["auc_ci95"]
    return number_text(statements["auc"]) + (f"（95 % 区間 {bounds[0]:.3f}–{bounds[1]:.3f}）" if bounds else "")


def histogram_text(collapse: Mapping[str, Any]) -> str:
    """How far the answers are from even; the test only where every question has the same letters."""
    test = (
        ""
        if collapse["chi_square"] is None
        else f"一様との差 χ² {collapse['chi_square']:.1f}、{p_text(collapse['chi_square_p'])}、"
    )
    return f"{test}エントロピー {collapse['entropy_bits']:.2f} ビット"


def context_name(context: str, top_k: int | None) -> str:
    """How a context is called: ``検索した条文 top 3``."""
    return CONTEXT_NAMES[context] + (f" top {top_k}" if context in RETRIEVED and top_k else "")


def plan_context(plan: PlanFacts) -> str:
    """The context in which a stored result was asked."""
    return "文脈は不明" if plan.context is None else context_name(plan.context, plan.top_k)


def judged_to_fit(statements: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    """How many choices were judged to fit, and of how many: of those that do, and of the others.

    A model that has become strict says so of few of both, which the accuracy of the judgements hides.
    """
    total, fitting, said = (int(statements[name]) for name in ("total", "fitting", "said_to_fit"))
    # correct = right + (others − wrong), and said = right + wrong.
    right = (int(statements["correct"]) - (total - fitting) + said) // 2
    return (right, fitting), (said - right, total - fitting)


def said_to_fit(statements: Mapping[str, Any]) -> str:
    """``judged_to_fit`` in words."""
    parts = [
        f"{name} {of} 個のうち {count} 個、{percent(count / of)}"
        for name, (count, of) in zip(("当たる", "ほかの"), judged_to_fit(statements), strict=True)
        if of
    ]
    return f"「{FITS}」と判断 {statements['said_to_fit']} 個（{'。'.join(parts)}）"


READING_CONCLUSIONS = {
    "reads": "条文があると正解率が上がります。条文との文字の重なりだけで選んでも上がるので、モデルなしの目安と並べて見てください",
    "reads by probability": "正解率の差は偶然でもありえますが、条文があると正解に与える確率が上がります。自信が弱まるだけでも上がるので、自信の強さを合わせた変化と、正解をほかより上に置いた割合も見てください",
    "does not read": "条文がなくても成績が落ちたとは言えません。このモデルは条文を読んでいるとは言えません",
    "undecided": "条文のまとまりが少ないので、条文を読んでいるかは判定しません",
}


def reading_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the law adds, and whether the model reads it."""
    lines = ["条文を読んでいるか（正解の条文があるときと、ないときの比較）:"] if rows else []
    return lines + [f"  {reading_text(row)}" for row in rows]


def reading_text(row: Mapping[str, Any]) -> str:
    """One row of the reading test as a line."""
    without, having = row["accuracy"]
    return (
        f"{CONTEXT_NAMES[row['context']]} {percent(without)} → 正解の条文 {percent(having)}: 条文が足したもの "
        f"{gain_text(row)}。{READING_CONCLUSIONS.get(row['conclusion'], row['conclusion'])}。"
    )


def both_forms_lines(row: Mapping[str, Any] | None) -> list[str]:
    """What the model knows when both forms of asking are put together; nothing without a result in the other form."""
    if row is None:
        return []
    doubt = "、信用できない結果" if row["distrust"] else ""
    return [
        f"一つずつの判断と文字を合わせると（{Path(row['path']).name}{doubt}）: {known_text(row['together'])}",
        f"  一つずつ {percent(row['choice']['accuracy'])} に対して {gain_text(row['against_choice'])}",
        f"  文字 {percent(row['letter']['accuracy'])} に対して {gain_text(row['against_letter'])}",
    ]


def known_text(known: Mapping[str, Any]) -> str:
    """How much one way of asking has right, how sure it is of the right answers, and where it places them."""
    return (
        f"正解率 {percent(known['accuracy'])}、正解の対数確率 {known['gold_logprob']:.3f}、"
        f"正解をほかより上に置いた割合 {percent(known['pair_order'])}"
    )


def gain_text(gain: Mapping[str, Any]) -> str:
    """A gain as stored: points with interval and p-value, and that of the log-probability where there is one."""
    bounds = None if gain["ci95"] is None else Interval(*gain["ci95"])
    return f"{points(gain['difference'])} ポイント（{interval_text(bounds)}、{p_text(gain['p_value'])}）{_scores_text(gain)}"


def _scores_text(stored: Mapping[str, Any]) -> str:
    """The changes of scores beside another number, each after a comma; results of before there were some lack them."""
    parts = (
        ("logprob", "正解の対数確率", nats, ""),
        ("calibrated", "自信の強さをそれぞれ合わせると", nats, ""),
        ("pair_order", "正解をほかより上に置いた割合", points, " ポイント"),
    )
    return "".join(
        f"、{title} {_change_text(stored, name, number, unit)}"
        for name, title, number, unit in parts
        if stored.get(f"{name}_change") is not None
    )


def _change_text(gain: Mapping[str, Any], name: str, number: Callable[[float], str], unit: str = "") -> str:
    bounds = None if gain[f"{name}_ci95"] is None else Interval(*gain[f"{name}_ci95"])
    facts = f"{interval_text(bounds, number)}、{p_text(gain[f'{name}_p_value'])}"
    return f"{number(gain[f'{name}_change'])}{unit}（{facts}）"
