from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from app.core.errors import DataError
from app.core.questions import Question
from app.core.rag_config import load_config
from app.retrieval.index.building import build_index
from app.retrieval.rag_pipeline import HEADER_CHARS, RAGPipeline, check_citations, search_query
from app.retrieval.showing.context_text import format_passages
from app.retrieval.showing.excerpt import excerpt
from app.retrieval.store.rows import PassageRow
from tests.retrieval.conftest import write_book


@pytest.fixture
def pipeline(index_dir, config_for):
    return RAGPipeline(config_for(index_dir))


def test_search_query_is_question_and_choices():
    question = Question(
        "1",
        "正しいものは。",
        {"b": "乙", "a": "甲", "c": "丙", "d": "丁"},
        "a",
        None,
        (),
        "1",
        "correct",
        "x",
        "渡船法",
    )
    assert search_query(question) == "正しいものは。\n甲\n乙\n丙\n丁"


def test_retrieved_passage_has_everything(pipeline):
    first = pipeline.retrieve_documents("渡船の申請書に記載する航路の起点", 1)[0]
    assert (first.law_id, first.law_title, first.article, first.paragraph) == ("503AC0000000001", "渡船法", "5", "1")
    assert first.title == "第5条第1項"
    assert first.caption == "（許可）"
    assert first.id == "503AC0000000001#Mp-At_5"
    assert first.link == "https://laws.e-gov.go.jp/law/503AC0000000001#Mp-At_5"
    assert first.text == (
        "第1項　渡船を営もうとする者は、次に掲げる事項を記載した申請書を知事に提出しなければならない。\n"
        "　第1号　氏名\n　第2号　航路の起点及び終点\n第2項　知事は、三十日以内に許可をしなければならない。"
    ).replace("第1号　", "第1号　1　").replace("第2号　航", "第2号　2　航")
    assert first.left_out_chars == 0
    assert first.components == {"bm25": first.score}


def test_graph_raises_what_the_best_articles_cite(index_dir, config_for):
    pipeline = RAGPipeline(config_for(index_dir, retriever_graph=True))
    first = pipeline.retrieve_documents("渡船の申請書に記載する航路の起点", 1)[0]
    # 第5条の2 cites 第5条 and is the second best: that adds a fifth of the best BM25 score.
    assert first.components == {"bm25": pytest.approx(first.score / 1.2), "graph": pytest.approx(first.score / 6)}


def test_search_query_has_the_question_in_one_line():
    question = Question("1", "次の\n［　］。", {"a": "甲"}, "a", None, (), "1", "correct", "x", "渡船法")
    assert search_query(question) == "次の ［　］。\n甲"


def test_diversity_takes_another_article_for_a_double(tmp_path, make_law, config_for):
    text = "渡船を営もうとする者は、知事の許可を受けなければならない。"
    law = make_law("渡船法", "令和三年法律第一号", {"1": [text], "2": [text], "3": ["桟橋の許可は、知事がする。"]})
    folder = tmp_path / "laws" / "503AC0000000001_20230401_000000000000000"
    folder.mkdir(parents=True)
    (folder / f"{folder.name}.xml").write_text(law, encoding="utf-8")
    build_index(tmp_path / "laws", tmp_path / "index")

    def found(query, **overrides):
        pipeline = RAGPipeline(config_for(tmp_path / "index", **overrides))
        return [passage.article for passage in pipeline.retrieve_documents(query, 2)]

    assert found("渡船を営もうとする者の許可") == ["1", "2"]
    assert found("渡船を営もうとする者の許可", retriever_mmr=0.5) == ["1", "3"]
    assert found("渡船を営もうとする者の許可", retriever_mmr=1.0) == ["1", "2"]
    # What the question names is not put back.
    assert found("渡船法第1条と渡船法第2条の許可", retriever_mmr=0.5) == ["1", "2"]


def test_every_sample_article_is_found_by_its_own_words(sample_index, config_for):
    pipeline = RAGPipeline(config_for(sample_index))
    rows = pipeline.index.store.connection.execute(
        "SELECT a.article_id, a.anchor, r.law_id FROM articles a JOIN revisions r USING (rev)"
        " WHERE a.part='main' AND NOT a.deleted"
    ).fetchall()
    missed = []
    for article_id, anchor, law_id in rows:
        own = "".join(text for row in pipeline.index.store.article_passages(article_id) for _, text in row.lines)
        if f"{law_id}#{anchor}" not in [hit.id for hit in pipeline.retrieve_documents(own, 3)]:
            missed.append((law_id, anchor))
    assert len(rows) > 120
    assert missed == []


