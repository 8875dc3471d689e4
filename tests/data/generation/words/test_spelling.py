"""Spellings: old kana, digits, brackets."""

from __future__ import annotations

import pytest

from app.data.generation.words.spelling import (
    arabic_digits,
    hiragana_share,
    modern_kana,
    sentences,
    split_top,
    without_definitions,
)


@pytest.mark.parametrize(
    ("old", "new"),
    [("届出があつたときは", "届出があったときは"), ("よつて行つてはならない", "よって行ってはならない"), ("かつて灯台守であつた者", "かつて灯台守であった者"),
     ("怠らなかつた", "怠らなかった"), ("いつでも", "いつでも"), ("もつぱら", "もっぱら")],
)  # fmt: skip
def test_modern_kana(old: str, new: str) -> None:
    assert modern_kana(old) == new


@pytest.mark.parametrize(
    ("kanji", "digits"),
    [("第二十七条の二第一項第三号", "第27条の2第1項第3号"), ("三月以内に", "3か月以内に"), ("二週間を経過した日", "2週間を経過した日"),
     ("四月一日から", "4月1日から"), ("三分の二以上", "3分の2以上"), ("百分の四・五", "百分の四・五"), ("百分の十二・五", "百分の十二・五"), ("第三者に対し", "第三者に対し"), ("第三条第一項の一般社団法人", "第3条第1項の一般社団法人"), ("第三条の一般社団法人", "第3条の一般社団法人"),
     ("一般の者", "一般の者"), ("五万円以下", "5万円以下"), ("三月以下の拘禁刑又は三十万円以下の罰金", "3か月以下の拘禁刑又は30万円以下の罰金"),
     ("三億二千万円", "3億2000万円"), ("数百五十万円", "数百五十万円"), ("毎年四月に", "毎年四月に"), ("満十八歳", "満18歳")],
)  # fmt: skip
def test_arabic_digits(kanji: str, digits: str) -> None:
    assert arabic_digits(kanji) == digits


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("灯火（以下「灯」という。）を消す", "灯火を消す"),
        ("港則（昭和三年法律第一号）の定め", "港則の定め"),
        ("職員（非常勤の者を除く。）は", "職員（非常勤の者を除く。）は"),
        ("職員（非常勤の者を除く。以下「役員」という。）は", "職員（非常勤の者を除く。）は"),
        ("灯台（木造）を設ける", "灯台（木造）を設ける"),
        (f"灯台（{'あ' * 40}を除く。）を設ける", None),
        ("灯台（前条に規定するもの（木造に限る。）を除く。）を設ける", None),
    ],
)
def test_brackets_that_define_go_and_brackets_that_limit_stay(sentence: str, kept: str | None) -> None:
    assert without_definitions(sentence) == kept


def test_text_is_cut_outside_brackets_only() -> None:
    assert split_top("甲、乙（丙、丁）、「戊、己」") == ["甲", "乙（丙、丁）", "「戊、己」"]
    assert sentences("甲である。乙（丙をいう。）である。") == ["甲である", "乙（丙をいう。）である"]


def test_prewar_katakana_is_told_by_its_share_of_hiragana() -> None:
    assert hiragana_share("燈臺守ハ燈火ヲ消スコトヲ得ス") == 0.0
    assert hiragana_share("灯台守は、灯火を消してはならない。") == 1.0
    assert hiragana_share("一二三") == 0.0
