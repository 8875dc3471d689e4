"""The prompts word for word; what the four orders share."""

from __future__ import annotations

import pytest

from app.core.prompts import (
    BUILTIN_EXAMPLES,
    CHOICE_PROMPT_VERSION,
    COT_INSTRUCTIONS,
    DIRECT_CONTEXT_NOTE,
    DIRECT_INSTRUCTION,
    PROMPT_VERSION,
    FewShotExample,
    build_choice_prompt,
    build_mc_prompt_cot,
    build_mc_prompt_direct,
    render_choice_answer,
    render_choices,
    render_cot_answer,
    render_direct_answer,
)
from app.core.questions import ORDERS

CHOICES = {"a": "一日", "b": "二日", "c": "三日", "d": "四日"}
BODY = "【問題】\n期間はどれですか。\n\n【選択肢】\na 一日\nb 二日\nc 三日\nd 四日"


def test_the_direct_prompt_word_for_word() -> None:
    assert build_mc_prompt_direct("期間はどれですか。", CHOICES, few_shot=False) == f"{DIRECT_INSTRUCTION}\n\n{BODY}"
    assert build_mc_prompt_direct("期間はどれですか。", CHOICES, "第一条 三日とする。\n", few_shot=False) == (
        f"{DIRECT_INSTRUCTION}{DIRECT_CONTEXT_NOTE}\n\n【参照条文】\n第一条 三日とする。\n\n{BODY}"
    )


def test_examples_stand_before_the_question() -> None:
    example = FewShotExample("例の問い", CHOICES, "b")
    assert build_mc_prompt_direct("期間はどれですか。", CHOICES, few_shot=[example]) == (
        f"{DIRECT_INSTRUCTION}\n\n【例1】\n例の問い\n{render_choices(CHOICES)}\n（この例で選ぶ文字は「b」）\n\n{BODY}"
    )


def test_the_built_in_examples_are_the_default() -> None:
    default = build_mc_prompt_direct("q", CHOICES)
    assert default == build_mc_prompt_direct("q", CHOICES, few_shot=True)
    assert default == build_mc_prompt_direct("q", CHOICES, few_shot=BUILTIN_EXAMPLES)
    assert default.count("（この例で選ぶ文字は") == len(BUILTIN_EXAMPLES) == 2


@pytest.mark.parametrize("style", ["compact", "detailed"])
def test_the_cot_prompt_word_for_word(style: str) -> None:
    prompt = build_mc_prompt_cot("期間はどれですか。", CHOICES, "条文", style=style)  # type: ignore[arg-type]
    assert prompt == f"{COT_INSTRUCTIONS[style]}\n\n【参照条文】\n条文\n\n{BODY}"  # type: ignore[index]


@pytest.mark.parametrize("context", [None, "", " \n　"])
def test_an_empty_context_is_no_context(context: str | None) -> None:
    assert "参照条文" not in build_mc_prompt_direct("q", CHOICES, context, few_shot=False)
    assert "参照条文" not in build_mc_prompt_cot("q", CHOICES, context)


def test_the_orders_of_a_question_share_all_before_the_choices() -> None:
    prompts = [
        build_mc_prompt_direct("q", dict(zip("abcd", (CHOICES[letter] for letter in order), strict=True)), "条文")
        for order in ORDERS
    ]
    shared = prompts[0][: prompts[0].index("【選択肢】\na ") + len("【選択肢】\na ")]
    assert all(prompt.startswith(shared) for prompt in prompts)
    assert len({prompt[len(shared)] for prompt in prompts}) > 1


def test_answers() -> None:
    assert render_direct_answer("c") == "c"
    assert render_cot_answer(" 第一条による。\n", "c") == "Reasoning: 第一条による。\nAnswer: c"


def test_the_version_changes_with_the_wording() -> None:
    """Fails when wording changes: raise PROMPT_VERSION, then put the new hash here."""
    from app.core.files import sha256_text

    wording = "\x1f".join([
        build_mc_prompt_direct("q", CHOICES, "条文"), build_mc_prompt_direct("q", CHOICES, few_shot=False),
        build_mc_prompt_cot("q", CHOICES, "条文"), build_mc_prompt_cot("q", CHOICES, style="detailed"),
        render_cot_answer("r", "a"),
    ])  # fmt: skip
    assert (PROMPT_VERSION, sha256_text(wording)[:16]) == ("1", "59681a7ce5a93962")
    choice = "\x1f".join([
        build_choice_prompt("誤っているものはどれか。", "x", "条文"), build_choice_prompt("q", "x"),
        render_choice_answer(True), render_choice_answer(False),
    ])  # fmt: skip
    assert (CHOICE_PROMPT_VERSION, sha256_text(choice)[:16]) == ("choice-1", "07be76258419009b")


def test_a_choice_is_asked_about_alone() -> None:
    assert build_choice_prompt("次のうち、誤っているものはどれか。", " 期間は二年である ", "## 甲法\n第一条") == (
        "日本の法令に関する問題と、その答えの候補を一つ示します。候補が問題の求めるものに当たれば「○」、当たらなければ「×」とだけ答えてください。"
        "参照条文があるときは、それを根拠にしてください。\n\n"
        "【参照条文】\n## 甲法\n第一条\n\n【問題】\n次のうち、正しいものはどれか。\n\n【候補】\n期間は二年である"
    )


def test_the_words_of_a_cited_provision_stand_under_the_choice() -> None:
    plain = build_choice_prompt("根拠条文はどれか。", "甲法第1条", "## 甲法\n第一条")
    assert build_choice_prompt("根拠条文はどれか。", "甲法第1条\n", "## 甲法\n第一条", "定める。") == (
        f"{plain}\n（条文の文言：「定める。」）"
    )
    assert build_choice_prompt("q", "甲法第1条", words="正解はａ").endswith(
        "甲法第1条\n（条文の文言：「正解は〔ａ〕」）"
    )


@pytest.mark.parametrize(
    ("count", "instruction"), [(2, "二択問題です。選択肢a、bから"), (5, "五択問題です。選択肢a、b、c、d、eから")]
)
def test_the_instruction_names_the_choices(count: int, instruction: str) -> None:
    choices = {letter: letter for letter in "abcdef"[:count]}
    assert instruction in build_mc_prompt_direct("q", choices)
    assert instruction[:5] in build_mc_prompt_cot("q", choices)
