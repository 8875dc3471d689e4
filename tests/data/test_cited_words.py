"""The words under a choice that is nothing but a citation: whose they are, when there are none, how they are cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.answers import reads_as_answer
from app.core.prompts import build_choice_prompt
from app.data.cited_words import (
    MOST_CHARS,
    CitedCounts,
    CitedWords,
    cited_counts,
    cited_words,
    counted_text,
    words_of,
)
from app.data.finetune import build_records, build_statistics, describe
from app.data.lawqa import load_questions
from app.retrieval.question_contexts import context_plan

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"
GOLD = """## 渡船法
### 第3条
#### 第1項
渡船を業とする者は、登録を受けなければならない。ただし、無償の場合は、この限りでない。
#### 第2項
登録は、次に掲げる者には、しない。
##### 第1号
刑に処せられた者
##### 第2号
次のいずれかに該当する者
###### イ
破産した者
### 第4条
登録の有効期間は、五年とする。
## 渡船法施行令
### 第4条
法第四条の期間は、暦に従う。
"""
RETRIEVED = """[1] 渡船法 第3条
第1項　渡船を業とする者は、登録を受けなければならない。
第2項　登録は、次に掲げる者には、しない。
一　刑に処せられた者
二の二　破産した者

[2] 港湾管理法 第8条
港湾の区域は、知事が定める。
"""


def words(choice: str, context: str | None = GOLD) -> str | None:
    """The words under one choice; fails where it counts as no citation."""
    found = cited_words({"a": choice}, context)["a"]
    return None if found is None else found.text


def test_the_text_of_several_articles_is_given_to_none_of_them() -> None:
    context = "## 渡船法\n### 第3条から第5条まで\n第三条の文。第五条の文。\n### 附則\n#### 第3条\n従前の例による。"
    assert [words(f"渡船法第{number}条", context) for number in (3, 4, 5)] == [None, None, None]
    assert words("渡船法第3条", context + "\n## 渡船法\n### 第3条\nこの条の文。") == "この条の文。"


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("渡船法第3条第1項", "渡船を業とする者は、登録を受けなければならない。ただし、無償の場合は、この限りでない。"),
        ("渡船法 第三条 第１項本文", "渡船を業とする者は、登録を受けなければならない。"),
        ("渡船法第3条第1項ただし書", "ただし、無償の場合は、この限りでない。"),
        ("渡船法第3条第2項", "登録は、次に掲げる者には、しない。"),
        ("渡船法第3条第2項第1号", "刑に処せられた者"),
        ("渡船法第3条第2項第2号イ", "次のいずれかに該当する者　破産した者"),
        ("渡船法第4条第1項", "登録の有効期間は、五年とする。"),
        ("渡船法施行令第4条", "法第四条の期間は、暦に従う。"),
        ("第3条第2項第1号", "刑に処せられた者"),  # one article of that number alone
        ("第4条", None),  # of the Act or of the order: nobody knows
        ("渡船法第3条第3項", None),
        ("渡船法第5条", None),
        ("港湾管理法第3条", None),
    ],
)
def test_the_words_are_the_provisions_own(choice: str, text: str | None) -> None:
    assert words(choice) == text


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("渡船法第3条第1項", "渡船を業とする者は、登録を受けなければならない。"),
        ("渡船法第3条第2項第2号の2", "破産した者"),
        ("港湾管理法第8条", "港湾の区域は、知事が定める。"),
        ("港湾管理法第9条", None),
    ],
)
def test_retrieved_articles_are_read_too(choice: str, text: str | None) -> None:
    assert words(choice, RETRIEVED) == text


@pytest.mark.parametrize("choice", ["渡船法第3条に規定する登録", "登録を受けた者", "五年"])
def test_a_choice_with_words_of_its_own_is_no_mere_citation(choice: str) -> None:
    assert cited_words({"a": choice}, GOLD) == {}


@pytest.mark.parametrize("context", [None, "", "本文だけ"])
def test_without_the_provision_in_the_context_nothing_is_shown(context: str | None) -> None:
    assert words("渡船法第3条第1項", context) is None
    assert cited_counts([({"a": "渡船法第3条第1項", "b": "五年"}, context, "b")]) == CitedCounts(0, 1, 0, 0, 0)


def test_a_provision_that_stands_twice_is_said_once() -> None:
    twice = "## 甲法\n### 第1条\n定める。\n## 甲法\n### 第1条\n定める。\n"
    assert cited_words({"a": "甲法第1条"}, twice) == {"a": CitedWords("定める。", False)}


def test_long_words_are_cut_after_a_sentence_an_item_or_a_clause() -> None:
    def of(text: str) -> CitedWords | None:
        return cited_words({"a": "甲法第1条"}, f"## 甲法\n### 第1条\n{text}\n")["a"]

    first, second = "あ" * 199 + "。", "い" * 100
    assert of(first + second[:99] + "。") == CitedWords(first + second[:99] + "。", False)  # MOST_CHARS of them
    assert of(first + second + "。") == CitedWords(f"{first}（以下略）", True)
    items = [character * 100 for character in "いろはに"]
    assert of("\n".join(items)) == CitedWords("　".join(items[:3]) + "（以下略）", True)
    clauses = "う" * 250 + "、" + "（え、" * 20 + "）" * 20 + "お" * 100 + "。"
    assert of(clauses) == CitedWords("う" * 250 + "、（以下略）", True)
    assert of("か" * 400 + "。") == CitedWords("か" * MOST_CHARS + "（以下略）", True)
    asked = ({"a": "甲法第1条"}, f"## 甲法\n### 第1条\n{clauses}\n", "a")
    assert cited_counts([asked] * 2) == CitedCounts(2, 0, 2, 2, 0)


UNNUMBERED_FIRST = """## 渡船法
### 第3条
渡船を業とする者は、登録を受ける。
##### 第1号
旅客を運ぶ者
#### 第2項
登録は、五年とする。
"""
NUMBERED = UNNUMBERED_FIRST.replace("第3条\n", "第3条\n#### 第1項\n")
UNDIVIDED = UNNUMBERED_FIRST.replace("#### 第2項\n登録は、五年とする。\n", "")


@pytest.mark.parametrize(
    ("choice", "of_two", "of_one"),
    [
        ("渡船法第3条", "渡船を業とする者は、登録を受ける。登録は、五年とする。", "渡船を業とする者は、登録を受ける。"),
        ("渡船法第3条第1項", "渡船を業とする者は、登録を受ける。", "渡船を業とする者は、登録を受ける。"),
        ("渡船法第3条第1項第1号", "旅客を運ぶ者", "旅客を運ぶ者"),
        ("渡船法第3条第2項", "登録は、五年とする。", None),
    ],
)
def test_an_article_is_its_paragraphs_however_they_are_headed(
    choice: str, of_two: str | None, of_one: str | None
) -> None:
    assert [words(choice, context) for context in (UNNUMBERED_FIRST, NUMBERED, UNDIVIDED)] == [of_two, of_two, of_one]


def test_of_an_article_alone_what_is_too_long_is_said_to_be_left_out() -> None:
    paragraphs = ["い" * 199 + "。", "ろ" * 149 + "。"]
    for heading in ("", "#### 第1項\n"):
        context = f"## 甲法\n### 第1条\n{heading}{paragraphs[0]}\n##### 第1号\nは\n#### 第2項\n{paragraphs[1]}\n"
        found = cited_words({"a": "甲法第1条"}, context)["a"]
        assert found == CitedWords(f"{paragraphs[0]}（以下略）", True)


def test_an_article_of_items_alone_is_its_items() -> None:
    context = "## 甲法\n### 第1条\n##### 第1号\n船長\n##### 第2号\n港長\n"
    assert words("甲法第1条", context) == words("甲法第1条第1項", context) == "船長　港長"


def test_a_second_paragraph_alone_is_not_the_first() -> None:
    context = "## 甲法\n### 第1条\n#### 第2項\n定める。\n"
    assert words("甲法第1条第1項", context) is None
    assert words("甲法第1条", context) == "定める。"


@pytest.mark.parametrize(
    ("choice", "counts"),
    [
        ("登録を要する根拠は渡船法第3条", CitedCounts(0, 0, 0, 0, 0)),
        ("港湾管理法第3条", CitedCounts(0, 1, 0, 0, 1)),
        ("旧渡船法第3条", CitedCounts(0, 1, 0, 0, 1)),
        ("登録を要する根拠は港湾管理法第3条", CitedCounts(0, 1, 0, 0, 1)),  # may be a title: nobody knows
    ],
)
def test_words_before_a_law_of_the_context_are_content(choice: str, counts: CitedCounts) -> None:
    assert cited_counts([({"a": choice}, GOLD, "a")]) == counts


def test_the_counts_are_said() -> None:
    assert counted_text(CitedCounts(71, 17, 0, 22, 0).as_json()) == (
        "文言を添えた候補 71 / 添えられなかった引用だけの候補 17（正解の候補は 22 / 0、ほかは 49 / 17）"
    )
    assert counted_text(CitedCounts(7, 2, 1, 3, 2).as_json()) == (
        "文言を添えた候補 7（300 字で切ったもの 1） / 添えられなかった引用だけの候補 2（正解の候補は 3 / 2、ほかは 4 / 0）"
    )


def test_right_choices_are_counted_apart() -> None:
    choices = {"a": "渡船法第4条", "b": "渡船法第5条", "c": "渡船法第3条第1項", "d": "五年"}
    assert cited_counts([(choices, GOLD, "bd"), (choices, GOLD, "a"), (choices, GOLD, "")]) == (
        CitedCounts(shown=6, without=3, cut=0, right_shown=1, right_without=1)
    )


def test_the_records_show_them_only_where_that_is_wanted() -> None:
    (question, *_) = load_questions(SAMPLE)
    citing = replace(
        question,
        question="登録の有効期間を定めた条文を教えてください。",
        choices={"a": "渡船法第4条", "b": "渡船法第3条第1項", "c": "渡船法第9条", "d": "五年"},
        correct="a",
        context=GOLD,
    )
    plan = context_plan("gold", 0, None)
    plain = build_records([citing], "direct", plan, form="choice")
    shown = build_records([citing], "direct", plan, form="choice", cited_words=True)
    heads = [one.record.input.removesuffix(text) for one, text in zip(plain, citing.choices.values(), strict=True)]
    assert len(set(heads)) == 1
    assert heads[0].endswith("【候補】\n")
    assert [one.record.input for one in shown] == [
        f"{heads[0]}渡船法第4条\n（条文の文言：「登録の有効期間は、五年とする。」）",
        f"{heads[0]}渡船法第3条第1項\n（条文の文言：「渡船を業とする者は、登録を受けなければならない。ただし、無償の場合は、この限りでない。」）",
        f"{heads[0]}渡船法第9条",
        f"{heads[0]}五年",
    ]
    assert [one.record.meta for one in shown] == [{**one.record.meta, "cited_words": True} for one in plain]
    # The right answer plays no part.
    other = build_records([replace(citing, correct="c")], "direct", plan, form="choice", cited_words=True)
    assert [one.record.input for one in other] == [one.record.input for one in shown]
    statistics = build_statistics(shown, {citing.id: citing})
    assert statistics["cited_words"] == {"shown": 2, "without": 1, "cut": 0, "right": {"shown": 1, "without": 0}}
    assert describe(statistics) == (
        "参照条文あり 4 件、文言を添えた候補 2 / 添えられなかった引用だけの候補 1（正解の候補は 1 / 0、ほかは 1 / 1）"
    )
    assert "cited_words" not in build_statistics(plain, {citing.id: citing})
    bare = build_records([citing], "direct", context_plan("none", 0, None), form="choice", cited_words=True)
    assert [one.record.input.partition("【候補】\n")[2] for one in bare] == list(citing.choices.values())


def test_questions_without_citations_are_asked_as_before() -> None:
    questions, plan = load_questions(SAMPLE), context_plan("gold", 0, None)
    plain = build_records(questions, "direct", plan, form="choice")
    shown = build_records(questions, "direct", plan, form="choice", cited_words=True)
    assert [one.record.input for one in shown] == [one.record.input for one in plain]


PIECES = ["A", "b", "Ｃ", "1", "③", "Ⓓ", "Answer", "答え", "正解", ":", "：", "は", "第", "条", "#", "*", "（", "「", "」", "〔", "。", "、", "を選ぶ", "　"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join))
def test_no_word_of_a_statute_reads_as_an_answer(text: str) -> None:
    context = f"## 甲法\n### 第1条\n{text}\n"
    shown = words_of({"a": "甲法第1条"}, context, wanted=True)
    assert not reads_as_answer(
        build_choice_prompt("根拠となる条文はどれですか。", "甲法第1条", context, shown.get("a"))
    )
    assert words_of({"a": "甲法第1条"}, context, wanted=False) == {}
