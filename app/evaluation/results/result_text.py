"""A summary as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.prompts import FITS, FITS_NOT, Form
from ...data.cited_words import counted_text
from ..comparing.mean_change import logprob_label
from ..statistics import detectable_gain, mcnemar_power
from .known_items import KINDS
from .result_words import (
    CONTEXT_NAMES,
    POLARITY_NAMES,
    TEXT_STATUS_NAMES,
    accuracy_label,
    auc_text,
    both_forms_lines,
    context_name,
    counts_text,
    form_of,
    histogram_text,
    interval,
    number_text,
    percent,
    reading_lines,
    said_to_fit,
    ties_text,
)

# Share of questions on which two runs differ in being right; assumed before a run; it is printed with the power.
DISCORDANT = 0.25
# A group of fewer questions is shown in grey: its interval is wider than any difference one would read from it.
FEW_QUESTIONS = 10
RED, DIM, PLAIN = "\x1b[1;31m", "\x1b[2m", "\x1b[0m"


def summary_lines(summary: Mapping[str, Any], plan: Mapping[str, Any], *, color: bool = False) -> list[str]:
    """The lines printed after an evaluation."""
    form, orders = form_of(summary), summary["orders"]
    every = f"、すべての並びで正解 {percent(orders['all_orders_right'])}" if orders["orders"] > 1 else ""
    lines = [
        f"{accuracy_label(orders['orders'], bool(plan.get('ensemble')), form)} {percent(summary['accuracy'])}"
        f"（{summary['total']} 問中 {summary['correct']} 問、{interval(summary['ci95'])}{every}）"
        f"  文脈: {CONTEXT_NAMES[plan['context']]}",
        f"  内訳: {counts_text(summary['counts'])}",
    ]
    if summary["ties"]:
        lines.append(f"  {ties_text(summary['ties'])}")
    if summary["gold_logprob"] is not None:
        uniform = f"一様なら {summary['uniform_logprob']:.3f}"
        lines.append(f"{logprob_label(form)}: 平均 {summary['gold_logprob']:.3f}（{uniform}）")
    if summary["without_context"]:
        lines.append(f"  うち {summary['without_context']} 問は文脈がないまま尋ねました")
    if "cited_words" in summary:
        lines.append(f"  {counted_text(summary['cited_words'])}")
    if form == "letter":
        lines += _orders(orders)
    elif summary["statements"]:  # not where no choice was judged
        lines += _statements(summary["statements"])
    lines += _histogram(summary, color=color) if form == "letter" else []
    lines += _mass(summary["label_mass"], form)
    lines += _ladder(summary["floors"], several=orders["orders"] > 1)
    lines += _other_contexts(summary["other_contexts"])
    lines += both_forms_lines(summary["both_forms"])
    lines += reading_lines(summary["reading"])
    known = summary["known_items"]
    if known["items"]:
        lines.append(
            f"答えか問題文に疑問のある問題（docs/known-items.md）{len(known['items'])} 問を除くと {percent(known['accuracy_without'])}"
            f"（{known['questions_without']} 問）"
        )
        lines += [f"  {item['id']}: {KINDS[item['kind']]}" for item in known["items"]]
    if summary["text"]:
        text = summary["text"]
        lines.append(
            f"文章からの読み取り: 正解率 {percent(text['accuracy'])}、文字の確率による答えとの一致 {percent(text['agrees_with_letter'])}、"
            + "、".join(
                f"{name} {text['status'][key]}" for key, name in TEXT_STATUS_NAMES.items() if key in text["status"]
            )
        )
    if summary["retrieval"]:
        lines += _retrieval(summary["retrieval"])
    for title, groups, names in group_tables(summary):
        cells = [_group(names.get(name, name), value, color=color) for name, value in groups.items()]
        lines.append(f"{title}（かっこ内は正解数と 95 % 区間）: " + "、".join(cells))
    return lines


def group_tables(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, str]]]:
    """Title, groups and the groups' names of each breakdown that says something: places only where there are any, kinds
    and the number of right choices only where they differ."""
    tables: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = [
        ("法令別", summary["by_law"], {}),
        *([("種類別", summary["by_kind"], {})] if len(summary["by_kind"]) > 1 else []),
        ("問い方別", summary["by_polarity"], POLARITY_NAMES),
    ]
    if form_of(summary) == "letter":
        tables.append(("正解の位置別", summary["by_gold_position"], {}))
    if len(summary["by_right_count"]) > 1:
        names = {count: f"{count} つ" for count in summary["by_right_count"]}
        tables.append(("正解の数別", summary["by_right_count"], names))
    return tables


def _group(name: str, value: Mapping[str, Any], *, color: bool) -> str:
    """One group's accuracy; dim where it has too few questions to be read."""
    low, high = value["ci95"]
    text = f"{name} {percent(value['accuracy'])}（{value['correct']}/{value['total']}、{100 * low:.0f}–{100 * high:.0f} %）"
    return f"{DIM}{text}{PLAIN}" if color and value["total"] < FEW_QUESTIONS else text


