"""A comparison as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.prompts import FITS
from ..both_forms import BothChange
from ..number_text import interval_text, nats, p_text, points
from ..reading import ReadingChange
from ..results.file import Result
from ..results.floors import uniform_logprob
from ..results.known_items import split_accuracy
from ..results.result_words import (
    CONTEXT_NAMES,
    accuracy_label,
    auc_text,
    gain_text,
    judged_to_fit,
    known_text,
    percent,
    reading_text,
)
from ..results.statements import statements_summary
from ..results.summary import gold_logprob, ties
from .comparison import Comparison, Flip
from .mean_change import logprob_label
from .verdict import logprob_facts, sureness_lines, unadjusted, verdict

SHOWN_FLIPS = 20


def comparison_lines(pairs: Sequence[Comparison], results: Sequence[Result]) -> list[str]:
    """What compare_runs.py prints: the verdict first, then the numbers behind it and the questions that changed."""
    lines: list[str] = []
    for pair, after in zip(pairs, results[1:], strict=True):
        if len(pairs) > 1:
            lines.append(f"== {pair.names[0]} → {pair.names[1]}")
        lines += [
            verdict(pair),
            *_numbers(pair),
            *_levels(results[0], after),
            *(
                f"  {line}"
                for line in (
                    *pair.breakdowns.lines(),
                    *both_change_lines(pair.both_forms, pair.names),
                    *reading_change_lines(pair.reading, pair.names),
                )
            ),
            *_flips("正解になった", pair.flips_up),
            *_flips("不正解になった", pair.flips_down),
        ]
    lines += _known(results)
    return lines


def _numbers(pair: Comparison) -> list[str]:
    before, after = pair.accuracy
    lines = [
        f"  {accuracy_label(pair.orders, pair.ensemble, pair.form)}: {percent(before)} → {percent(after)}",
    ]
    if pair.orders > 1:
        lines.append(
            f"  並びを別々に数えた正解率の差: {points(pair.order_difference)} ポイント"
            f"（{unadjusted(pair.order_ci95, pair.comparisons > 1)}{interval_text(pair.order_ci95)}）"
        )
    several, change = pair.comparisons > 1, pair.scores.logprob
    if change is None:
        lines.append("  正解の対数確率: 文章で採点した結果なので比べられません")
    else:
        lines.append(
            f"  {logprob_label(pair.form)}の変化: {nats(change.change)}（{logprob_facts(change, several=several)}）"
        )
    lines += [f"  {line}" for line in sureness_lines(pair.scores, pair.questions, several=several)]
    adjusted = f"、Holm 補正後 {p_text(pair.adjusted_p_value)}" if several else ""
    lines.append(
        f"  McNemar の正確検定: 正解になった {len(pair.flips_up)} 問、不正解になった {len(pair.flips_down)} 問、"
        f"{p_text(pair.p_value)}、まとまりごとの符号反転検定: {p_text(pair.cluster_p_value)}{adjusted}"
        f"（区間も条文のまとまり {pair.clusters} 個を単位に計算）"
    )
    return lines


def _levels(before: Result, after: Result) -> list[str]:
    """What both runs' accuracies rest on: how often a tie decided, and where an even spread of probability would be."""
    runs = (before.outcomes, after.outcomes)
    lines = []
    tied = [found for found in map(ties, runs) if found is not None]
    if len(tied) == len(runs):
        cells = " → ".join(f"{found['questions']} 問（正解 {found['correct']}）" for found in tied)
        lines.append(f"  うち同数で決まった問題: {cells}")
    means = [mean for mean in map(gold_logprob, runs) if mean is not None]
    if len(means) == len(runs):
        cells = " → ".join(f"{mean:.3f}" for mean in means)
        uniform = f"一様なら {uniform_logprob(before.outcomes):.3f}"
        lines.append(f"  {logprob_label(before.outcomes[0].form)}の平均: {cells}（{uniform}）")
    judged = [found for found in map(statements_summary, runs) if found is not None]
    if len(judged) == len(runs):
        accuracies = " → ".join(percent(each["accuracy"]) for each in judged)
        aucs = " → ".join(auc_text(each) for each in judged)
        lines.append(f"  選択肢を一つずつ数えた判断の正解率: {accuracies}、AUC: {aucs}")
        shares = [
            " → ".join(percent(count / of) for count, of in each)
            for each in zip(*map(judged_to_fit, judged), strict=True)
            if all(of for _, of in each)
        ]
        if len(shares) == 2:
            lines.append(f"  「{FITS}」と判断: 当たる選択肢の {shares[0]}、ほかの選択肢の {shares[1]}")
    return lines


def both_change_lines(change: BothChange | None, names: tuple[str, str]) -> list[str]:
    """What two models know by both forms of asking together, and the difference."""
    if change is None:
        return []
    value = change.as_json()
    return [
        "一つずつの判断と文字を合わせると:",
        *(f"  {name}: {known_text(value[side])}" for name, side in zip(names, ("before", "after"), strict=True)),
        f"  差: {gain_text(value['change'])}",
        *([f"  信用できない結果を合わせています: {'、'.join(change.doubtful)}"] if change.doubtful else []),
    ]


def reading_change_lines(changes: Sequence[ReadingChange], names: tuple[str, str]) -> list[str]:
    """What the law adds to each of two models, and the difference of the two."""
    lines = ["条文を読んでいるか（正解の条文が足したもの）:"] if changes else []
    for change in changes:
        value = change.as_json()
        lines += [
            f"  {names[0]}: {reading_text(value['before'])}",
            f"  {names[1]}: {reading_text(value['after'])}",
            f"  差（{CONTEXT_NAMES[change.context]}に対して）: {gain_text(value['change'])}",
            *([f"  信用できない結果を使っています: {'、'.join(change.doubtful)}"] if change.doubtful else []),
        ]
    return lines


def _flips(title: str, flips: Sequence[Flip]) -> list[str]:
    if not flips:
        return []
    shown = [
        f"    {flip.id}: {flip.before or '—'} → {flip.after or '—'}（正解 {flip.correct}）"
        for flip in flips[:SHOWN_FLIPS]
    ]
    more = (
        [f"    ほか {len(flips) - SHOWN_FLIPS} 問（--json か --report ですべて見られます）"]
        if len(flips) > SHOWN_FLIPS
        else []
    )
    return [f"  {title} {len(flips)} 問:", *shown, *more]


def _known(results: Sequence[Result]) -> list[str]:
    splits = [split_accuracy(result.outcomes) for result in results]
    if not splits[0].items:
        return []
    cells = "、".join(
        f"{result.name} {percent(split.with_items)} → {percent(split.without_items)}"
        for result, split in zip(results, splits, strict=True)
    )
    return [f"答えか問題文に疑問のある問題 {len(splits[0].items)} 問（docs/known-items.md）を除いた正解率: {cells}"]
