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
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.comparison_json import as_json
from app.evaluation.comparing.comparison_text import comparison_lines
from app.evaluation.comparing.forms_beside import with_both_forms
from app.evaluation.report.page import render_report
from app.evaluation.results.file import read_result
from app.evaluation.results.order_answer import OrderAnswer, judged
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.result_words import both_forms_lines
from app.evaluation.running.contexts import context_lookup
from app.evaluation.running.evaluate import Job, evaluate
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.statistics import mcnemar_exact
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
    assert (found.questions, found.choice.correct, found.letter.correct, found.together.correct) == (12, 7, 7, 10)
    assert (found.against_choice.gained, found.against_choice.lost) == (3, 0)
    assert (found.against_letter.gained, found.against_letter.lost) == (3, 0)
    assert found.against_choice.p_value == mcnemar_exact(3, 0)
    pools = pool(choices, letters)
    assert pools is not None
    means = [sum(one.gold_logprob or 0 for one in each) / 12 for each in (choices, letters, pools)]
    assert [one.gold_logprob for _, one in found.ways] == pytest.approx(means)
    assert found.against_choice.scores.logprob is not None
    assert found.against_choice.scores.logprob.change == pytest.approx(means[2] - means[0])
    step = both_change(pools, pools, repeats=50)
    assert (step.before, step.step.gained, step.step.lost) == (step.after, 0, 0)


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
        (letter, choice),
    ):
        assert not can_be_pooled(*pair)
        assert pool([pair[0]], [pair[1]]) is None
        with pytest.raises(ValueError, match="nothing to pool"):
            pooled(*pair)
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


def test_results_beside_each_other_are_put_together(tmp_path: Path, scripted: Any) -> None:
    asked(tmp_path, "base_letter.json", LETTER, scripted, model="base")
    asked(tmp_path, "other_context.json", replace(LETTER, context="none"), scripted, model="base")
    base = read_result(asked(tmp_path, "base.json", CHOICE, scripted, model="base"))
    row = base.summary["both_forms"]
    assert (row["path"], row["distrust"]) == (str(tmp_path / "base_letter.json"), [])
    assert [row[name]["correct"] for name in ("choice", "letter", "together")] == [6, 12, 6]  # e³ against .85/.05
    tuned = read_result(asked(tmp_path, "tuned.json", CHOICE, scripted, model="tuned", good=9))
    assert tuned.summary["both_forms"] is None
    letters = read_result(asked(tmp_path, "tuned_letter.json", LETTER, scripted, model="tuned"))
    assert letters.summary["both_forms"]["path"] == str(tmp_path / "tuned.json")
    lines = summary_lines(base.summary, CHOICE.as_dict())
    assert lines[lines.index(both_forms_lines(row)[0]) :][:3] == both_forms_lines(row)
    assert both_forms_lines(row)[0].startswith(
        "一つずつの判断と文字を合わせると（base_letter.json）: 50.0 %（12 問中 6 問）、正解の対数確率 "
    )
    assert both_forms_lines(row)[2].startswith(
        "  文字 12 問に対して 正解になった 0 問、不正解になった 6 問（p = 0.031）"
    )

    (pair,) = with_both_forms(compare_results([base, tuned], seed=1, repeats=100), [base, tuned], seed=1)
    assert pair.both_forms is not None
    assert (pair.both_forms.before.correct, pair.both_forms.after.correct) == (6, 9)
    assert as_json([pair])["comparisons"][0]["both_forms"]["change"]["gained"] == 3
    text = "\n".join(comparison_lines([pair], [base, tuned]))
    assert "  一つずつの判断と文字を合わせると:\n    base: 50.0 %（12 問中 6 問）" in text
    assert "    差: 正解になった 3 問、不正解になった 0 問（p = 0.250）" in text
    html = render_report([base, tuned], [pair], gold_contexts={}, created="2026-01-01")
    assert "二つの尋ね方を合わせると" in html
    assert "75.0 %（12 問中 9 問）" in html
    before = read_result(tmp_path / "base_letter.json")  # the same two models, compared by their letters
    (reverse,) = with_both_forms(compare_results([before, letters], seed=1, repeats=50), [before, letters], seed=1)
    assert reverse.both_forms is not None
    assert (reverse.both_forms.before.correct, reverse.both_forms.after.correct) == (6, 9)

    alone = read_result(asked(tmp_path, "alone.json", CHOICE, scripted, model="alone"))
    (single,) = with_both_forms(compare_results([base, alone], seed=1, repeats=50), [base, alone], seed=1)
    assert single.both_forms is None
    assert "二つの尋ね方" not in render_report([alone], [], gold_contexts={}, created="2026-01-01")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("questions",), 3),
        (("path",), None),
        (("choice", "correct"), 7),
        (("together", "correct"), 13),
        (("letter", "gold_logprob"), "x"),
        (("together", "pair_order"), 2.0),
        (("against_letter", "gained"), -1),
        (("against_choice", "p_value"), None),
        (("distrust",), "x"),
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
