"""What the law adds: by hand, to one model and to two, and in the files, lines and report of a run in three contexts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import BackendError, DataError
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.comparison_text import comparison_lines
from app.evaluation.comparing.neighbours import companions_of
from app.evaluation.comparing.reading_beside import contexts_beside, with_reading
from app.evaluation.comparing.seed_study import study_seeds
from app.evaluation.reading import law_adds, reading_changes
from app.evaluation.report.page import render_report
from app.evaluation.results.file import read_result, write_result
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.result_words import gain_text, reading_lines
from app.evaluation.running.asking import check_questions
from app.evaluation.running.contexts import context_lookup
from app.evaluation.running.evaluate import Job, evaluate
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import cluster_bootstrap, sign_flip_test

PLAN = EvaluationPlan(context="gold", top_k=0, scoring="choice", orders=1)


@pytest.fixture
def outcomes(question_of: Any, outcome_of: Any) -> Any:
    def made(right: Sequence[bool], sure: float | None = 0.7) -> list[Outcome]:
        questions = [question_of(number, "c") for number in range(len(right))]
        return [outcome_of(one, ["c" if good else "a"], sure=sure) for one, good in zip(questions, right, strict=True)]

    return made


def test_what_the_law_adds_is_counted_question_by_question(outcomes: Any) -> None:
    gold, without = outcomes([True] * 9 + [False] * 3), outcomes([True] * 3 + [False] * 8 + [True])
    found = law_adds("none", gold, list(reversed(without)), repeats=500)
    steps = [0.0] * 3 + [1.0] * 6 + [0.0] * 2 + [-1.0]
    clusters = [outcome.cluster for outcome in gold]
    assert (found.questions, found.clusters, found.accuracy) == (12, 12, (4 / 12, 9 / 12))
    assert found.gain.difference == pytest.approx(5 / 12)
    assert found.gain.ci95 == cluster_bootstrap(steps, clusters, seed=42, repeats=500)
    test = sign_flip_test(steps, clusters, seed=42, repeats=5000)
    assert (found.gain.p_value, found.gain.p_greater) == (test.two_sided, test.greater)
    assert found.gain.logprob is not None
    assert found.as_json()["accuracy"] == [4 / 12, 9 / 12]


@pytest.mark.parametrize(
    ("gold", "without", "sure", "conclusion", "words"),
    [
        ([True] * 12, [False] * 12, (0.7, 0.7), "reads", "条文があると正解率が上がります"),
        ([True] * 12, [True] * 12, (0.7, 0.7), "does not read", "このモデルは条文を読んでいるとは言えません"),
        ([False] * 12, [True] * 12, (0.7, 0.7), "does not read", "このモデルは条文を読んでいるとは言えません"),
        ([True] * 12, [True] * 12, (0.9, 0.7), "reads by probability", "正解に与える確率が上がります"),
        ([True] * 9, [False] * 9, (0.7, 0.7), "undecided", "判定しません"),  # too few articles
    ],
)
def test_a_model_that_loses_nothing_without_the_law_does_not_read(
    outcomes: Any, gold: list[bool], without: list[bool], sure: tuple[float, float], conclusion: str, words: str
) -> None:
    found = law_adds("removed", outcomes(gold, sure[0]), outcomes(without, sure[1]))
    assert found.conclusion == conclusion
    _, line = reading_lines([found.as_json()])
    assert line.startswith("  正解の条文を抜いた検索結果 ")
    assert words in line


def test_written_answers_have_no_probabilities(outcomes: Any) -> None:
    gold = [replace(one, answers=tuple(replace(a, logprobs=None, mass=None, text_letter=a.predicted) for a in one.answers))
            for one in outcomes([True] * 12)]  # fmt: skip
    found = law_adds("none", gold, gold)
    assert found.gain.logprob is None
    assert found.as_json()["logprob_change"] is None
    assert (found.gain.order, found.as_json()["pair_order_change"]) == (None, None)
    assert found.conclusion == "does not read"


def test_how_much_more_the_law_adds_to_the_second_model(outcomes: Any) -> None:
    before = {"gold": outcomes([True] * 6 + [False] * 6), "none": outcomes([True] * 5 + [False] * 7)}
    after = {"gold": outcomes([True] * 11 + [False]), "none": outcomes([False] * 12), "removed": outcomes([True] * 12)}
    (change,) = reading_changes(before, [after], repeats=500)
    steps = [1.0] * 5 + [0.0] + [1.0] * 5 + [0.0]
    clusters = [outcome.cluster for outcome in before["gold"]]
    assert (change.context, change.before.gain.difference) == ("none", pytest.approx(1 / 12))
    assert change.after.gain.difference == pytest.approx(11 / 12)
    assert change.gain.difference == pytest.approx(10 / 12)
    assert change.gain.ci95 == cluster_bootstrap(steps, clusters, seed=42, repeats=500)
    # A wrong answer of these is above the right choice and ties it with the two others: a third of its pairs.
    assert change.gain.order is not None
    assert change.gain.order.change == pytest.approx(10 / 12 * 2 / 3)
    assert gain_text(change.gain.as_json()).count("正解をほかより上に置いた割合 +55.6 ポイント（95 % 区間 +") == 1


def test_seeds_are_averaged_before_they_are_compared(outcomes: Any) -> None:
    before = {"gold": outcomes([True] * 6 + [False] * 6), "none": outcomes([True] * 5 + [False] * 7)}
    one = {"gold": outcomes([True] * 12), "none": outcomes([False] * 12)}
    other = {"gold": outcomes([True] * 12), "none": outcomes([True] * 12)}
    (change,) = reading_changes(before, [one, other], repeats=500)
    assert change.after.accuracy == (0.5, 1.0)
    assert change.after.gain.difference == pytest.approx(0.5)
    steps = [0.5 - value for value in [0.0] * 5 + [1.0] + [0.0] * 6]
    clusters = [outcome.cluster for outcome in before["gold"]]
    assert change.gain.difference == pytest.approx(sum(steps) / 12)
    assert change.gain.ci95 == cluster_bootstrap(steps, clusters, seed=42, repeats=500)


def asked(tmp_path: Path, name: str, context: Any, questions: Sequence[Any], scripted: Any, **changes: Any) -> Path:
    """Ask a model that judges right with ``law`` in its prompt, and says yes to everything else."""
    (tmp_path / "data.json").write_text("{}", "utf-8")
    plan = replace(PLAN, context=context, top_k=3 if context == "removed" else 0)
    job = Job(
        data=tmp_path / "data.json", questions=questions, output=tmp_path / name, plan=plan,
        header={"command": [], "started_at": ""},
    )  # fmt: skip
    evaluate(
        job,
        load_backend=lambda: scripted(
            lambda prompt: "a",
            odds_of=changes.get("odds_of", lambda prompt: 2.0 if "### 第" in prompt and prompt[-3] == "C" else 0.0),
        ),
        contexts=context_lookup("gold" if context == "gold" else "none"),
        model_key={"backend": "scripted", "model": changes.get("model", "m")},
    )
    return tmp_path / name


def test_results_beside_each_other_are_a_reading_test(tmp_path: Path, question_of: Any, scripted: Any) -> None:
    questions = [question_of(number, "c") for number in range(12)]
    for context in ("none", "removed", "gold"):
        asked(tmp_path, f"base_{context}.json", context, questions, scripted, model="deaf")
        asked(tmp_path, f"tuned_{context}.json", context, questions, scripted, model="reads")
    asked(tmp_path, "alone.json", "gold", questions, scripted, model="alone")
    base, tuned, alone = (read_result(tmp_path / name) for name in ("base_gold.json", "tuned_gold.json", "alone.json"))
    assert [(row["context"], row["accuracy"]) for row in tuned.summary["reading"]] == [
        ("none", [0.0, 1.0]), ("removed", [0.0, 1.0]),
    ]  # fmt: skip
    assert alone.summary["reading"] == []
    assert "  文脈なし 0.0 % → 正解の条文 100.0 %: 条文が足したもの +100.0 ポイント（" in "\n".join(
        summary_lines(tuned.summary, PLAN.as_dict())
    )
    found = contexts_beside([base, tuned], companions_of([base, tuned]))
    (pair,) = with_reading(compare_results([base, tuned], seed=1, repeats=100), found, seed=1)
    assert [change.gain.difference for change in pair.reading] == [0.0, 0.0]
    assert "    差（正解の条文を抜いた検索結果に対して）: +0.0 ポイント" in "\n".join(
        comparison_lines([pair], [base, tuned])
    )
    html = render_report([base, tuned], [pair], gold_contexts={}, created="2026-01-01")
    assert "条文を読んでいるか" in html
    assert "条文を読んでいるか" not in render_report([alone], [], gold_contexts={}, created="2026-01-01")
    found = contexts_beside([base, alone], companions_of([base, alone]))
    (single,) = with_reading(compare_results([base, alone], seed=1, repeats=100), found, seed=1)
    assert single.reading == ()


def test_a_seed_without_its_results_in_the_other_context_is_named_once(
    tmp_path: Path, question_of: Any, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = [question_of(number, "c") for number in range(12)]
    for name in ("base", "one", "two"):
        asked(tmp_path, f"{name}_gold.json", "gold", questions, scripted, model=name)
        if name != "two":
            asked(tmp_path, f"{name}_none.json", "none", questions, scripted, model=name)
    base, *tuned = (read_result(tmp_path / f"{name}_gold.json") for name in ("base", "one", "two"))
    capsys.readouterr()
    study = study_seeds(base, tuned, [42, 43], seed=1)
    assert study.together is not None
    assert ([len(pair.reading) for pair in study.pairs], study.together.reading) == ([1, 0], ())
    assert capsys.readouterr().err.count("two_gold.json の隣に文脈 none の結果がないので") == 1
    with pytest.raises(DataError, match="文脈 removed の結果が"):
        study_seeds(base, tuned, [42, 43], seed=1, reading_test=True)
    assert "の隣に文脈" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("accuracy", [0.0, 0.5]),
        ("difference", 0.5),
        ("questions", 3),
        ("context", "x"),
        ("ci95", [0.1]),
        ("p_value", None),
        ("ci95", "x"),
        ("logprob_ci95", [1]),
        ("pair_order_p_value", None),
    ],
)
def test_a_changed_reading_test_is_refused(
    tmp_path: Path, question_of: Any, scripted: Any, change: str, value: Any
) -> None:
    import json

    questions = [question_of(number, "c") for number in range(12)]
    asked(tmp_path, "none.json", "none", questions, scripted)
    path = asked(tmp_path, "gold.json", "gold", questions, scripted)
    stored = json.loads(path.read_text("utf-8"))
    stored["summary"]["reading"][0][change] = value
    path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(DataError, match=r"summary の reading が壊れています"):
        read_result(path)


class Pipeline:
    """Retrieval that finds articles 1, 2, 3 … of 架空法, whatever is asked."""

    def retrieve_documents(self, query: str, top_k: int) -> list[Any]:
        return self.retrieve_candidates(query, top_k, shown=top_k)

    def retrieve_candidates(self, query: str, count: int, *, shown: int) -> list[Any]:
        from types import SimpleNamespace

        return [
            SimpleNamespace(
                id=f"p{number}", law_title="架空法", part="main", article=str(number), paragraph=None, score=1 / number,
                text=f"第{number}条の本文", title=f"第{number}条",
                definitions=(),
            )
            for number in range(1, count + 1)
        ]  # fmt: skip

    def format_context(self, passages: Sequence[Any]) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(text="\n".join(one.text for one in passages), used=list(passages), left_out=[])


def test_the_right_article_is_taken_out_and_the_next_one_fills_up(question_of: Any) -> None:
    lookup = context_lookup("removed", pipeline=Pipeline(), search_query=lambda question: "x", top_k=3)
    assert [passage.article for passage in lookup(question_of(2)).passages] == ["1", "3", "4"]
    assert not any(passage.gold for passage in lookup(question_of(2)).passages)
    found = context_lookup("rag", pipeline=Pipeline(), search_query=lambda question: "x", top_k=3)
    assert [passage.article for passage in found(question_of(2)).passages] == ["1", "2", "3"]


def test_an_article_that_nobody_knows_cannot_be_taken_out(question_of: Any) -> None:
    plan = replace(PLAN, context="removed", top_k=3)
    check_questions([question_of()], plan)
    with pytest.raises(DataError, match="q1: 正解の条文が分からないので、抜いて尋ねること"):
        check_questions([question_of(articles=())], plan)


def test_a_server_that_was_away_without_the_law_is_no_reading(
    tmp_path: Path, question_of: Any, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed without the law is wrong in its file, and would pass for what the law adds."""
    questions = [question_of(number, "c") for number in range(12)]

    def away(prompt: str) -> float:
        if re.search("^問[13579]:", prompt, re.MULTILINE):
            raise BackendError("接続できません。")
        return 0.0

    for name in ("base", "tuned"):
        asked(tmp_path, f"{name}_none.json", "none", questions, scripted, model=name, odds_of=away)
        asked(tmp_path, f"{name}_gold.json", "gold", questions, scripted, model=name)
    said = capsys.readouterr().err
    assert "tuned_none.json は、条文を読んでいるかの比較に使いません（FAILED: 12 問のうち 5 問に答えが" in said
    base, tuned = (read_result(tmp_path / f"{name}_gold.json") for name in ("base", "tuned"))
    assert tuned.summary["reading"] == []
    assert [(one["context"], one["accuracy"]) for one in tuned.summary["other_contexts"]] == [("none", 0.0)]
    found = contexts_beside([base, tuned], companions_of([base, tuned]))
    assert with_reading(compare_results([base, tuned], seed=1, repeats=100), found, seed=1)[0].reading == ()