def test_context_headers_and_budget(pipeline):
    passages = pipeline.retrieve_documents("渡船の許可と桟橋の構造", 3)
    whole = pipeline.format_context(passages)
    heads = [line for line in whole.text.split("\n") if line.startswith("[")]
    assert heads == [f"[{n}] {p.law_title} {p.title}{p.caption}" for n, p in enumerate(passages, start=1)]
    assert whole.left_out == ()
    small = pipeline.format_context(passages, max_chars=len(whole.text) - 1)
    assert len(small.text) < len(whole.text)
    assert len(small.used) + len(small.left_out) == len(passages)
    assert {p.id for p in small.used} | {p.id for p in small.left_out} == {p.id for p in passages}
    assert len(small.left_out) == 1


def test_context_of_exactly_the_budget_fits(pipeline):
    passages = pipeline.retrieve_documents("渡船の許可と桟橋の構造", 3)
    size = len(format_passages(passages, 10**6).text)
    assert format_passages(passages, size).left_out == ()
    assert format_passages(passages, 0).left_out == tuple(passages)


@pytest.mark.parametrize(("top_k", "budget"), [(1, 200), (3, 200), (1, 300), (3, 900), (1, 6000), (4, 6000)])
def test_under_a_long_title_the_first_article_still_stands_in_the_context(
    tmp_path, make_law, config_for, top_k, budget
):
    title = "渡船の運航及び桟橋の管理並びに旅客の保護、船員の労働条件の改善及び地域の交通の確保に関する特別措置法の施行に伴う経過措置に関する法律"
    caption = "（旅客の保護のために渡船を営む者が講ずべき措置に関する経過措置）"
    text = "旅客の保護のために必要な措置を講じ、" * 400
    laws = {
        f"50{number}AC000000000{number}_20230401_000000000000000": make_law(
            title + "甲乙丙丁"[number], f"令和三年法律第{number + 1}号", {"1": [caption, text]}
        )
        for number in range(4)
    }
    build_index(write_book(tmp_path / "long", laws), tmp_path / "long_index")
    pipeline = RAGPipeline(config_for(tmp_path / "long_index", retriever_max_context_chars=budget))
    context = pipeline.grounds("渡船の旅客の保護", top_k=top_k).context
    assert len(context.text.split("\n")[0]) > HEADER_CHARS
    assert len(context.text) <= budget
    assert len(context.used) == (top_k if budget >= 900 else 1)
    assert context.used[0].text.startswith("旅客の保護のために")


def _row(number: int, lead: str, *items: str) -> PassageRow:
    rows = (("", lead), *((str(place), f"一　{item}") for place, item in enumerate(items, start=1)))
    return PassageRow(number, 1, str(number), "", "", rows)


def test_an_article_over_budget_keeps_the_lead_and_the_items_asked_for():
    rows = [
        _row(1, "次に掲げる者。" + "あ" * 50, "農業を営む者" * 5, "漁業を営む者" * 5, "林業を営む者" * 5),
        _row(2, "無関係" * 40),
    ]
    cut = excerpt(rows, [1], "漁業を営む者", 170)
    assert len(cut.text) <= 170
    assert cut.text.split("\n")[0].startswith("第1項　次に掲げる者。")
    assert "漁業" in cut.text
    assert "農業" not in cut.text
    assert "字省略）" in cut.text
    shown = sum(len(line) for line in cut.text.split("\n") if "字省略" not in line)
    assert shown + cut.left_out_chars == sum(len(line) for line in excerpt(rows, [1], "漁", 10**6).text.split("\n"))


def test_a_single_line_over_budget_says_what_is_missing():
    cut = excerpt([_row(1, "長" * 500)], [1], "長", 100)
    assert cut.text == "長" * 76 + "\n（424字省略）"
    assert cut.left_out_chars == 424


@pytest.mark.parametrize(
    ("text", "cited", "unsupported"),
    [("はい[1]。［２］も", (1, 2), ()), ("いいえ[4][1]", (1,), (4,)), ("番号なし", (), ()), ("[0]", (), (0,))],
)
def test_citations_in_an_answer_are_checked(text, cited, unsupported):
    assert check_citations(text, 3) == (cited, unsupported)


