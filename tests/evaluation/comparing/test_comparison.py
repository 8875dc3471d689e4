"""Comparing results: exact numbers by hand, the verdict sentences, and everything that is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from app.core.errors import DataError
from app.core.questions import LETTERS, ORDERS, content_hash
from app.data.lawqa import load_questions
from app.evaluation.comparing.comparability import aligned_outcomes, distrust
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.comparison_json import as_json
from app.evaluation.comparing.comparison_text import SHOWN_FLIPS, comparison_lines
from app.evaluation.comparing.verdict import verdict
from app.evaluation.number_text import interval_text, p_text, points
from app.evaluation.results.file import Result
from app.evaluation.results.known_items import KINDS, KnownItem, known_items, split_accuracy
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome
from app.evaluation.statistics import ALPHA, MIN_CLUSTERS, Interval, detectable_gain, holm

ROOT = Path(__file__).resolve().parents[3]
OPEN_QUESTIONS = ROOT.parent / "shared" / "data" / "lawqa_jp" / "selection_open100.json"
RUN: dict[str, Any] = {"prompt_version": "1", "plan": {"scoring": "letter"}, "adapter": None, "distrust": []}
TUNED = {**RUN, "adapter": {"path": "lora", "trained_on": {"by_id": [], "by_content": []}}}


def outcome(
    number: int, chosen: Sequence[str], *, correct: str = "a", cluster: str | None = None, sure: float = 0.7
) -> Outcome:
    """A question asked in as many orders as ``chosen`` has letters (of the file's order), the chosen one with ``sure``."""
    answers = []
    for order, original in zip(ORDERS, chosen, strict=False):
        shown = LETTERS[order.index(original)]
        logprobs = tuple(math.log(sure if letter == shown else (1 - sure) / 3) for letter in LETTERS)
        answers.append(OrderAnswer(order, "0" * 64, predicted=shown, logprobs=logprobs, mass=1.0))
    return Outcome(
        id=f"q{number}", question_sha256=f"hash{number}", question="どれですか。",
        choices={letter: f"選択肢{letter}" for letter in LETTERS}, correct=correct, law="港湾条例", polarity="correct",
        cluster=cluster or f"cluster{number}", gold_articles=(), context=None, passages=(), answers=tuple(answers),
    )  # fmt: skip


def result(name: str, outcomes: Sequence[Outcome], run: dict[str, Any] = RUN) -> Result:
    return Result(Path(f"{name}.json"), run, {}, tuple(outcomes))


def pair_of(table: Sequence[tuple[str, str]], **arguments: Any) -> list[Result]:
    """Two results; each entry is what the first and the second chose in every order (the right choice is a)."""
    before = [outcome(number, first * 4, **arguments) for number, (first, _) in enumerate(table)]
    after = [outcome(number, second * 4, **arguments) for number, (_, second) in enumerate(table)]
    return [result("base", before), result("tuned", after, TUNED)]


def test_numbers_by_hand() -> None:
    # 20 questions: 10 right in both, 8 gained, 1 lost, 1 wrong in both
    (pair,) = compare_results(pair_of([("a", "a")] * 10 + [("b", "a")] * 8 + [("a", "c")] + [("d", "b")]), seed=1)
    assert (pair.questions, pair.clusters, pair.correct) == (20, 20, (11, 18))
    assert pair.difference == pytest.approx(0.35)
    assert pair.order_difference == pytest.approx(0.35)
    assert pair.p_value == pair.adjusted_p_value == pytest.approx(20 / 512)
    assert [flip.id for flip in pair.flips_up] == [f"q{number}" for number in range(10, 18)]
    assert [(flip.id, flip.before, flip.after) for flip in pair.flips_down] == [("q18", "a", "c")]
    assert pair.scores.logprob is not None
    assert pair.scores.logprob.change == pytest.approx(7 * math.log(7) / 20)
    assert pair.ci95 is not None
    assert pair.ci95.low < 0.35 < pair.ci95.high
    assert pair.conclusion == "better"


def test_right_is_what_most_orders_choose() -> None:
    before = result("a", [outcome(0, "aabb"), outcome(1, "abbb"), outcome(2, "aaab")])
    after = result("b", [outcome(0, "aaab"), outcome(1, "aabb"), outcome(2, "aaaa")])
    (pair,) = compare_results([before, after], seed=1)
    assert pair.correct == (2, 3)  # the tie aabb goes to a: equal probabilities, first letter
    assert pair.order_difference == pytest.approx(0.25)


def test_better_says_how_much_and_why() -> None:
    (pair,) = compare_results(pair_of([("a", "a")] * 20 + [("b", "a")] * 10), seed=1)
    assert verdict(pair).startswith(
        "調整後は 33.3 ポイント高く、偶然とは考えにくい差です（30 問、正答 20 → 30 問、95 % 区間 +"
    )
    assert "ポイント、p = 0.002）。" in verdict(pair)


def test_worse_is_said_as_plainly() -> None:
    (pair,) = compare_results(pair_of([("a", "a")] * 20 + [("a", "b")] * 10), seed=1)
    assert pair.conclusion == "worse"
    assert "33.3 ポイント低く、偶然とは考えにくい差です" in verdict(pair)


def test_a_gain_that_only_ties_show_is_called_so() -> None:
    # Every choice is chosen in one order each, so the mean probability decides; only that changes.
    def tied(number: int, favoured: str) -> Outcome:
        made = outcome(number, "abcd")
        answers = []
        for answer in made.answers:
            logprobs = [
                value + (0.01 if original == favoured else 0.0)
                for value, original in zip(answer.logprobs or (), answer.order, strict=True)
            ]
            answers.append(replace(answer, logprobs=tuple(logprobs)))
        return replace(made, answers=tuple(answers))

    before = result("base", [tied(number, "b") for number in range(12)])
    after = result("tuned", [tied(number, "a") for number in range(12)], TUNED)
    (pair,) = compare_results([before, after], seed=1)
    assert (pair.conclusion, pair.difference, pair.order_difference) == ("better", 1.0, 0.0)
    assert (
        "ただし、並びを別々に数えた差は +0.0 ポイント（95 % 区間 +0.0〜+0.0）で、並びごとの答えが良くなったとは言えません。"
    ) in verdict(pair)


def test_an_undecided_verdict_names_what_could_be_seen() -> None:
    (pair,) = compare_results(pair_of([("a", "a")] * 20 + [("b", "a")] * 3 + [("a", "b")] * 2), seed=1)
    assert pair.conclusion == "undecided"
    assert pair.detectable_gain is not None
    assert verdict(pair).startswith("差があるとは言えません（+4.0 ポイント、25 問、正答 22 → 23 問、")
    limit = (
        f"。この問題数で、80 % の確率で見分けられるのは約 {pair.detectable_gain * 100:.1f} ポイント以上の差です"
        "（条文のまとまりは数えない目安）。"
    )
    assert limit in verdict(pair)


def test_what_can_be_seen_is_not_promised_from_runs_that_hardly_differ() -> None:
    same, little = ([("a", "a")] * 45, [("a", "a")] * 40 + [("b", "a")] * 3 + [("a", "b")] * 2)
    for table in (same, little):
        (pair,) = compare_results(pair_of(table), seed=1)
        assert pair.detectable_gain == detectable_gain(45, 0.25) == pytest.approx(0.208)
    # More questions differ than planned for, and two comparisons share the error.
    before, after = pair_of([("b", "a")] * 9 + [("a", "b")] * 9 + [("a", "a")] * 27)
    third = result("third", before.outcomes)
    first, _ = compare_results([before, after, third], seed=1)
    assert first.detectable_gain == detectable_gain(45, 18 / 45, alpha=ALPHA / 2)


def test_five_questions_can_show_nothing() -> None:
    (pair,) = compare_results(pair_of([("b", "a")] * 5), seed=1)
    assert (pair.conclusion, pair.detectable_gain, pair.ci95) == ("undecided", None, None)


@pytest.mark.parametrize("number", [1, 2, MIN_CLUSTERS - 1])
def test_a_handful_of_articles_has_no_interval_and_no_verdict(number: int) -> None:
    # 45 gains would be beyond any doubt, were they not all on the same few articles.
    results = [
        replace(each, outcomes=tuple(replace(one, cluster=f"c{i % number}") for i, one in enumerate(each.outcomes)))
        for each in pair_of([("b", "a")] * 45)
    ]
    (pair,) = compare_results(results, seed=1)
    assert pair.scores.logprob is not None
    assert (pair.ci95, pair.order_ci95, pair.scores.logprob.ci95) == (None, None, None)
    assert pair.scores.logprob.direction == "undecided"
    assert pair.p_value < 1e-9
    assert pair.conclusion == "undecided"
    assert verdict(pair) == (
        f"差があるとは言えません（+100.0 ポイント、45 問、正答 0 → 45 問、区間なし、{p_text(pair.cluster_p_value)}）。"
        f"条文のまとまりが {number} 個しかなく、まとまりごとのばらつきを見積もれないので、判定しません。"
        "正解の文字の対数確率の変化は +1.946 です（条文のまとまりが少ないので判定しません）。"
    )
    assert as_json([pair])["comparisons"][0]["ci95"] is None
    assert "  並びを別々に数えた正解率の差: +100.0 ポイント（区間なし）" in comparison_lines([pair], results)


def test_a_gain_that_flips_no_answer_is_seen_in_the_probability_of_the_right_one() -> None:
    # Every right answer a little surer, none of them new.
    before = [outcome(number, "aaaa", sure=0.5) for number in range(20)]
    after = [outcome(number, "aaaa", sure=0.6) for number in range(20)]
    pair, worse = (compare_results([result("base", one), result("tuned", other, TUNED)], seed=1)[0]
                   for one, other in ((before, after), (after, before)))  # fmt: skip
    assert (pair.difference, pair.conclusion) == (0.0, "undecided")
    assert pair.scores.logprob is not None
    assert worse.scores.logprob is not None
    assert pair.scores.logprob.change == pytest.approx(math.log(1.2))
    assert (pair.scores.logprob.direction, worse.scores.logprob.direction) == ("up", "down")
    assert pair.scores.logprob.p_greater < 0.001
    assert worse.scores.logprob.p_greater == 1.0
    assert "正解の文字の対数確率は +0.182 と上がり、偶然とは考えにくい変化です" in verdict(pair)
    assert "正解の文字の対数確率は -0.182 と下がり、偶然とは考えにくい変化です" in verdict(worse)
    assert as_json([pair])["comparisons"][0]["logprob_direction"] == "up"
    lines = comparison_lines([pair], [result("base", before), result("tuned", after, TUNED)])
    assert any("符号反転検定 両側 p < 0.001、上がったかの片側 p < 0.001" in line for line in lines)


def test_several_comparisons_adjust_the_test_of_the_probability_too() -> None:
    first = result("base", [outcome(number, "aaaa", sure=0.5) for number in range(20)])
    others = [result(name, [outcome(n, "aaaa", sure=sure if n < 6 else 0.5) for n in range(20)], TUNED)
              for name, sure in (("x", 0.6), ("y", 0.5))]  # fmt: skip
    pairs = compare_results([first, *others], seed=1)
    changes = [pair.scores.logprob for pair in pairs if pair.scores.logprob is not None]
    assert [one.adjusted_p_value for one in changes] == holm([one.p_value for one in changes])
    assert changes[0].adjusted_p_value == pytest.approx(2 * changes[0].p_value)
    assert "Holm 補正後" in verdict(pairs[0]).partition("対数確率")[2]


def test_a_test_and_an_interval_that_disagree_are_explained() -> None:
    (pair,) = compare_results(pair_of([("a", "a")] * 40 + [("b", "a")] * 5), seed=1)
    assert pair.p_value == pytest.approx(2 / 32)
    assert pair.ci95 is not None
    assert pair.ci95.low > 0
    assert (
        "区間は 0 を含みませんが、検定では差があると言えません。この問題数で、80 % の確率で見分けられるのは約 20.8 ポイント以上の差です（条文のまとまりは数えない目安）。"
    ) in verdict(pair)


def test_what_else_differs_is_named_and_then_it_is_not_the_tuning() -> None:
    before, after = pair_of([("a", "a")] * 20 + [("b", "a")] * 10)
    plan = {"plan": {"scoring": "letter", "context": "gold"}}
    other = {"plan": {"scoring": "letter", "context": "rag", "top_k": 3}, "model": {"model": "models/big"}}
    results = [replace(before, run={**RUN, **plan}), replace(after, run={**TUNED, **other})]
    (pair,) = compare_results(results, seed=1)
    assert pair.differs == ("adapter", "model", "context")
    assert verdict(pair).startswith("「tuned」は「base」と比べて 33.3 ポイント高く")
    assert "ただし、アダプタのほかにモデル、文脈が違います。" in verdict(pair)
    assert as_json([pair])["comparisons"][0]["differs"] == ["adapter", "model", "context"]
    (pair,) = compare_results([results[0], replace(after, run={**RUN, **other})], seed=1)
    assert "ただし、二つの結果はモデル、文脈が違います。" in verdict(pair)


def test_a_result_that_distrusts_itself_is_named_in_the_verdict_and_the_json() -> None:
    before, after = pair_of([("a", "a")] * 20 + [("b", "a")] * 10)
    results = [replace(before, run={**RUN, "distrust": ["COLLAPSED: 回答が a に偏っています"]}), after]
    (pair,) = compare_results(results, seed=1)
    assert "ただし、「base」は信用できない結果です（COLLAPSED）。" in verdict(pair)
    assert as_json([pair])["comparisons"][0]["distrust"] == [
        {"name": "base", "code": "COLLAPSED", "reason": "COLLAPSED: 回答が a に偏っています"}
    ]


def test_questions_of_one_article_do_not_count_as_many() -> None:
    # Seven gains, but all on one article: McNemar alone would call it a difference.
    table = [("a", "a")] * 13 + [("b", "a")] * 7
    before, after = pair_of(table)
    move = ["shared" if first != second else f"own{number}" for number, (first, second) in enumerate(table)]
    clustered = [
        Result(each.path, each.run, {}, tuple(replace(o, cluster=c) for o, c in zip(each.outcomes, move, strict=True)))
        for each in (before, after)
    ]
    (pair,) = compare_results(clustered, seed=1)
    assert pair.p_value < ALPHA
    assert pair.ci95 is not None
    assert pair.ci95.low == 0.0
    assert pair.conclusion == "undecided"
    # What could be seen would contradict the difference that was: the articles are too few for it, not the questions.
    assert "問題を独立とみる McNemar の検定なら差がありますが、同じ条文の問題をまとめて数えると言えません。" in verdict(
        pair
    )


def test_pairs_of_questions_that_move_together_are_no_ten_gains() -> None:
    # Five articles of 50 with two questions each: McNemar and the interval exclude chance, flipping whole articles does not.
    table = [("a", "a")] * 90 + [("b", "a")] * 10
    results = [
        replace(each, outcomes=tuple(replace(one, cluster=f"c{i // 2}") for i, one in enumerate(each.outcomes)))
        for each in pair_of(table)
    ]
    (pair,) = compare_results(results, seed=1)
    assert pair.ci95 is not None
    assert pair.ci95.low > 0
    assert pair.p_value == 2 / 2**10
    assert pair.cluster_p_value == pytest.approx(2 / 2**5, abs=0.003)
    assert pair.adjusted_p_value == pair.cluster_p_value
    assert pair.conclusion == "undecided"
    assert "McNemar の検定なら差がありますが" in verdict(pair)
    (alone,) = compare_results(pair_of(table), seed=1)
    assert alone.cluster_p_value == alone.p_value


def test_without_an_adapter_runs_are_called_by_their_names() -> None:
    before, after = pair_of([("b", "a")] * 10)
    (pair,) = compare_results([before, result("rag", after.outcomes)], seed=1)
    assert verdict(pair).startswith("「rag」は「base」と比べて 100.0 ポイント高く")


def test_several_runs_are_compared_with_the_first_and_adjusted() -> None:
    before, after = pair_of([("a", "a")] * 4 + [("b", "a")] * 6)
    third = result("third", after.outcomes[:5] + before.outcomes[5:])
    first, second = compare_results([before, after, third], seed=1)
    assert first.p_value == pytest.approx(2 / 64)
    assert first.adjusted_p_value == pytest.approx(4 / 64)
    assert first.conclusion == "undecided"  # 0.031 alone, 0.0625 among two
    assert second.names == ("base", "third")
    assert "、補正前の 95 % 区間 +30.0〜+90.0 ポイント、Holm 補正後の p = 0.062）" in verdict(first)
    assert verdict(first).startswith("「tuned」と「base」に差があるとは言えません（")
    assert not first.is_tuning  # 調整後 would not say which of the two
    value = as_json([first, second])
    assert [each["names"] for each in value["comparisons"]] == [["base", "tuned"], ["base", "third"]]
    assert value["accuracy"] == [0.4, 1.0, 0.5]


def test_json_has_the_agreed_keys_and_is_json() -> None:
    whole = as_json(compare_results(pair_of([("a", "a"), ("b", "a")] * 6), seed=1))
    assert (whole["version"], whole["n"], whole["names"], whole["accuracy"]) == (2, 12, ["base", "tuned"], [0.5, 1.0])
    (value,) = whole["comparisons"]
    assert {"n", "accuracy", "difference", "ci95", "p_value", "flips_up", "flips_down", "verdict"} <= set(value)
    assert value["n"] == 12
    assert value["accuracy"] == [0.5, 1.0]
    assert value["flips_up"] == ["q1", "q3", "q5", "q7", "q9", "q11"]
    assert json.loads(json.dumps(value, allow_nan=False)) == value


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_swapping_the_runs_mirrors_everything(table: list[tuple[str, str]]) -> None:
    before, after = pair_of(table)
    (there,) = compare_results([before, after], seed=3, repeats=200)
    (back,) = compare_results([after, before], seed=3, repeats=200)
    assert there.difference == pytest.approx(-back.difference)
    assert there.p_value == back.p_value
    assert there.flips_up == tuple(replace(flip, before=flip.after, after=flip.before) for flip in back.flips_down)
    if there.ci95 is None or back.ci95 is None:
        assert there.ci95 is back.ci95 is None
        assert len(table) < MIN_CLUSTERS
    else:
        assert there.ci95 == pytest.approx((-back.ci95.high, -back.ci95.low))
    gained, lost = len(there.flips_up), len(there.flips_down)
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert there.p_value == pytest.approx(expected)


def test_outcomes_are_aligned_by_id_whatever_the_order_of_the_file() -> None:
    before, after = pair_of([("a", "a"), ("b", "a"), ("a", "c")])
    turned = Result(after.path, after.run, {}, tuple(reversed(after.outcomes)))
    assert compare_results([before, turned], seed=1) == compare_results([before, after], seed=1)
    assert [row[0].id == row[1].id for row in aligned_outcomes([before, turned])] == [True] * 3


def edited(change: Callable[[Outcome], Outcome]) -> Callable[[Result], Result]:
    return lambda one: Result(one.path, one.run, {}, (*one.outcomes[:-1], change(one.outcomes[-1])))


def without_logprobs(one: Outcome) -> Outcome:
    return replace(one, answers=tuple(replace(answer, logprobs=None) for answer in one.answers))


def text_run(one: Result) -> Result:
    return Result(
        one.path, {**one.run, "plan": {"scoring": "text"}}, {}, tuple(without_logprobs(o) for o in one.outcomes)
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda one: Result(Path("base.json"), one.run, {}, one.outcomes), "同じファイルが 2 回"),
        (lambda one: Result(one.path, one.run, {}, ()), "問題が 1 問もありません"),
        (lambda one: Result(one.path, one.run, {}, one.outcomes[:-1]), "前者だけ 1 問、後者だけ 0 問、例: q3"),
        (edited(lambda one: replace(one, id="other")), "前者だけ 1 問、後者だけ 1 問、例: q3、other"),
        (edited(lambda one: replace(one, question_sha256="x")), "同じ ID で中身の違う問題が 1 問あります（q3）"),
        (edited(lambda one: replace(one, correct="b")), "同じ ID で中身の違う問題が 1 問あります（q3）"),
        (edited(without_logprobs), "文字の確率（logprobs）のない問題が 1 問あります（q3）"),
        (lambda one: Result(one.path, one.run, {}, tuple(map(without_logprobs, one.outcomes))), "問題が 4 問あります"),
        (
            edited(lambda one: replace(one, answers=(replace(one.answers[0], error="timeout"), *one.answers[1:]))),
            "答えられなかった（failed）問題が 1 問",
        ),
        (edited(lambda one: replace(one, answers=one.answers[:1])), "選択肢の順序の数が違います"),
        (
            lambda one: Result(
                one.path, one.run, {}, tuple(replace(o, answers=o.answers[:1]) for o in one.outcomes)
            ),
            "4 通りと 1 通り",
        ),
        (lambda one: Result(one.path, {**one.run, "prompt_version": "0"}, {}, one.outcomes), "'1' と '0'"),
        (text_run, "一方は文字の確率、他方は書かれた文章"),
        (
            lambda one: Result(one.path, one.run, {}, tuple(replace(o, ensemble=True) for o in one.outcomes)),
            "一方は多数決、他方は確率の平均",
        ),
        (
            lambda one: Result(
                one.path, {**one.run, "adapter": {"trained_on": {"by_id": ["q1"], "by_content": ["q2"]}}}, {}, one.outcomes
            ),
            "学習した問題 2 問で採点しています（dev の問題を含む。q1、q2）",
        ),
        (
            lambda one: Result(
                one.path, {**one.run, "adapter": {"trained_on": {"by_id": [], "by_content": [], "dev": ["q3"]}}}, {}, one.outcomes
            ),
            "学習した問題 1 問で採点しています（dev の問題を含む。q3）",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_one_line(spoil: Callable[[Result], Result], message: str) -> None:
    before, after = pair_of([("a", "a"), ("b", "a"), ("a", "c"), ("a", "a")])
    with pytest.raises(DataError) as error:
        compare_results([before, spoil(after)], seed=1)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "ください" in str(error.value)


def test_one_result_is_not_a_comparison() -> None:
    with pytest.raises(DataError, match="2 つ以上必要"):
        compare_results(pair_of([("a", "a")])[:1], seed=1)


def test_written_answers_are_compared_without_log_probabilities() -> None:
    before, after = (text_run(one) for one in pair_of([("a", "a")] * 5 + [("b", "a")] * 5))
    (pair,) = compare_results([before, after], seed=1)
    assert pair.scores.logprob is None
    assert any("文章で採点した結果なので比べられません" in line for line in comparison_lines([pair], [before, after]))


def test_the_printed_lines_open_with_the_verdict_and_cut_long_lists_aloud() -> None:
    results = pair_of([("b", "a")] * 25 + [("a", "c")] * 2)
    pairs = compare_results(results, seed=1)
    lines = comparison_lines(pairs, results)
    assert lines[0] == verdict(pairs[0])
    assert "  正解になった 25 問:" in lines
    assert f"    ほか {25 - SHOWN_FLIPS} 問（--json か --report ですべて見られます）" in lines
    assert "    q26: a → c（正解 a）" in lines


def test_why_a_result_is_not_to_be_trusted_names_the_result() -> None:
    assert distrust(result("x", [], {**RUN, "distrust": ["COLLAPSED"]})) == ["x: COLLAPSED"]
    assert distrust(result("x", [], RUN)) == []


@pytest.mark.parametrize(("share", "text"), [(0.0, "+0.0"), (-0.00001, "+0.0"), (0.0857, "+8.6"), (-0.15, "-15.0")])
def test_points(share: float, text: str) -> None:
    assert points(share) == text


def test_intervals_in_words() -> None:
    assert interval_text(None) == "区間なし"
    assert interval_text(Interval(-0.021, 0.1), unit=" ポイント") == "95 % 区間 -2.1〜+10.0 ポイント"
    assert interval_text(Interval(-0.021, 0.1), "{:+.3f}".format) == "95 % 区間 -0.021〜+0.100"


def test_small_p_values_are_not_zero() -> None:
    assert p_text(0.0000001) == "p < 0.001"
    assert p_text(0.0123) == "p = 0.012"


def test_accuracy_is_counted_with_and_without_items_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    item = KnownItem("q1", "hash1", "amended", "改正された。", "第1条")
    monkeypatch.setattr("app.evaluation.results.known_items.known_items", lambda: {"hash1": item})
    results = pair_of([("a", "a"), ("b", "b"), ("a", "a")])
    split = split_accuracy(results[0].outcomes)
    assert (split.items, split.with_items, split.without_items, split.questions_without) == ((item,), 2 / 3, 1.0, 2)
    lines = comparison_lines(compare_results(results, seed=1), results)
    assert lines[-1].startswith("答えか問題文に疑問のある問題 1 問")
    assert split_accuracy(results[0].outcomes[1:2]).without_items is None


def test_the_list_of_items_in_doubt_is_well_formed() -> None:
    for digest, item in known_items().items():
        assert digest == item.question_sha256
        assert len(digest) == 64
        assert item.kind in KINDS
        assert item.reason.endswith("。")
        assert item.evidence


@pytest.mark.skipif(not OPEN_QUESTIONS.is_file(), reason="lawqa_jp is not beside the clone")
def test_the_listed_items_are_the_questions_they_name() -> None:
    questions = {question.id: question for question in load_questions(OPEN_QUESTIONS)}
    for item in known_items().values():
        assert content_hash(questions[item.id].question, questions[item.id].choices) == item.question_sha256


def test_the_documented_list_is_the_list_in_use() -> None:
    text = (ROOT / "docs" / "known-items.md").read_text(encoding="utf-8")
    for item in known_items().values():
        assert f"### {item.id}\n\n**{KINDS[item.kind]}。** {item.reason}\n\n根拠: {item.evidence}\n" in text
    assert text.count("\n### ") == len(known_items())


@pytest.mark.parametrize(("shown", "hashed"), [("### 第1条\n改正後の条文", "0" * 64), ("### 第1条\n条文", "1" * 64)])
def test_runs_asked_with_other_words_are_refused(shown: str, hashed: str) -> None:
    """The same ids and choices, and another edition of the statutes in the file: no adapter did that."""
    before = [replace(outcome(number, "bbbb"), context="### 第1条\n条文") for number in range(8)]
    after = [replace(outcome(number, "aaaa"), context="### 第1条\n条文") for number in range(8)]
    answers = tuple(replace(answer, prompt_sha256=hashed) for answer in after[3].answers)
    after[3] = replace(after[3], context=shown, answers=answers)
    plan = {"scoring": "letter", "context": "gold"}
    first, second = result("base", before, {**RUN, "plan": plan}), result("tuned", after, {**TUNED, "plan": plan})
    with pytest.raises(DataError) as error:
        aligned_outcomes([first, second])
    assert str(error.value) == (
        "base.json と tuned.json: 尋ね方の設定は同じなのに、モデルに示した条文か文の違う問題が 1 問あります（q3）。"
        "同じ問題ファイルで評価し直してください。"
    )
    closed = result("none", after, {**TUNED, "plan": {**plan, "context": "none"}})
    assert len(aligned_outcomes([first, closed])) == 8  # other words are what is compared
    searched = {**plan, "context": "rag", "top_k": 3}
    both = [result("a", before, {**RUN, "plan": searched}), result("b", after, {**TUNED, "plan": searched})]
    with pytest.raises(DataError, match="どちらも同じ日に、または --as-of で作った索引で評価し直してください"):
        aligned_outcomes(both)
