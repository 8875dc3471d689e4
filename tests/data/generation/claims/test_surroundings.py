"""The authorities that a law names."""

from __future__ import annotations

from app.data.generation.claims.surroundings import ACTOR, actors_of
from app.data.generation.law.book import read_book
from tests.data.generation.laws import article, law, paragraph


def test_the_end_of_a_longer_name_is_no_authority() -> None:
    assert ACTOR.findall("日本ユネスコ国内委員会の委員及び灯台委員会") == ["灯台委員会"]


def test_names_are_not_cut_out_of_longer_words() -> None:
    assert ACTOR.findall("その都度厚生労働大臣に") == []
    assert ACTOR.findall("こども家庭庁長官に") == []
    assert ACTOR.findall("道府県公安委員会及び道公安委員会は、都道府県公安委員会に") == ["都道府県公安委員会"]
    assert ACTOR.findall("都道府県委員会は、市町村委員会の内申を教育委員会に") == ["教育委員会"]
    assert (
        ACTOR.findall("意見を聴いた上内閣総理大臣が、この法律の施行の際海区漁業調整委員会に、費用厚生労働大臣の") == []
    )
    assert ACTOR.findall("上告裁判所、厚生労働大臣、国家公安委員会") == ["上告裁判所", "厚生労働大臣", "国家公安委員会"]
    assert ACTOR.findall("その都度、厚生労働大臣に") == ["厚生労働大臣"]


def test_no_ended_office_is_an_authority_of_today() -> None:
    """「従前の例により通商産業大臣がした処分は、経済産業大臣がしたものとみなす」 names both."""
    named = "通商産業大臣、経済産業大臣、厚生労働大臣、厚生大臣、社会保険庁長官、特許庁長官、環境大臣、環境庁長官及び総務大臣は、届け出る。"
    assert actors_of(read_book(law(article("1", paragraph("1", named))))) == (
        "経済産業大臣",
        "厚生労働大臣",
        "特許庁長官",
        "環境大臣",
        "総務大臣",
    )
