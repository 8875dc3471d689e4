from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.engines.bm25_weights import K1, B, dimension, document_weights, sparse, stored_length
from app.retrieval.engines.lexical import PRESENCE, LexicalIndex, LexicalWriter


@pytest.mark.parametrize(
    ("tokens", "stored"),
    [(0, 0), (39, 39), (40, 40), (41, 40), (42, 42), (55, 54), (56, 56), (59, 56), (60, 60), (103, 96), (104, 104), (1000, 984), (2_000_000, 1_966_104)],
)  # fmt: skip
def test_lengths_are_those_of_lucenes_table(tokens, stored):
    assert stored_length(tokens) == stored


@given(st.integers(min_value=40, max_value=10**7))
def test_a_stored_length_is_at_most_an_eighth_short(tokens):
    assert tokens - (tokens - 24) / 8 <= stored_length(tokens) <= tokens
    assert stored_length(stored_length(tokens)) == stored_length(tokens)


words = st.lists(st.sampled_from(["許可", "可を", "届出", "出を", "市場", "休業"]), min_size=1, max_size=80)


@settings(max_examples=25, deadline=None)
@given(st.lists(words, min_size=2, max_size=6), words)
def test_weights_times_idf_are_tantivys_bm25(tmp_path_factory, documents, query):
    folder = tmp_path_factory.mktemp("words")
    writer = LexicalWriter(folder, create=True, heap_bytes=16 * 2**20)
    for number, tokens in enumerate(documents):
        writer.add(number, 1, tokens)
    writer.commit()
    writer.close()
    index = LexicalIndex(folder)
    found = {hit.passage_id: hit.score for hit in index.search(index.current(), query, 10)}
    average = sum(map(len, documents)) / len(documents)
    frequency = Counter(token for tokens in documents for token in set(tokens))
    for number, tokens in enumerate(documents):
        weights = document_weights(tokens, average, PRESENCE)
        expected = sum(
            math.log(1 + (len(documents) - frequency[token] + 0.5) / (frequency[token] + 0.5)) * weights[token]
            for token in set(query) & set(tokens)
        )
        assert found.get(number, 0.0) == pytest.approx(expected, rel=1e-5)


def test_a_weight_by_hand():
    # tf 2, length 3, average 6: 2.2 · 2 / (2 + 1.2 · (0.25 + 0.75 · 0.5)), and δ of BM25+
    assert document_weights(["許可", "許可", "届出"], 6.0)["許可"] == pytest.approx(4.4 / 2.75)
    assert document_weights(["許可", "許可", "届出"], 6.0, 0.5)["許可"] == pytest.approx(4.4 / 2.75 + 0.5)
    assert (K1, B) == (1.2, 0.75)


def test_dimensions_never_change():
    # Collections written by an earlier version hold these.
    assert (dimension("許可"), dimension("第1")) == (3783459240, 4154656917)


def test_sparse_vectors_are_ascending_and_colliding_tokens_are_added(monkeypatch):
    monkeypatch.setattr("app.retrieval.engines.bm25_weights.dimension", {"a": 9, "b": 3, "c": 9}.__getitem__)
    assert sparse({"a": 1.0, "b": 2.0, "c": 0.5}) == ([3, 9], [2.0, 1.5])
