"""Sentences taken apart, and the wordings that their parts are put into again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.data.generation.law.rules import Rule, exemption, predicate, read_rule
from app.data.generation.law.wordings import force, wordings


def rule(sentence: str) -> Rule:
    read = read_rule(sentence, article="1", paragraph="1")
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("sentence", "subject", "condition", "scope", "action", "modality"),
    [
        ("灯台守は、灯火を消したときは、その旨を届け出なければならない", "灯台守", "灯火を消した", "when", "その旨を届け出る", "duty"),
        ("灯火が消えた場合には、灯台守は、これをともさなければならない", "灯台守", "灯火が消えた", "when", "これをともす", "duty"),
        ("港湾大臣、水先大臣又は灯台守は、灯火の点検を命ずることができる", "港湾大臣、水先大臣又は灯台守", "", "", "灯火の点検を命ずる", "may"),
        ("何人も、みだりに灯台の鐘を鳴らしてはならない", "何人も", "", "", "みだりに灯台の鐘を鳴らす", "must_not"),
        ("灯台守は、濃霧の場合に限り、灯台の鐘を鳴らすことができる", "灯台守", "濃霧の", "only", "灯台の鐘を鳴らす", "may"),
        ("灯台守は、濃霧の場合においても、灯火を消すことができない", "灯台守", "濃霧の", "even", "灯火を消す", "cannot"),
        ("灯台守は、灯火の改良に資するよう努めなければならない", "灯台守", "", "", "灯火の改良に資する", "effort"),
        ("灯台守は、当直の日誌を提出することを要しない", "灯台守", "", "", "当直の日誌を提出する", "need_not"),
        ("灯台守は、海技の試験に合格した者でなければならない", "灯台守", "", "", "海技の試験に合格した者である", "duty"),
        ("閉鎖された灯台は、登録されていない灯台とみなす", "閉鎖された灯台", "", "", "登録されていない灯台とみなす", "deemed"),
        ("灯台の登録は、公示しなければ、その効力を生じない", "灯台の登録", "", "", "公示しなければ、その効力を生ずる", "plain_not"),
        ("港湾大臣は、欠格者であるときは、灯台の登録を与えない", "港湾大臣", "欠格者である", "when", "灯台の登録を与える", "plain_not"),
    ],
)  # fmt: skip
def test_read_rule(sentence: str, subject: str, condition: str, scope: str, action: str, modality: str) -> None:
    read = rule(sentence)
    assert (read.subject, read.condition, read.scope, read.action, read.modality) == (
        subject, condition, scope, action, modality
    )  # fmt: skip


@pytest.mark.parametrize(
    "sentence",
    [
        "灯台守は、届け出る",  # too short to say anything
        "この法律は、灯台の保全を図ることを目的とする",
        "第二条の規定は、水路図について準用する",
        "灯台に関し必要な事項は、港湾省令で定める",
        "灯台守は、灯火を消したときは、濃霧のときは、その旨を届け出なければならない",  # two conditions
        "灯台守は、港湾大臣は、その旨を届け出なければならない",  # two subjects
        "その旨を港湾大臣に速やかに届け出なければならない",  # nobody's, and never
        "灯" * 200 + "は、届け出なければならない",
        "第三条第一項の場合において、同項の灯台守は、その旨を届け出なければならない",  # which 項, if it came first?
    ],
)
def test_a_sentence_that_does_not_come_apart_is_left_out(sentence: str) -> None:
    assert read_rule(sentence, article="1", paragraph="1") is None


@pytest.mark.parametrize(
    ("proviso", "case"),
    [
        ("ただし、濃霧のときは、この限りでない", "濃霧の"),
        ("ただし、嵐が近づいた場合は、この限りでない", "嵐が近づいた"),
        ("但し、港湾大臣が指定した灯台については、この限りでない", "港湾大臣が指定した灯台について"),
        ("ただし、港湾省令で定める額を超えることができない", ""),
    ],
)
def test_exemption(proviso: str, case: str) -> None:
    assert exemption(proviso) == case


def test_predicate_of_an_unknown_ending() -> None:
    assert predicate("灯火をともすべし") is None


def test_wordings_of_a_rule_with_a_condition() -> None:
    texts = wordings(rule("灯台守は、灯火を消したときは、三日以内に届け出なければならない"), digits=True)
    assert "灯台守は、灯火を消した場合には、3日以内に届け出る必要がある" in texts
    assert "灯火を消したときは、灯台守は、3日以内に届け出なければならない" in texts
    assert len(texts) == len(set(texts)) == 5 * 3 * 2


def test_words_that_point_back_keep_their_order() -> None:
    texts = wordings(rule("灯台守は、その灯火を消したときは、三日以内に届け出なければならない"), digits=False)
    assert all(text.startswith("灯台守は、その灯火を消した") for text in texts)


def test_the_subject_can_be_left_to_the_request_and_adverbs_stand_before_the_action() -> None:
    plain = rule("灯台守は、灯火の色を変えてはならない")
    assert "灯火の色を変えることは禁止されている" in wordings(plain, digits=False, named=False)
    sometimes = replace(plain, modality="may", closing="場合がある")
    assert wordings(sometimes, digits=False) == (
        "灯台守は、灯火の色を変えることができる場合がある",
        "灯台守は、灯火の色を変えることが認められている場合がある",
    )
    never = replace(plain, modality="no_duty")
    assert wordings(never, digits=False) == (
        "灯台守は、灯火の色を変えることまでは義務付けられていない",
        "灯台守は、灯火の色を変えることが義務付けられているわけではない",
        "灯台守は、灯火の色を変える義務があるとまではいえない",
    )
    always = replace(plain, adverb="常に")
    assert "灯台守は、常に、灯火の色を変えてはならない" in wordings(always, digits=False)


def test_what_needs_another_act_first_is_denied_in_the_plainest_words_only() -> None:
    assert force("届出をしなければ、効力を生ずる", "plain_not") == ("届出をしなければ、効力を生じない",)
    assert len(force("効力を生ずる", "plain_not")) == 3


def test_force_of_penalties_and_of_being_something() -> None:
    assert force("三万円以下の罰金に処する", "plain") == (
        "三万円以下の罰金に処せられる", "三万円以下の罰金に処する", "三万円以下の罰金に処することとされている"
    )  # fmt: skip
    assert force("灯台守である", "need_not") == (
        "灯台守である必要はない",
        "灯台守であることを要しない",
        "灯台守でなくてもよい",
    )
    assert force("灯台とみなす", "not_deemed") == ("灯台とはみなされない", "灯台とみなされることはない")
