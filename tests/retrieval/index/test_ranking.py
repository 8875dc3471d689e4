from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.index.building import build_index
from app.retrieval.index.raising import cited_alone
from app.retrieval.index.ranking import (
    ALONE_SHARE,
    MENTION_SHARE,
    NEIGHBOUR_SHARE,
    best_per_article,
    diversified,
    neighbour_boosts,
    raised,
    ranked,
    with_part,
)
from app.retrieval.index.statute_index import StatuteIndex


def test_the_best_passage_counts_for_its_article():
    assert best_per_article([(7, 3.0), (5, 2.5), (7, 2.0), (5, 1.0)]) == {7: 3.0, 5: 2.5}
    assert best_per_article([]) == {}


def test_a_citation_from_a_seed_adds_a_share_of_the_best_score():
    boosts = neighbour_boosts([1, 2], {1: [2, 3, 3, 9], 2: [3, 2]}, {1: 10.0, 2: 5.0, 3: 1.0})
    assert boosts == {2: 10.0 * NEIGHBOUR_SHARE, 3: 2 * 10.0 * NEIGHBOUR_SHARE}


def test_named_first_then_by_score():
    order = ranked([4, 2], {1: {"bm25": 9.0}, 2: {"bm25": 3.0}, 3: {"bm25": 8.0, "graph": 2.0}})
    assert [one.article_id for one in order] == [4, 2, 3, 1]
    assert order[2].components == {"bm25": 8.0, "graph": 2.0}
    # 第 2 条 has its own 3 and one more than the best; 第 4 条, not found, is lifted one above it.
    assert order[1].components == {"bm25": 3.0, "citation": 11.0}
    assert order[0].components == {"citation": 15.0}


def test_raised_by_a_share_of_the_best_score():
    found = {1: {"bm25": 8.0, "vector": 2.0}, 2: {"bm25": 4.0}}
    assert raised([2, 7], 0.5, found) == {2: 5.0}
    assert raised([2, 7], 0.5, found, add=True) == {2: 5.0, 7: 5.0}
    assert raised([2], 0.5, {}) == {}


@pytest.mark.parametrize(
    ("choice", "alone"),
    [
        ("渡船法第５条第１項", True),
        ("渡船法第五条の二ただし書", True),
        ("渡船法第5条第1項及び第2項", True),
        ("渡船法第2条又は第5条。", True),
        ("第1条第2項の許可", False),
        ("渡船法第5条の許可", False),
        ("知事の許可を要しない", False),
        ("特別渡船法第5条", False),
    ],
)
def test_a_choice_that_is_nothing_but_a_citation_counts_as_named(index_dir, choice, alone):
    index = StatuteIndex(index_dir)
    query = f"渡船の桟橋について定める条文は。\n渡船とは、人を運ぶ船舶をいう\n{choice}"
    assert bool(cited_alone(query, index.references(query))) == alone
    # What the question itself names is no choice.
    asked = f"{choice}について。\n渡船とは、人を運ぶ船舶をいう"
    assert cited_alone(asked, index.references(asked)) == []


def test_articles_that_choices_are_come_before_those_that_were_only_found(tmp_path, make_law):
    law = {f"{number}": [f"桟橋の{kind}は、知事が定める。"] for number, kind in enumerate("甲乙丙丁", start=1)}
    book = tmp_path / "laws" / "503AC0000000001_20230401_000000000000000"
    book.mkdir(parents=True)
    (book / f"{book.name}.xml").write_text(
        make_law("桟橋法", "令和三年法律第一号", law | {"5": ["船長は、毎日報告する。"]}), encoding="utf-8"
    )
    build_index(tmp_path / "laws", tmp_path / "index")
    index = StatuteIndex(tmp_path / "index")

    def found(*choices):
        hits = index.search("\n".join(["桟橋の甲は、誰が定めるか。", *choices]), 5)
        return {hit.article.num: hit.components.get("mention") for hit in hits}

    alone = found("桟橋法第5条第1項", "桟橋法第3条の規定")
    # 第5条 has no word of the question: it stands first for being a choice, 第3条 is only mentioned in one.
    assert list(alone) == ["5", "3", "1", "2", "4"]
    top = alone["5"] / ALONE_SHARE
    assert (alone["3"], alone["1"]) == (pytest.approx(MENTION_SHARE * top), None)


def test_a_part_is_added_and_the_order_follows():
    found = {1: {"bm25": 8.0}, 2: {"bm25": 4.0}, 3: {"bm25": 4.0}}
    out = with_part(found, "mention", {3: 5.0, 9: 4.0, 2: 0.0})
    assert out == {3: {"bm25": 4.0, "mention": 5.0}, 1: {"bm25": 8.0}, 2: {"bm25": 4.0}, 9: {"mention": 4.0}}
    assert list(out) == [3, 1, 2, 9]
    assert found[3] == {"bm25": 4.0}


@given(
    st.lists(st.integers(0, 9), max_size=5),
    st.dictionaries(st.integers(0, 9), st.floats(0.1, 50), max_size=10),
    st.dictionaries(st.integers(0, 9), st.floats(0, 9), max_size=10),
)
def test_scores_fall_with_the_rank_and_are_the_sum_of_their_parts(cited, lexical, boosts):
    found = {number: {"bm25": score, "graph": boosts.get(number, 0.0)} for number, score in lexical.items()}
    order = ranked(cited, found)
    assert sorted(one.article_id for one in order) == sorted({*cited, *lexical})
    assert [one.article_id for one in order][: len(set(cited))] == list(dict.fromkeys(cited))
    assert all(first.score >= second.score for first, second in pairwise(order))
    assert all(one.score == pytest.approx(sum(one.components.values())) for one in order)


def test_what_is_like_a_chosen_one_is_put_back():
    tokens = [frozenset("abcd"), frozenset("abcd"), frozenset("abxy"), frozenset("wxyz")]
    relevance = [1.0, 0.9, 0.8, 0.5]
    assert diversified(relevance, tokens, 1.0, 4) == [0, 1, 2, 3]
    # Jaccard to the first: 1, 1/3, 0; then 第 3 is like the fourth by 1/3 too.
    assert diversified(relevance, tokens, 0.5, 3) == [0, 3, 2]
    assert diversified(relevance, tokens, 0.7, 3) == [0, 2, 1]
    assert diversified(relevance, tokens, 0.0, 2, first=2) == [0, 1]
    assert diversified(relevance, tokens, 0.5, 9) == [0, 3, 2, 1]
    assert diversified([], [], 0.5, 3) == []
    assert diversified([0.0, 0.0], [frozenset(), frozenset()], 0.5, 2) == [0, 1]


@given(
    st.lists(st.tuples(st.floats(0, 9), st.frozensets(st.sampled_from("abcdef"))), max_size=8),
    st.floats(0, 1),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_diversified_chooses_each_once_and_follows_relevance_alone_at_one(rows, share, wanted, first):
    relevance = sorted((score for score, _ in rows), reverse=True)
    tokens = [one for _, one in rows]
    chosen = diversified(relevance, tokens, share, wanted, first)
    assert len(chosen) == len(set(chosen)) == min(wanted, len(rows))
    assert chosen[:first] == list(range(len(rows)))[: min(first, wanted)]
    assert diversified(relevance, tokens, 1.0, wanted, first) == list(range(len(rows)))[:wanted]
