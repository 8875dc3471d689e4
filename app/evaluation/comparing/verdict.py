"""The sentences that say what a comparison showed."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.prompts import Form
from ...core.runs import distrust_name
from ..number_text import interval_text, nats, p_text, points
from ..results.result_words import percent
from ..statistics import ALPHA, Interval
from .comparison import Comparison
from .mean_change import MeanChange, ScoreChanges, logprob_label
from .run_differences import ADAPTER, NAMES

TUNED = "調整後"


def verdict(pair: Comparison) -> str:
    """The result in a few Japanese sentences: whether there is a difference, by which facts, and every reason to doubt it."""
    several = pair.comparisons > 1
    test = ("Holm 補正後の " if several else "") + p_text(pair.adjusted_p_value)
    interval = unadjusted(pair.ci95, several) + interval_text(pair.ci95, unit=" ポイント")
    facts = f"{pair.questions} 問、正答 {pair.correct[0]} → {pair.correct[1]} 問、{interval}、{test}"
    if pair.conclusion == "undecided":
        between = f"「{pair.names[1]}」と「{pair.names[0]}」に" if several else ""
        text = f"{between}差があるとは言えません（{points(pair.difference)} ポイント、{facts}）。{_why_undecided(pair)}"
    else:
        subject = f"{TUNED}は" if pair.is_tuning else f"「{pair.names[1]}」は「{pair.names[0]}」と比べて"
        word = "高く" if pair.conclusion == "better" else "低く"
        size = points(abs(pair.difference), signed=False)
        text = f"{subject} {size} ポイント{word}、偶然とは考えにくい差です（{facts}）。"
    cautions = [_only_in_ties(pair), _other_differences(pair), _not_to_be_trusted(pair)]
    if pair.scores.logprob is not None:
        text += logprob_sentence(pair.scores.logprob, pair.form, several=several)
    for begin, caution in zip(("ただし、", "また、", "また、"), filter(None, cautions), strict=False):
        text += begin + caution
    return text


def unadjusted(interval: Interval | None, several: bool) -> str:
    """What an interval is called where p-values are adjusted for several comparisons and it is not."""
    return "補正前の " if several and interval is not None else ""


def logprob_facts(change: MeanChange, *, several: bool = False) -> str:
    """The interval and the p-values of a change of the log-probability."""
    holm = f"、Holm 補正後 {p_text(change.adjusted_p_value)}" if several else ""
    return (
        f"{unadjusted(change.ci95, several)}{interval_text(change.ci95, nats)}、符号反転検定 両側 {p_text(change.p_value)}{holm}、"
        f"上がったかの片側 {p_text(change.p_greater)}"
    )


def logprob_sentence(change: MeanChange, form: Form, *, several: bool = False) -> str:
    """What happened to the probability of the right answers, which moves where no answer flips."""
    facts = logprob_facts(change, several=several)
    name = logprob_label(form)
    if change.ci95 is None:
        return f"{name}の変化は {nats(change.change)} です（条文のまとまりが少ないので判定しません）。"
    if change.direction == "undecided":
        return f"{name}の変化は {nats(change.change)} で、変わったとは言えません（{facts}）。"
    word = "上がり" if change.direction == "up" else "下がり"
    return f"{name}は {nats(change.change)} と{word}、偶然とは考えにくい変化です（{facts}）。"


def sureness_lines(scores: ScoreChanges, questions: int, *, several: bool = False) -> list[str]:
    """What changed whatever the sureness: the log-probability with every run's own set right, and how often the right choice
    is placed above another; nothing of what is not known. ``questions`` is how many were asked."""
    lines, calibrated, order = [], scores.calibrated, scores.order
    if calibrated is not None:
        facts = f"{unadjusted(calibrated.ci95, several)}{interval_text(calibrated.ci95, nats)}、{_tests(calibrated, several)}"
        lines.append(
            f"自信の強さをそれぞれ合わせた、正解の対数確率の変化: {nats(calibrated.change)}（{facts}）。{_found(calibrated)}。"
        )
    if order is not None:
        before, after = (percent(share) for share in order.shares)
        part = "" if order.questions == questions else f"、選択肢を比べられる {order.questions} 問"
        moved = order.change
        facts = f"{unadjusted(moved.ci95, several)}{interval_text(moved.ci95)}、{_tests(moved, several)}"
        lines.append(
            f"正解をほかの選択肢より上に置いた割合（一対ごと、自信の強さによらない{part}）: {before} → {after}、"
            f"{points(moved.change)} ポイント（{facts}）。{_found(moved)}。"
        )
    return lines


def _tests(change: MeanChange, several: bool) -> str:
    return p_text(change.p_value) + (f"、Holm 補正後 {p_text(change.adjusted_p_value)}" if several else "")


def _found(change: MeanChange) -> str:
    if change.direction == "undecided":
        return "変わったとは言えません" if change.ci95 else "条文のまとまりが少ないので判定しません"
    return f"偶然とは考えにくい{'上' if change.direction == 'up' else '下'}がり方です"


def _why_undecided(pair: Comparison) -> str:
    if pair.ci95 is None:
        return f"条文のまとまりが {pair.clusters} 個しかなく、まとまりごとのばらつきを見積もれないので、判定しません。"
    if pair.adjusted_p_value < ALPHA:
        return "検定だけなら差がありますが、同じ条文の問題をまとめて数えると区間が 0 を含みます。"
    if pair.p_value < ALPHA <= pair.cluster_p_value:
        return "問題を独立とみる McNemar の検定なら差がありますが、同じ条文の問題をまとめて数えると言えません。"
    if pair.detectable_gain is None:
        limit = "この問題数では、どれほど大きな差も見分けられません。"
    else:
        size = points(pair.detectable_gain, signed=False)
        limit = f"この問題数で、80 % の確率で見分けられるのは約 {size} ポイント以上の差です（条文のまとまりは数えない目安）。"
    excludes_zero = not pair.ci95.low <= 0 <= pair.ci95.high
    return ("区間は 0 を含みませんが、検定では差があると言えません。" if excludes_zero else "") + limit


def _only_in_ties(pair: Comparison) -> str:
    """A caution where the orders counted one by one do not show the difference.

    A model that answers one letter has every choice in one order each: its majority is decided by tiny probabilities.
    """
    if pair.conclusion == "undecided" or pair.orders == 1 or pair.order_ci95 is None:
        return ""
    low, high = pair.order_ci95
    if low > 0 if pair.conclusion == "better" else high < 0:
        return ""
    word = "良く" if pair.conclusion == "better" else "悪く"
    return (
        f"並びを別々に数えた差は {points(pair.order_difference)} ポイント"
        f"（{interval_text(pair.order_ci95)}）で、並びごとの答えが{word}なったとは言えません。"
    )


def _other_differences(pair: Comparison) -> str:
    others = [NAMES[code] for code in pair.differs if code != ADAPTER]
    if not others:
        return ""
    return f"{'アダプタのほかに' if ADAPTER in pair.differs else '二つの結果は'}{'、'.join(others)}が違います。"


def _not_to_be_trusted(pair: Comparison) -> str:
    return distrust_sentence(pair.distrust)


def distrust_sentence(distrust: Sequence[tuple[str, str]]) -> str:
    """Which results, with their reasons, say of themselves that they must not be trusted; empty when none does."""
    if not distrust:
        return ""
    # The long reasons are in the results themselves.
    kinds = sorted({distrust_name(reason) for _, reason in distrust})
    names = "と".join(f"「{name}」" for name in dict.fromkeys(name for name, _ in distrust))
    return f"{names}は信用できない結果です（{'、'.join(kinds)}）。"
