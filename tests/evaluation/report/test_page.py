"""The report as text: what stands in it, what is escaped, when it is refused; and the pure parts it is made of."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.files import sha256_file, write_json
from app.core.questions import LETTERS, ORDERS, Question
from app.data.context import ShownPassage
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.seeds import seeds_together
from app.evaluation.comparing.verdict import verdict
from app.evaluation.report import page as report
from app.evaluation.report.charts import HEIGHT, WIDTH, loss_chart, reliability_points, thinned
from app.evaluation.report.marking import mark, runs_of
from app.evaluation.report.questions import depends_on_order, missed, question_views
from app.evaluation.results.file import Result
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.reliability import Bin, reliability, stated_and_right
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan

PLAN = EvaluationPlan(context="rag", top_k=2)
PASSAGE = ShownPassage(
    "L#2", "港湾条例", "2", "1", 3.5, "「小型船」とは、全長十二メートル未満の船舶をいう。", True, True
)


def outcome(number: int, chosen: str, *, question: str = "小型船の定義として正しいものは。", **fields: Any) -> Outcome:
    """A question whose four orders chose the four letters of ``chosen`` (of the file's order)."""
    answers = []
    for order, original in zip(ORDERS, chosen, strict=True):
        shown = LETTERS[order.index(original)]
        logprobs = tuple(math.log(0.7 if letter == shown else 0.1) for letter in LETTERS)
        answers.append(OrderAnswer(order, "0" * 64, predicted=shown, logprobs=logprobs, mass=1.0))
    made = Outcome(
        id=f"q{number}", question_sha256=f"{number:064d}", question=question,
        choices={"a": "全長12メートル未満の船舶", "b": "櫓のみの船", "c": "岸壁", "d": "桟橋"}, correct="a",
        law="港湾条例" if number % 2 else "渡船法", polarity="correct", cluster=f"c{number}",
        gold_articles=(("港湾条例", "2"),), context="x", passages=(PASSAGE,), answers=tuple(answers),
    )  # fmt: skip
    return replace(made, **fields)


def result(name: str, outcomes: Sequence[Outcome], **run: Any) -> Result:
    questions = [
        Question(o.id, o.question, dict(o.choices), o.correct, None, (), o.cluster, "correct", "s", o.law) for o in outcomes
    ]  # fmt: skip
    header = {"prompt_version": "1", "plan": PLAN.as_dict(), "adapter": None, "distrust": [], **run}
    return Result(Path(f"{name}.json"), header, summarize(outcomes, questions, PLAN), tuple(outcomes))


def page(results: Sequence[Result], *, gold: dict[str, str] | None = None) -> str:
    pairs = compare_results(results, seed=1) if len(results) > 1 else []
    return report.render_report(results, pairs, gold_contexts=gold or {}, created="2026-01-01T00:00:00+09:00")


def test_one_result_opens_with_its_headline_and_holds_every_question() -> None:
    made = result("base", [outcome(number, "aaaa" if number < 12 else "bbbb") for number in range(20)])
    html = page([made])
    assert report.headline(made) in html
    assert report.headline(made).startswith("20 問中 12 問正解（60.0 %、95 % 区間 38.7〜78.1 %）。")
    assert len(re.findall(r'<details class="q"', html)) == 20
    assert "評価の報告" in html
    assert "正解になった" not in html  # no second run to flip against


@pytest.mark.parametrize(
    ("right", "words"),
    [(20, "と差があるとは言えません"), (0, "を下回っています")],
    ids=["as high as the longest choice, which is right here", "all wrong"],
)
def test_the_headline_says_where_the_result_stands(right: int, words: str) -> None:
    made = result("x", [outcome(number, "aaaa" if number < right else "bbbb") for number in range(20)])
    assert "いちばん長い選択肢を選ぶ" in report.headline(made) or "いつも a" in report.headline(made)
    assert words in report.headline(made)


def test_two_results_stand_side_by_side_with_the_verdict() -> None:
    before = result("base", [outcome(number, "bbbb" if number < 9 else "aaaa") for number in range(20)])
    tuned = [outcome(number, "aaaa") for number in range(20)]
    after = result("tuned", tuned, adapter={"path": "lora", "trained_on": {"by_id": [], "by_content": []}})
    html = page([before, after])
    assert "調整後は 45.0 ポイント高く、偶然とは考えにくい差です" in html
    assert html.count('data-flags="wrong0 up0"') == 9
    assert '<option value="up0">正解になった</option>' in html
    assert html.count('<span class="source">1 位（3.50）</span>') == 20  # the passage both retrieved stands once
    assert html.count("<h4>検索した条文</h4>") == 20


def test_a_verdict_over_all_comparisons_comes_first() -> None:
    results = [result(name, [outcome(number, "aaaa") for number in range(20)]) for name in ("base", "one", "two")]
    pairs = compare_results(results, seed=1)
    together = seeds_together(results[0], results[1:], seed=1, repeats=50)
    html = report.render_report(results, pairs, gold_contexts={}, created="2026-01-01", together=together)
    verdicts = re.findall(r'<p class="verdict ([a-z]+)">([^<]*)</p>', html)
    assert verdicts == [("together", together.verdict), *(("undecided", verdict(pair)) for pair in pairs)]


def test_right_answers_are_counted_by_kind_for_all_seeds_and_for_each() -> None:
    right = {"base": "0", "one": "12", "two": "02"}  # which questions each run has right
    kinds = ("記述", "根拠条文", "根拠条文", "根拠条文")
    results = [
        result(name, [outcome(number, "aaaa" if str(number) in good else "bbbb", id=f"渡船法_第2条_{kind}_{number:05d}")
                      for number, kind in enumerate(kinds)])
        for name, good in right.items()
    ]  # fmt: skip
    pairs = compare_results(results, seed=1)
    together = seeds_together(results[0], results[1:], seed=1, repeats=50)
    html = report.render_report(results, pairs, gold_contexts={}, created="2026-01-01", together=together)
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td>(\d)</td><td>([^<]+)</td><td>([^<]+)</td><td>([^<]+)</td></tr>', html)  # fmt: skip
    assert rows == [
        ("根拠条文", "3", "0 → 1.5", "1.5", "0"), ("記述", "1", "1 → 0.5", "0", "0.5"),
        ("根拠条文", "3", "0 → 2", "2", "0"), ("記述", "1", "1 → 0", "0", "1"),
        ("根拠条文", "3", "0 → 1", "1", "0"), ("記述", "1", "1 → 1", "0", "0"),
    ]  # fmt: skip
    assert html.count("<caption>種類別（数えただけで、検定はしていません）</caption>") == 3
    assert "問い方別（数えただけ" not in html  # all ask for the same
    assert "<h3>すべての seed の平均</h3>" in html
    assert "<h3>種類別</h3>" in html


def test_flips_are_filtered_for_each_comparison_on_its_own() -> None:
    right = {"base": "01", "first": "02", "second": "13"}  # which questions each run has right
    results = [
        result(name, [outcome(number, "aaaa" if str(number) in good else "bbbb") for number in range(4)])
        for name, good in right.items()
    ]
    html = page(results)
    flags = re.findall(r'id="q-q(\d)" data-flags="([^"]*)"', html)
    assert [(number, [flag for flag in each.split() if flag[0] in "ud"]) for number, each in flags] == [
        ("0", ["down1"]), ("1", ["down0"]), ("2", ["up0"]), ("3", ["up1"]),
    ]  # fmt: skip
    for which, names in enumerate(("base → first", "base → second")):
        assert f'<option value="up{which}">正解になった: {names}</option>' in html
        assert f'<option value="down{which}">不正解になった: {names}</option>' in html


def test_ties_and_the_level_of_the_logprob_stand_in_both_columns() -> None:
    tied = page(
        [
            result("base", [outcome(1, "aabb"), outcome(2, "aaaa")]),
            result("tuned", [outcome(1, "aaaa"), outcome(2, "aaab")]),
        ]
    )
    (row,) = re.findall(r'<tr><th scope="row">うち同数で決まった問題.*?</tr>', tied)
    assert re.findall("<td>(.*?)</td>", row)[1] == "0 問（正解 0 問）"
    assert re.findall("<td>(.*?)</td>", row)[0].startswith("1 問（正解 ")
    (row,) = re.findall(r'<tr><th scope="row">正解の文字の対数確率の平均（一様なら -1.386）.*?</tr>', tied)
    means = [(math.log(0.7) * 6 + math.log(0.1) * 2) / 8, (math.log(0.7) * 7 + math.log(0.1)) / 8]
    assert re.findall("<td>(.*?)</td>", row) == [f"{mean:.3f}" for mean in means]
    assert tied.index("並びを別々に数えた正解率") < tied.index("（PriDe）") < tied.index("すべての並びで正解")
    written = [
        replace(one, answers=tuple(replace(answer, logprobs=None) for answer in one.answers))
        for one in (outcome(1, "aabb"),)
    ]
    alone = page([result("text", written)])
    assert "対数確率の平均" not in alone
    assert "同数で決まらず 1" in alone


def test_groups_show_their_interval_and_small_ones_are_grey() -> None:
    html = page(
        [result("base", [outcome(number, "aaaa") for number in range(1, 20)])]
    )  # ten of one law, nine of another
    assert '<span class="of">10/10</span> <span class="of">72–100 %</span>' in html
    assert re.findall(r'<tr class="few"><th scope="row">(.*?)</th>', html) == ["渡船法"]
    assert '<th scope="col"><span class="sr">区分</span></th>' in html


def test_runs_are_named_where_their_passages_differ() -> None:
    other = replace(PASSAGE, score=2.5)
    alone = replace(PASSAGE, id="p9", text="別の条文")
    results = [
        result("base", [outcome(1, "aaaa")]),
        result("tuned", [outcome(1, "aaaa", passages=(other, alone))]),
    ]
    html = page(results)
    assert '<span class="source">base: 1 位（3.50）、tuned: 1 位（2.50）</span>' in html
    assert '<span class="source">tuned: 2 位（3.50）</span>' in html


def test_one_order_is_not_spoken_of_as_several() -> None:
    several = page([result("base", [outcome(1, "aaaa")])])
    assert "正解率（4 通りの並びの多数決）" in several
    assert '<option value="order">' in several
    made = outcome(1, "aaaa")
    asked_once = replace(made, answers=made.answers[:1])
    one = page([result(name, [asked_once]) for name in ("base", "tuned")])
    assert '<th scope="row">正解率</th>' in one
    for words in ("多数決", "並びを別々に数えた", "の並びで正解", '<option value="order">'):
        assert words in several
        assert words not in one


def test_the_page_asks_the_network_for_nothing() -> None:
    html = page([result("base", [outcome(1, "aaaa")])])
    assert "default-src 'none'" in html
    assert re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"", html) == []
    assert "http" not in html.replace("http-equiv", "")


