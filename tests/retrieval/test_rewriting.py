from __future__ import annotations

import hashlib
import json

import pytest

from app.core.errors import ConfigError, DataError
from app.retrieval.engines.coverage import LOW, covered
from app.retrieval.index.updating import update_index
from app.retrieval.question_contexts import searched_facts
from app.retrieval.rag_pipeline import RAGPipeline, Reach
from app.retrieval.rewriting import (
    Rewriter,
    Rewriting,
    fused_by_coverage,
    parse_rewriting,
    question_key,
    read_rewritings,
)

LAY = "お店がやっていないのは何曜日ですか？"  # the statute says 市場の休業日
STATUTE = "市場の休業日は何曜日とするか"


@pytest.mark.parametrize(
    ("weights", "tokens", "share"),
    [
        ({"休業": 3.0, "何曜": 1.0}, {"休業"}, 0.75),
        ({"休業": 3.0}, {"休業", "市場"}, 1.0),
        ({"休業": 3.0}, set(), 0.0),
        ({}, {"市場"}, 1.0),
    ],
)
def test_coverage_is_the_share_of_the_weight(weights, tokens, share):
    assert covered(weights, tokens) == share


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "検索: 市場 休業日\n検索: 市場の休業日\n法令: 市場法、渡船法",
            Rewriting(("市場 休業日", "市場の休業日"), ("市場法", "渡船法")),
        ),
        ("- 検索1：市場\n・検索2： 休業日", Rewriting(("市場", "休業日"))),
        ("検索: 一\n検索: 一\n検索: 二\n検索: 三\n検索: 四", Rewriting(("一", "二"))),
        ("法令: 市場法", None),
        ("水曜日です。", None),
        (f"検索: {'長' * 201}", None),
    ],
)
def test_what_a_model_wrote_is_read_or_left(text, expected):
    assert parse_rewriting(text) == expected


def test_a_ranking_weighs_as_far_as_its_words_reach():
    fused = fused_by_coverage([[1, 2], [3, 1]], [0.1, 0.8])
    assert list(fused) == [1, 3, 2]
    assert fused[1] == {"asked": 0.1 / 11, "rewritten1": 0.8 / 12}
    assert fused[3] == {"rewritten1": 0.8 / 11}


def _file(tmp_path, *rows):
    path = tmp_path / "rewritings.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_file_of_rewritings_finds_what_words_do_not_reach(index_dir, config_for, tmp_path):
    plain = RAGPipeline(config_for(index_dir))
    reach = plain.reach(LAY)
    assert reach.coverage < LOW
    assert plain.notes(LAY)[0] == (
        f"法令の言葉と一致が少ない質問です（一致 {reach.coverage:.0%}）。結果は当たっていないことが多くなります。"
        "法令で使われる言葉で探し直すか、RETRIEVER_REWRITE=auto でモデルに言い換えさせてください。"
    )
    path = _file(tmp_path, {"query": f" {LAY}", "queries": [STATUTE, "宇宙船の打上げ"], "laws": ["市場法"]})
    pipeline = RAGPipeline(config_for(index_dir, retriever_rewrite=str(path)))
    (first,) = pipeline.retrieve_documents(LAY, 1)
    assert (first.law_title, first.article, first.deciding.text) == ("市場法", "2", "市場の休業日は、水曜日とする。")
    assert "rewritten1" in first.components
    assert pipeline.notes(LAY)[0].startswith(f"言い換えて探しました: {STATUTE} 市場法")
    # A question that words cover is left as it is.
    assert pipeline.retrieve_documents(STATUTE, 3) == plain.retrieve_documents(STATUTE, 3)
    assert pipeline.notes(STATUTE) == []