def _orders(orders: Mapping[str, Any]) -> list[str]:
    if orders["orders"] == 1:
        return []
    recalls = "、".join(f"{letter} {percent(value)}" for letter, value in orders["recall_by_position"].items())
    lines = [
        f"選択肢の並び {orders['orders']} 通り: 全体の正解率 {percent(orders['accuracy'])}（{interval(orders['ci95'])}"
        + (
            ""
            if orders["pride_accuracy"] is None
            else f"、位置の好みを除いた PriDe では {percent(orders['pride_accuracy'])}"
        )
        + f"）、同じ内容を選び続けた {percent(orders['consistency'])}",
        f"  位置ごとの再現率: {recalls}（標準偏差 RStD {percent(orders['rstd'])}）",
    ]
    if orders["ensemble_accuracy"] is not None:
        lines.append(
            f"  問題ごとに一つの答え: 多数決 {percent(orders['majority_accuracy'])}、"
            f"確率の平均（ensemble） {percent(orders['ensemble_accuracy'])}"
        )
    return lines


def _statements(statements: Mapping[str, Any]) -> list[str]:
    """How single choices were judged, all and by what the question asks for, and what could not be told or seen."""
    lines = [
        f"選択肢を一つずつ数えると: 判断の正解率 {percent(statements['accuracy'])}（{statements['total']} 個中 {statements['correct']} 個、"
        f"{interval(statements['ci95'])}）、AUC {auc_text(statements)}、" + said_to_fit(statements),
        "  問い方別: "
        + "、".join(
            f"{POLARITY_NAMES.get(name, name)} {percent(group['accuracy'])}（{group['correct']}/{group['total']}、AUC {number_text(group['auc'])}）"
            for name, group in statements["by_polarity"].items()
        ),
    ]
    if statements["untold"]:
        counted = "、".join(
            f"{POLARITY_NAMES.get(name, name)} {count} 問" for name, count in statements["untold"].items()
        )
        lines.append(f"  求め方を読み取れず、問題文のまま尋ねた問題: {counted}")
    if statements["outside"]:
        lines.append(
            f"  警告: {statements['outside']} 個は、サーバーが返した上位のトークンに「{FITS}」か「{FITS_NOT}」がなく、"
            "返された最小の確率とみなしました"
        )
    return lines


def _mass(mass: Mapping[str, Any] | None, form: Form) -> list[str]:
    if not mass:
        return []
    what = f"「{FITS}」か「{FITS_NOT}」" if form == "choice" else "文字"
    note = f"{what}の確率の合計: 平均 {mass['mean']:.3f}、最小 {mass['min']:.3f}"
    if mass["below_half"]:
        note += f"。警告: {mass['answers']} 回のうち {mass['below_half']} 回は 0.5 未満で、モデルは{what}以外を答えようとしています"
    if mass.get("outside"):
        note += f"。警告: 延べ {mass['outside']} 個の文字は、サーバーが返した上位のトークンになく、返された最小の確率とみなしました"
    return [note]


