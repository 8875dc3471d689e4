from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.showing.deciding import (
    ITEM_CHARS,
    LEAD_CHARS,
    MAX_CHARS,
    deciding_sentence,
    in_reading_order,
    sentences,
)
from app.retrieval.store.rows import PassageRow


def _passage(number: int, *texts: str, paths: tuple[str, ...] = ("", "1", "2", "2.1")) -> PassageRow:
    return PassageRow(number, 1, str(number), "", "", tuple(zip(paths, texts, strict=False)))


FIRST = _passage(
    1, "渡船を営む者は、許可を受ける。ただし、知事が定める小舟（長さが三米のもの。）については、この限りでない。"
)
MANY = _passage(1, "次の各号に掲げる届出をする。", "甲", "乙" * 61, "丙", "丁", paths=("", "1", "2", "3", "4"))
SECOND = _passage(2, "次に掲げる者は、届け出る。", "一　桟橋を借りる者", "二　次の者", "イ　航路を変える者")


@pytest.mark.parametrize(
    ("passages", "hits", "query", "place", "text"),
    [
        ([FIRST], [FIRST], "渡船の許可", "", "渡船を営む者は、許可を受ける。"),
        (
            [FIRST],
            [FIRST],
            "小舟の長さ",
            "",
            "ただし、知事が定める小舟（長さが三米のもの。）については、この限りでない。",
        ),
        ([FIRST, SECOND], [FIRST], "渡船の許可", "第1項", "渡船を営む者は、許可を受ける。"),
        ([FIRST, SECOND], [SECOND], "桟橋を借りる", "第2項第1号", "次に掲げる者は、届け出る。\n　一　桟橋を借りる者"),
        (
            [FIRST, SECOND],
            [SECOND],
            "航路の変更",
            "第2項第2号",
            "次に掲げる者は、届け出る。\n　第2号　イ　航路を変える者",
        ),
        ([FIRST, SECOND], [], "桟橋", "第1項", "渡船を営む者は、許可を受ける。"),
        ([SECOND], [SECOND], "無関係な語", "", "次に掲げる者は、届け出る。\n　一　桟橋を借りる者\n　二　次の者"),
        (
            [MANY],
            [MANY],
            "渡船の届出",
            "",
            f"次の各号に掲げる届出をする。\n　第1号　甲\n　第2号　{'乙' * ITEM_CHARS}…\n　第3号　丙\n　（ほか 1 号）",
        ),
    ],
)
def test_the_sentence_with_the_words_asked_for(passages, hits, query, place, text):
    found = deciding_sentence(passages, hits, query)
    assert (found.place, found.text) == (place, text)


def test_words_that_only_replace_others_decide_nothing():
    row = _passage(
        1,
        "許可の効力は、交付の日に生ずる。この場合において、「許可」とあるのは「届出」と、「効力」とあるのは「期限」とする。",
    )
    assert deciding_sentence([row], [row], "許可の効力").text == "許可の効力は、交付の日に生ずる。"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("「拒む。」と答えた者は、罰する。次。", ["「拒む。」と答えた者は、罰する。", "次。"]),
        ("『要する。』とは「届け出る（甲。）。乙。」をいう。次", ["『要する。』とは「届け出る（甲。）。乙。」をいう。", "次"]),
        # A bracket without its partner counts for nothing, wherever it stands.
        ("「閉じない。次。三。", ["「閉じない。", "次。", "三。"]),
        ("（閉じない。次。", ["（閉じない。", "次。"]),
        ("閉じるだけ」。次（甲。）。", ["閉じるだけ」。", "次（甲。）。"]),
        ("「閉じない（甲。）。「拒む。」と。次。", ["「閉じない（甲。）。", "「拒む。」と。", "次。"]),
        ("甲「乙（丙。」丁。次）。", ["甲「乙（丙。」丁。", "次）。"]),
        ("「" * 3000 + "。" + "）" * 3000, ["「" * 3000 + "。", "）" * 3000]),
    ],
)  # fmt: skip
def test_a_sentence_goes_on_after_what_it_quotes(text, found):
    assert sentences(text) == found


def test_a_quoted_sentence_does_not_end_the_deciding_one():
    row = _passage(
        1, "渡船の運送を「拒む。」と答えた者は、一万円以下の罰金に処する。ただし、船長については、この限りでない。"
    )
    assert deciding_sentence([row], [row], "渡船の運送を拒む罰金").text == (
        "渡船の運送を「拒む。」と答えた者は、一万円以下の罰金に処する。"
    )


def test_a_long_sentence_is_cut_around_the_words():
    row = _passage(1, "甲乙丙丁、" * 80 + "渡船の許可、" + "戊己庚辛、" * 80 + "とする。")
    text = deciding_sentence([row], [row], "渡船の許可").text
    assert "渡船の許可" in text
    assert text.startswith("…")
    assert text.endswith("…")


@given(st.lists(st.text("あ許可船。、（）", min_size=1), min_size=1, max_size=4), st.text("許可船の", min_size=1))
def test_never_longer_than_said_and_always_of_the_article(texts, query):
    row = _passage(1, *texts)
    text = deciding_sentence([row], [row], query).text
    assert len(text) <= MAX_CHARS + LEAD_CHARS + 10
    parts = [re.sub("^　第\\d号　|^　", "", part).strip("…") for part in text.split("\n")]
    assert all(part in "".join(texts) for part in parts)


def test_of_paragraphs_with_the_same_words_the_first_is_shown():
    rule = _passage(1, "賃貸人は、敷金の残額を返還する。")
    rest = _passage(2, "賃借人は、敷金を弁済に充てることを請求することができない。")
    other = _passage(3, "敷金及び大家は、別に定める。")
    # 敷金を and 敷金の are one word; 第3項 has one more.
    assert in_reading_order([rest, rule], "大家が敷金を返しません") == (rule, rest)
    assert in_reading_order([other, rest, rule], "大家が敷金を返しません") == (other, rest, rule)
    assert in_reading_order([rest, rule], "敷金の弁済") == (rest, rule)
    assert in_reading_order([rest, rule], "いつですか") == (rest, rule)
    assert in_reading_order([], "敷金") == ()