def test_a_bad_rewriting_does_no_harm(index_dir, config_for, tmp_path):
    path = _file(tmp_path, {"query": LAY, "queries": ["宇宙船の打上げの基地における爆発"]})
    plain, pipeline = (
        RAGPipeline(config_for(index_dir)),
        RAGPipeline(config_for(index_dir, retriever_rewrite=str(path))),
    )
    assert pipeline.retrieve_documents(LAY, 3) == plain.retrieve_documents(LAY, 3)
    assert pipeline.reach(LAY) == Reach(plain.reach(LAY).coverage, (), tried=True)
    assert pipeline.notes(LAY)[0].endswith("使える言い換えはありませんでした。法令で使われる言葉で探し直してください。")


def test_a_rewriting_without_a_word_is_left_out(index_dir, config_for, tmp_path):
    cache = tmp_path / "cache.jsonl"
    model = Model("検索: …\n検索: 市場の休業日は、水曜日とする。")
    config = config_for(index_dir, retriever_rewrite="auto", retriever_rewrite_cache=cache)
    of_a_file = _file(tmp_path, {"query": LAY, "queries": ["…", "市場の休業日は、水曜日とする。"]})
    for settings, llm in (
        (config, model),
        (config, Model("なし")),  # what was kept has the empty one, too
        (config_for(index_dir, retriever_rewrite=str(of_a_file)), None),
    ):
        pipeline = RAGPipeline(settings, llm=llm)
        assert pipeline.reach(LAY).rewritten == ("市場の休業日は、水曜日とする。",)
        assert pipeline.retrieve_documents(LAY, 1)[0].deciding.text == "市場の休業日は、水曜日とする。"


class Model:
    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, []

    def invoke(self, prompt: str, **_: object) -> str:
        self.asked.append(prompt)
        return self.answer


@pytest.mark.parametrize(
    ("mode", "query", "asked"), [("auto", LAY, 1), ("auto", STATUTE, 0), ("always", STATUTE, 1), ("off", LAY, 0)]
)
def test_the_model_is_asked_when_it_is_to_be_and_once(index_dir, config_for, mode, query, asked):
    model = Model("検索: 市場の休業日は、水曜日とする。\n法令: 市場法")
    pipeline = RAGPipeline(config_for(index_dir, retriever_rewrite=mode), llm=model)
    for _ in range(2):
        assert pipeline.retrieve_documents(query, 1)[0].law_title == "市場法" or mode == "off"
    assert len(model.asked) == asked
    assert all(f"質問: {query}" in prompt for prompt in model.asked)


def test_an_update_while_the_model_is_waited_for_is_seen_by_the_search(index_dir, config_for, make_law, tmp_path):
    revision = "505AC0000000003_20230401_000000000000000"

    class Slow(Model):
        def invoke(self, prompt: str, **more: object) -> str:
            folder = tmp_path / "new"
            folder.mkdir()
            articles = {"1": ["市場は、毎日開く。"], "2": ["市場の休業日は、火曜日とする。"]}
            (folder / f"{revision}.xml").write_text(
                make_law("市場法", "令和五年法律第三号", articles), encoding="utf-8"
            )
            assert update_index(index_dir, add=folder).replaced == 1
            return super().invoke(prompt, **more)

    model = Slow("検索: 市場の休業日\n法令: 市場法")
    pipeline = RAGPipeline(config_for(index_dir, retriever_rewrite="auto"), llm=model)
    (first,) = pipeline.retrieve_documents(LAY, 1)
    assert first.deciding.text == "市場の休業日は、火曜日とする。"
    assert len(model.asked) == 1


def test_what_a_model_wrote_is_kept_for_the_next_run_of_that_model(tmp_path):
    cache = tmp_path / "cache.jsonl"
    model = Model("検索: 市場の休業日")
    found = Rewriter(ask=model.invoke, cache=cache, model="a").of(LAY)
    assert found == Rewriting(("市場の休業日",))
    assert Rewriter(ask=model.invoke, cache=cache, model="a").of(LAY) == found
    assert len(model.asked) == 1
    assert Rewriter(ask=Model("なし").invoke, cache=cache, model="b").of(LAY) is None


