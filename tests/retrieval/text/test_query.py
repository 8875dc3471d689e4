from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.text.query import query_tokens, question_and_statements, without_request


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("次のうち、正しいものを教えてください。", ""),
        ("次のうち、誤っているものを教えてください", ""),
        ("以下の記述から、最も適切なものを選びなさい。", ""),
        ("次のうち、借地権について誤っているものを教えてください。", "借地権"),
        ("特定証券情報の説明として、正しいものを教えてください。", "特定証券情報の説明"),
        ("「売買等」に該当するものを教えてください。", "「売買等」に"),
        ("対抗することができることの根拠となる条文を教えてください。", "対抗することができること"),
        ("提出先について記載した条文を教えてください", "提出先について記載した"),
        ("公表しなくてもよい場合について定めた条文として、誤っているものを教えてください", "公表しなくてもよい場合について定めた"),
        ("課徴金の額はいくらか、教えてください。", "課徴金の額はいくらか"),
        ("届出の効力はいつ生ずるか", "届出の効力はいつ生ずるか"),
        # Only the line that asks, and only its two ends.
        ("市場の休業日を教えてください。\n正しいものを教えてください。", "市場の休業日\n正しいものを教えてください。"),
        ("正しいものを教えてくださいと求められた者の義務", "正しいものを教えてくださいと求められた者の義務"),
        ("次の各号に掲げる者", "次の各号に掲げる者"),
        ("次のうち，Ａ社の届出", "A社の届出"),
    ],
)  # fmt: skip
def test_what_only_asks_is_left_out(query, left):
    assert without_request(query) == left


def test_the_first_line_asks():
    assert question_and_statements("\n 問い\n甲\n乙 ") == ("問い", "甲\n乙")
    assert question_and_statements("問い") == ("問い", "")
    assert question_and_statements("") == ("", "")


@given(st.text(alphabet="次のうち、正しいものを教えてください。借地権\n ", max_size=60))
def test_nothing_is_added_and_it_is_done_once(query):
    left = without_request(query)
    assert len(left) <= len(query)
    assert all(character in query for character in left)


def test_a_query_that_only_asks_keeps_its_words():
    assert query_tokens("次のうち、借地権について正しいものを教えてください。") == ["借地", "地権"]
    assert query_tokens("正しいものを教えてください。") == query_tokens("正しいものを教えてください。", request=True)
    assert "正し" in query_tokens("正しいものを教えてください。")
