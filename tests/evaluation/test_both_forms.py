"""Both forms together: the pool against its formula, what cannot be pooled, and the files, lines and report around it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.questions import LETTERS, ORDERS
from app.evaluation.both_forms import both_change, both_forms, can_be_pooled, pool, pooled
from app.evaluation.comparing.comparison_json import as_json
from app.evaluation.comparing.comparison_text import comparison_lines
from app.evaluation.comparing.neighbours import compare_with_neighbours
from app.evaluation.comparing.seed_study import study_seeds
from app.evaluation.report.page import render_report
from app.evaluation.results.file import Result, read_result
from app.evaluation.results.order_answer import OrderAnswer, judged
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.result_words import both_forms_lines
from app.evaluation.running.contexts import context_lookup
from app.evaluation.running.evaluate import Job, evaluate
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import cluster_bootstrap, sign_flip_test
from tests.evaluation.conftest import make_answer, make_outcome, make_question

CHOICE = EvaluationPlan(context="gold", top_k=0, scoring="choice", orders=1)
LETTER = EvaluationPlan(context="gold", top_k=0, scoring="letter", orders=4, ensemble=True)


def by_choice(question: Any, odds: Sequence[float], sign: Any = 1) -> Outcome:
    """The outcome of a question whose choices were judged with these log-odds."""
    answer = OrderAnswer("".join(LETTERS), "p", log_odds=tuple(odds), masses=(1.0,) * 4, sign=sign, told=True)
    return make_outcome(question, [], form="choice", answers=(judged(answer, question.correct),))


def by_letter(question: Any, rows: Sequence[Sequence[float]]) -> Outcome:
    """The outcome of a question whose shown letters had these log-probabilities, a row an order."""
    answers = [
        replace(make_answer(order, LETTERS[int(np.argmax(row))]), logprobs=tuple(row))
        for order, row in zip(ORDERS, rows, strict=True)
    ]
    return make_outcome(question, [], answers=tuple(answers), ensemble=True)


ROW = st.lists(st.floats(-12, 0), min_size=4, max_size=4)


@given(odds=st.lists(st.floats(-12, 12), min_size=4, max_size=4), rows=st.tuples(ROW, ROW, ROW, ROW), sign=st.sampled_from((-1, 1)))  # fmt: skip
def test_the_pool_is_the_geometric_mean_of_both_distributions(
    odds: list[float], rows: tuple[list[float], ...], sign: Any
) -> None:
    question = make_question(1, "c")
    found = pooled(by_choice(question, odds, sign), by_letter(question, rows))
    of_choices = np.exp(sign * np.array(odds)) / np.exp(sign * np.array(odds)).sum()
    weights = of_choices.copy()
    for order, row in zip(ORDERS, rows, strict=True):
        shares = np.exp(row) / np.exp(row).sum()
        weights *= np.array([shares[order.index(letter)] for letter in LETTERS]) ** 0.25
    weights **= 0.5
    expected = weights / weights.sum()
    probabilities = found.mean_probabilities()
    assert probabilities is not None
    assert [probabilities[letter] for letter in LETTERS] == pytest.approx(list(expected), abs=1e-9)
    assert found.gold_logprob == pytest.approx(math.log(expected[2]), abs=1e-6)
    if np.sort(expected)[-1] - np.sort(expected)[-2] > 1e-6:
        assert found.predicted == LETTERS[int(expected.argmax())]


def test_each_form_may_overrule_the_other() -> None:
    question = make_question(1, "c")
    sure_letters = by_letter(question, [[math.log(0.94 if order[place] == "c" else 0.02) for place in range(4)] for order in ORDERS])  # fmt: skip
    assert pooled(by_choice(question, [0.5, 0, 0, 0]), sure_letters).predicted == "c"
    assert pooled(by_choice(question, [9, 0, 0, 0]), sure_letters).predicted == "a"


def outcomes_of(right: Sequence[tuple[bool, bool]]) -> tuple[list[Outcome], list[Outcome]]:
    """Questions that the choice form, and the letters, have right or not; the surer form is right."""
    choices, letters = [], []
    for number, (choice, letter) in enumerate(right):
        question = make_question(number, "c")
        choices.append(by_choice(question, [0, 0, 3, 0] if choice else [1, 0, 0, 0]))
        sure = 0.9 if letter else 0.4
        letters.append(make_outcome(question, ["c" if letter else "b"] * 4, sure=sure, ensemble=True))
    return choices, letters


def test_what_is_known_is_counted_for_each_way_and_against_each_form() -> None:
    right = [(True, True)] * 4 + [(True, False)] * 3 + [(False, True)] * 3 + [(False, False)] * 2
    choices, letters = outcomes_of(right)
    found = both_forms(choices, list(reversed(letters)), repeats=200)
    assert found is not None
    assert (found.questions, found.choice.accuracy, found.letter.accuracy, found.together.accuracy) == (
        12, 7 / 12, 7 / 12, 10 / 12,
    )  # fmt: skip
    steps = [float(not choice and letter) for choice, letter in right]
    clusters = [outcome.cluster for outcome in choices]
    assert found.against_choice.difference == pytest.approx(3 / 12)
    assert found.against_choice.ci95 == cluster_bootstrap(steps, clusters, seed=42, repeats=200)
    assert found.against_choice.p_value == sign_flip_test(steps, clusters, seed=42, repeats=2000).two_sided
    assert found.against_letter.difference == pytest.approx(3 / 12)
    pools = pool(choices, letters)
    assert pools is not None
    means = [sum(one.gold_logprob or 0 for one in each) / 12 for each in (choices, letters, pools)]
    assert [one.gold_logprob for one in (found.choice, found.letter, found.together)] == pytest.approx(means)
    assert found.against_choice.logprob is not None
    assert found.against_choice.logprob.change == pytest.approx(means[2] - means[0])


def test_seeds_count_by_their_mean() -> None:
    first, second, third = (
        pool(*outcomes_of([(good, good) for good in right]))
        for right in ([True] * 4 + [False] * 8, [True] * 6 + [False] * 6, [True] * 10 + [False] * 2)
    )
    assert first is not None
    assert second is not None
    assert third is not None
    change = both_change(first, [second, list(reversed(third))], repeats=100)
    assert (change.before.accuracy, change.after.accuracy) == (4 / 12, 8 / 12)
    assert change.gain.difference == pytest.approx(4 / 12)
    steps = [0.0] * 4 + [1.0] * 2 + [0.5] * 4 + [0.0] * 2
    assert change.gain.ci95 == cluster_bootstrap(steps, [one.cluster for one in first], seed=42, repeats=100)
    assert both_change(first, [first], repeats=50).gain.difference == 0


def test_what_cannot_be_pooled_is_not() -> None:
    question = make_question(1, "c")
    choice, letter = by_choice(question, [0, 0, 1, 0]), make_outcome(question, ["c"] * 4)
    assert can_be_pooled(choice, letter)
    several = by_choice(make_question(1, "ac"), [0, 0, 1, 0])
    failed = replace(choice, answers=(OrderAnswer("abcd", "p", error="x"),))
    for pair in (
        (choice, make_outcome(question, ["c"])),  # one order keeps the liking of places
        (choice, make_outcome(question, ["c"] * 4, sure=None)),
        (several, letter),
        (failed, letter),
        (letter, letter),
    ):
        assert not can_be_pooled(*pair)
        assert pool([pair[0]], [pair[1]]) is None
        with pytest.raises(ValueError, match="nothing to pool"):
            pooled(*pair)
    assert not can_be_pooled(letter, choice)
    assert pool([letter], [choice]) == pool([choice], [letter]) == [pooled(choice, letter)]  # whichever comes first
    assert pool([choice], []) is None
    assert both_forms([choice], [], repeats=10) is None


def asked(folder: Path, name: str, plan: EvaluationPlan, scripted: Any, *, model: str = "m", good: int = 6) -> Path:
    """Ask a model that takes c in the choice form of the first ``good`` questions, and says c as a letter wherever it stands."""
    (folder / "data.json").write_text("{}", "utf-8")
    job = Job(
        data=folder / "data.json", questions=[make_question(number, "c") for number in range(12)], output=folder / name,
        plan=plan, header={"command": [], "started_at": ""},
    )  # fmt: skip

    def odds(prompt: str) -> float:
        number = int(prompt.split("【候補】\n問")[1].split("の")[0])
        return 3.0 if prompt.endswith("C本文" if number < good else "A本文") else 0.0

    def letter(prompt: str) -> str:
        return next(line[0] for line in prompt.splitlines() if line.endswith("選択肢C本文"))

    evaluate(
        job,
        load_backend=lambda: scripted(letter, odds_of=odds),
        contexts=context_lookup(plan.context),
        model_key={"backend": "scripted", "model": model},
    )
    return folder / name


def tuned_again(folder: Path, scripted: Any) -> Result:
    """The results of another seed, in both forms; that of the choice form."""
    asked(folder, "again_letter.json", LETTER, scripted, model="again")
    return read_result(asked(folder, "again.json", CHOICE, scripted, model="again", good=12))


def test_results_beside_each_other_are_put_together(tmp_path: Path, scripted: Any) -> None:
    asked(tmp_path, "base_letter.json", LETTER, scripted, model="base")
    asked(tmp_path, "other_context.json", replace(LETTER, context="none"), scripted, model="base")
    base = read_result(asked(tmp_path, "base.json", CHOICE, scripted, model="base"))
    row = base.summary["both_forms"]
    assert (row["path"], row["distrust"]) == (str(tmp_path / "base_letter.json"), [])
    assert [row[name]["accuracy"] for name in ("choice", "letter", "together")] == [0.5, 1.0, 0.5]  # e³ against .85/.05
    tuned = read_result(asked(tmp_path, "tuned.json", CHOICE, scripted, model="tuned", good=9))
    assert tuned.summary["both_forms"] is None
    letters = read_result(asked(tmp_path, "tuned_letter.json", LETTER, scripted, model="tuned"))
    assert letters.summary["both_forms"]["path"] == str(tmp_path / "tuned.json")
    lines = summary_lines(base.summary, CHOICE.as_dict())
    assert lines[lines.index(both_forms_lines(row)[0]) :][:3] == both_forms_lines(row)
    assert both_forms_lines(row)[0].startswith(
        "一つずつの判断と文字を合わせると（base_letter.json）: 正解率 50.0 %、正解の対数確率 "
    )
    assert both_forms_lines(row)[1].startswith("  一つずつ 50.0 % に対して +0.0 ポイント（")
    assert both_forms_lines(row)[2].startswith("  文字 100.0 % に対して -50.0 ポイント（")

    (pair,) = compare_with_neighbours([base, tuned], seed=1)
    assert pair.both_forms is not None
    assert (pair.both_forms.before.accuracy, pair.both_forms.after.accuracy) == (0.5, 0.75)
    assert as_json([pair])["comparisons"][0]["both_forms"]["change"]["difference"] == 0.25
    text = "\n".join(comparison_lines([pair], [base, tuned]))
    assert "  一つずつの判断と文字を合わせると:\n    base: 正解率 50.0 %、" in text
    assert "    差: +25.0 ポイント（" in text
    html = render_report([base, tuned], [pair], gold_contexts={}, created="2026-01-01")
    assert "二つの尋ね方を合わせると" in html
    assert "tuned: 正解率 75.0 %、" in html
    study = study_seeds(base, [tuned, tuned_again(tmp_path, scripted)], [42, 43], seed=1)
    assert study.together is not None
    assert study.together.both_forms is not None
    assert study.together.both_forms.after.accuracy == pytest.approx((0.75 + 1.0) / 2)
    assert study.as_json()["together"]["both_forms"]["before"]["accuracy"] == 0.5
    assert "  調整後（seed 2 個の平均）: 正解率 87.5 %、" in "\n".join(study.lines())
    assert "すべての seed の平均: 正解率 87.5 %、" in render_report(
        study.results, study.pairs, gold_contexts={}, created="2026-01-01", together=study.together
    )
    before = read_result(tmp_path / "base_letter.json")  # the same two models, compared by their letters
    (reverse,) = compare_with_neighbours([before, letters], seed=1)
    assert reverse.both_forms is not None
    assert (reverse.both_forms.before.accuracy, reverse.both_forms.after.accuracy) == (0.5, 0.75)

    alone = read_result(asked(tmp_path, "alone.json", CHOICE, scripted, model="alone"))
    (single,) = compare_with_neighbours([base, alone], seed=1)
    assert single.both_forms is None
    assert "二つの尋ね方" not in render_report([alone], [], gold_contexts={}, created="2026-01-01")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("questions",), 3),
        (("path",), None),
        (("choice", "accuracy"), 7 / 12),
        (("together", "accuracy"), 1.5),
        (("together", "accuracy"), 7 / 12),
        (("against_letter", "difference"), 0.5),
        (("against_letter", "difference"), None),
        (("against_choice",), {"p_value": 0.5}),
        (("letter", "gold_logprob"), "x"),
        (("together", "pair_order"), 2.0),
        (("against_choice", "p_value"), None),
        (("distrust",), "x"),
        (("against_choice", "ci95"), "x"),
        (("against_letter", "calibrated_p_value"), None),
    ],
)
def test_a_changed_row_is_refused(tmp_path: Path, scripted: Any, place: tuple[str, ...], value: Any) -> None:
    asked(tmp_path, "letter.json", LETTER, scripted)
    path = asked(tmp_path, "choice.json", CHOICE, scripted)
    stored = json.loads(path.read_text("utf-8"))
    target = stored["summary"]["both_forms"]
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(DataError, match=r"summary の both_forms が壊れています"):
        read_result(path)


def test_a_partner_asked_otherwise_than_the_first_is_named_and_left_out(
    tmp_path: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for name, plan in (("base", LETTER), ("tuned", replace(LETTER, few_shot=True, few_shot_source="builtin"))):
        asked(tmp_path, f"{name}_letter.json", plan, scripted, model=name)
        results.append(read_result(asked(tmp_path, f"{name}.json", CHOICE, scripted, model=name)))
    capsys.readouterr()
    (pair,) = compare_with_neighbours(results, seed=1)
    assert pair.both_forms is None
    assert "tuned_letter.json は " in (said := capsys.readouterr().err)
    assert "base_letter.json と尋ね方が違うので、二つの形を合わせた比較に使いません。" in said
    study = study_seeds(results[0], [results[1], tuned_again(tmp_path, scripted)], [42, 43], seed=1)
    assert study.together is not None
    assert study.together.both_forms is None
    assert "tuned.json の隣にもう一方の形の結果がないので" in capsys.readouterr().err


def test_a_partner_that_must_not_be_trusted_is_named(tmp_path: Path, scripted: Any) -> None:
    results = []
    for name in ("base", "tuned"):
        path = asked(tmp_path, f"{name}_letter.json", LETTER, scripted, model=name)
        if name == "base":
            stored = json.loads(path.read_text("utf-8"))
            stored["run"]["distrust"] = ["COLLAPSED: x"]
            path.write_text(json.dumps(stored), "utf-8")
        results.append(read_result(asked(tmp_path, f"{name}.json", CHOICE, scripted, model=name)))
    (pair,) = compare_with_neighbours(results, seed=1)
    assert pair.both_forms is not None
    assert pair.both_forms.doubtful == ("base_letter",)
    assert as_json([pair])["comparisons"][0]["both_forms"]["doubtful"] == ["base_letter"]
    assert "    信用できない結果を合わせています: base_letter" in "\n".join(comparison_lines([pair], results))
    html = render_report(results, [pair], gold_contexts={}, created="2026-01-01")
    assert "信用できない結果を合わせています: base_letter" in html
    assert "（base_letter.json、信用できない結果）" in html
