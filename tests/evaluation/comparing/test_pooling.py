"""Pooling folds: every question once, nothing trained on, nothing asked in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.prompts import PROMPT_VERSION
from app.evaluation.comparing.pooling import pool_outcomes, pool_results
from app.evaluation.comparing.run_differences import differences
from app.evaluation.results.file import Result, read_result, write_result
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan

PLAN = EvaluationPlan(context="gold")


@pytest.fixture
def questions(question_of: Any) -> list[Any]:
    return [question_of(number, "abcd"[number % 4]) for number in range(8)]


@pytest.fixture
def fold_of(tmp_path: Path, outcome_of: Any) -> Any:
    def make(name: str, questions: list[Any], right: bool, **run: Any) -> Result:
        outcomes = [outcome_of(q, [q.correct if right else "abcd"["abcd".index(q.correct) - 1]] * 4) for q in questions]
        path = tmp_path / f"{name}.json"
        adapter = {"path": name, "weights_sha256": name, "trained_on": {"by_id": [], "by_content": []}}
        header = {
            "plan": PLAN.as_dict(),
            "prompt_version": PROMPT_VERSION,
            "model": {"backend": "x"},
            "adapter": adapter,
            "distrust": [],
        }
        summary = {**summarize(outcomes, questions, PLAN), "seconds": 1.25}
        write_result(path, run={**header, **run}, summary=summary, outcomes=outcomes)
        return read_result(path)

    return make


def test_folds_on_two_bases_are_not_one_result(questions: list[Any], fold_of: Any) -> None:
    base = {"backend": "x", "base_model": {"name": "m", "weights_sha256": "1"}}
    other = {"backend": "x", "base_model": {"name": "m", "weights_sha256": "2"}}
    folds = [fold_of("one", questions[:4], True, model=base), fold_of("two", questions[4:], True, model=other)]
    with pytest.raises(DataError, match=r"model\.base_model\.weights_sha256 が違うので一つにまとめられません"):
        pool_outcomes(folds, questions)


def test_folds_asked_of_one_index_by_two_spellings_are_one_result(questions: list[Any], fold_of: Any) -> None:
    index = {"corpus_hash": "1", "retriever": {"type": "bm25", "index_dir": "data/index"}}
    again = {"corpus_hash": "1", "retriever": {"type": "bm25", "index_dir": "/home/a/data/index"}}
    folds = [fold_of("one", questions[:4], True, index=index), fold_of("two", questions[4:], True, index=again)]
    assert len(pool_outcomes(folds, questions)) == 8
    folds[1] = fold_of("two", questions[4:], True, index={**again, "corpus_hash": "2"})
    with pytest.raises(DataError, match="索引か検索の設定 が違うので"):
        pool_outcomes(folds, questions)


def test_folds_become_one_result_in_file_order(questions: list[Any], fold_of: Any, tmp_path: Path) -> None:
    folds = [fold_of("one", questions[1::2], True), fold_of("two", questions[::2], False)]
    run, summary, outcomes = pool_results(folds, questions, header={"command": []}, data={"questions": 8})
    assert [outcome.id for outcome in outcomes] == [question.id for question in questions]
    assert (summary["correct"], summary["total"], summary["seconds"]) == (4, 8, 2.5)
    assert run["adapter"]["path"] == ["one", "two"]
    assert [fold["questions"] for fold in run["folds"]] == [4, 4]
    assert run["distrust"] == []
    write_result(tmp_path / "pooled.json", run=run, summary=summary, outcomes=outcomes)
    pooled = read_result(tmp_path / "pooled.json")
    # The untuned model and the pooled folds differ in the adapter alone, retrieval included.
    base = fold_of("base", questions, False, adapter=None)
    assert differences(base.facts, pooled.facts) == ("adapter",)


def test_folds_that_each_answer_one_letter_are_not_hidden_by_the_pool(questions: list[Any], fold_of: Any) -> None:
    reason = "COLLAPSED: 回答が a に偏っています（100%、エントロピー 0.00 ビット）"
    folds = [
        fold_of("one", questions[:4], True, distrust=[reason]),
        fold_of("two", questions[4:], True, distrust=["別の理由"]),
    ]
    run, summary, _ = pool_results(folds, questions, header={}, data={})
    assert not summary["collapse"]["collapsed"]
    assert run["distrust"] == [
        "COLLAPSED: 1 組目の回答が a に偏っています（100%、エントロピー 0.00 ビット）",
        "2 組目: 別の理由",
    ]


def test_clusters_are_those_of_the_whole_file(questions: list[Any], fold_of: Any, question_of: Any) -> None:
    folds = [fold_of("one", questions, True)]
    joined = [question_of(number, "abcd"[number % 4], cluster="架空法 第0条") for number in range(8)]
    assert {outcome.cluster for outcome in pool_outcomes(folds, joined)} == {"架空法 第0条"}


def test_a_question_twice_missing_or_unknown_is_refused(questions: list[Any], fold_of: Any) -> None:
    with pytest.raises(DataError, match="q3 が二つの組で"):
        pool_outcomes([fold_of("one", questions[:4], True), fold_of("two", questions[3:], True)], questions)
    with pytest.raises(DataError, match="8 問のうち評価されたのは 7 問です（例 q7）"):
        pool_outcomes([fold_of("one", questions[:7], True)], questions)
    with pytest.raises(DataError, match="例 q7"):
        pool_outcomes([fold_of("one", questions, True)], questions[:7])


def test_leaks_and_other_ways_of_asking_are_refused(questions: list[Any], fold_of: Any) -> None:
    leaked = {"path": "x", "weights_sha256": "x", "trained_on": {"by_id": ["q1"], "by_content": []}}
    with pytest.raises(DataError, match="アダプタが学習した問題"):
        pool_outcomes([fold_of("one", questions, True, adapter=leaked, distrust=["学習に使った問題"])], questions)
    other = EvaluationPlan(context="none").as_dict()
    with pytest.raises(DataError, match="plan が違う"):
        pool_outcomes([fold_of("one", questions[:4], True), fold_of("two", questions[4:], True, plan=other)], questions)
    with pytest.raises(DataError, match="索引か検索の設定 が違う"):
        pool_outcomes(
            [fold_of("one", questions[:4], True), fold_of("two", questions[4:], True, index={"corpus_hash": "x"})],
            questions,
        )
