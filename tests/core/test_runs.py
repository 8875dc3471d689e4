"""What runs say about themselves: what differs is named, and what does not decide an answer is not compared."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.runs import (
    Distrust,
    ResumeKey,
    differing_facts,
    distrust_code,
    distrust_name,
    index_without_place,
    same_index,
)


def test_the_hash_does_not_depend_on_the_order_of_settings() -> None:
    assert ResumeKey(settings={"a": 1, "b": [2]}).sha256 == ResumeKey(settings={"b": (2,), "a": 1}).sha256
    assert ResumeKey(settings={"a": 1}).sha256 != ResumeKey(settings={"a": 2}).sha256


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ({}, []),
        ({"data": "9"}, ["問題ファイルの内容"]),
        ({"model": {"model": "m", "bnb": ["float32", "fp4"]}}, ["モデル（bnb）"]),
        ({"model": {"model": "n"}, "plan": {"orders": 1}}, ["尋ね方（orders 1 → 4）", "モデル（bnb、model n → m）"]),
        (
            {"model": {"model": "0123456789abcdef" * 4}, "plan": {"orders": 4, "top_k": 3}},
            ["尋ね方（top_k 3 → なし）", "モデル（bnb、model 0123456789ab… → m）"],
        ),
        ({"ids": ["q2"]}, ["問題の選び方"]),
        ({"later": 1}, ["later"]),
    ],
)
def test_what_differs_is_named(stored: dict[str, Any], named: list[str]) -> None:
    model = {"model": "m", "bnb": ("bfloat16", "nf4")}
    settings: dict[str, Any] = {"data": "1", "ids": ["q1"], "plan": {"orders": 4}, "model": model}
    written = {**settings, "model": {"model": "m", "bnb": ["bfloat16", "nf4"]}}  # JSON knows no tuples
    assert ResumeKey(settings=settings).differences({**written, **stored}) == named


FACTS = {"base_model": {"name": "a", "weights_sha256": "1"}, "dtype": "float32", "quantization": None, "device": "cpu"}


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (FACTS, []),
        ({**FACTS, "device": "cuda:0", "base_model": {"name": "b", "weights_sha256": "1"}}, []),
        ({**FACTS, "base_model": {"name": "a", "weights_sha256": "2"}}, ["base_model.weights_sha256"]),
        ({**FACTS, "quantization": {"quant_type": "nf4"}, "dtype": "bfloat16"}, ["quantization", "dtype"]),
        ({"device": "cpu"}, []),  # a version that said less
    ],
)
def test_only_facts_that_decide_an_answer_are_compared(now: dict[str, Any], named: list[str]) -> None:
    assert differing_facts(now, FACTS) == named
    assert differing_facts(FACTS, now) == named


@pytest.mark.parametrize(
    ("now", "stored", "named"),
    [
        ({"digest": "a"}, {"digest": "b"}, ["server.digest"]),
        ({"digest": "a"}, {"digest": None}, []),  # a server that did not say it
        ({"model_path": "/a/m.gguf", "n_ctx": 8192}, {"model_path": "/b/m.gguf", "n_ctx": 4096}, []),
        ({"model_path": "/a/q8.gguf"}, {"model_path": "/a/q4.gguf"}, ["server.model_path"]),
        ({"root": "/a/m", "parent": "x"}, {"root": "/a/n", "parent": "y"}, ["server.root", "server.parent"]),
        ({"digest": "a"}, None, []),
        ({"digest": "a"}, "b", []),
    ],
)
def test_another_model_behind_the_same_name_of_a_server_is_another_model(
    now: Any, stored: Any, named: list[str]
) -> None:
    assert differing_facts({"server": now}, {"server": stored}) == named
    assert differing_facts({"server": stored}, {"server": now}) == named


def test_the_folder_of_an_index_counts_only_where_nothing_else_names_it() -> None:
    index = {"corpus_hash": "1", "retriever": {"type": "bm25", "index_dir": "a"}}
    assert index_without_place(index) == {"corpus_hash": "1", "retriever": {"type": "bm25"}}
    assert index_without_place({"retriever": {"index_dir": "a"}}) == {"retriever": {"index_dir": "a"}}
    assert index_without_place(None) is None


def test_files_of_a_search_count_by_their_hashes() -> None:
    here, there = (
        {
            "corpus_hash": "1",
            "retriever": {"type": "bm25", "rewrite": f"{home}/r.jsonl", "rewrite_cache": f"{home}/cache"},
            "reranker": {"model": f"{home}/ranker", "top_n": 20, "model_sha256": "b"},
            "rewritings_sha256": "a",
        }
        for home in ("/home/a", "/home/b")
    )
    assert (
        index_without_place(here)
        == index_without_place(there)
        == {
            "corpus_hash": "1",
            "retriever": {"type": "bm25"},
            "reranker": {"top_n": 20, "model_sha256": "b"},
            "rewritings_sha256": "a",
        }
    )
    # Of the Hub, and of a version that had no hash.
    hub = {"corpus_hash": "1", "retriever": {"rewrite": "auto"}, "reranker": {"model": "org/ranker"}}
    assert index_without_place({**hub, "reranker": {"model": "org/ranker", "model_sha256": None}}) == hub


def test_reasons_carry_their_code() -> None:
    assert distrust_code("UNREAD: 30 件") is Distrust.UNREAD
    assert distrust_name("UNREAD: 30 件") == "読み取れない答え"
    assert distrust_code("3 問は学習に使われた問題です") is None  # of 0.2
    assert distrust_name("3 問は学習に使われた問題です") == "3 問は学習に使われた問題です"
    assert all(distrust_name(f"{code}: x") for code in Distrust)


def test_the_day_of_the_law_counts_where_both_say_it() -> None:
    index = {"corpus_hash": "1", "retriever": {"type": "bm25"}}
    april, june = ({**index, "law_since": day} for day in ("2025-04-01", "2025-06-01"))
    assert same_index(index, april)  # a result of before days were written
    assert same_index(april, dict(april))
    assert not same_index(april, june)
    assert not same_index(april, {**april, "corpus_hash": "2"})
    assert not same_index(None, april)
