"""Splits: every question once, no article on two sides, the same split for the same seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ConfigError, DataError
from app.core.questions import ArticleRef, Question
from app.data.clusters import cluster_ids, cluster_keys
from app.data.lawqa import questions_from
from app.data.splits import check_disjoint, fold_by_cluster, overlap_statistics, side_statistics, split_by_cluster


def make(articles: list[set[int]], letters: str = "abcd", laws: str = "甲乙") -> list[Question]:
    refs = [tuple(ArticleRef("法", str(number)) for number in sorted(one)) for one in articles]
    texts = [f"問{index}" for index in range(len(articles))]
    clusters = cluster_ids([cluster_keys(one, None, text) for one, text in zip(refs, texts, strict=True)])
    return [
        Question(
            id=f"{laws[index % len(laws)]}_{index}", question=text,
            choices={letter: f"{letter}{index}" for letter in "abcd"}, correct=letters[index % len(letters)],
            context=None, articles=ref, cluster=cluster, polarity="correct", source="t.json", law=laws[index % len(laws)],
        )
        for index, (text, ref, cluster) in enumerate(zip(texts, refs, clusters, strict=True))
    ]  # fmt: skip


ARTICLES = st.lists(st.sets(st.integers(1, 30), max_size=3), min_size=3, max_size=40)
SHARES = {"train": 0.6, "dev": 0.1, "test": 0.3}


@given(ARTICLES, st.integers(0, 5))
def test_every_question_is_in_exactly_one_side_and_no_article_in_two(articles: list[set[int]], seed: int) -> None:
    questions = make(articles)
    if len({question.cluster for question in questions}) < len(SHARES):
        with pytest.raises(DataError):
            split_by_cluster(questions, SHARES, seed)
        return
    sides = split_by_cluster(questions, SHARES, seed)
    check_disjoint(sides)
    assert Counter(q.id for side in sides.values() for q in side) == Counter(q.id for q in questions)
    assert all(sides.values())
    held = {name: {ref.article_key for q in side for ref in q.articles} for name, side in sides.items()}
    assert not held["train"] & held["test"]
    assert not held["train"] & held["dev"]
    assert not held["dev"] & held["test"]


@given(ARTICLES, st.integers(2, 4))
def test_folds_test_every_question_once(articles: list[set[int]], folds: int) -> None:
    questions = make(articles)
    if len({question.cluster for question in questions}) < folds:
        return
    parts = fold_by_cluster(questions, folds, 0)
    assert len(parts) == folds
    assert sorted(q.id for part in parts for q in part) == sorted(q.id for q in questions)
    check_disjoint({str(number): part for number, part in enumerate(parts)})


def test_sizes_letters_and_laws_follow_the_shares() -> None:
    questions = make([{index} for index in range(200)])
    sides = split_by_cluster(questions, SHARES, 1)
    assert {name: len(side) for name, side in sides.items()} == {"train": 120, "dev": 20, "test": 60}
    assert Counter(q.correct for q in sides["test"]) == {"a": 15, "b": 15, "c": 15, "d": 15}
    assert Counter(q.law for q in sides["test"]) == {"甲": 30, "乙": 30}


def test_questions_keep_the_order_of_the_file() -> None:
    questions = make([{index // 2} for index in range(20)])
    for side in split_by_cluster(questions, SHARES, 3).values():
        assert [questions.index(q) for q in side] == sorted(questions.index(q) for q in side)


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    questions = make([{index} for index in range(40)])
    first, again, other = (split_by_cluster(questions, SHARES, seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other


@pytest.mark.parametrize("shares", [{}, {"train": 0.0}, {"train": 1.0, "test": -0.1}])
def test_shares_must_be_positive(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="正の数"):
        split_by_cluster(make([{1}, {2}]), shares, 0)


def test_too_few_clusters() -> None:
    with pytest.raises(DataError) as caught:
        split_by_cluster(make([{1}, {1}, {1}]), SHARES, 0)
    assert str(caught.value) == (
        "条文クラスタが 1 個しかなく、3 組に分けられません。問題を増やすか、組の数を減らしてください。"
    )
    with pytest.raises(ConfigError, match="2 以上"):
        fold_by_cluster(make([{1}, {2}]), 1, 0)


def test_sides_that_share_an_article_are_refused_by_name() -> None:
    questions = make([{1}, {1, 2}])
    with pytest.raises(DataError) as caught:
        check_disjoint({"train": [questions[0]], "test": [questions[1]]})
    assert str(caught.value) == (
        "分割の二つの組が同じ条文を含むので、書き出しません（1 件）: train の 甲_0 と test の 乙_1（法 第1条）。"
        "条文クラスタごとに分け直してください。"
    )


def test_sides_that_share_a_question_text_are_refused() -> None:
    from dataclasses import replace

    questions = make([{1}, {2}])
    copy = replace(questions[0], id="別名", articles=(ArticleRef("法", "9"),), cluster="法 第9条")
    with pytest.raises(DataError, match="同じ問題文"):
        check_disjoint({"train": [questions[0]], "test": [copy]})


def test_statistics() -> None:
    questions = make([{1}, {1}, {2}])
    assert side_statistics(questions) == {
        "questions": 3, "clusters": 2, "letters": {"a": 1, "b": 1, "c": 1, "d": 0}, "laws": {"乙": 1, "甲": 2}
    }  # fmt: skip
    assert overlap_statistics(questions) == {
        "questions": 3, "clusters": 2, "largest_cluster": 2, "pairs_sharing_context": 0, "questions_sharing_article": 2
    }  # fmt: skip


def test_copies_of_a_question_with_and_without_context_are_dealt_together() -> None:
    def sample(name: str, text: str, context: str) -> dict[str, str]:
        return {
            "ファイル名": name, "コンテキスト": context, "指示": "", "問題文": text,
            "選択肢": "a 甲\nb 乙\nc 丙\nd 丁", "output": "a",
        }  # fmt: skip

    samples = [
        sample("写し", "敷金はどれか。", ""),
        sample("民法_1", "敷金はどれか。", "## 民法\n### 第622条の2\n敷金"),
    ]
    samples += [sample(f"民法_{number}", f"問{number}", f"## 民法\n### 第{number}条\n本文") for number in range(2, 12)]
    questions = questions_from({"samples": samples}, source="t.json")
    assert [one.cluster for one in questions[:2]] == ["民法 第622条の2"] * 2
    for seed in range(5):
        check_disjoint(split_by_cluster(questions, SHARES, seed))
