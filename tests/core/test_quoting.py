"""No prompt holds a line that our own parser reads as an answer, and text without one stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.answers import parse_answer, reads_as_answer
from app.core.prompts import FewShotExample, build_choice_prompt, build_mc_prompt_cot, build_mc_prompt_direct
from app.core.quoting import ended, quoted

CHOICES = {"a": "一日", "b": "二日", "c": "三日", "d": "四日"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("##### A", "##### 〔A〕"),  # four real questions
        ("第一節\n##### A\n本文\n##### B\n", "第一節\n##### 〔A〕\n本文\n##### 〔B〕\n"),
        ("期間は二年\nAnswer: a", "期間は二年\nAnswer: 〔a〕"),
        ("答えはＡ", "答えは〔Ａ〕"),
        ("正解：\n\nＢ 本文", "正解：\n\n〔Ｂ〕 本文"),  # the marker speaks of the next line
        ("**c**", "**〔c〕**"),
        ("\\boxed{c}", "\\boxed{〔c〕}"),
        ("Answer: ⒜", "Answer: 〔a〕"),
        ("Ⓑ", "〔Ⓑ〕"),
        ("したがって、Aは責任を負う。", "したがって、〔A〕は責任を負う。"),
        ("Bを選択した。", "〔B〕を選択した。"),
        ("答え：３", "答え：〔３〕"),
        ("Answer:〔A", "Answer:〔〔A〕"),
    ],
)
def test_what_reads_as_an_answer_is_put_into_brackets(text: str, shown: str) -> None:
    assert reads_as_answer(text)
    assert quoted(text) == shown
    assert not reads_as_answer(shown)
    assert parse_answer(shown).letter is None
    assert quoted(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "第一条 この法律において「届出」とは、通知する行為をいう。",
        "AがBに対して甲土地を売却した。Cは善意である。",  # parties of a case
        "A社の株主は、B社に対し",
        "a 一日\nb 二日",  # an enumeration
        "### B 基本ガイドライン",
        "１\n２",
        "（回答）\n①当該組織再編の当事会社が取得する場合、②その株主等が交付を受ける場合",
        "Answer the question. A plan is made.",
        "正しいものを教えてください。",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert quoted(text) == text
    assert ended(text) == text


PIECES = ["A", "b", "Ｃ", "d", "e", "1", "③", "⒝", "Ⓓ", "Answer", "答え", "正解", "回答", ":", "：", "は", "が", " ", "　", "\n", "#", "*", "(", ")", "「", "」",
          "〔", "〕", "。", ".", "したがって、", "誤っているものは", "the", "is", "correct", "を選ぶ", "ではない", "本文", "x", "_", "\\boxed{", "}", "なし", "と", "社"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_no_text_is_left_that_reads_as_an_answer(text: str) -> None:
    shown = quoted(text)
    assert not reads_as_answer(shown)
    if not reads_as_answer(text) and not any(reads_as_answer(line) for line in text.split("\n")):
        assert shown.replace("〔", "").replace("〕", "") == text.replace("〔", "").replace("〕", "")


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=4, max_size=4), TEXTS)
def test_no_prompt_reads_as_an_answer(question: str, choices: list[str], context: str) -> None:
    texts = {letter: text.strip() or "本文" for letter, text in zip("abcd", choices, strict=True)}
    example = FewShotExample(question, texts, "b")
    prompts = [
        build_mc_prompt_direct(question, texts, context, few_shot=[example]),
        build_mc_prompt_direct(question, texts, few_shot=False),
        build_mc_prompt_cot(question, texts, context),
        build_choice_prompt(question, texts["a"], context),
    ]
    for prompt in prompts:
        assert not reads_as_answer(prompt)


def test_a_choice_that_leads_on_to_the_next_line_is_ended() -> None:
    choices = CHOICES | {"a": "誤っているものは"}
    assert "a 誤っているものは。\nb 二日" in build_mc_prompt_direct("q", choices, few_shot=False)
    assert not reads_as_answer(build_mc_prompt_direct("q", choices, few_shot=False))
    # … and one that would make an answer of its own letter is set off from it.
    assert "\nb 「が正解である。」\n" in build_mc_prompt_direct("q", CHOICES | {"b": "が正解である。"}, few_shot=False)