def test_an_adapter_has_a_cache_of_its_own_and_so_has_what_it_becomes(index_dir, config_for, tmp_path):
    cache, adapter = tmp_path / "cache.jsonl", tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}', "utf-8")

    def asked(**settings):
        config = config_for(index_dir, retriever_rewrite="auto", retriever_rewrite_cache=cache, **settings)
        model = Model("検索: 市場の休業日")
        RAGPipeline(config, llm=model).retrieve_documents(LAY, 1)
        return len(model.asked)

    assert [asked(hf_model_name="m") for _ in range(2)] == [1, 0]
    for weights in (b"one", b"other"):  # trained again into the same folder
        (adapter / "adapter_model.safetensors").write_bytes(weights)
        assert [asked(hf_model_name="m", lora_path=adapter) for _ in range(2)] == [1, 0]
    assert asked(hf_model_name="m") == 0
    rows = [json.loads(line) for line in cache.read_text("utf-8").splitlines()]
    digests = [hashlib.sha256(weights).hexdigest()[:12] for weights in (b"one", b"other")]
    assert [row["model"] for row in rows] == ["m", *(f"m {digest}" for digest in digests)]


@pytest.mark.parametrize(
    "row",
    [
        [],
        {},
        {"query": "x"},
        {"query": "x", "queries": []},
        {"query": "x", "queries": [1]},
        {"query": "x", "queries": ["a"], "laws": "b"},
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, row):
    with pytest.raises(DataError, match=r"rewritings\.jsonl: 1 行目"):
        read_rewritings(_file(tmp_path, row))


def test_the_last_line_of_one_s_own_file_counts_without_its_end(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"query": LAY, "queries": ["市場"]}), "utf-8")
    assert read_rewritings(path) == {question_key(LAY): Rewriting(("市場",))}
    assert read_rewritings(path, "a") == {}  # a cache: half a line of a killed run


def test_what_is_no_cache_is_not_added_to(index_dir, config_for, tmp_path):
    mine = tmp_path / "q.json"
    mine.write_text('{"samples": [1]}', "utf-8")  # one line without its end, as half a line of a killed run is
    config = config_for(index_dir, retriever_rewrite="auto", retriever_rewrite_cache=mine)
    with pytest.raises(ConfigError, match=r"RETRIEVER_REWRITE_CACHE .*q\.json は既にあり"):
        RAGPipeline(config)
    assert mine.read_text("utf-8") == '{"samples": [1]}'


def test_what_is_found_depends_on_the_rewritings_and_the_reranker(index_dir, config_for, tmp_path):
    path, reranker = tmp_path / "own.jsonl", tmp_path / "reranker"
    reranker.mkdir()

    def facts():
        config = config_for(index_dir, retriever_rewrite=str(path), reranker_model=str(reranker))
        return searched_facts(RAGPipeline(config))

    path.write_text(json.dumps({"query": LAY, "queries": ["市場"]}), "utf-8")
    (reranker / "config.json").write_text("{}", "utf-8")
    first = facts()
    assert facts() == first
    path.write_text(json.dumps({"query": LAY, "queries": ["休業日"]}), "utf-8")
    second = facts()
    assert [name for name in first if first[name] != second[name]] == ["rewritings_sha256"]
    (reranker / "config.json").write_text('{"a": 1}', "utf-8")
    assert [name for name in first if facts()[name] != second[name]] == ["reranker"]


def test_a_missing_file_is_named(index_dir, config_for, tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: 言い換えのファイルがありません"):
        RAGPipeline(config_for(index_dir, retriever_rewrite=str(tmp_path / "none.jsonl")))


def test_the_same_question_in_other_widths_is_known():
    assert question_key("お店 が？") == question_key("お店が?")


def test_a_question_that_names_a_provision_reaches(index_dir, config_for):
    assert RAGPipeline(config_for(index_dir)).reach("渡船法第5条の話") == Reach(1.0, ())
