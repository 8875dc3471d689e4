"""Verb forms, one row per ending that statutes have."""

from __future__ import annotations

import pytest

from app.data.generation.words.inflection import (
    ANOTHER_ACT,
    dictionary_form,
    from_te_form,
    is_dictionary_form,
    negative_stem,
    te_form,
)


@pytest.mark.parametrize(
    ("stem", "verb"),
    [
        ("届け出", "届け出る"), ("提出し", "提出する"), ("行わ", "行う"), ("置か", "置く"), ("防が", "防ぐ"), ("付さ", "付す"), ("供さ", "供する"),
        ("保た", "保つ"), ("及ば", "及ぶ"), ("営ま", "営む"), ("図ら", "図る"), ("定め", "定める"), ("用い", "用いる"), ("得", "得る"),
        ("講じ", "講じる"), ("者で", "者である"), ("させ", "させる"),
        ("理由が", None), ("では", None), ("", None), ("ために", None),
    ],
)  # fmt: skip
def test_dictionary_form_of_a_negative_stem(stem: str, verb: str | None) -> None:
    assert dictionary_form(stem) == verb


@pytest.mark.parametrize(
    ("verb", "stem", "te"),
    [
        ("届け出る", "届け出", "届け出て"), ("提出する", "提出し", "提出して"), ("行う", "行わ", "行って"), ("置く", "置か", "置いて"),
        ("防ぐ", "防が", "防いで"), ("示す", "示さ", "示して"), ("営む", "営ま", "営んで"), ("図る", "図ら", "図って"), ("用いる", "用い", "用いて"),
        ("命ずる", "命じ", "命じて"), ("得る", "得", "得て"),
    ],
)  # fmt: skip
def test_negative_stem_and_te_form(verb: str, stem: str, te: str) -> None:
    assert (negative_stem(verb), te_form(verb)) == (stem, te)


def test_the_copula_has_a_negative_stem_of_its_own() -> None:
    assert negative_stem("登録を受けた者である") == "登録を受けた者で"
    assert negative_stem("必要がある") is None


@pytest.mark.parametrize(
    ("te", "verb"),
    [
        ("漏らして", "漏らす"), ("使用して", "使用する"), ("示して", "示す"), ("解して", "解する"), ("行つて", "行う"), ("行って", "行う"),
        ("用いて", "用いる"), ("置いて", "置く"), ("営んで", "営む"), ("受けて", "受ける"), ("採って", "採る"), ("取り崩して", "取り崩す"), ("破壊して", "破壊する"), ("鑑みつて", None),
    ],
)  # fmt: skip
def test_dictionary_form_of_a_te_form(te: str, verb: str | None) -> None:
    assert from_te_form(te) == verb


def test_a_dictionary_form_can_stand_before_koto() -> None:
    assert is_dictionary_form("届け出る")
    assert not is_dictionary_form("必要がある")
    assert not is_dictionary_form("届け出た")


@pytest.mark.parametrize(
    ("text", "another"),
    [
        ("規程を定め、港湾大臣に届け出る", True), ("写しを添えて、届け出る", True), ("灯台を定めて、灯火を置く", True),
        ("役員となり、船を操る", True), ("会議に出席し、意見を述べる", True),
        ("事業を営む地域において、灯台を置く", False), ("灯台を管轄する知事に対して、届け出る", False),
        ("申請を受けた日から起算して、十日以内に届け出る", False), ("灯台を所管する大臣に関し、意見を述べる", False),
        ("灯台を除いて、点検する", False), ("委員を代表として、出席する", False), ("船を用いる事業について、届け出る", False),
    ],
)  # fmt: skip
def test_an_act_before_another_is_told_from_where_and_when(text: str, another: bool) -> None:
    assert bool(ANOTHER_ACT.search(text)) is another
