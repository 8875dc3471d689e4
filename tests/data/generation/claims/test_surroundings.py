"""The authorities that a law names."""

from __future__ import annotations

from app.data.generation.claims.surroundings import ACTOR


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
