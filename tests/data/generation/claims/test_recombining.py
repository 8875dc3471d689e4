"""The condition or the subject of one rule with the effect of another."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.data.generation.claims import edits
from app.data.generation.claims.recombining import recombined
from app.data.generation.claims.surroundings import Surroundings
from app.data.generation.law.checks import says_same
from tests.data.generation.read_rules import pair, read

RANDOM = random.Random(1)


def test_conditions_are_exchanged_only_between_rules_of_different_effect() -> None:
    one, around = pair(
        "灯台守は、灯火が消えたときは、港湾大臣に報告しなければならない",
        "船長は、暗礁を見つけたときは、水路図に印を付けなければならない",
    )
    _, other = around.rules
    texts = [claim.texts(digits=False)[0] for claim in recombined(one, around, random.Random(1))]
    assert "灯台守は、暗礁を見つけたときは、港湾大臣に報告しなければならない" in texts
    same = replace(other, action=one.action)
    assert says_same(same, one)
    assert list(recombined(one, replace(around, beside=(one, same)), random.Random(1))) == []


@pytest.mark.parametrize(
    ("condition", "exchanged"),
    [
        ("第一条第一項の協議が調わない", False),  # arises under the rule itself, which does not end with it
        ("第一条の協議が調わない", False),
        ("第一条第二項の協議が調わない", True),
        ("第一条の二の協議が調わない", True),
        ("第十一条第一項の協議が調わない", True),
    ],
)
def test_a_condition_that_speaks_of_the_rules_own_paragraph_is_not_put_into_it(condition: str, exchanged: bool) -> None:
    one, around = pair(
        "灯台守は、灯火が消えたときは、港湾大臣に報告しなければならない",
        "船長は、暗礁を見つけたときは、水路図に印を付けなければならない",
    )
    _, other = around.rules
    other = replace(other, condition=condition)
    texts = [
        claim.said.condition for claim in recombined(one, Surroundings("", (one, other), (one, other), ()), RANDOM)
    ]
    assert (condition in texts) is exchanged


@pytest.mark.parametrize(
    ("subject", "exchanged"),
    [
        ("船長", True),
        ("事故の当事者", False),  # the member may be one of them
        ("第三条に規定する者", False),
        ("利害関係人", False),
    ],
)
def test_a_subject_that_may_be_the_other_is_not_put_in_its_place(subject: str, exchanged: bool) -> None:
    rule, around = pair(
        "組合員は、港湾大臣に灯火の色を報告しなければならない", f"{subject}は、水路図に印を付けなければならない"
    )
    assert bool([claim for claim in recombined(rule, around, RANDOM) if claim.now == subject]) is exchanged


def test_nobody_else_makes_up_a_council_or_has_its_business() -> None:
    rule, around = pair("灯台委員会は、委員十人以内をもって組織する", "船長は、灯火を点検しなければならない")
    assert list(recombined(rule, around, RANDOM)) == []
    business, _ = read("委員長は、灯台委員会の会務を総理する")
    assert list(edits.party(business, Surroundings("", (), (), ("鐘楼委員会",)), RANDOM)) == []
    opinion, _ = read("委員長は、灯台委員会の意見を聴かなければならない")
    assert [one.now for one in edits.party(opinion, Surroundings("", (), (), ("鐘楼委員会",)), RANDOM)] == [
        "鐘楼委員会"
    ]


def test_an_act_that_the_effect_speaks_of_goes_with_its_condition() -> None:
    told = "通知があったときは、港湾大臣は、通知された事実を調べなければならない"
    rule, around = pair(told, "船長は、暗礁を見つけたときは、水路図に印を付けなければならない")
    assert [claim.was for claim in recombined(rule, around, RANDOM)] == ["港湾大臣"]
    plain, around = pair(
        told.replace("通知された", "灯火の"), "船長は、暗礁を見つけたときは、水路図に印を付けなければならない"
    )
    assert [claim.was for claim in recombined(plain, around, RANDOM)] == ["通知があった", "港湾大臣"]


@pytest.mark.parametrize(
    ("cited", "exchanged"),
    [
        ("第三条第一項", False),  # its cases are among those of the rule
        ("第三条第二項", False),
        ("第三条", False),
        ("第四条第一項", True),
    ],
)
def test_a_case_of_the_same_citation_is_not_another_case(cited: str, exchanged: bool) -> None:
    rule, around = pair(
        "灯台の鐘を鳴らすことについて第三条第一項及び第二項の規定による命令をしようとするときは、組合員は、聴聞を行わなければならない",
        f"暗礁の位置が明らかでないため船長から{cited}に基づく申出があったときは、組合員は、水路図を作ることができる",
    )
    changed = {claim.now for claim in recombined(rule, around, RANDOM)}
    assert any(cited in text for text in changed) is exchanged


def test_staff_are_not_made_to_send_their_own_staff() -> None:
    rule, around = pair(
        "港湾大臣は、必要な限度において、その職員に、灯台に立ち入り、帳簿を検査させることができる",
        "立入検査をする職員は、その身分を示す証明書を携帯しなければならない",
    )
    assert "立入検査をする職員" not in {claim.said.subject for claim in recombined(rule, around, RANDOM)}


@pytest.mark.parametrize(("subject", "exchanged"), [("理事長及び副理事長", False), ("灯台を建てた者", True)])
def test_an_officer_is_one_of_the_officers(subject: str, exchanged: bool) -> None:
    rule, around = pair(
        "役員及び職員は、罰則の適用については、公務に従事する者とみなす", f"{subject}は、代理人を選任することができる"
    )
    assert any(claim.said.subject == subject for claim in recombined(rule, around, RANDOM)) == exchanged
