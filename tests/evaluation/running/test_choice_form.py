"""The choice form from the prompt to the result file, the comparison and the report, with scripted log-odds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.choices import set_logprob
from app.core.errors import ConfigError, DataError
from app.core.prompts import CHOICE_PROMPT_VERSION, build_choice_prompt
from app.core.questions import CHOICE_LETTERS, Question
from app.data.context import Context
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.comparing.comparison_text import comparison_lines
from app.evaluation.comparing.pooling import pool_results
from app.evaluation.report.page import render_report
from app.evaluation.results.file import Result, read_result, write_result
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.result_text import summary_lines
from app.evaluation.results.rows import outcome_from
from app.evaluation.results.summary import summarize
from app.evaluation.running.asking import ask, check_questions, failed
from app.evaluation.running.evaluate import Job, evaluate
from app.evaluation.running.plan import EvaluationPlan

PLAN = EvaluationPlan(context="gold", top_k=0, scoring="choice", orders=1)
WRONG = "誤っているものはどれですか。"


def choices(count: int) -> dict[str, str]:
    return {letter: f"選択肢{letter.upper()}本文" for letter in CHOICE_LETTERS[:count]}


@pytest.fixture
def asked(question_of: Any, scripted: Any) -> Any:
    """A function that asks questions with the log-odds of each choice, by letter in the file's order."""

    def one(question: Question, odds: Sequence[float]) -> Outcome:
        by_text = dict(zip(question.choices.values(), odds, strict=True))
        backend = scripted(
            lambda prompt: "a", odds_of=lambda prompt: next(v for text, v in by_text.items() if prompt.endswith(text))
        )
        (outcome,) = ask(backend, [(question, Context(question.context))], PLAN)
        assert backend.prompts == [
            build_choice_prompt(question.question, text, question.context) for text in question.choices.values()
        ]
        return outcome

    return one


def test_the_best_fitting_choice_is_the_answer(question_of: Any, asked: Any) -> None:
    outcome = asked(question_of(correct="c"), [0.5, -1.0, 2.0, 1.0])
    assert (outcome.predicted, outcome.status, outcome.share_right) == ("c", "correct", 1.0)
    total = sum(math.exp(value) for value in (0.5, -1.0, 2.0, 1.0))
    assert outcome.gold_logprob == pytest.approx(2.0 - math.log(total))
    assert outcome.mean_probabilities() == pytest.approx(
        dict(zip("abcd", [math.exp(value) / total for value in (0.5, -1.0, 2.0, 1.0)], strict=True))
    )
    assert outcome.as_row()["label_mass"] == pytest.approx(0.9)


def test_a_request_for_the_wrong_one_turns_the_sign(question_of: Any, asked: Any) -> None:
    outcome = asked(question_of(correct="b", question=WRONG, polarity="incorrect"), [0.5, -1.0, 2.0, 1.0])
    assert (outcome.predicted, outcome.answers[0].sign, outcome.answers[0].told) == ("b", -1, True)
    assert outcome.gold_logprob == pytest.approx(set_logprob([0.5, -1.0, 2.0, 1.0], -1, "b"))


@pytest.mark.parametrize(
    ("correct", "odds", "predicted", "status"),
    [
        ("bd", [0.0, 2.0, 1.0, 3.0, -1.0], "bd", "correct"),
        ("bc", [0.0, 2.0, 1.0, 3.0, -1.0], "bd", "wrong"),
        ("ace", [0.0, 2.0, 1.0, 3.0, -1.0], "bcd", "wrong"),
    ],
)
def test_as_many_choices_are_taken_as_are_right(
    question_of: Any, asked: Any, correct: str, odds: list[float], predicted: str, status: str
) -> None:
    outcome = asked(question_of(correct=correct, choices=choices(5)), odds)
    assert (outcome.predicted, outcome.status) == (predicted, status)
    assert outcome.gold_logprob == pytest.approx(set_logprob(odds, 1, correct))
    assert sum(outcome.mean_probabilities().values()) == pytest.approx(len(correct))
    assert outcome.answers[0].stated() == pytest.approx(math.exp(set_logprob(odds, 1, predicted)))


@pytest.mark.parametrize(
    ("correct", "odds", "predicted"), [("a", 0.4, "a"), ("a", -0.4, ""), ("", -0.4, ""), ("", 0.4, "a")]
)
def test_a_single_statement_is_judged_by_itself(
    question_of: Any, asked: Any, correct: str, odds: float, predicted: str
) -> None:
    outcome = asked(question_of(correct=correct, choices=choices(1)), [odds])
    assert (outcome.predicted, outcome.status) == (predicted, "correct" if predicted == correct else "wrong")
    assert outcome.gold_logprob == pytest.approx(-math.log1p(math.exp(-odds if correct else odds)))


