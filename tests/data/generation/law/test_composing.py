"""Rules with the words of a cited item, or of an order, put into them."""

from __future__ import annotations

import random

import pytest

from app.data.generation.kinds.statements import Cues, statement_draft
from app.data.generation.law.book import read_book
from app.data.generation.law.composing import SPEAKS_OF_ALL, with_filled_in
from tests.data.generation.laws import article, law, lighthouse, paragraph, pilotage


def test_a_cited_item_is_put_in_beside_the_rule_that_cites_it() -> None:
    (put,) = [rule for rule in lighthouse().rules if rule.also is not None]
    assert put.place == ("3", "3", None)
    assert put.also == ("灯台法", "3", "1", "2")
    assert put.subject == "灯台の位置を変更した者"


def test_what_an_order_fills_in_stands_in_the_rule_that_leaves_it() -> None:
    book = pilotage()
    plain = [rule for rule in book.rules if rule.also is None]
    found = with_filled_in(plain, book.fillings)
    assert {(rule.place, rule.also, rule.subject, rule.action) for rule in found} == {
        (("1", "1", None), ("水先法施行規則", "1", "1", number), "水先人", f"帳簿を備え、水先に関し{words}を記載する")
        for number, words in (("1", "船の名称"), ("4", "水先の区間"))
    } | {
        (
            ("1", "1", None),
            ("水先法施行規則", "1", "1", "2"),
            "水先人",
            "帳簿を備え、水先に関し水先をした年月日を記載する",
        ),
        (("2", "1", None), ("水先法施行令", "2", "1", "1"), "二年以内に講習を受けない者", "水先人となる"),
        (("2", "1", None), ("水先法施行令", "2", "1", "2"), "水先法第九条の許可を取り消された者", "水先人となる"),
    }
    wrong = {one.action for rule, others in found.items() if rule.also and rule.also[3] == "1" for one in others}
    assert wrong == {f"帳簿を備え、水先に関し{words}を記載する" for words in ("役員の任期", "組合員の資格", "水先約款")}


def test_a_rule_filled_in_is_shown_with_its_order() -> None:
    book = pilotage()
    found = [
        draft
        for seed in range(60)
        if (draft := statement_draft(book, "1", "correct", random.Random(seed), Cues(), max_chars=700, count=2))
    ]
    filled = [draft for draft in found if any(one.edit in ("filled_in", "refilled") for one in draft.options)]
    assert {one.edit for draft in filled for one in draft.options} >= {"filled_in", "refilled"}
    for draft in filled:
        assert (
            "## 水先法施行規則\n### 第1条\n法第一条第一項の港湾省令で定める事項は、次のとおりとする。" in draft.context
        )
        laws = {one.law for one in draft.passages} - {"水先法"}
        assert len(book.beside(draft.passages)) == len(laws)
        assert "400M00000000002_20250401_000000000000000" in book.beside(draft.passages)
        for one in draft.options:
            if one.edit == "refilled":
                assert not one.true
                assert any(word in one.texts[0] for word in ("任期", "資格", "約款")), one.texts[0]


@pytest.mark.parametrize(
    ("after", "of_all"),
    [
        ("でなければ、監査人となることができない", True), ("のうちから、選任する", True), ("以外の者は、", True), ("ごとに", True),
        ("に該当しない者は", True), ("がないとき", True), ("に限り、", True), ("を記載しなければならない", False), ("でなければならない", False),
        ("に該当する場合は、", False), ("をしてはならない", False), ("は、届け出なければならない", False),
    ],
)  # fmt: skip
def test_what_is_said_of_all_things_of_a_list(after: str, of_all: bool) -> None:
    assert (SPEAKS_OF_ALL.match(after) is not None) is of_all


def test_a_wrong_filling_that_another_rule_makes_right_is_none() -> None:
    act = law(
        article("1", paragraph("1", "政令で定める者は、港湾大臣に届け出なければならない。")),
        article("2", paragraph("1", "政令で定める者は、港湾大臣に届け出なければならない。")),
        article("3", paragraph("1", "政令で定める者は、水路図を備えなければならない。")),
    )
    order = law(
        *(
            article(number, paragraph("1", f"法第{kanji}条の政令で定める者は、{who}とする。"))
            for number, kanji, who in (
                ("1", "一", "灯台の持主である者"),
                ("2", "二", "浮標を流す者"),
                ("3", "三", "船を操る者"),
            )
        ),
        title="灯台法施行令",
        law_id="400CO0000000001",
    )
    wrong = {
        rule.subject: {one.subject for one in others} for rule, others in read_book(act, (order,)).refilled.items()
    }
    assert wrong == {
        "灯台の持主である者": {"船を操る者"},  # those who let buoys drift must notify too
        "浮標を流す者": {"船を操る者"},
        "船を操る者": {"灯台の持主である者", "浮標を流す者"},
    }
