"""Clusters: union–find against a naive closure, and ids that do not depend on what else is in the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.questions import ArticleRef
from app.data.clusters import asks_barely, cluster_ids, cluster_keys, connected_components, natural_order

KEY_SETS = st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=3), max_size=10)


def naive_components(sets: list[set[str]]) -> list[set[int]]:
    groups = [{index} for index in range(len(sets))]
    for first in range(len(sets)):
        for second in range(first):
            if sets[first] & sets[second]:
                one = next(group for group in groups if first in group)
                other = next(group for group in groups if second in group)
                if one is not other:
                    groups.remove(other)
                    one |= other
    return groups


@given(KEY_SETS)
def test_connected_components_match_the_naive_closure(sets: list[set[str]]) -> None:
    numbers = connected_components(sets)
    found = [{index for index, number in enumerate(numbers) if number == wanted} for wanted in dict.fromkeys(numbers)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, naive_components(sets)))
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), min_size=1, max_size=10), st.data())
def test_ids_of_whole_clusters_do_not_depend_on_the_rest(sets: list[set[str]], data: st.DataObject) -> None:
    keys = [sorted(one) for one in sets]
    ids = cluster_ids(keys)
    chosen = data.draw(st.sets(st.sampled_from(ids)))
    kept = [index for index, cluster in enumerate(ids) if cluster in chosen]
    assert cluster_ids([keys[index] for index in kept]) == [ids[index] for index in kept]


def test_the_id_is_the_smallest_article_in_natural_order() -> None:
    assert cluster_ids([["甲法 第13条"], ["甲法 第9条", "甲法 第13条"], ["乙令 第2条"]]) == [
        "甲法 第9条", "甲法 第9条", "乙令 第2条"
    ]  # fmt: skip
    assert natural_order("第9条") < natural_order("第13条")


def test_keys_are_articles_then_the_context_then_the_question() -> None:
    refs = (ArticleRef("甲法", "13", "1"), ArticleRef("甲法", "13", "2"), ArticleRef("指針", "4-2"))
    assert cluster_keys(refs, "文", "問") == ("甲法 第13条", "指針 4-2")
    assert cluster_keys((), "ある 文", "問")[0].startswith("context ")
    assert cluster_keys((), "ある 文", "問") == cluster_keys((), "ある文", "別の問")
    assert cluster_keys((), None, "問")[0].startswith("question ")


@pytest.mark.parametrize(
    ("question", "bare"),
    [
        ("次のうち、正しいものを教えてください。", True),
        ("次の記述は正しいですか。", True),
        ("以下の選択肢から正しいものを２つ選びなさい。", True),
        ("次のうち最も適切なものはどれか、１つ選びなさい。", True),
        ("会長の任期は。", False),
        ("次のうち、権利について正しいものはどれか。", False),
        ("日本の首都はどこですか", False),
    ],
)
def test_a_bare_request_says_nothing_of_its_subject(question: str, bare: bool) -> None:
    assert asks_barely(question) is bare


def test_questions_without_context_that_ask_barely_are_told_apart_by_their_choices() -> None:
    def keys(question: str, *choices: str) -> tuple[str, ...]:
        return cluster_keys((), None, question, choices)

    bare = "次のうち、正しいものはどれか。"
    assert keys(bare, "一日", "二日") != keys(bare, "一年", "二年")
    assert keys(bare, "一日", "二日") == keys(bare, "２日", "1日")  # the same choices in another order and writing
    asked = "回覧は何日か。"
    assert keys(asked, "一日", "二日") == keys(asked, "三日", "四日")  # variants of one question stay together


def test_copies_of_a_question_are_one_cluster_whatever_their_contexts() -> None:
    keys = [["民法 第709条"], ["question 1"], ["民法 第1条"]]
    assert cluster_ids(keys) == ["民法 第709条", "question 1", "民法 第1条"]
    assert cluster_ids(keys, ["x", "x", "y"]) == ["民法 第709条", "民法 第709条", "民法 第1条"]