def test_a_row_is_read_back_and_says_what_its_log_odds_say(question_of: Any, asked: Any) -> None:
    for correct, count in (("c", 4), ("bd", 5), ("", 1), ("a", 2)):
        outcome = asked(question_of(correct=correct, choices=choices(count)), [0.3, -0.2, 1.5, 0.1, 0.0][:count])
        row = json.loads(json.dumps(outcome.as_row()))
        assert outcome_from(row, "r.json: 1 問目") == outcome


@pytest.mark.parametrize(
    "change",
    [
        {"predicted": "a"},
        {"logprobs": [-1.0, -1.0, -1.0, -1.0]},
        {"log_odds": [5.0, 0.0, 0.0, 0.0]},
        {"log_odds": [1.0, 2.0]},
        {"log_odds": None},
        {"log_odds": [float("inf"), 0.0, 0.0, 0.0]},
        {"masses": None},
        {"masses": [1.0, 1.0, 1.0, 2.0]},
        {"sign": -1},
        {"sign": 0},
        {"told": None},
        {"outside": 5},
        {"order": "bacd"},
        {"text": "c", "text_status": "ok", "text_letter": "c"},
    ],
)
def test_a_changed_answer_is_refused(question_of: Any, asked: Any, change: dict[str, Any]) -> None:
    row = json.loads(json.dumps(asked(question_of(), [0.5, -1.0, 2.0, 1.0]).as_row()))
    row["answers"][0] |= change
    with pytest.raises(DataError, match=r"r\.json: 1 問目: "):
        outcome_from(row, "r.json: 1 問目")


def test_an_answer_of_one_form_is_not_read_as_the_other(question_of: Any, asked: Any, outcome_of: Any) -> None:
    with pytest.raises(DataError, match="form letter、log_odds"):
        outcome_from(asked(question_of(), [0.5, -1.0, 2.0, 1.0]).as_row() | {"form": "letter"}, "r")
    with pytest.raises(DataError, match="log_odds null"):
        outcome_from(outcome_of(question_of(), ["c"]).as_row() | {"form": "choice"}, "r")
    with pytest.raises(DataError, match="form '選択'"):
        outcome_from(outcome_of(question_of(), ["c"]).as_row() | {"form": "選択"}, "r")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"orders": 4}, "--orders 4"),
        ({"cot": True}, "--use-cot"),
        ({"few_shot": True}, "--few-shot"),
        ({"orders": 4, "ensemble": True}, "--orders 4、--ensemble"),
    ],
)
def test_what_the_form_does_not_have_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=f"{named} とは使えません"):
        EvaluationPlan(**{"scoring": "choice", "orders": 1, **options})


