from __future__ import annotations

import pytest

from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import PARTS, StatuteIndex
from app.retrieval.store.delegations import filled_in_by, fills_in


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("法第三十七条第一項に規定する内閣府令で定める行為は、次に掲げるものとする。", True),
        (
            "金融商品取引法（以下「法」という。）第二条第一項第二十一号に規定する政令で定める証券は、次のものとする。",
            True,
        ),
        ("法第六条に規定する構造その他の政令で定める事項は、次のとおりとする。", True),
        ("法第六条に規定する桟橋は、耐火とする。", False),
        ("桟橋の構造は、政令で定める。", False),
        ("", False),
    ],
)
def test_a_lead_that_fills_in(lead, expected):
    assert fills_in(lead) is expected


@pytest.fixture
def index(tmp_path, make_law):
    laws = {
        "503AC0000000001_20230401_000000000000000": make_law(
            "渡船法", "令和三年法律第一号",
            {"1": ["桟橋の構造は、政令で定める基準によらなければならない。"], "2": ["渡船の料金は、知事が認可する。"]},
        ),
        "504CO0000000002_20230401_000000000000000": make_law(
            "渡船法施行令", "令和四年政令第二号",
            {
                "1": ["渡船法（以下「法」という。）第一条に規定する政令で定める基準は、耐火とする。"],
                "2": ["法第一条の政令で定める基準は、知事が公示する。"],
                "3": ["料金の届出は、渡船の日までにする。", "法第二条の認可に規定する料金を政令で定める額は、百円とする。"],
            },
        ),
    }  # fmt: skip
    for name, xml in laws.items():
        (tmp_path / "laws" / name).mkdir(parents=True)
        (tmp_path / "laws" / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    build_index(tmp_path / "laws", tmp_path / "index")
    return StatuteIndex(tmp_path / "index")


def _number(index, law_id, num):
    return index.store.find_articles(law_id, num, "2024-01-01")[0].article_id


def test_candidates_that_fill_in_a_seed(index):
    act, order = "503AC0000000001", "504CO0000000002"
    first, second = (index.store.find_articles(act, num, "2024-01-01")[0] for num in "12")
    basis, notice, fee = (_number(index, order, num) for num in "123")
    every = [fee, notice, basis, first.article_id]
    # 第2条 of the order names the Act's article too, but says nothing for it.
    assert filled_in_by(index.store, [first], every) == [basis]
    assert filled_in_by(index.store, [second], every) == [fee]
    assert filled_in_by(index.store, [first, second], every) == [fee, basis]
    assert filled_in_by(index.store, [first], [notice]) == []
    assert filled_in_by(index.store, [], every) == []
    # An article of the Act itself is no delegation.
    assert filled_in_by(index.store, [index.store.find_articles(order, "1", "2024-01-01")[0]], every) == []


def test_the_order_is_raised_beside_the_named_article(index):
    query = "渡船法第1条の桟橋の構造の基準"
    whole = index.search(query, 3)
    without = index.search(query, 3, parts=[part for part in PARTS if part != "delegation"])
    assert (whole[0].article.law_title, whole[0].article.num) == ("渡船法", "1")
    assert (whole[1].article.law_title, whole[1].article.num) == ("渡船法施行令", "1")
    best = max(hit.components["bm25"] for hit in whole)
    assert whole[1].components["delegation"] == pytest.approx(0.3 * best)
    assert all("delegation" not in hit.components for hit in without)


def test_what_a_statement_names_is_raised_and_what_the_question_names_comes_first(index):
    hits = index.search("渡船の料金の認可\n渡船法第1条による\n渡船法施行令第3条による", 5)
    parts = {(hit.article.law_title, hit.article.num): hit.components for hit in hits}
    assert all("citation" not in found for found in parts.values())
    best = max(found["bm25"] for found in parts.values() if "bm25" in found)
    assert parts["渡船法", "1"]["mention"] == pytest.approx(0.5 * best)
    assert parts["渡船法施行令", "3"]["mention"] == pytest.approx(0.5 * best)
    asked = index.search("渡船法第1条について\n渡船法施行令第3条による料金の認可", 5)
    assert "citation" in asked[0].components
    assert (asked[0].article.law_title, asked[0].article.num) == ("渡船法", "1")
    assert "mention" not in asked[0].components