def test_whatever_the_data_holds_is_escaped() -> None:
    nasty = "<script>alert(1)</script>&\"'"
    passage = replace(PASSAGE, law_title=nasty, text=nasty)
    answers = (
        replace(outcome(1, "aaaa").answers[0], text=nasty, text_status="unparsed"),
        *outcome(1, "aaaa").answers[1:],
    )
    made = outcome(1, "aaaa", question=nasty, choices=dict.fromkeys("abcd", nasty), passages=(passage,), law=nasty,
                   id=nasty, answers=answers)  # fmt: skip
    html = page([result(nasty, [made], command=[nasty])], gold={nasty: f"## {nasty}\n{nasty}"})
    assert "<script>alert" not in html
    assert html.count("<script>") == 1
    assert html.count("alert(1)") >= 10


def test_a_collapsed_run_is_an_alarm() -> None:
    html = page([result("base", [outcome(1, "aaaa")], distrust=["COLLAPSED: 回答が a に偏っています"])])
    assert '<p class="alarm" role="alert">この結果は信用できません: base: COLLAPSED' in html


def test_matched_words_are_marked_in_passages_and_gold_articles() -> None:
    html = page(
        [result("base", [outcome(1, "aaaa")])],
        gold={"q1": "## 港湾条例\n### 第2条\n#### 第1項\n全長十二メートル未満の船舶をいう。"},
    )
    assert html.count("<mark>全長十二メートル未満の船舶</mark>") == 2
    assert "港湾条例 第2条第1項" in html