def test_query_answers_from_the_context(index_dir, config_for):
    prompts = []
    model = SimpleNamespace(invoke=lambda prompt, **_: prompts.append(prompt) or "水曜日です[1]。[9]")
    answer = RAGPipeline(config_for(index_dir), llm=model).query("市場の休業日はいつか")
    assert answer.text == "水曜日です[1]。[9]"
    assert (answer.cited, answer.unsupported) == ((1,), (9,))
    assert answer.passages[0].law_title == "市場法"
    assert "[1] 市場法 第2条第1項" in prompts[0]
    assert prompts[0].endswith("【質問】\n市場の休業日はいつか")


def test_query_asks_an_openai_compatible_server(index_dir, llamacpp_server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "LLM_BACKEND": "openai", "LLM_HOST": llamacpp_server.url + "/v1", "LLM_MODEL": "tiny",
        "LLM_TOKENIZER": str(llamacpp_server.folder), "LLM_MAX_NEW_TOKENS": "4",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    pipeline = RAGPipeline(load_config(retriever_index_dir=index_dir))
    answer = pipeline.query("市場の休業日はいつか")
    assert answer.passages[0].law_title == "市場法"
    assert answer.text
    assert pipeline._model().facts()["same_prompt"] is True


@pytest.mark.parametrize(
    ("query", "words"), [("", "語がありません"), ("、。「」", "語がありません"), ("渡" * 100_000, "100,000 文字")]
)
def test_unusable_queries(pipeline, query, words):
    with pytest.raises(DataError, match=words):
        pipeline.retrieve_documents(query)


def test_top_k_below_one(pipeline):
    with pytest.raises(DataError, match="top_k=0"):
        pipeline.retrieve_documents("市場", 0)


def test_law_not_yet_in_force_is_out_of_view(pipeline):
    assert pipeline.retrieve_documents("市場の休業日", as_of=date(2023, 3, 31)) == []
    assert pipeline.retrieve_documents("市場の休業日", as_of=date(2023, 4, 1))[0].law_title == "市場法"


def test_a_named_article_is_shown_as_retrieval_shows_it(pipeline):
    query = "渡船の申請書に記載する航路の起点"
    found = pipeline.retrieve_documents(query, 1)[0]
    named = pipeline.named_article("渡船法", "5", ["1"], query, shown=1)
    assert replace(named, score=found.score, components=found.components) == found
    other = pipeline.named_article("渡船法", "5", ["2"], query, shown=1)
    assert (other.title, other.text) == ("第5条第2項", found.text)  # short enough to stand whole
    # No such article, an unknown law, an abbreviation, a 附則 that only an amending law has.
    for law, article in (("渡船法", "99"), ("港湾法", "1"), ("渡法", "5"), ("渡船法", "附則1")):
        assert pipeline.named_article(law, article, [], query, shown=1) is None


def test_a_named_article_has_its_definitions_where_retrieval_adds_them(index_dir, config_for):
    pipeline = RAGPipeline(config_for(index_dir, retriever_definitions=True))
    query = "渡船の申請書に記載する航路の起点"
    found = pipeline.retrieve_documents(query, 1)[0]
    named = pipeline.named_article("渡船法", "5", ["1"], query, shown=1)
    assert found.definitions
    assert named.definitions == found.definitions


def test_candidates_are_cut_as_if_fewer_were_shown(pipeline):
    query = "渡船の許可と桟橋の構造"
    assert pipeline.retrieve_candidates(query, 3, shown=3) == pipeline.retrieve_documents(query, 3)
    assert [one.id for one in pipeline.retrieve_candidates(query, 5, shown=3)][:3] == [
        one.id for one in pipeline.retrieve_documents(query, 3)
    ]
    with pytest.raises(DataError, match="top_k=0"):
        pipeline.retrieve_candidates(query, 0, shown=3)


def test_what_is_far_too_long_for_a_reference_is_one_short_line(index_dir, config_for):
    pipeline = RAGPipeline(config_for(index_dir))
    with pytest.raises(DataError, match="条の指定が長すぎます（100,000 文字、上限 1,000 文字）"):
        pipeline.lookup("a" * 100_000)