def _histogram(summary: Mapping[str, Any], *, color: bool) -> list[str]:
    collapse = summary["collapse"]
    cells = "、".join(f"{label} {count}" for label, count in summary["label_histogram"].items())
    lines = [f"答えた文字: {cells}（{histogram_text(collapse)}）"]
    if collapse["collapsed"]:
        text = f"COLLAPSED: 回答が {collapse['letter']} に偏っています（{percent(collapse['share'])}）。この正解率は信用できません。"
        lines.append(f"{RED}{text}{PLAIN}" if color else text)
    elif collapse["collapsed"] is None:
        lines.append("  回答が少ないか正解の位置が偏っているため、一つの文字への偏り（COLLAPSED）は判定していません")
    return lines


def _ladder(floors: Mapping[str, Any], *, several: bool) -> list[str]:
    always = floors["always_one_letter"]
    lexical = floors["lexical_overlap"]
    return [
        f"モデルなしの目安: 偶然 {percent(floors['chance'])}、いつも {always['letter'] or FITS_NOT}{'（元の並び）' if several else ''} {percent(always['accuracy'])}、"
        f"いちばん長い選択肢 {percent(floors['longest_choice'])}、"
        + (
            f"正解の条文との文字の重なり {percent(lexical['accuracy'])}（{lexical['questions']} 問）"
            if lexical
            else "正解の条文との文字の重なり —"
        )
    ]


def _other_contexts(others: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [
        f"{context_name(other['context'], other['top_k'])} {percent(other['accuracy'])}"
        f"（{Path(other['path']).name}{'、信用できない結果' if other['distrust'] else ''}）"
        for other in others
    ]
    return ["同じモデルの別の文脈: " + "、".join(cells)] if cells else []


def _retrieval(retrieval: Mapping[str, Any]) -> list[str]:
    hit, miss = retrieval["accuracy_given_hit"], retrieval["accuracy_given_miss"]
    k = retrieval["k"]
    lines = [
        f"検索（正解の条文がある {retrieval['questions']} 問。ほか {retrieval['without_law_article']} 問は法令の条でないため数えない）: "
        f"recall@{k} {percent(retrieval['recall_at_k'])}、Hit@{k} {percent(retrieval['hit_at_k'])}、"
        f"all-gold@{k} {percent(retrieval['all_gold_at_k'])}、MRR {'—' if retrieval['mrr'] is None else format(retrieval['mrr'], '.3f')}",
        f"  正解の条文が文脈に入ったとき {percent(hit['accuracy'])}（{hit['correct']}/{hit['total']}）、"
        f"入らなかったとき {percent(miss['accuracy'])}（{miss['correct']}/{miss['total']}）",
    ]
    if retrieval["passages_left_out"]:
        lines.append(
            f"  長さの上限のため文脈に入らなかった条文 {retrieval['passages_left_out']} 個"
            "（recall・Hit・MRR には数える）"
        )
    return lines


def power_lines(questions: int) -> list[str]:
    """What a comparison on this many questions can and cannot show."""
    gain = detectable_gain(questions, DISCORDANT)
    ten = mcnemar_power(questions, 0.1, DISCORDANT)
    lines = [f"{questions} 問の対応ある比較（両者の正誤が {DISCORDANT:.0%} の問題で食い違うとき）:"]
    if gain is None:
        lines.append("  どんな差も 80 % の確率では見分けられません。問題を増やしてください。")
    else:
        lines.append(f"  80 % の確率で見分けられるのは約 {100 * gain:.0f} ポイント以上の差です。")
    lines.append(f"  10 ポイントの差を見分けられる確率は {percent(ten)} です。")
    return lines
