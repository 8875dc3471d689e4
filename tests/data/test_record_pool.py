"""Given records, shared out to the questions they are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.prompts import Form
from app.data.finetune import build_records
from app.data.lawqa import load_questions
from app.data.record_pool import read_record_pool
from app.data.records import Record, write_records
from app.retrieval.question_contexts import context_plan

QUESTIONS = load_questions(Path(__file__).resolve().parents[2] / "sample" / "selection.json")[:6]


def written(path: Path, **change: Any) -> list[Record]:
    """The records of every other question, as generated ones may be."""
    built = [one.record for one in build_records(QUESTIONS[::2], "cot", context_plan("gold", 3, None))]
    records = [replace(record, meta=record.meta | change) for record in built]
    write_records(path, records)
    return records


def test_records_go_to_their_questions_in_the_order_of_the_questions(tmp_path: Path) -> None:
    records = written(tmp_path / "own.jsonl")
    pool = read_record_pool(tmp_path / "own.jsonl", QUESTIONS, "cot")
    assert pool.of(QUESTIONS) == records
    assert pool.of([QUESTIONS[4], QUESTIONS[1], QUESTIONS[0]]) == [records[2], records[0]]


def test_a_side_without_a_record_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "own.jsonl")
    pool = read_record_pool(tmp_path / "own.jsonl", QUESTIONS, "cot")
    with pytest.raises(DataError, match="2 問の学習側の問題のレコードが一つもありません"):
        pool.of([QUESTIONS[1], QUESTIONS[3]])


@pytest.mark.parametrize(
    ("mode", "change", "message"),
    [
        ("direct", {}, "は cot のレコードです。--mode cot を指定"),
        ("cot", {"question": "問"}, "は指定の問題ファイルの問題ではありません"),
        ("cot", {"question": "別の問い"}, r"input に meta\.question の文が入っていません"),
        ("cot", {"id": "unknown"}, r"2 行目: meta\.id 'unknown' が 1 行目の別の問題と同じです"),
    ],
)
def test_records_that_do_not_belong_are_refused(
    tmp_path: Path, mode: str, change: dict[str, str], message: str
) -> None:
    written(tmp_path / "own.jsonl", **change)
    with pytest.raises(DataError, match=message):
        read_record_pool(tmp_path / "own.jsonl", QUESTIONS, mode)


@pytest.mark.parametrize(
    ("form", "change", "named"),
    [
        ("letter", {"few_shot": True},
         " は例題の付いたレコードですが、評価は例題なしで尋ねます。build_finetune_dataset.py で --few-shot を付けずに作り直してください。"),
        ("letter", {"prompt_version": "0"},
         " はプロンプトの版（prompt_version）'0' のレコードですが、今の版は '1' です。今の版で作り直してください。"),
        ("choice", {},
         "/a は選択肢を一つずつ示すレコードで、--train-records は文字で答えるレコードだけです。--train-records を外すか"
         "（choice のレコードは cross_fit が作ります）、build_finetune_dataset.py --form letter で作り直してください。"),
    ],
)  # fmt: skip
def test_records_of_other_prompts_than_the_evaluation_s_are_refused(
    tmp_path: Path, form: Form, change: dict[str, Any], named: str
) -> None:
    path, plan = tmp_path / "own.jsonl", context_plan("gold", 3, None)
    built = [one.record for one in build_records(QUESTIONS[:2], "direct", plan, form=form)]
    write_records(path, [replace(built[0], meta=built[0].meta | change), *built[1:]])
    for mode in ("direct", "cot"):  # that of the run does not hide it
        with pytest.raises(DataError) as caught:
            read_record_pool(path, QUESTIONS, mode)
        assert str(caught.value) == f"{path}: {QUESTIONS[0].id}{named}"


def test_a_cot_prompt_has_no_examples_whatever_its_record_says(tmp_path: Path) -> None:
    records = written(tmp_path / "own.jsonl", few_shot=True)
    assert read_record_pool(tmp_path / "own.jsonl", QUESTIONS, "cot").of(QUESTIONS) == records
