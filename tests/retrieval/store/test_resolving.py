from __future__ import annotations

from itertools import pairwise

import pytest

from app.core.errors import DataError
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.rag_pipeline import RAGPipeline


@pytest.fixture
def index(index_dir):
    return StatuteIndex(index_dir)


@pytest.mark.parametrize(
    ("text", "status", "note"),
    [
        ("渡船法第5条第1項", "found", ""),
        ("渡法5条の2", "found", ""),
        ("渡船法施行令第1条", "found", ""),
        ("渡船法第99条", "unknown_article", "渡船法第99条: 渡船法に第99条はありません"),
        ("渡船法第5条第9項", "unknown_paragraph", "渡船法 第5条に第9項はありません"),
        ("空想法第1条", "unknown_law", "法令「空想法」が分かりません"),
        ("第1条", "unknown_law", "どの法令の条かが分かりません"),
    ],
)
def test_status_and_note(index, text, status, note):
    (resolved,) = index.references(text)
    assert resolved.status == status
    assert note in resolved.note
    assert bool(resolved.note) == (status != "found")


def test_a_range_gives_the_articles_between(index):
    found = index.references("渡船法第1条から第6条まで")
    assert sorted(item.article.num for item in found) == ["1", "2", "5", "5_2", "6"]


def test_named_articles_come_first_in_the_order_named(index):
    hits = index.search("市場の休業日と桟橋の構造。渡船法第1条、市場法第1条", 5)
    assert [(hit.article.law_title, hit.article.num) for hit in hits[:2]] == [("渡船法", "1"), ("市場法", "1")]
    assert all(first.score > second.score for first, second in pairwise(hits))
    assert "citation" in hits[0].components
    assert all("citation" not in hit.components for hit in hits[2:])


def test_the_paragraph_named_is_the_passage(index):
    assert index.search("渡船法第5条第2項", 1)[0].passages[0].paragraph == "2"


@pytest.mark.parametrize(
    ("query", "paragraph"), [("渡船法5条と6条の違い", "1"), ("渡船法5条の許可をする日", "2"), ("渡船法5条", "1")]
)
def test_of_an_article_named_whole_the_words_beside_choose_the_paragraph(index, query, paragraph):
    assert index.search(query, 1)[0].passages[0].paragraph == paragraph


def test_an_unknown_article_is_not_replaced_by_a_neighbour(index):
    hits = index.search("渡船法第99条", 5)
    assert all("citation" not in hit.components for hit in hits)


def test_lookup_gives_the_whole_article(index_dir, config_for):
    pipeline = RAGPipeline(config_for(index_dir))
    (article,) = pipeline.lookup("渡法5条")
    assert article.text.count("\n") == 3
    assert article.title == "第5条"
    assert [item.article for item in pipeline.lookup("渡船法第1条及び第2条第2項")] == ["1", "2"]
    with pytest.raises(DataError, match="第99条はありません"):
        pipeline.lookup("渡船法99条")
    with pytest.raises(DataError, match="条が書かれていません"):
        pipeline.lookup("渡船法")


def test_the_graph_knows_delegation_and_relative_references(index):
    rows = index.store.connection.execute(
        "SELECT r.title, a.num, c.to_law, c.to_num, c.to_paragraph FROM citations c"
        " JOIN articles a ON a.article_id=c.from_article JOIN revisions r USING (rev) ORDER BY 1, 2, 4, 5"
    ).fetchall()
    assert rows == [
        ("市場法", "2", "503AC0000000001", "5", "1"),
        ("渡船法", "5_2", "503AC0000000001", "5", None),
        ("渡船法", "5_2", "503AC0000000001", "5", "1"),
        ("渡船法施行令", "1", "503AC0000000001", "6", None),
    ]
