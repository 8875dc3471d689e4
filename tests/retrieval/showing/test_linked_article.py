"""An article whose references and terms are links: where each leads, and what stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.showing.linked_article import linked_article
from app.retrieval.text.citation_text import fold, fold_with_places

ACT, ORDER, MARKET = "503AC0000000001", "504CO0000000002", "505AC0000000003"
DAY = "2024-01-01"


def shown(index, law, num, *, part="main", day=DAY):
    """Each line with its links as 〔text→law 条 項〕, terms as 《…》."""
    with index.reading():
        (row, *_) = index.store.find_articles(law, num, day, part)
        lines = linked_article(index.store, index.names(), row, day)
    marks = {"reference": "〔{}→{}〕", "term": "《{}→{}》"}
    return [
        "".join(
            one.text if one.link is None else marks[one.link.kind].format(one.text, one.link.name)
            for one in line.pieces
        )
        for line in lines
    ]


@pytest.fixture
def index(tmp_path, make_law):
    laws = {
        f"{ACT}_20230401_000000000000000": make_law(
            "渡船法", "令和三年法律第一号",
            {
                "2": ["この法律において「渡船」とは、人を運ぶ船舶をいう。", "この法律において「渡船桟橋」とは、渡船を係留する施設をいう。"],
                "5": ["渡船は、第二条第二項の渡船桟橋に着ける。\n前条の渡船、第五条の二、第九十九条", "前項の渡船は、渡船桟橋と渡船とで、この条の規定によるほか、第二条から第五条の二までによる。"],
                "5_2": ["市場法（令和五年法律第三号）第二条第二項及び第三項、旧市場法第一条、同法第２条第9項。"],
            },
            after="<SupplProvision><SupplProvisionLabel>附則</SupplProvisionLabel>"
            '<Article Num="1"><ArticleTitle>第一条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>施行する。</Sentence></ParagraphSentence></Paragraph></Article>'
            '<Article Num="2"><ArticleTitle>第二条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>前条の日に、第五条の渡船は、附則第一条による。</Sentence></ParagraphSentence></Paragraph></Article></SupplProvision>'
            '<SupplProvision AmendLawNum="令和五年法律第九号"><SupplProvisionLabel>附則</SupplProvisionLabel><Article Num="1"><ArticleTitle>第一条</ArticleTitle>'
            '<Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>渡船は、第五条による。</Sentence></ParagraphSentence></Paragraph></Article></SupplProvision>',
        ),
        f"{ORDER}_20230401_000000000000000": make_law(
            "渡船法施行令", "令和四年政令第二号", {"1": ["渡船法（以下「法」という。）第五条の桟橋。", "法第二条第一項の渡船は、渡船法第五条の二による。"]}
        ).replace('LawType="Act"', 'LawType="CabinetOrder"'),
        f"{MARKET}_20230401_000000000000000": make_law("市場法", "令和五年法律第三号", {"2": ["市場は、開く。", "休む。", "閉じる。"]}),
    }  # fmt: skip
    for name, xml in laws.items():
        (tmp_path / "laws" / name).mkdir(parents=True)
        (tmp_path / "laws" / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    build_index(tmp_path / "laws", tmp_path / "index")
    return StatuteIndex(tmp_path / "index")


def test_references_and_terms_of_a_law(index):
    assert shown(index, ACT, "5") == [
        "第1項　《渡船→渡船法 第2条第1項》は、〔第二条第二項→渡船法 第2条第2項〕の《渡船桟橋→渡船法 第2条第2項》に着ける。",
        "　第1号　1　〔前条→渡船法 第2条〕の渡船、〔第五条の二→渡船法 第5条の2〕、第九十九条",
        "第2項　〔前項→渡船法 第5条第1項〕の《渡船→渡船法 第2条第1項》は、《渡船桟橋→渡船法 第2条第2項》と渡船とで、この条の規定によるほか、"
        "〔第二条→渡船法 第2条〕から〔第五条の二→渡船法 第5条の2〕までによる。",
    ]


def test_another_law_s_articles_and_what_is_not_certain(index):
    assert shown(index, ACT, "5_2") == [
        "〔市場法（令和五年法律第三号）第二条第二項→市場法 第2条第2項〕及び〔第三項→市場法 第2条第3項〕、旧市場法第一条、同法第２条第9項。"
    ]


def test_an_order_s_words_lead_to_its_act(index):
    assert shown(index, ORDER, "1") == [
        "第1項　〔渡船法（以下「法」という。）第五条→渡船法 第5条〕の桟橋。",
        "第2項　〔法第二条第一項→渡船法 第2条第1項〕の《渡船→渡船法 第2条第1項》は、〔渡船法第五条の二→渡船法 第5条の2〕による。",
    ]


def test_a_supplement_s_previous_article_is_not_the_law_s(index):
    assert shown(index, ACT, "2", part="supplement") == [
        "前条の日に、〔第五条→渡船法 第5条〕の《渡船→渡船法 第2条第1項》は、〔附則第一条→渡船法 附則第1条〕による。"
    ]


def test_amending_supplements_have_no_links(index):
    assert shown(index, ACT, "1", part="amendment") == ["渡船は、第五条による。"]


def test_pieces_joined_are_the_text(index):
    with index.reading():
        for row in index.store.articles(range(1, 20)).values():
            raw = [text for passage in index.store.article_passages(row.article_id) for _, text in passage.lines]
            lines = linked_article(index.store, index.names(), row, DAY)
            for line, text in zip(lines, raw, strict=True):
                assert "".join(piece.text for piece in line.pieces).endswith(text)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("第二十七条", [(0, 1), (1, 4), (1, 4), (4, 5)]),
        ("Ａ 二", [(0, 1), (2, 3)]),
        ("㌔", [(0, 1), (0, 1)]),
        ("", []),
    ],
)
def test_folded_text_knows_its_places(text, places):
    folded = fold_with_places(text)
    assert (folded.text, list(zip(folded.starts, folded.ends, strict=True))) == (fold(text), places)


def test_what_folds_only_together_has_no_places():
    assert fold_with_places("か\u3099第二条") is None  # か and its mark are one character when folded


@given(st.text(alphabet="第二十百条項のＡａ１2 　（）ｶﾞ〇億渡船", max_size=30))
def test_places_are_those_of_the_fold(text):
    folded = fold_with_places(text)
    if folded is not None:
        assert folded.text == fold(text)
        assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))