def test_a_headline_over_more_questions_than_there_are_is_refused() -> None:
    made = result("base", [outcome(number, "aaaa") for number in range(5)])
    short = Result(made.path, made.run, made.summary, made.outcomes[:-1])
    with pytest.raises(DataError, match="見出しは 5 問ですが、4 問分の結果しかありません"):
        page([short])


def test_a_summary_without_its_parts_is_refused_in_one_line() -> None:
    made = result("base", [outcome(1, "aaaa")])
    poor = {name: value for name, value in made.summary.items() if name not in ("floors", "collapse")}
    with pytest.raises(DataError, match="summary に floors、collapse がなく"):
        page([Result(made.path, made.run, poor, made.outcomes)])


def test_long_passages_are_cut_aloud_until_the_page_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    long = replace(PASSAGE, text="長" * 3000)
    made = result("base", [outcome(number, "aaaa", passages=(long,)) for number in range(6)])
    whole = page([made])
    assert "字は省略" not in whole
    monkeypatch.setattr(report, "MAX_BYTES", len(whole.encode("utf-8")) - 1)
    cut = page([made])
    assert "…（残り 1500 字は省略）" in cut
    assert len(cut.encode("utf-8")) < len(whole.encode("utf-8"))
    monkeypatch.setattr(report, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="3 MB に収まりません"):
        page([made])


