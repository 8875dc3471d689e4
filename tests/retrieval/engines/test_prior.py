from __future__ import annotations

import math

import pytest

from app.retrieval.engines.prior import ACT_SHARE, LINK_SHARE, citing_laws, law_types, prior_shares
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import PARTS, StatuteIndex
from tests.retrieval.conftest import law_xml, write_book


def test_acts_stand_above_orders_and_what_is_cited_above_what_is_not():
    laws = {1: "act", 2: "order", 3: "ordinance", 4: "cited"}
    types = {"act": "Act", "order": "CabinetOrder", "ordinance": "MinisterialOrdinance", "cited": "Act"}
    assert prior_shares(laws, types, {"cited": 9}) == {
        1: ACT_SHARE, 2: ACT_SHARE / 2, 3: 0.0, 4: pytest.approx(ACT_SHARE + LINK_SHARE * math.log(10)),
    }  # fmt: skip


def test_the_store_knows_kinds_and_citing_laws(index_dir):
    store = StatuteIndex(index_dir).store
    assert law_types(store)["503AC0000000001"] == "Act"
    # The order and 市場法 cite 渡船法; what it cites itself does not count.
    assert citing_laws(store, ["503AC0000000001", "505AC0000000003"]) == {"503AC0000000001": 2, "505AC0000000003": 0}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An Act and an ordinance that say the same of dogs, and as much else as keeps the words rare."""
    home = tmp_path_factory.mktemp("prior")
    act = law_xml("犬の占有に関する法律", "令和三年法律第一号", {"1": ["飼い主は、犬が加えた損害を償う。"]})
    ordinance = law_xml("犬の試料に関する省令", "令和三年環境省令第一号", {"1": ["飼い主は、犬の試料を送る。"]})
    book = {
        "503AC0000000001_20230401_000000000000000": act,
        "503M60001000001_20230401_000000000000000": ordinance.replace(
            'LawType="Act"', 'LawType="MinisterialOrdinance"'
        ),
    }
    build_index(write_book(home / "laws", book), home / "index")
    return StatuteIndex(home / "index")


def test_where_words_do_not_reach_the_act_is_meant(index):
    lay = "よそのペットに噛まれて怪我をしたので飼い主に治療費を払ってもらえますか"
    hits = index.search(lay, 2)
    assert [hit.article.law_title for hit in hits] == ["犬の占有に関する法律", "犬の試料に関する省令"]
    assert "prior" in hits[0].components
    assert "prior" not in hits[1].components
    plain = index.search(lay, 2, parts=[part for part in PARTS if part != "prior"])
    assert all("prior" not in hit.components for hit in plain)


def test_where_words_reach_they_alone_decide(index):
    hits = index.search("飼い主は犬の試料を送る", 2)
    assert hits[0].article.law_title == "犬の試料に関する省令"
    assert all("prior" not in hit.components for hit in hits)
