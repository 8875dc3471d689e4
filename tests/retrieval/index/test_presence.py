from __future__ import annotations

import math

import pytest

from app.retrieval.engines.lexical import (
    PRESENCE,
    PRESENCE_TOKENS,
    LexicalIndex,
    LexicalWriter,
    inverse_document_frequency,
)


@pytest.fixture
def index(tmp_path):
    writer = LexicalWriter(tmp_path / "words", create=True, heap_bytes=16 * 2**20)
    writer.add(1, 1, ["許可", *["余白"] * 60, "届出"])  # long, says all of it
    writer.add(2, 1, ["許可"])  # short, says half
    writer.add(10, 1, ["許可", "届出", *["余白"] * 70])
    for number in range(3, 9):
        writer.add(number, 1, ["休業"])
    writer.commit()
    writer.close()
    return LexicalIndex(tmp_path / "words")


def _scores(index, tokens, **settings):
    found = index.search(index.current(), tokens, 9, **settings)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    return [(hit.passage_id, hit.score) for hit in found]


def test_presence_adds_its_share_of_the_idf_to_each_document(index):
    with_presence, without = _scores(index, ["許可", "届出"]), _scores(index, ["許可", "届出"], presence=0.0)
    permit, notice = (inverse_document_frequency(count, 9) for count in (3, 2))
    assert permit == pytest.approx(math.log(1 + 6.5 / 3.5))
    gains = {place: score - dict(without)[place] for place, score in with_presence}
    both = PRESENCE * (permit + notice)
    assert gains == pytest.approx({1: both, 2: PRESENCE * permit, 10: both}, rel=1e-5)


def test_a_long_paragraph_that_says_all_passes_a_short_one_that_says_half(index):
    assert next(place for place, _ in _scores(index, ["許可", "届出"], presence=0.0)) == 2
    assert next(place for place, _ in _scores(index, ["許可", "届出"], presence=2.0)) == 1


def test_a_long_query_goes_without(tmp_path):
    many = [f"語{number}" for number in range(PRESENCE_TOKENS + 1)]
    writer = LexicalWriter(tmp_path / "words", create=True, heap_bytes=16 * 2**20)
    writer.add(1, 1, many)
    writer.add(2, 1, ["余白"])
    writer.commit()
    writer.close()
    index = LexicalIndex(tmp_path / "words")
    assert _scores(index, many) == _scores(index, many, presence=0.0)
    assert _scores(index, many[1:])[0][1] > _scores(index, many[1:], presence=0.0)[0][1]
