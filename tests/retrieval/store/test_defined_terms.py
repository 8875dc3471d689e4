from __future__ import annotations

import pytest

from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index
from app.retrieval.rag_pipeline import RAGPipeline
from app.retrieval.showing.context_text import DEFINITIONS_HEAD
from app.retrieval.store.defined_terms import defined_terms

ACT, ORDER = "503AC0000000001", "504CO0000000002"
ACT_REVISION, ORDER_REVISION = f"{ACT}_20230401_000000000000000", f"{ORDER}_20230401_000000000000000"


def _laws(make_law, act_name="桟橋"):
    return {
        ACT_REVISION: make_law(
            "渡船法", "令和三年法律第一号",
            {
                "1": ["この法律において「渡船」とは、人を運ぶ船舶をいう。", f"この法律において「{act_name}」とは、渡船を係留する施設をいう。"],
                "2": ["渡船の管理者（以下「事業者」という。）は、桟橋の点検（以下この条において「定期点検」という。）をする。"],
                "3": ["事業者は、定期点検の結果を報告する。"],
            },
        ),
        ORDER_REVISION: make_law(
            "渡船法施行令", "令和四年政令第二号",
            {
                "1": ["この政令において「渡船」とは、渡船法（以下「法」という。）第一条第一項に規定する渡船をいう。"],
                "2": ["法第二条の点検は、耐火桟橋（鉄でできたものに限る。以下「耐火桟橋」という。）について行う。"],
                "3": ["渡船の事業者は、法第三条により、耐火桟橋の絵図を備える。"],
            },
        ).replace('LawType="Act"', 'LawType="CabinetOrder"'),
    }  # fmt: skip


def _write(folder, laws):
    for name, xml in laws.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path, make_law):
    build_index(_write(tmp_path / "laws", _laws(make_law)), tmp_path / "index")
    return tmp_path / "index"


def _needed(index, question, *articles, limit=9):
    rows = [index.store.find_articles(law_id, num, "2024-01-01")[0] for law_id, num in articles]
    texts = [
        "\n".join(text for row in index.store.article_passages(one.article_id) for _, text in row.lines) for one in rows
    ]
    found = defined_terms(index.store, index.names(), rows, question, texts, limit)
    assert len(found) == len(articles)
    return [[(term.term, term.title) for term in terms] for terms in found]


def test_terms_that_an_article_uses_and_does_not_define(folder):
    index = StatuteIndex(folder)
    # 定期点検 holds in 第2条 only.
    assert _needed(index, "", (ACT, "3")) == [[("事業者", "第2条第1項")]]
    assert _needed(index, "", (ACT, "2")) == [[("渡船", "第1条第1項"), ("桟橋", "第1条第2項")]]
    # What one of the articles defines is there to read.
    assert _needed(index, "", (ACT, "3"), (ACT, "2")) == [[], [("渡船", "第1条第1項"), ("桟橋", "第1条第2項")]]


def test_the_questions_terms_come_first_and_the_limit_holds(folder):
    index = StatuteIndex(folder)
    assert _needed(index, "桟橋とは", (ACT, "3")) == [[("桟橋", "第1条第2項"), ("事業者", "第2条第1項")]]
    assert _needed(index, "桟橋とは", (ACT, "3"), limit=1) == [[("桟橋", "第1条第2項")]]
    # 渡船 in the name of the law is no use of the term.
    assert _needed(index, "渡船法の報告", (ACT, "3")) == [[("事業者", "第2条第1項")]]


def test_an_order_uses_the_terms_of_its_act(folder):
    index = StatuteIndex(folder)
    rows = [index.store.find_articles(ORDER, "3", "2024-01-01")[0]]
    found = defined_terms(index.store, index.names(), rows, "", ["渡船の事業者は、耐火桟橋の絵図を備える。"])[0]
    # 耐火桟橋 covers 桟橋; the order only points to the Act for 渡船.
    assert [(term.term, term.law_title, term.article) for term in found] == [
        ("渡船", "渡船法", "1"), ("事業者", "渡船法", "2"), ("耐火桟橋", "渡船法施行令", "2"),
    ]  # fmt: skip
    assert found[0].line == "「渡船」（渡船法 第1条第1項）: この法律において「渡船」とは、人を運ぶ船舶をいう。"


def test_definitions_follow_the_passages_within_the_budget(folder, config_for):
    plain = RAGPipeline(config_for(folder)).retrieve_documents("定期点検の結果の報告", 1)
    assert plain[0].definitions == ()
    pipeline = RAGPipeline(config_for(folder, retriever_definitions=True))
    passages = pipeline.retrieve_documents("定期点検の結果の報告", 1)
    assert (passages[0].law_title, passages[0].article) == ("渡船法", "3")
    assert passages[0].text == plain[0].text
    context = pipeline.format_context(passages)
    articles = pipeline.format_context(plain).text
    assert context.text == f"{articles}\n\n{DEFINITIONS_HEAD}\n{passages[0].definitions[0].line}"
    assert context.definitions == passages[0].definitions
    assert pipeline.format_context(passages, len(context.text)).text == context.text
    tight = pipeline.format_context(passages, len(context.text) - 1)
    assert (tight.text, tight.definitions, tight.used) == (articles, (), tuple(passages))
    none = pipeline.format_context(passages, 0)
    assert (none.text, none.definitions) == ("", ())


def test_definitions_are_replaced_and_removed_with_their_law(folder, make_law, tmp_path):
    assert StatuteIndex(folder).store.counts()["definitions"] == 6
    law = _write(tmp_path / "new", {ACT_REVISION: _laws(make_law, "浮桟橋")[ACT_REVISION]})
    update_index(folder, add=law)
    index = StatuteIndex(folder)
    assert index.store.counts()["definitions"] == 6
    assert _needed(index, "浮桟橋", (ACT, "3")) == [[("浮桟橋", "第1条第2項"), ("事業者", "第2条第1項")]]
    update_index(folder, remove=[ACT])
    assert StatuteIndex(folder).store.counts()["definitions"] == 2