def test_gold_text_comes_from_the_recorded_file_while_it_is_unchanged(tmp_path: Path) -> None:
    sample = {
        "ファイル名": "q1", "コンテキスト": "## 港湾条例\n### 第2条\nあ", "指示": "", "問題文": "?",
        "選択肢": "a 1\nb 2\nc 3\nd 4", "output": "a", "references": [],
    }  # fmt: skip
    path = tmp_path / "selection.json"
    write_json(path, {"samples": [sample]})
    data = {"path": str(path), "sha256": sha256_file(path)}
    made = result("base", [outcome(1, "aaaa")], data=data)
    assert report.gold_contexts([made], None) == {"q1": "## 港湾条例\n### 第2条\nあ"}
    write_json(path, {"samples": [sample, {**sample, "ファイル名": "q2"}]})
    assert report.gold_contexts([made], None) == {}
    assert set(report.gold_contexts([made], path)) == {"q1"}
    with pytest.raises(DataError, match="2 問のうち 1 問がありません"):
        report.gold_contexts([result("base", [outcome(1, "aaaa"), outcome(7, "aaaa")])], path)


def test_the_loss_curve_is_shown_while_the_adapter_is_the_one_evaluated(tmp_path: Path) -> None:
    write_json(
        tmp_path / "run.json", {"training": {"loss_history": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]}}
    )
    about = {
        "path": str(tmp_path),
        "run_sha256": sha256_file(tmp_path / "run.json"),
        "trained_on": {"by_id": [], "by_content": []},
    }
    alone = page([result("tuned", [outcome(1, "aaaa")], adapter=about)])
    assert "学習の損失" in alone
    assert alone.count('<polyline class="line run0" points="150.0,') == 1
    folds = {
        "path": [str(tmp_path)] * 3,
        "run_sha256": [about["run_sha256"]] * 2 + ["0"],
        "trained_on": {"by_id": [], "by_content": []},
    }
    crossed = page([result("tuned", [outcome(1, "aaaa")], adapter=folds)])
    assert crossed.count('<polyline class="line run0" points="150.0,') == 2  # the third fold's is not at hand
    assert crossed.count("tuned のアダプタ（学習データの損失）") == 1
    assert "アダプタ 交差適合の 3 個" in crossed
    assert "学習の損失" not in page([result("tuned", [outcome(1, "aaaa")], adapter={**about, "run_sha256": "0"})])


def test_writing_returns_the_size(tmp_path: Path) -> None:
    size = report.write_report(tmp_path / "r.html", [result("base", [outcome(1, "aaaa")])])
    assert (tmp_path / "r.html").stat().st_size == size > 10_000


