"""What orders fill in of an Act."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.data.egov.law import Law
from app.data.generation.law.book import read_book
from app.data.generation.law.fillings import Filling
from tests.data.generation.laws import PILOTAGE, PILOTAGE_ORDER, article, law, paragraph, pilotage


def by_name() -> dict[str, Filling]:
    return {one.name: one for one in pilotage().fillings}


def test_what_the_orders_fill_in() -> None:
    found = by_name()
    assert {(one.act.article, one.act.paragraph, one.item, name) for name, one in found.items()} == {
        ("1", "1", None, "港湾省令で定める事項"),
        ("1", "2", None, "政令で定める軽微な変更"),
        ("2", "1", None, "政令で定める者"),
        ("2", "2", None, "政令で定める期間"),
        ("3", "1", "2", "港湾省令で定める記載事項"),
    }  # 「政令で定めるもの」 names nothing
    assert found["政令で定める期間"].things == ((None, "五年"),)
    assert found["政令で定める期間"].order.place == ("水先法施行令", "3", "1")
    assert found["政令で定める期間"].revision_id == PILOTAGE_ORDER.revision_id
    # Items that point to an article of an unnamed law, or to what somebody lays down elsewhere, are left out.
    assert found["港湾省令で定める事項"].things == (("1", "船の名称"), ("2", "水先をした年月日"), ("4", "水先の区間"))
    assert found["政令で定める者"].things == (
        ("1", "二年以内に講習を受けない者"),
        ("2", "水先法第九条の許可を取り消された者"),
    )
    assert [one.listed for one in found.values()] == [False, True, False, True, True]


def fillings_of(*paragraphs: str, act: Law = PILOTAGE, items: tuple[str, ...] = ()) -> tuple[Filling, ...]:
    articles = [article(str(number), paragraph("1", text, items)) for number, text in enumerate(paragraphs, start=1)]
    return read_book(act, (law(*articles, title="水先法施行令", law_id="400CO0000000002"),)).fillings


@pytest.mark.parametrize(
    ("text", "items", "things"),
    [
        ("法第二条第二項の政令で定める期間は、五年とする。", (), ((None, "五年"),)),
        ("法第二条第二項に規定する政令で定める期間は、五年とする。", (), ((None, "五年"),)),
        ("法第二条第二項の政令で定める期間は、五年とする。ただし、船長については、三年とする。", (), None),
        ("法第二条第二項の政令で定める期間は、前条の期間とする。", (), None),
        ("法第二条第二項の政令で定める期間は、別表のとおりとする。", (), None),
        ("法第五条の政令で定める割合は、次のとおりとする。", ("船長", "三割"), None),  # a list of two columns
        ("法第二条の政令で定める期間は、五年とする。", (), None),  # of which paragraph?
        ("法第二条第三項の政令で定める期間は、五年とする。", (), None),
        ("法第二条第二項の政令で定める年数は、五年とする。", (), None),
        ("法第二条第一項の政令で定める者は、次に掲げる者とする。", ("破産した者",), None),
        ("法第二条第一項の政令で定める者は、次に掲げる者とする。", ("破産した者", "当該船の船長", "航路を知らない者"),
         (("1", "破産した者"), ("3", "航路を知らない者"))),
        ("法第二条第一項の政令で定める者は、次の各号に掲げる区分に応じ、当該各号に定める者とする。", ("船長", "水夫"), None),
        ("法第二条第一項の政令で定める者は、法に基づく命令に違反した者とする。", (), None),
        ("法第二条第一項の政令で定める者は、水先法第九条の許可を取り消された者とする。", (), ((None, "水先法第九条の許可を取り消された者"),)),
    ],
)  # fmt: skip
def test_a_provision_fills_in_or_is_left_out(
    text: str, items: tuple[str, ...], things: tuple[tuple[str | None, str], ...] | None
) -> None:
    assert [one.things for one in fillings_of(text, items=items)] == ([] if things is None else [things])


def test_what_two_provisions_fill_in_is_left_out() -> None:
    twice = "法第二条第二項の政令で定める期間は、{}とする。"
    assert len(fillings_of(twice.format("五年"))) == 1
    assert fillings_of(twice.format("五年"), twice.format("三年")) == ()
    # Nor is the first all of it where the other cannot be read.
    assert fillings_of(twice.format("五年"), "法第二条第二項の政令で定める期間は、別表のとおりとする。") == ()


def test_what_may_be_one_of_the_things() -> None:
    found = by_name()
    listed, period = found["港湾省令で定める事項"], found["政令で定める期間"]
    assert listed.has("船の名称")
    assert listed.has("水先をした年月日及び船の名称")
    assert not listed.has("役員の任期")
    several = replace(listed, things=(("1", "灯台の内容、施工場所及び施工年月日"),))
    assert several.has("施工年月日又は工事番号")
    assert not several.has("工事番号又は役員の任期")
    assert period.has("五年")
    assert period.has("六十月") is False
    assert period.has("千八百二十五日")
    assert not period.has("三年")
    assert listed.is_beside(found["港湾省令で定める記載事項"])
    assert not listed.is_beside(period)
    assert not listed.is_beside(listed)