def test_a_result_without_the_law_that_must_not_be_trusted_is_named(
    tmp_path: Path, question_of: Any, scripted: Any
) -> None:
    questions = [question_of(number, "c") for number in range(12)]
    for name in ("base", "tuned"):
        asked(tmp_path, f"{name}_none.json", "none", questions, scripted, model=name)
        asked(tmp_path, f"{name}_gold.json", "gold", questions, scripted, model=name)
    without = read_result(tmp_path / "tuned_none.json")
    run = {**without.run, "distrust": ["COLLAPSED: 一つの文字だけ"]}
    write_result(without.path, run=run, summary=without.summary, outcomes=without.outcomes)
    base, tuned = (read_result(tmp_path / f"{name}_gold.json") for name in ("base", "tuned"))
    found = contexts_beside([base, tuned], companions_of([base, tuned]))
    (pair,) = with_reading(compare_results([base, tuned], seed=1, repeats=100), found, seed=1)
    assert [one.doubtful for one in pair.reading] == [("tuned_none",)]
    assert "信用できない結果を使っています: tuned_none" in "\n".join(comparison_lines([pair], [base, tuned]))
    html = render_report([base, tuned], [pair], gold_contexts={}, created="2026-01-01")
    assert "信用できない結果を使っています: tuned_none" in html
