"""Records from questions: prompts, meta, contexts of the three kinds, and what the manifest counts."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.answers import parse_answer
from app.core.errors import ConfigError, DataError, StaleIndexError
from app.core.prompts import PROMPT_VERSION, build_choice_prompt, build_mc_prompt_cot, build_mc_prompt_direct
from app.core.questions import ORDERS, Question, orders_of
from app.data.clusters import question_keys
from app.data.few_shot import BUILTIN, examples_for
from app.data.finetune import build_records, build_statistics, describe, standard_name
from app.data.lawqa import load_questions
from app.data.records import META_TYPES, as_row, record_faults
from app.retrieval.question_contexts import context_plan, retrieved_by

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return load_questions(SAMPLE)[:12]


@dataclass
class FakePipeline:
    """Finds the gold article of every question but the first."""

    questions: list[Question]

    def retrieve_documents(self, query: str, top_k: int) -> list[Any]:
        asked = next(one for one in self.questions if query.startswith(one.question) and one.choices["a"] in query)
        law, article = asked.articles[0].article_key if asked is not self.questions[0] else ("別の法", "1")
        text = asked.context.split("\n")[-1] if asked.context else ""
        return [
            SimpleNamespace(
                id=f"p{n}",
                law_title=law,
                article=article,
                part="main",
                title="",
                paragraph=None,
                score=9.0 - n,
                text=text,
            )
            for n in range(top_k)
        ]

    def format_context(self, passages: list[Any]) -> Any:
        text = "\n\n".join(
            f"[{n}] {one.law_title} 第{one.article}条\n{one.text}" for n, one in enumerate(passages[:2], 1)
        )
        return SimpleNamespace(text=text, used=tuple(passages[:2]), left_out=tuple(passages[2:]))


def rag_plan(questions: list[Question]) -> Any:
    plan = context_plan("none", 0, None)
    return replace(
        plan, source="rag", retriever_type="bm25", top_k=3, context_of=retrieved_by(FakePipeline(questions), 3)
    )


def test_direct_records_without_context(questions: list[Question]) -> None:
    built = build_records(questions, "direct", context_plan("none", 3, None), few_shot=BUILTIN, dataset="sample")
    first = built[0].record
    assert first.output == questions[0].correct
    assert first.input == build_mc_prompt_direct(
        questions[0].question, questions[0].choices, None, few_shot=examples_for(questions[0])
    )
    assert list(first.meta) == [*META_TYPES, "context_source", "gold_in_context", "few_shot_source", "form", "articles"]
    assert first.meta == {
        "id": questions[0].id, "dataset": "sample", "mode": "direct", "correct": questions[0].correct,
        "use_context": False, "context_present": False, "top_k": 0, "retriever_type": "none",
        "question": questions[0].question, "choices": questions[0].choices, "source_file": "selection.json",
        "few_shot": True, "order": "abcd", "cluster": questions[0].cluster, "articles": list(question_keys(questions[0])),
        "doc_ids": [], "scores": [],
        "prompt_version": PROMPT_VERSION, "context_source": "none", "gold_in_context": False, "few_shot_source": "builtin:1",
        "form": "letter",
    }  # fmt: skip


def test_cot_records_with_gold_context(questions: list[Question]) -> None:
    built = build_records(questions, "cot", context_plan("gold", 3, None), few_shot=BUILTIN)
    record = built[0].record
    assert record.input == build_mc_prompt_cot(questions[0].question, questions[0].choices, questions[0].context)
    assert (record.meta["few_shot"], record.meta["use_context"], record.meta["retriever_type"]) == (False, True, "gold")
    assert (record.meta["context_source"], record.meta["gold_in_context"], record.meta["few_shot_source"]) == (
        "gold",
        True,
        None,
    )
    assert record.output.startswith("Reasoning: ")
    assert record.output.endswith(f"\nAnswer: {questions[0].correct}")


@pytest.mark.parametrize("mode", ["direct", "cot"])
@pytest.mark.parametrize("source", ["none", "gold", "rag"])
def test_every_record_is_valid_and_no_prompt_reads_as_an_answer(
    questions: list[Question], mode: str, source: str
) -> None:
    plan = rag_plan(questions) if source == "rag" else context_plan(source, 3, None)  # type: ignore[arg-type]
    for one in build_records(questions, mode, plan, orders=4, few_shot=BUILTIN):
        record = one.record
        assert record_faults({"input": record.input, "output": record.output, "meta": record.meta}) == []
        assert parse_answer(record.output).letter == record.meta["correct"]
        assert parse_answer(record.input).letter is None
        before_choices = record.input.rpartition("【選択肢】")[0].splitlines()
        assert all(
            parse_answer(line).letter is None
            for line in before_choices
            if not line.startswith(("a ", "b ", "c ", "d "))
        )


def test_four_orders_have_each_letter_once(questions: list[Question]) -> None:
    built = build_records(questions[:1], "direct", context_plan("none", 0, None), orders=4)
    assert [one.record.meta["order"] for one in built] == list(ORDERS)
    assert sorted(one.record.output for one in built) == ["a", "b", "c", "d"]
    assert len({one.record.row_id for one in built}) == 4


def test_rag_records_hold_what_was_found(questions: list[Question]) -> None:
    built = build_records(questions, "cot", rag_plan(questions), dataset="sample")
    meta = built[1].record.meta
    assert [one.record.meta["gold_in_context"] for one in built] == [False] + [True] * 11
    assert (meta["doc_ids"], meta["scores"], meta["top_k"], meta["context_present"]) == (
        ["p0", "p1"],
        [9.0, 8.0],
        3,
        True,
    )
    assert "[2] " in built[1].record.input
    # The first question's article was not found: nothing is quoted from elsewhere.
    assert "「" not in built[0].record.output
    assert "手元の参照条文に含まれていない" in built[0].record.output
    statistics = build_statistics(built, {one.id: one for one in questions})
    assert statistics["retrieval"] == {"questions_with_gold_article": 12, "hits": 11, "passages_left_out": 12}
    assert statistics["reasoning"]["source"] == "prompt"  # type: ignore[index]
    assert "正しい条を検索できた問題 11/12" in describe(statistics)


def test_statistics_count_what_reasoning_holds(questions: list[Question]) -> None:
    built = build_records(questions, "cot", context_plan("none", 0, None))
    reasoning: Any = build_statistics(built, {one.id: one for one in questions})["reasoning"]
    assert reasoning["source"] == "gold"
    assert sum(reasoning["wrong_choice_contrasts"].values()) == 12
    assert reasoning["quote"] + reasoning["nothing"] == 12
    assert reasoning["nothing"] == len(reasoning["rows_with_nothing"])


def test_a_question_with_three_choices_becomes_a_cot_record(questions: list[Question]) -> None:
    letters = next(letters for letters in ("abc", "abd") if questions[0].correct in letters)
    three = {shown: questions[0].choices[letter] for shown, letter in zip("abc", letters, strict=True)}
    correct = "abc"[letters.index(questions[0].correct)]
    short = replace(questions[0], choices=three, correct=correct, order="abc")
    built = build_records([short], "cot", context_plan("gold", 3, None), orders=4)
    assert [one.record.meta["order"] for one in built] == list(orders_of(3))
    assert all(one.record.output.endswith(f"Answer: {one.record.meta['correct']}") for one in built)
    reasoning: Any = build_statistics(built, {short.id: short})["reasoning"]
    assert sum(reasoning["wrong_choice_contrasts"].values()) == len(built)


def test_a_missing_index_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(StaleIndexError, match="索引がありません"):
        context_plan("rag", 3, tmp_path / "none")


def test_rag_needs_passages() -> None:
    with pytest.raises(ConfigError, match="--top-k 0: 1 以上"):
        context_plan("rag", 0, None)


def test_gold_needs_a_context(questions: list[Question]) -> None:
    bare = replace(questions[0], context=None)
    with pytest.raises(DataError, match="コンテキストがないので、--context gold では作れません"):
        build_records([bare], "direct", context_plan("gold", 0, None))


def test_standard_names(questions: list[Question]) -> None:
    plans = (context_plan("none", 0, None), rag_plan(questions))
    assert [standard_name(mode, plan) for plan in plans for mode in ("direct", "cot")] == [
        "ft_direct_full_norag.jsonl", "ft_cot_full_norag.jsonl", "ft_direct_full_rag_top3.jsonl", "ft_cot_full_rag_top3.jsonl"
    ]  # fmt: skip


def test_choice_records_are_one_a_choice(questions: list[Question]) -> None:
    wrong_one = next(question for question in questions if "誤っている" in question.question)
    built = [one.record for one in build_records([wrong_one], "direct", context_plan("gold", 3, None), form="choice")]
    assert [record.meta["choice"] for record in built] == ["a", "b", "c", "d"]
    # The request is made positive, so the wrong choice is the one that does not fit.
    assert [record.output for record in built] == ["×" if letter == wrong_one.correct else "○" for letter in "abcd"]
    assert {record.meta["group"] for record in built} == {wrong_one.id}
    assert {(record.form, record.meta["prompt_version"]) for record in built} == {("choice", "choice-1")}
    assert built[1].input == build_choice_prompt(wrong_one.question, wrong_one.choices["b"], wrong_one.context)
    assert built[1].row_id == f"{wrong_one.id}/b"
    assert not [fault for record in built for fault in record_faults(as_row(record))]


def test_letter_records_need_one_right_letter(questions: list[Question]) -> None:
    several = replace(questions[0], correct="ab")
    with pytest.raises(DataError, match="正解の選択肢が一つではないので"):
        build_records([several], "direct", context_plan("none", 0, None))
    (first, *_) = build_records([several], "direct", context_plan("none", 0, None), form="choice")
    assert (first.record.output, first.record.meta["correct"]) == ("○", "ab")