def test_flags_of_a_question() -> None:
    unsteady, steady = outcome(1, "aaab"), outcome(2, "bbbb")
    assert depends_on_order(unsteady)
    assert not depends_on_order(steady)
    assert not missed(steady)
    assert missed(replace(steady, passages=(replace(PASSAGE, shown=False),)))
    assert missed(replace(steady, passages=(replace(PASSAGE, gold=False),)))
    assert not missed(replace(steady, passages=()))  # nothing was searched
    assert not missed(replace(steady, passages=(replace(PASSAGE, gold=False),), gold_articles=(("指針", "4-2"),)))
    views = question_views([result("base", [unsteady, steady])], [(unsteady,), (steady,)], [], {}, max_passage_chars=9)
    assert [view.flags for view in views] == [("order",), ("wrong0",)]
    assert views[0].answers[0].right_orders == "3/4"
    assert views[0].choices[0].means == (55,)  # 70 % in three orders, 10 % in one
    assert [bar.position for bar in views[0].choices[2].bars[0]] == ["c", "a", "d", "b"]
    assert views[0].retrieved[0].left_out == len(PASSAGE.text) - 9


@given(
    st.text(alphabet="あい二2年の第条（）「」。全長船舶港湾\n Ａ", max_size=60),
    st.text(alphabet="い2年の第条船舶港湾", max_size=20),
)
def test_marked_pieces_joined_are_the_text(text: str, other: str) -> None:
    pieces = mark(text, runs_of([other]))
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    assert mark("全長船舶" + text, runs_of(["全長船舶" + text]))[0].text.startswith("全長船舶")


@pytest.mark.parametrize(
    ("text", "other", "marked"),
    [
        ("期間は二年以内とする", "2年以内とする。", ["二年以内とする"]),
        ("届出書を提出し、受理する", "届出書を提出した", ["届出書を提出し"]),
        ("次に掲げる場合には", "当該場合には", []),  # 場合には: grammar
        ("届出", "届出書", []),
        ("届出をしなければならない", "許可を受けなければならない", []),
    ],
)
def test_what_is_marked(text: str, other: str, marked: list[str]) -> None:
    assert [piece.text for piece in mark(text, runs_of([other])) if piece.marked] == marked


def test_reliability_by_hand() -> None:
    found = reliability([(0.75, True), (0.75, False), (0.95, True), (1.0, True)])
    assert found is not None
    assert found.bins == (Bin(0.75, 0.5, 2), Bin(0.975, 1.0, 2))
    assert found.error == pytest.approx((2 * 0.25 + 2 * 0.025) / 4)
    assert reliability([]) is None


@given(st.lists(st.tuples(st.floats(min_value=0.25, max_value=1), st.booleans()), min_size=1, max_size=50))
def test_reliability_counts_every_answer_once(pairs: list[tuple[float, bool]]) -> None:
    found = reliability(pairs)
    assert found is not None
    assert sum(each.answers for each in found.bins) == len(pairs)
    assert sum(each.accuracy * each.answers for each in found.bins) == pytest.approx(sum(right for _, right in pairs))
    assert 0 <= found.error <= 1
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _, _ in reliability_points(found))


def test_stated_probabilities_are_those_of_the_letter_chosen() -> None:
    assert [(round(stated, 6), right) for stated, right in stated_and_right([outcome(1, "aabb")])] == [
        (0.7, True), (0.7, True), (0.7, False), (0.7, False),
    ]  # fmt: skip


def test_loss_curves_are_scaled_and_thinned() -> None:
    chart = loss_chart([("lora", 1, [(10, 2.0), (20, 1.0)]), ("none", 0, [])])
    assert chart is not None
    assert (chart.steps, chart.top) == (20, 2.0)
    assert chart.curves[0].points == "150.0,0.0 300.0,100.0"
    assert loss_chart([("x", 0, [(1, 1.0)])]) is None
    assert thinned([(1, 1.0), (2, 3.0), (3, 5.0)], most=2) == [(1.5, 2.0), (3.0, 5.0)]


def test_the_time_of_a_report_says_its_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert report.local_time("2026-01-02T03:04:05+09:00") == "2026-01-02 03:04（UTC+09:00）"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        before = datetime.now(UTC)
        report.write_report(tmp_path / "r.html", [result("base", [outcome(1, "aaaa")])])
    finally:
        monkeypatch.undo()
        time.tzset()
    html = (tmp_path / "r.html").read_text("utf-8")
    (written,) = re.findall(r'<span class="when">1 問　(.*?)（UTC\+09:00）</span>', html)
    there = datetime.strptime(written + "+0900", "%Y-%m-%d %H:%M%z")
    assert timedelta(minutes=-1) < there - before < timedelta(minutes=5)