@pytest.mark.parametrize(
    ("scoring", "values", "message"),
    [
        ("letter", {"correct": "bd"}, "q1: 正解が 2 つある問題なので、--scoring letter では"),
        ("text", {"correct": "", "choices": choices(1)}, "q1: 一つの記述の正誤を問う問題なので、--scoring text では"),
        ("both", {"correct": "a", "choices": choices(3)}, "q1: 選択肢が 3 個なので、--scoring both では"),
    ],
)
def test_questions_that_a_letter_cannot_answer_are_named(
    question_of: Any, scoring: Any, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        check_questions([question_of(**values)], EvaluationPlan(scoring=scoring, orders=1))
    check_questions([question_of(**values)], PLAN)


def test_letters_of_five_choices_in_their_five_orders(question_of: Any, scripted: Any) -> None:
    question = question_of(correct="e", choices=choices(5))
    plan = EvaluationPlan(context="gold", top_k=0, ensemble=True)
    backend = scripted(lambda prompt: prompt.partition("選択肢E本文")[0].rstrip()[-1])
    (outcome,) = ask(backend, [(question, Context(question.context))], plan)
    assert [answer.order for answer in outcome.answers] == ["abcde", "bcdea", "cdeab", "deabc", "eabcd"]
    assert (outcome.predicted, outcome.share_right) == ("e", 1.0)
    assert outcome_from(json.loads(json.dumps(outcome.as_row())), "r") == outcome
    summary = summarize([outcome, outcome_four(question_of, scripted)], [question, question_of()], plan)
    assert summary["orders"]["orders"] == 5
    assert summary["orders"]["pride_accuracy"] is None
    assert summary["collapse"]["chi_square"] is None
    assert list(summary["label_histogram"]) == ["a", "b", "c", "d", "e", "none"]
    assert summary["floors"]["chance"] == pytest.approx((1 / 4 + 1 / 5) / 2)
    assert any("5 通りの並び" in line for line in summary_lines(summary, plan.as_dict()))


def outcome_four(question_of: Any, scripted: Any) -> Outcome:
    question = question_of()
    plan = EvaluationPlan(context="gold", top_k=0, ensemble=True)
    (outcome,) = ask(scripted(lambda prompt: "a"), [(question, Context(question.context))], plan)
    return outcome


def test_a_failed_question_of_the_form_is_read_back(question_of: Any) -> None:
    outcome = failed(question_of(), Context(None), PLAN, "応答がありません")
    assert outcome.status == "failed"
    assert outcome_from(json.loads(json.dumps(outcome.as_row())), "r") == outcome


def mixed(question_of: Any) -> list[Question]:
    """Twelve questions on articles of their own: one right, two of five, single statements, requests of each kind."""
    made = []
    for number in range(12):
        kinds = [
            {"correct": "c"},
            {"correct": "bd", "choices": choices(5)},
            {"correct": "a" if number % 2 else "", "choices": choices(1)},
            {"correct": "b", "question": WRONG, "polarity": "incorrect"},
        ]
        made.append(
            question_of(
                number,
                **({"question": "記述は届出を要する。", "polarity": "other"} if number == 5 else kinds[number % 4]),
            )
        )
    return made


def evaluated(
    tmp_path: Path, name: str, questions: Sequence[Question], scripted: Any, odds_of: Any, plan: EvaluationPlan = PLAN
) -> Result:
    (tmp_path / "data.json").write_text("{}", "utf-8")
    job = Job(
        data=tmp_path / "data.json", questions=questions, output=tmp_path / name, plan=plan,
        header={"command": [], "started_at": "2026-01-01T00:00:00+00:00"},
    )  # fmt: skip
    evaluate(
        job,
        load_backend=lambda: scripted(lambda prompt: "a", odds_of=odds_of),
        contexts=lambda question: Context(question.context),
        model_key={"backend": "scripted", "model": name},
    )
    return read_result(tmp_path / name)


def test_a_mixed_file_from_asking_to_the_report(tmp_path: Path, question_of: Any, scripted: Any) -> None:
    questions = mixed(question_of)
    before = evaluated(tmp_path, "before.json", questions, scripted, lambda prompt: float(len(prompt) % 7) - 3)
    after = evaluated(tmp_path, "after.json", questions, scripted, lambda prompt: 1.0 if prompt[-3] in "BD" else -1.0)
    assert before.run["prompt_version"] == CHOICE_PROMPT_VERSION
    statements = after.summary["statements"]
    assert statements["total"] == sum(len(question.choices) for question in questions)
    assert statements["untold"] == {"other": 1}
    assert after.summary["collapse"] == {"collapsed": None}
    assert set(after.summary["by_gold_position"]) == {"b", "bd", "c", "×"}
    (pair,) = compare_results([before, after], seed=1, repeats=100)
    assert pair.scores.logprob is not None
    lines = "\n".join([*comparison_lines([pair], [before, after]), *summary_lines(after.summary, PLAN.as_dict())])
    assert "正解率（選択肢ごとの判断）" in lines
    assert "求め方を読み取れず、問題文のまま尋ねた問題: その他 1 問" in lines
    html = render_report([before, after], [pair], gold_contexts={}, created="2026-01-01")
    assert "選択肢を一つずつ数えた判断の正解率" in html
    assert "並びを別々に数えた" not in html


@pytest.mark.parametrize("count", [1, 12])
def test_a_file_of_single_statements_from_asking_to_the_report(
    tmp_path: Path, question_of: Any, scripted: Any, count: int
) -> None:
    """○×: no letter is ever the answer, so there is no position to recall."""
    questions = [
        question_of(
            number, correct="a" if number % 2 else "", choices=choices(1), question="○か×か。", polarity="other"
        )
        for number in range(count)
    ]
    before = evaluated(tmp_path, "before.json", questions, scripted, lambda prompt: -1.0)
    after = evaluated(tmp_path, "after.json", questions, scripted, lambda prompt: 1.0)
    orders = after.summary["orders"]
    assert (orders["rstd"], orders["recall_by_position"]) == (None, {})
    assert (before.summary["correct"], after.summary["correct"]) == (count - count // 2, count // 2)
    lines = "\n".join(summary_lines(after.summary, PLAN.as_dict()))
    assert f"（{count // 2}/{count}" in lines
    pairs = compare_results([before, after], seed=1, repeats=100)
    assert render_report([before, after], pairs, gold_contexts={}, created="2026-01-01")


def test_cited_words_from_asking_to_the_comparison(tmp_path: Path, question_of: Any, scripted: Any) -> None:
    context = "## 架空法\n### 第1条\n許可を受ける。\n### 第2条\n期間は、二年とする。"
    cited = {"a": "架空法第1条", "b": "架空法第2条", "c": "架空法第3条", "d": "架空法第2条に定める期間"}
    questions = [question_of(1, choices=cited, context=context), question_of(2)]
    plan = replace(PLAN, cited_words=True)
    seen: list[str] = []

    def odds(prompt: str) -> float:
        seen.append(prompt)
        return float(prompt.endswith("」）"))

    plain = evaluated(tmp_path, "plain.json", questions, scripted, odds)
    unaided, seen = seen, []
    shown = evaluated(tmp_path, "shown.json", questions, scripted, odds, plan)
    under = ["\n（条文の文言：「許可を受ける。」）", "\n（条文の文言：「期間は、二年とする。」）", *[""] * 6]
    assert seen == [prompt + words for prompt, words in zip(unaided, under, strict=True)]
    assert ("cited_words" in plain.run["plan"], shown.run["plan"]["cited_words"]) == (False, True)
    assert "cited_words" not in plain.summary
    counts = {"shown": 2, "without": 1, "cut": 0, "right": {"shown": 0, "without": 1}}
    assert shown.summary["cited_words"] == counts
    line = "  文言を添えた候補 2 / 添えられなかった引用だけの候補 1（正解の候補は 0 / 1、ほかは 2 / 0）"
    assert line in summary_lines(shown.summary, plan.as_dict())
    assert not any("文言" in line for line in summary_lines(plain.summary, PLAN.as_dict()))

    (pair,) = compare_results([plain, shown], seed=1, repeats=100)
    assert pair.differs == ("model", "cited_words")
    stored = json.loads(shown.path.read_text("utf-8"))
    del stored["summary"]["cited_words"]["right"]  # as the first results with the option
    shown.path.write_text(json.dumps(stored), "utf-8")
    assert read_result(shown.path).summary["cited_words"] == counts
    stored["summary"]["cited_words"]["shown"] = 3
    shown.path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(DataError, match=r"summary の cited_words\.shown"):
        read_result(shown.path)


def test_folds_of_the_form_become_one_result(tmp_path: Path, question_of: Any, scripted: Any) -> None:
    questions = mixed(question_of)
    folds = []
    for name, part in (("one.json", questions[::2]), ("two.json", questions[1::2])):
        done = evaluated(tmp_path, name, part, scripted, lambda prompt: 1.0 if prompt[-3] in "BD" else -1.0)
        adapter = {"path": name, "weights_sha256": name, "trained_on": {"by_id": [], "by_content": []}}
        run = {**done.run, "adapter": adapter, "notes": ["同じ注意"]}
        folds.append(Result(done.path, run, done.summary, done.outcomes))
    run, summary, outcomes = pool_results(folds, questions, header={"command": []}, data={"questions": len(questions)})
    write_result(tmp_path / "pooled.json", run=run, summary=summary, outcomes=outcomes)
    pooled = read_result(tmp_path / "pooled.json")
    assert [outcome.id for outcome in pooled.outcomes] == [question.id for question in questions]
    assert pooled.summary["statements"]["total"] == sum(len(question.choices) for question in questions)
    assert (pooled.run["prompt_version"], pooled.run["notes"]) == (CHOICE_PROMPT_VERSION, ["同じ注意"])
    base = evaluated(tmp_path, "base.json", questions, scripted, lambda prompt: 0.0)
    (pair,) = compare_results([base, pooled], seed=1, repeats=100)
    assert pair.form == "choice"


def test_a_changed_sign_of_a_result_of_this_version_is_refused(tmp_path: Path, question_of: Any, scripted: Any) -> None:
    evaluated(tmp_path, "r.json", [question_of(number) for number in range(3)], scripted, lambda prompt: 0.0)
    value = json.loads((tmp_path / "r.json").read_text("utf-8"))
    value["results"][0]["answers"][0]["told"] = False
    value["summary"]["statements"]["untold"] = {"correct": 1}
    (tmp_path / "r.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(DataError, match="q0 の sign・told が問題文の求め方と合いません"):
        read_result(tmp_path / "r.json")


def test_results_of_two_forms_are_not_compared(
    tmp_path: Path, question_of: Any, scripted: Any, outcome_of: Any
) -> None:
    questions = [question_of(number) for number in range(3)]
    judged = evaluated(tmp_path, "r.json", questions, scripted, lambda prompt: 0.0)
    letters = Result(
        tmp_path / "l.json", {"plan": {}, "distrust": []}, {}, tuple(outcome_of(one, ["c"]) for one in questions)
    )
    with pytest.raises(DataError, match="問題の形が違います（choice と letter）"):
        compare_results([judged, letters], seed=1)
