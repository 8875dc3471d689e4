"""Which written reasonings become records: every fate once, quotes to the character, and records that training reads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.answers import parse_answer
from app.core.errors import DataError
from app.core.prompts import build_mc_prompt_cot
from app.core.questions import ORDERS, ArticleRef, reorder
from app.data.context import Context, ContextPlan, gold_context
from app.data.records import as_row, record_faults
from app.evaluation.rationales import (
    FATES,
    describe_counts,
    harvest,
    invented_quotes,
    judge,
    longest_quote,
    quotable_texts,
    reasoning_of,
)
from app.evaluation.running.asking import ask
from app.evaluation.running.plan import EvaluationPlan

ARTICLE = "灯台守は、日没から三十分以内に灯をともし、七日以内に市長に届け出なければならない。"
QUOTE = "日没から三十分以内に灯をともし、七日以内に市長に届け出"
GOLD = ContextPlan("gold", "gold", 0, gold_context)
PLAN = EvaluationPlan(context="gold", scoring="text", cot=True, budget_tokens=300)
MODEL = {"model": "m", "adapter_sha256": None, "temperature": 0.0}


@pytest.fixture
def question(question_of: Any) -> Any:
    context = f"## 灯台条例\n### 第1条\n{ARTICLE}\n### 第2条\n鐘は、正午に鳴らす。"
    refs = (ArticleRef("灯台条例", "1"), ArticleRef("灯台条例", "2"))
    choices = {"a": "十分以内", "b": "一時間以内", "c": "三十分以内", "d": "翌日まで"}
    return question_of(1, "c", context=context, articles=refs, choices=choices)


def written(question: Any, scripted: Any, texts: dict[str, str]) -> Any:
    """The outcome when the model writes ``texts[order]``."""
    shown = {order: question if order == "abcd" else reorder(question, order) for order in ORDERS}
    prompts = {build_mc_prompt_cot(one.question, one.choices, question.context): order for order, one in shown.items()}
    backend = scripted(lambda prompt: "a", text_of=lambda prompt: texts[prompts[prompt]])
    return ask(backend, [(question, Context(question.context))], PLAN)[0]


def answer(
    question: Any, order: str, reasoning: str = f"第1条は「{QUOTE}なければならない」とする。", letter: str = ""
) -> str:
    shown = question if order == "abcd" else reorder(question, order)
    return f"Reasoning: {reasoning}\nAnswer: {letter or shown.correct}"


def fates(question: Any, outcome: Any) -> list[str]:
    return [one.fate for one in judge(outcome, question, gold_context(question), "gold")]


def test_right_everywhere_and_quoting_is_kept_in_every_order(question: Any, scripted: Any) -> None:
    outcome = written(question, scripted, {order: answer(question, order) for order in ORDERS})
    assert fates(question, outcome) == ["kept"] * 4
    found = harvest([outcome], [question], {question.id: gold_context(question)}, GOLD, dataset="t", model=MODEL)
    assert [record.meta["order"] for record in found.records] == list(ORDERS)
    for record, order in zip(found.records, ORDERS, strict=True):
        shown = question if order == "abcd" else reorder(question, order)
        # The prompt is the one that the model answered, the output what it wrote.
        assert record.input == build_mc_prompt_cot(shown.question, shown.choices, question.context)
        assert record.output == answer(question, order)
        assert record_faults(as_row(record)) == []
        assert parse_answer(record.output).letter == record.meta["correct"]
        assert record.meta["generated"] == {**MODEL, "right_orders": 4, "quote_chars": len(QUOTE + "なければならない")}
        assert (record.meta["mode"], record.meta["context_source"], record.meta["gold_in_context"]) == ("cot", "gold", True)  # fmt: skip
    assert found.counts == {
        "questions": 1, "answers": 4, "fates": {**dict.fromkeys(FATES, 0), "kept": 4},
        "questions_by_right_orders": {"0": 0, "1": 0, "2": 0, "3": 0, "4": 1}, "questions_kept": 1,
        "kept_by_letter": dict.fromkeys("abcd", 1), "kept_by_order": dict.fromkeys(ORDERS, 1), "quote_also_in_choices": 0,
    }  # fmt: skip
    assert describe_counts(found.counts) == "1 問・4 件の回答のうち、1 問・4 件を残しました"


@pytest.mark.parametrize(
    ("text", "fate"),
    [
        ("Reasoning: 分からない。", "unreadable"),
        ("Reasoning: 第1条による。\nAnswer: b", "wrong"),
        ("Answer: c", "no_reasoning"),
        ("Reasoning:\nAnswer: c", "no_reasoning"),
        ("<think>考え", "unreadable"),
        (f"c 三十分以内。{QUOTE}", "no_reasoning"),
        (f"{QUOTE}とする。よって正しいものはc。", "kept"),
        ("Reasoning: 第1条による。\nAnswer: c", "no_quote"),
        (f"Reasoning: {QUOTE}。よってaが正しい。\nAnswer: c", "contradicts"),
        (f"Reasoning: 「{QUOTE}」。また「灯台守は、日没の前に必ず鐘を三度鳴らさなければならない」。\nAnswer: c", "invented_quote"),
        (f"Reasoning: {QUOTE}とする。" + "長い" * 200 + "\nAnswer: c", "truncated"),
        (f"Reasoning: {QUOTE}とする。\nAnswer: c", "kept"),
        (f"**Reasoning:** 選択肢aは誤り。\n{QUOTE[:13]}\n{QUOTE[13:]}とする。\n**Answer: c**", "kept"),
    ],
)  # fmt: skip
def test_each_reason_to_drop(question: Any, scripted: Any, text: str, fate: str) -> None:
    outcome = written(question, scripted, {order: answer(question, order) for order in ORDERS} | {"abcd": text})
    assert fates(question, outcome) == [fate, "kept", "kept", "kept"]


def test_two_right_orders_are_not_enough(question: Any, scripted: Any) -> None:
    wrong = {order: answer(question, order, letter="a" if order != "bdac" else "b") for order in ORDERS[2:]}
    # In order bdac the right choice, c, is shown as d; in dcba as b.
    outcome = written(question, scripted, {order: answer(question, order) for order in ORDERS[:2]} | wrong)
    assert fates(question, outcome) == ["too_few_right", "too_few_right", "wrong", "wrong"]
    # A text that was cut off is not right, whatever it names.
    texts = {order: answer(question, order) for order in ORDERS}
    texts |= {order: "Answer: " + reorder(question, order).correct + "。" * 400 for order in ORDERS[2:]}
    outcome = written(question, scripted, texts)
    assert fates(question, outcome) == ["too_few_right", "too_few_right", "truncated", "truncated"]
    found = harvest([outcome], [question], {question.id: gold_context(question)}, GOLD, dataset="t", model=MODEL)
    assert found.records == ()
    assert found.counts["questions_by_right_orders"]["2"] == 1
    assert describe_counts(found.counts) == (
        "1 問・4 件の回答のうち、0 問・0 件を残しました（除いたもの: 長さの上限で切れた 2、正解の並びが 3 通り未満 2）"
    )


def test_a_model_that_always_says_one_letter_is_never_kept(question: Any, scripted: Any) -> None:
    outcome = written(question, scripted, {order: answer(question, order, letter="c") for order in ORDERS})
    assert "kept" not in fates(question, outcome)


@pytest.mark.parametrize(("length", "fate"), [(20, "kept"), (19, "no_quote")])
def test_the_quote_is_counted_to_the_character(question: Any, scripted: Any, length: int, fate: str) -> None:
    text = answer(question, "abcd", f"定めは{QUOTE[:length]}＊という。")
    outcome = written(question, scripted, {order: answer(question, order) for order in ORDERS} | {"abcd": text})
    assert fates(question, outcome)[0] == fate


def test_a_heading_is_no_quote_and_white_space_does_not_count() -> None:
    assert longest_quote("甲 乙\n丙丁", ["x甲乙丙y"]) == "甲乙丙"
    assert longest_quote("", ["甲"]) == longest_quote("甲", []) == ""


def test_only_the_deciding_articles_can_be_quoted_from_a_retrieved_context(question: Any) -> None:
    text = f"[1] 別の法 第9条\nほかの定め。\n\n[2] 灯台条例 第1条\n{ARTICLE}"
    reference = Context(text)
    assert quotable_texts(question, reference, "rag") == [ARTICLE]
    assert quotable_texts(question, replace(reference, text="[1] 別の法 第9条\nほかの定め。"), "rag") == []
    assert quotable_texts(question, gold_context(question), "gold") == [ARTICLE, "鐘は、正午に鳴らす。"]


def test_invented_quotes() -> None:
    prompt = "市長は、七日以内に許可をしなければならない。"
    assert invented_quotes("「市長は、七日以内に許可をしなければならない。」と「短い」", prompt, 5) == []
    assert invented_quotes("「市長は、…許可をしなければならない」", prompt, 5) == []
    assert invented_quotes("「市長は、八日以内に許可をする」", prompt, 5) == ["市長は、八日以内に許可をする"]


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        ("Reasoning: 甲。\n乙。\nAnswer: c\nほか", "甲。\n乙。"),
        ("理由：甲。\nAnswer: c", "甲。"),
        ("<think>迷う</think>\nReasoning: 甲。\nAnswer: c", "甲。"),
        ("甲。", "甲。"),
        ("<think>迷う", ""),
        ("", ""),
    ],
)
def test_reasoning_of(text: str, reasoning: str) -> None:
    assert reasoning_of(text) == reasoning


def test_a_changed_context_is_refused(question: Any, scripted: Any) -> None:
    outcome = written(question, scripted, {order: answer(question, order) for order in ORDERS})
    with pytest.raises(DataError, match="参照条文が違います"):
        harvest([outcome], [question], {question.id: Context("別の文")}, GOLD, dataset="t", model=MODEL)


def test_the_documented_manifest_has_the_counts_that_are_written() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/data-formats.md").read_text("utf-8")
    section = page.split("\n## 理由の生成のマニフェスト\n")[1].split("\n## ")[0]
    (text,) = re.findall(r"```json\n(.*?)\n```", section, flags=re.DOTALL)
    counts = json.loads(text)["counts"]
    written = harvest([], [], {}, GOLD, dataset="t", model=MODEL).counts
    assert list(counts) == list(written)
    for name, value in written.items():
        if isinstance(value, dict):
            assert list(counts[name]) == list(value)
    assert sum(counts["fates"].values()) == counts["answers"] == 4 * counts["questions"]
    assert sum(counts["questions_by_right_orders"].values()) == counts["questions"]
    assert sum(counts["kept_by_letter"].values()) == sum(counts["kept_by_order"].values()) == counts["fates"]["kept"]
