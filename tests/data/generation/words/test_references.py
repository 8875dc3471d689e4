"""References that mean something only where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data.generation.words.references import kanji, kanji_article, resolve
from app.data.law_numbers import kanji_to_int

ARTICLES = ("1", "2", "3", "3_2", "4")


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("前項の届出", "第三条第三項の届出"),
        ("次項の届出", "第三条第五項の届出"),
        ("前条の届出", "第二条の届出"),
        ("次条の届出", "第三条の二の届出"),
        ("前二項の届出", "第三条第二項及び第三項の届出"),
        ("第一項の届出", "第三条第一項の届出"),
        ("第一項、第二項及び前項の届出", "第三条第一項、第二項及び第三条第三項の届出"),
        ("第九条第一項又は第二項の届出をした者は、第一項の灯火", "第九条第一項又は第二項の届出をした者は、第三条第一項の灯火"),
        ("第九条の二第一項の届出", "第九条の二第一項の届出"),
        ("第九条の二（灯火の届出）第一項の届出", "第九条の二（灯火の届出）第一項の届出"),
        ("第九条（灯火）第二項及び（鐘を除く。）第一項の届出", "第九条（灯火）第二項及び（鐘を除く。）第三条第一項の届出"),
        ("この条に定める", "第三条に定める"),
        ("この法律に定める", "灯台法に定める"),
        ("前三項の届出", None),
        ("前各号に掲げる者", None),
        ("この章に定める", None),
        ("第二号に掲げる者", None),
        ("第三条第二号に掲げる者", "第三条第二号に掲げる者"),
    ],
)  # fmt: skip
def test_resolve(text: str, resolved: str | None) -> None:
    assert resolve(text, title="灯台法", articles=ARTICLES, article="3", paragraph="4") == resolved


def test_what_would_lead_out_of_the_law_is_not_resolved() -> None:
    def at(text: str, article: str, paragraph: str) -> str | None:
        return resolve(text, title="灯台法", articles=ARTICLES, article=article, paragraph=paragraph)

    assert at("前条の届出", "1", "1") is None
    assert at("次条の届出", "4", "1") is None
    assert at("前項の届出", "2", "1") is None
    assert at("前二項の届出", "2", "2") is None


def test_kanji_article() -> None:
    assert kanji_article("27_2_3") == "第二十七条の二の三"


@given(st.integers(min_value=1, max_value=10**15))
def test_kanji_numbers_read_back(value: int) -> None:
    assert kanji_to_int(kanji(value)) == value


def test_a_title_with_commas_is_not_put_into_a_sentence() -> None:
    place = {"articles": ARTICLES, "article": "3", "paragraph": "4"}
    assert resolve("この法律に定める", title="灯台の建設、維持及び廃止に関する法律", **place) is None  # type: ignore[arg-type]
    assert resolve("前項の届出", title="灯台の建設、維持及び廃止に関する法律", **place) == "第三条第三項の届出"  # type: ignore[arg-type]
