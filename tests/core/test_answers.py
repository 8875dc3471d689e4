"""parse_answer: one row per kind of output seen from models, with what it must be read as."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.answers import ParsedAnswer, parse_answer
from app.core.prompts import (
    BUILTIN_EXAMPLES,
    COT_INSTRUCTIONS,
    DIRECT_INSTRUCTION,
    build_mc_prompt_cot,
    build_mc_prompt_direct,
    render_cot_answer,
    render_direct_answer,
)
from app.core.questions import LETTERS

OK = [
    # the letter alone, decorated
    ("c", "c", "alone"),
    (" c\n", "c", "alone"),
    ("C", "c", "alone"),
    ("ｃ", "c", "alone"),
    ("Ｃ", "c", "alone"),
    ("ⓒ", "c", "alone"),
    ("c。", "c", "alone"),
    ("c.", "c", "alone"),
    ("(c)", "c", "alone"),
    ("（ｃ）", "c", "alone"),
    ("「c」", "c", "alone"),
    ("**c**", "c", "alone"),
    ("`c`", "c", "alone"),
    ("[c]", "c", "alone"),
    ("【c】", "c", "alone"),
    ("cです。", "c", "alone"),
    ("「ｃ」です", "c", "alone"),
    ("選択肢c", "c", "alone"),
    ("選択肢「c」です。", "c", "alone"),
    ("Option C", "c", "explicit"),
    ("c<|im_end|>", "c", "alone"),
    ("c\n\n", "c", "alone"),
    ("\n\nb", "b", "alone"),
    # what is said of another letter, or of this one in brackets, takes nothing back
    ("The correct answer is c, not b.", "c", "explicit"),
    ("Answer: d (not c)", "d", "explicit"),
    ("Answer: b. It is not a.", "b", "explicit"),
    ("正解はc（誤っている）、bは正しい", "c", "explicit"),
    ("答え: c（誤りの記述）、aは正しい", "c", "explicit"),
    ("The correct answer is c. Option d is incorrect.", "c", "explicit"),
    ("Answer: c\n\nOption a is wrong. Option b is wrong.", "c", "explicit"),
    ("Answer: c\nExplanation: choice b is contrary to article 5", "c", "explicit"),
    ("答えはcです。aを選ぶ人が多い。", "c", "explicit"),
    ("答え：c\n（正答率が低い問題。aを選びやすい）", "c", "explicit"),
    ("答え：c。aを選択しがちです。", "c", "explicit"),
    ("答え: a誤り、b誤り、c正しい", "c", "explicit"),
    ("Answer: not a but d", "d", "explicit"),
    ("Option b is wrong, so option c.", "c", "explicit"),
    ("Option b is wrong.", "b", "explicit"),  # the only one, as where the wrong statement is asked for
    ("答えはbと思ったが、cを選ぶ。", "c", "explicit"),
    ("a:誤り\nb:誤り\nc:正しい\nd:誤り", "c", "line_start"),
    # explicit markers
    ("Answer: c", "c", "explicit"),
    ("answer: C", "c", "explicit"),
    ("ANSWER：Ｃ", "c", "explicit"),
    ("Answer:c", "c", "explicit"),
    ("Answer: **c**", "c", "explicit"),
    ("**Answer:** c", "c", "explicit"),
    ("Answer:\nc", "c", "explicit"),
    ("Answer:\n\n**c**", "c", "explicit"),
    ("### Answer: (c)", "c", "explicit"),
    ("The answer is c.", "c", "explicit"),
    ("The correct answer is (B).", "b", "explicit"),
    ("The answer is a because article 2 says so.", "a", "explicit"),
    ("Final Answer: d", "d", "explicit"),
    ('{"answer": "c"}', "c", "explicit"),
    ("{'answer': 'b', 'reason': 'x'}", "b", "explicit"),
    ("回答: b", "b", "explicit"),
    ("回答：ｂ", "b", "explicit"),
    ("【回答】b", "b", "explicit"),
    ("【回答】\nb", "b", "explicit"),
    ("解答: d", "d", "explicit"),
    ("答え: a", "a", "explicit"),
    ("答えはaです。", "a", "explicit"),
    ("答えは「a」です。", "a", "explicit"),
    ("正解はｄです", "d", "explicit"),
    ("正解は選択肢dです。", "d", "explicit"),
    ("正答：c", "c", "explicit"),
    ("正解の選択肢はcである", "c", "explicit"),
    ("最終回答: b", "b", "explicit"),
    ("最終的な答えはbとなります。", "b", "explicit"),
    ("解答欄: c", "c", "explicit"),
    ("答え　ｃ", "c", "explicit"),
    ("cが正解です。", "c", "explicit"),
    ("「c」が正解", "c", "explicit"),
    ("私はcを選びます。", "c", "explicit"),
    ("選択肢cを選択します", "c", "explicit"),
    (r"\boxed{c}", "c", "explicit"),
    (r"$\boxed{\text{C}}$", "c", "explicit"),
    ("B is correct.", "b", "explicit"),
    # the hint of a prompt, repeated, is no answer: the 1 of 1文字 was once read as a
    ("回答（1文字のみ）: ｂ", "b", "explicit"),
    ("回答(a/b/c/dのいずれか1文字): d", "d", "explicit"),
    ("回答（a〜dのいずれか）：c", "c", "explicit"),
    ("選択肢a、b、c、dから一つを選ぶと、答えはcです。", "c", "explicit"),
    ("a, b, c or d? Answer: b", "b", "explicit"),
    ("Answer (a/b/c/d): d", "d", "explicit"),
    (DIRECT_INSTRUCTION + "\nc", "c", "alone"),
    (COT_INSTRUCTIONS["compact"] + "\nReasoning: 第2条による。\nAnswer: b", "b", "explicit"),
    ("（この例で選ぶ文字は「b」）\nc", "c", "alone"),
    # the last explicit marker wins
    ("Answer: a\nいや、見直すと\nAnswer: c", "c", "explicit"),
    ("答えはaと思ったが、正解はdです。", "d", "explicit"),
    ("Reasoning: 回答: aという誤解がある。\nAnswer: b", "b", "explicit"),
    ("Answer: c\n\nAnswer:", "c", "explicit"),
    # article numbers and other digits beside the letter
    ("回答: 第2条第1項によりc", "c", "explicit"),
    ("回答: 第1条第2項第3号に基づき d です", "d", "explicit"),
    ("第4条により、答えはb", "b", "explicit"),
    ("1. 条文を確認する。\n2. Answer: c", "c", "explicit"),
    # rejected letters do not count
    ("aとbは誤り。よってc", "c", "conclusion"),
    ("aは誤り、bは誤り、dも誤り。したがってcが残る。", "c", "conclusion"),
    ("正解はaではなくcです。", "c", "explicit"),
    ("答えは、aではなくbです", "b", "explicit"),
    ("The answer is not a but d.", "d", "explicit"),
    ("回答: aは条文と異なるためc", "c", "explicit"),
    ("aは間違い、bは不適切。残るのはd", "d", "only_letter"),
    ("a、b、dは誤りであり、cである", "c", "only_letter"),
    # conclusions
    ("以上より、c。", "c", "conclusion"),
    ("したがって、選択肢「b」が正しい。", "b", "conclusion"),
    ("誤っているものはdである。", "d", "conclusion"),
    ("正しいのはb", "b", "conclusion"),
    ("該当しないものは「a」です。", "a", "conclusion"),
    ("aは条文どおりである。不適切なものはcです。", "c", "conclusion"),
    ("Therefore, d.", "d", "conclusion"),
    # the choice's text behind the letter
    ("b 二週間", "b", "line_start"),
    ("b. 二週間", "b", "line_start"),
    ("b：二週間以内に届け出る", "b", "line_start"),
    ("(b) 二週間", "b", "line_start"),
    ("c\n理由: 第3条", "c", "alone"),
    ("選択肢bの記述が条文と一致します", "b", "only_letter"),
    ("A社がB社に譲渡した場合はcとなる", "c", "only_letter"),
    ("It's a rule that I'd apply: d", "d", "only_letter"),
    ("Answer: a\nThe law says so.", "a", "explicit"),
    ("a\nbecause of article 2", "a", "alone"),
    ("Answer: c This is because", "c", "explicit"),
    ("The answer is clearly c.", "c", "explicit"),
    ("Answer: C) 二週間", "c", "explicit"),
    ("答えは2番のbです", "b", "explicit"),
    ("回答: aは誤り、bは誤り、cは正しい", "c", "explicit"),
    ("答え: c (a is wrong)", "c", "explicit"),
    ("aを選ぶべきではない。bを選ぶ。", "b", "explicit"),
    ("d. 上記のいずれでもない", "d", "line_start"),
    # thoughts
    ("<think>aかな。Answer: a</think>\nc", "c", "alone"),
    ("<think>\n\n</think>\n\nb", "b", "alone"),
    ("aだろうか…</think>Answer: d", "d", "explicit"),
    ("<THINK>b</THINK>a", "a", "alone"),
    # digits, only when there is no letter
    ("3", "c", "digit"),
    ("３", "c", "digit"),
    ("③", "c", "digit"),
    ("(2)", "b", "digit"),
    ("2番", "b", "digit"),
    ("選択肢4", "d", "digit"),
    ("答え: 1", "a", "digit"),
    ("正解は②です。", "b", "digit"),
    ("Answer: 4", "d", "digit"),
    ("答えは2です。第3条第1項による。", "b", "digit"),
]  # fmt: skip

NOT_OK = [
    ("", "empty"),
    ("   \n\t", "empty"),
    ("　", "empty"),
    ("<think></think>", "empty"),
    ("<think>長い考えが途中で", "truncated"),
    ("<think>答えはcだと思うが", "truncated"),
    ("わかりません。", "unparsed"),
    ("回答できません。", "unparsed"),
    ("条文によれば届出が必要です。", "unparsed"),
    ("第1条", "unparsed"),
    ("第2項", "unparsed"),
    ("1文字", "unparsed"),
    ("回答（1文字のみ）:", "unparsed"),
    ("答え: 第3条", "unparsed"),
    ("答え: 2年", "unparsed"),
    ("答え: 1か月", "unparsed"),
    ("答え: 3 日", "unparsed"),
    ("正解は①項です", "unparsed"),
    ("10", "unparsed"),
    ("5", "unparsed"),
    ("答え: 1.5", "unparsed"),
    ("Answer: e", "unparsed"),
    ("aについて検討した。Answer: e", "unparsed"),
    ("答え: なし", "unparsed"),
    ("正解は不明", "unparsed"),
    ("ア", "unparsed"),
    ("a、b、c、d", "unparsed"),
    ("abcd", "unparsed"),
    ("a〜d", "unparsed"),
    ("a 一週間\nb 二週間\nc 三週間\nd 四週間", "ambiguous"),
    ("bad cab", "unparsed"),
    ("This is a permit.", "unparsed"),
    ("A社とB社", "unparsed"),
    (DIRECT_INSTRUCTION, "unparsed"),
    (COT_INSTRUCTIONS["detailed"], "unparsed"),
    ("Reasoning: 第2条", "unparsed"),
    ("Answer: A person who lends money", "unparsed"),
    ("Answer: None of the above", "unparsed"),
    ("AがBに売却した", "ambiguous"),
    ("Answer: c or d?", "ambiguous"),
    ("aまたはc", "ambiguous"),
    ("a\nc", "ambiguous"),
    ("答え: aとc", "ambiguous"),
    ("Answer: a or b", "ambiguous"),
    ("Answer: a, b", "ambiguous"),
    ("aは正しい。bも正しい。", "ambiguous"),
    ("よってa。よってc。", "ambiguous"),
    ("正しいのはaとb", "ambiguous"),
    ("答え: 1と2", "ambiguous"),
    ("誤っているものはc（誤り）でaは正しい", "ambiguous"),
    ("1\n2", "ambiguous"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "letter", "rule"), OK)
def test_reads_the_letter_that_the_text_names(text: str, letter: str, rule: str) -> None:
    assert parse_answer(text) == ParsedAnswer(letter, "ok", rule)


@pytest.mark.parametrize(("text", "status"), NOT_OK)
def test_reads_no_letter_where_none_or_several_are_named(text: str, status: str) -> None:
    parsed = parse_answer(text)
    assert (parsed.letter, parsed.status) == (None, status)


def test_the_table_is_long_enough() -> None:
    assert len(OK) + len(NOT_OK) >= 100
    assert len({text for text, *_ in OK} | {text for text, _ in NOT_OK}) == len(OK) + len(NOT_OK)


@pytest.mark.parametrize(
    "text", ["Reasoning: 第2条により", "条文を確認すると、届出の期限は", "わかりま", "<think>a</think>条文では"]
)
def test_a_cut_off_text_without_an_answer_is_truncated(text: str) -> None:
    assert parse_answer(text, cut_off=True).status == "truncated"
    assert parse_answer(text).status == "unparsed"


@pytest.mark.parametrize("text", ["", " \n", "<think></think>"])
def test_nothing_that_was_written_within_the_budget_is_empty_and_cut_off_is_truncated(text: str) -> None:
    """A server that spent the budget on reasoning which it keeps to itself."""
    assert parse_answer(text).status == "empty"
    assert parse_answer(text, cut_off=True).status == "truncated"


def test_an_answer_found_in_a_cut_off_text_counts() -> None:
    assert parse_answer("Answer: c\nなぜなら", cut_off=True) == ParsedAnswer("c", "ok", "explicit")


@pytest.mark.parametrize("letter", LETTERS)
def test_every_rendered_answer_parses_back_to_its_letter(letter: str) -> None:
    assert parse_answer(render_direct_answer(letter)).letter == letter
    assert parse_answer(render_cot_answer("第2条は「aの届出」と定める。bとdは誤り。", letter)).letter == letter


_CHOICES = dict(zip(LETTERS, ("一週間", "二週間", "三週間", "四週間"), strict=True))


@pytest.mark.parametrize(
    "prompt",
    [
        build_mc_prompt_direct(
            "期間として正しいものはどれですか。", _CHOICES, "第一条 期間は二週間とする。", few_shot=True
        ),
        build_mc_prompt_direct("期間として正しいものはどれですか。", _CHOICES, few_shot=False),
        build_mc_prompt_cot("期間として正しいものはどれですか。", _CHOICES, style="compact"),
        build_mc_prompt_cot("期間として正しいものはどれですか。", _CHOICES, "第一条", style="detailed"),
    ],
)
def test_no_prompt_reads_as_an_answer(prompt: str) -> None:
    assert parse_answer(prompt).letter is None


def test_no_line_of_an_example_reads_as_an_answer() -> None:
    for example in BUILTIN_EXAMPLES:
        echoed = f"（この例で選ぶ文字は「{example.correct}」）"
        assert parse_answer(echoed).status == "unparsed"


@pytest.mark.parametrize(
    "text",
    ["（" * 20_000, "答え: " * 5_000, "「" * 20_000 + "a", "回答 " * 8_000, "a" + " " * 30_000 + "b", "a、" * 9_000,
     "<think>" * 4_000, "*" * 30_000, "Answer " * 5_000, "(1文字" * 6_000, "a b c " * 5_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_a_model_that_goes_round_in_circles_is_read_in_time(text: str) -> None:
    started = time.process_time()
    parse_answer(text)
    assert time.process_time() - started < 10.0  # unbounded patterns took 35 to 70 seconds


def test_an_answer_at_either_end_of_a_long_text_is_found() -> None:
    filler = "条文を確かめる。" * 3_000
    assert parse_answer(f"{filler}\nAnswer: c").letter == "c"
    assert parse_answer(f"Answer: c\n{filler}").letter == "c"


@given(st.text(max_size=200))
def test_any_text_gives_a_letter_exactly_when_the_status_is_ok(text: str) -> None:
    parsed = parse_answer(text)
    assert (parsed.status == "ok") == (parsed.letter is not None)
    assert parsed.letter is None or parsed.letter in LETTERS


@given(st.text(alphabet=st.characters(exclude_characters="<>"), max_size=80), st.sampled_from(LETTERS))
def test_the_last_line_with_a_marker_decides(reasoning: str, letter: str) -> None:
    assert parse_answer(f"{reasoning}\nAnswer: {letter}").letter == letter


@given(st.sampled_from([text for text, *_ in OK if "<" not in text]), st.sampled_from(["think", "thinking"]))
def test_a_thought_before_the_answer_changes_nothing(text: str, tag: str) -> None:
    assert parse_answer(f"<{tag}>Answer: a\nb</{tag}>\n{text}") == parse_answer(text)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("[THINK]まずaを検討。よってa…いや違う。[/THINK]c", "c"),  # Magistral
        ("[THINK]答えはaかもしれない", None),
        ("◁think▷答えはa◁/think▷答えはb", "b"),  # Kimi
        ("<|channel|>analysis<|message|>答えはa<|end|><|start|>assistant<|channel|>final<|message|>d", "d"),  # gpt-oss
        ("<|channel|>analysis<|message|>答えはa", None),
    ],
)
def test_thoughts_in_other_marks_are_no_answers(text: str, letter: str | None) -> None:
    parsed = parse_answer(text, cut_off=letter is None)
    assert (parsed.letter, parsed.status) == (letter, "truncated" if letter is None else "ok")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("選択肢aについて検討すると、条文は届出を要すると", None),  # happened to name one
        ("条文によれば二年である。したがって、aは", None),
        ("答え: b\n理由は、条文が", "b"),
        ("b\n条文によれば", "b"),
    ],
)
def test_a_reasoning_that_was_cut_off_is_read_only_where_it_answers(text: str, letter: str | None) -> None:
    parsed = parse_answer(text, cut_off=True)
    assert (parsed.letter, parsed.status) == (letter, "truncated" if letter is None else "ok")
