"""Whether a changed rule is really not the law."""

from __future__ import annotations

from dataclasses import replace

from app.data.generation.law.checks import is_another_rule, is_known_party
from tests.data.generation.read_rules import of


def test_parties_that_may_be_the_same_are_never_exchanged() -> None:
    assert is_known_party("港湾大臣", "水先大臣")
    assert not is_known_party("主務大臣", "港湾大臣")
    assert not is_known_party("理事会", "港湾大臣")
    assert not is_known_party("地方委員会", "地方灯台委員会")
    assert not is_known_party("港湾大臣", "裁判所")


def test_a_changed_rule_that_another_provision_lays_down_is_no_false_one() -> None:
    rule, around = of(("1", "1", None))
    elsewhere = replace(rule, article="9", condition="")
    assert is_another_rule(replace(rule, condition="嵐が近づいた"), (elsewhere,))
    assert not is_another_rule(replace(rule, condition="嵐が近づいた"), around.rules)


def test_courts_and_officers_of_the_law_are_two_sorts() -> None:
    assert not is_known_party("地方裁判所", "検察官")
    assert is_known_party("地方裁判所", "簡易裁判所")
    assert is_known_party("検察官", "公証人")
