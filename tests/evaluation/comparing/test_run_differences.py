"""What besides the adapter decides a result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.evaluation.comparing import run_differences
from app.evaluation.results.run_facts import RunFacts

RUN: dict[str, Any] = {
    "plan": {
        "context": "rag", "top_k": 3, "scoring": "letter", "cot": False, "few_shot": False, "orders": 4,
        "budget_tokens": 512, "temperature": 0.0, "batch_size": 8, "seed": 42,
    },
    "model": {
        "backend": "hf", "model": "/home/a/models/qwen", "load_in_4bit": False, "bnb": None, "dtype": "bfloat16",
        "device": "cpu", "chat_format": "auto", "base_model": {"config_sha256": "0"},
    },
    "index": {
        "corpus_hash": "1", "retriever": {"type": "bm25", "top_k": 3, "index_dir": "a"}, "reranker": None, "embedding": None,
    },
    "adapter": None,
    "distrust": [],
}  # fmt: skip


def differences(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, ...]:
    return run_differences.differences(RunFacts.model_validate(first), RunFacts.model_validate(second))


def changed(**parts: Any) -> dict[str, Any]:
    unseen = {"adapter": {"trained_on": {"by_id": [], "by_content": []}}}
    return {**RUN, **{name: {**(RUN[name] or unseen.get(name, {})), **values} for name, values in parts.items()}}


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({}, ()),
        ({"adapter": {"weights_sha256": "2"}}, ("adapter",)),
        ({"model": {"model": "D:/models/qwen", "device": "cuda:0"}}, ()),
        ({"model": {"model": "/home/a/models/qwen-8b"}}, ("model",)),
        ({"model": {"base_model": {"config_sha256": "9"}}}, ("model",)),
        ({"model": {"load_in_4bit": True}}, ("quantization",)),
        ({"model": {"chat_format": "plain"}}, ("chat",)),
        ({"model": {"think": True}}, ("server",)),
        ({"plan": {"context": "gold"}}, ("context",)),
        ({"plan": {"top_k": 5}}, ("context",)),
        ({"index": {"corpus_hash": "9"}}, ("retrieval",)),
        ({"index": {"retriever": {"type": "bm25", "top_k": 3, "index_dir": "elsewhere"}}}, ()),
        ({"index": {"retriever": {"type": "hybrid", "top_k": 3, "index_dir": "a"}}}, ("retrieval",)),
        ({"index": {"reranker": "x"}}, ("retrieval",)),
        ({"index": {"law_since": "2025-04-01"}}, ()),  # a result of before it was written does not say
        ({"plan": {"cot": True}}, ("reasoning", "writing")),
        ({"plan": {"budget_tokens": 64, "batch_size": 1, "seed": 1}}, ()),
        ({"plan": {"few_shot": True}}, ("few_shot",)),
        ({"plan": {"cited_words": False}}, ()),
        ({"plan": {"cited_words": True}}, ("cited_words",)),
        ({"plan": {"scoring": "both"}}, ("writing", "scoring")),
        ({"model": {"samplers": "off"}}, ()),  # letters alone
    ],
)
def test_what_differs_is_named(parts: dict[str, Any], names: tuple[str, ...]) -> None:
    assert differences(RUN, changed(**parts)) == names
    assert differences(changed(**parts), RUN) == names


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"base_model": {"config_sha256": "0", "weights_sha256": "{}"}}, "model"),
        ({"server": {"digest": "{}"}}, "model"),
        ({"server": {"root": "/m/{}", "parent": None, "version": "1"}}, "model"),
        ({"template_sha256": "1", "tokenizer_sha256": "{}"}, "chat"),
        ({"template_sha256": "{}", "tokenizer_sha256": "1"}, "chat"),
    ],
)
def test_hashes_count_where_both_results_have_them(model: dict[str, Any], name: str) -> None:
    def with_hash(value: str) -> dict[str, Any]:
        return changed(model=json.loads(json.dumps(model).replace("{}", value)))

    assert differences(with_hash("a"), with_hash("b")) == (name,)
    assert differences(with_hash("a"), with_hash("a")) == ()
    assert differences(with_hash("a"), RUN) == differences(RUN, with_hash("a")) == ()  # a result of 0.2


@pytest.mark.parametrize("written", [{"scoring": "text"}, {"scoring": "both"}, {"cot": True}])
def test_words_that_a_penalty_may_have_drawn_are_not_those_of_the_temperature_alone(written: dict[str, Any]) -> None:
    before, now = changed(plan=written), changed(plan=written, model={"samplers": "off"})
    assert differences(before, now) == differences(now, before) == ("writing",)
    assert differences(before, before) == differences(now, now) == ()


def test_without_retrieval_the_index_does_not_matter() -> None:
    gold = changed(plan={"context": "gold"})
    assert differences(gold, {**gold, "index": None}) == ()


def test_folds_of_one_result_have_adapters_of_their_own() -> None:
    pooled = changed(adapter={"weights_sha256": ["1", "2"], "path": ["a", "b"]})
    assert differences(pooled, changed(adapter={"weights_sha256": ["1", "2"], "path": ["c", "d"]})) == ()
    assert differences(pooled, changed(adapter={"weights_sha256": ["1", "3"], "path": ["a", "b"]})) == ("adapter",)


def test_the_day_whose_law_was_read_counts_where_both_say_it() -> None:
    april, june = (changed(index={"law_since": day}) for day in ("2025-04-01", "2025-06-01"))
    assert differences(april, june) == ("retrieval",)
    assert differences(april, april) == ()
    gold = [{**one, "plan": {**one["plan"], "context": "gold"}} for one in (april, june)]
    assert differences(*gold) == ()  # nothing was searched
