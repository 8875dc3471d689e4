"""The comparison of an exported form with the adapter: what is asked, what counts as different, what is beyond tolerance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.chat import encode_prompt
from app.core.prompts import build_choice_prompt, build_mc_prompt_direct
from app.data.lawqa import load_questions
from app.llm.export.recheck import (
    TOLERANCES,
    Asked,
    Scores,
    Tolerance,
    ask_rows,
    ask_scores,
    beyond,
    check_record,
    conditional,
    difference_lines,
    differences,
    text_path_differences,
    tolerance_of,
)
from app.llm.loading import load_tokenizer


def asked(name: str, sign: int = 1) -> Asked:
    return Asked(name, [1], [[1], [2]], [[3], [4]], [[5], [6]], sign, ("p", "q", "r"))


@pytest.mark.parametrize("with_context", [True, False])
def test_the_rows_are_the_prompts_of_training_and_evaluation(
    with_context: bool, few_questions: Path, sample_model: Path
) -> None:
    tokenizer, questions = load_tokenizer(str(sample_model)), load_questions(few_questions)
    rows = ask_rows(tokenizer, questions, chat_format="auto", with_context=with_context)
    assert [one.id for one in rows] == [question.id for question in questions]
    for one, question in zip(rows, questions, strict=True):
        context = question.context if with_context else None
        letter = build_mc_prompt_direct(question.question, question.choices, context, few_shot=False)
        choices = [build_choice_prompt(question.question, text, context) for text in question.choices.values()]
        assert one.prompts == (letter, *choices)
        assert one.letter_row == encode_prompt(tokenizer, letter)
        assert one.choice_rows == [encode_prompt(tokenizer, prompt) for prompt in choices]
    assert {one.sign for one in rows} == {1, -1}


def test_the_rows_show_cited_words_where_the_adapter_learned_with_them(few_questions: Path, sample_model: Path) -> None:
    tokenizer, (question, *_) = load_tokenizer(str(sample_model)), load_questions(few_questions)
    citing = replace(
        question, choices={**question.choices, "a": "渡船法第4条"}, context="## 渡船法\n### 第4条\n五年とする。"
    )
    (plain,), (shown,) = (
        ask_rows(tokenizer, [citing], chat_format="auto", with_context=True, cited_words=wanted)
        for wanted in (False, True)
    )
    assert shown.prompts == (
        plain.prompts[0],
        f"{plain.prompts[1]}\n（条文の文言：「五年とする。」）",
        *plain.prompts[2:],
    )


class Listed:
    """A scorer that says what a table says of a row's first id."""

    def __init__(self, table: dict[int, list[float]]) -> None:
        self.table = table

    def score(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Any:
        return np.array([self.table[row[0]] for row in rows], dtype=np.float32)


def test_scores_are_letters_and_log_odds() -> None:
    scores = ask_scores(Listed({1: [-1.0, -2.0], 3: [-0.5, -1.5], 4: [-3.0, -1.0]}), [asked("q")])
    assert scores == [Scores((-1.0, -2.0), (1.0, -2.0))]


def test_differences_medians_and_changed_answers() -> None:
    questions = [asked("q1"), asked("q2", -1)]
    reference = [Scores((-1.0, -1.1), (1.0, 0.9)), Scores((-1.0, -2.0), (0.1, 0.0))]
    exported = [Scores((-1.0, -0.9), (1.0, 1.0)), Scores((-1.0, -2.1), (0.1, 0.4))]
    letter, choice = differences(questions, reference, exported)
    assert (letter.form, letter.compared, letter.questions, letter.flips) == ("letter", 4, 2, 1)
    # Two letters 0.1 apart whose order turns: log-sigmoid(0.05 ± 0.05) changes by exactly 0.1.
    assert (letter.largest, letter.largest_at) == (pytest.approx(0.1), "q1")
    # The choices of q2 are asked for what does not fit: the least fitting one was b (0.0) and now is a (0.1).
    assert (choice.form, choice.flips, choice.largest_at) == ("choice", 1, "q2")
    assert choice.largest == pytest.approx(0.4)


def test_a_single_statement_is_compared_by_its_sign() -> None:
    statement = Asked("s", None, [], [[3]], [[5], [6]], 1, ("p",))
    found = differences([statement], [Scores((), (0.1,))], [Scores((), (-0.1,))])
    assert [(one.form, one.flips, one.compared) for one in found] == [("choice", 1, 1)]


def test_what_is_beyond_the_tolerance_is_named() -> None:
    found = differences([asked("q")], [Scores((-1.0, -1.0), ())], [Scores((-1.0, -1.6), ())])
    assert beyond(found, Tolerance(0.35, 0.4)) == []
    assert beyond(found, Tolerance(0.35, 0.2)) == ["文字の対数確率の差の最大 0.3443 が許容 0.2 を超えています（q）"]
    assert len(beyond(found, Tolerance(0.1, 0.2))) == 2
    assert check_record(found, Tolerance(0.35, 0.4))["passed"] is True
    assert "答えが変わった問題 0/1" in difference_lines("f16", found, Tolerance(0.35, 0.4))[0]


def test_what_shifts_all_letters_alike_is_no_difference() -> None:
    assert conditional((-9.0, -9.0)) == pytest.approx((math.log(0.5), math.log(0.5)))
    found = differences([asked("q")], [Scores((-1.0, -2.0), ())], [Scores((-11.0, -12.0), ())])
    assert found[0].largest == pytest.approx(0.0, abs=1e-12)


def test_not_a_number_is_beyond_every_tolerance() -> None:
    found = differences([asked("q")], [Scores((-1.0, -2.0), ())], [Scores((math.nan, math.nan), ())])
    assert len(beyond(found, Tolerance(100.0, 100.0))) == 2


@pytest.mark.parametrize("float32", [True, False])
def test_fewer_bits_are_allowed_more(float32: bool) -> None:
    order = [tolerance_of(kind, float32=float32) for kind in ("merged", "f16", "q8_0", "q4_k_m")]
    assert order[0] == (TOLERANCES["merged"] if float32 else Tolerance(0.1, 1.0))
    assert [one.median for one in order] == sorted(one.median for one in order)
    assert [one.largest for one in order] == sorted(one.largest for one in order)


def test_prompts_that_a_server_cuts_otherwise_are_counted(few_questions: Path, sample_model: Path) -> None:
    tokenizer = load_tokenizer(str(sample_model))
    rows = ask_rows(tokenizer, load_questions(few_questions)[:2], chat_format="auto", with_context=False)

    def exact(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    assert text_path_differences(tokenizer, rows, "auto", exact) == 0
    assert text_path_differences(tokenizer, rows, "auto", lambda text: [0, *exact(text)]) == 10
