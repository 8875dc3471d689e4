"""Judging a statement: what may be claimed, and where nothing may."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.statements import (
    REACHED,
    SURE,
    Decision,
    decide,
    nearest,
    probability_of,
    statement_prompt,
    statements_in,
)
from app.core.prompts import build_choice_prompt
from app.retrieval.showing.deciding import Deciding


@pytest.mark.parametrize(
    ("probability", "coverage", "decision"),
    [
        (0.9, 0.8, Decision("fits", None)),
        (0.1, 0.8, Decision("contradicts", None)),
        (SURE, REACHED, Decision("fits", None)),  # both thresholds belong to what is claimed
        (1 - SURE, REACHED, Decision("contradicts", None)),
        (0.59, 0.8, Decision("unknown", "unsure")),
        (0.5, 1.0, Decision("unknown", "unsure")),
        (0.99, 0.49, Decision("unknown", "not_reached")),  # however sure: the article is not there
        (0.99, 0.0, Decision("unknown", "not_reached")),
        (0.9, None, Decision("fits", None)),  # a search server does not tell coverage
        (None, 0.9, Decision("unknown", "no_articles")),
        (None, None, Decision("unknown", "no_articles")),
    ],
)
def test_what_is_claimed(probability, coverage, decision):
    assert decide(probability, coverage) == decision


@given(st.floats(-2000, 2000))
def test_probability_is_the_logistic_function(log_odds):
    value = probability_of(log_odds)
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(1 - probability_of(-log_odds))
    if abs(log_odds) < 30:
        assert math.log(value) - math.log1p(-value) == pytest.approx(log_odds, abs=1e-3)


def test_a_statement_is_asked_as_a_choice_of_a_question_for_what_is_right():
    prompt = statement_prompt("港務日誌は七年間保存する。", "[1] 港湾条例 第3条\n七年間保存する。")
    assert prompt == build_choice_prompt(
        "次のうち、正しいものを教えてください。", "港務日誌は七年間保存する。", "[1] 港湾条例 第3条\n七年間保存する。"
    )
    assert prompt.endswith("【問題】\n次のうち、正しいものを教えてください。\n\n【候補】\n港務日誌は七年間保存する。")


@pytest.mark.parametrize(
    ("sentences", "number"),
    [
        (["港務日誌は、七年間保存しなければならない。", "点検簿は、五年間保存する。"], 1),
        (["点検簿は、五年間保存する。", "港務日誌は、七年間保存しなければならない。"], 2),
        ([None, "点検簿は、五年間保存する。"], 2),
        (["船は走る。", "船は走る。"], 1),  # of equals the better article
        ([None], None),
        ([], None),
    ],
)
def test_the_nearest_sentence(sentences, number):
    assert nearest("港務日誌は十年間保存する", [None if s is None else Deciding("", s, s) for s in sentences]) == number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("。、！", []),
        ("届出は三日以内にする", ["届出は三日以内にする"]),
        ("届出は三日以内にする。届出（三日以内にする。）は要る。", ["届出は三日以内にする。", "届出（三日以内にする。）は要る。"]),
        ("船長が「出ない。」と言えば『休航。』である。届出は要る。", ["船長が「出ない。」と言えば『休航。』である。", "届出は要る。"]),
        (" 届出は要る。\n\n許可は要らない。 ", ["届出は要る。", "許可は要らない。"]),
    ],
)  # fmt: skip
def test_the_statements_of_a_text(text, found):
    assert statements_in(text) == found
