"""Few-shot examples: letters rotate, the question's own cluster is never shown, the same question gets the same ones."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.prompts import BUILTIN_EXAMPLES
from app.core.questions import CHOICE_LETTERS, LETTERS, ArticleRef, Question, reorder
from app.data.few_shot import FewShot, examples_for, with_answer


def question(number: int, cluster: int) -> Question:
    return Question(
        id=f"q{number}", question=f"問{number}", choices={letter: f"{letter}{number}" for letter in LETTERS},
        correct=LETTERS[number % 4], context=None, articles=(ArticleRef("法", str(cluster)),), cluster=f"法 第{cluster}条",
        polarity="correct", source="t", law="法",
    )  # fmt: skip


@given(st.lists(st.integers(0, 5), min_size=4, max_size=15), st.integers(0, 3))
def test_examples_never_come_from_the_questions_cluster(clusters: list[int], seed: int) -> None:
    pool = [question(number, cluster) for number, cluster in enumerate(clusters)]
    cluster_of = {one.question: one.cluster for one in pool}
    for one in pool:
        if sum(other.cluster != one.cluster for other in pool) < 2:
            with pytest.raises(DataError, match="別クラスタの問題"):
                examples_for(one, pool, seed=seed)
            continue
        examples = examples_for(one, pool, seed=seed)
        assert len(examples) == 2
        assert all(cluster_of[example.question] != one.cluster for example in examples)
        assert examples == examples_for(one, list(pool), seed=seed)


def test_a_copy_under_another_cluster_is_not_shown() -> None:
    one = question(1, 1)
    pool = [replace(one, id="copy", cluster="法 第9条", articles=()), question(2, 2), question(3, 3)]
    assert {example.question for example in examples_for(one, pool)} == {"問2", "問3"}


def shaped(number: int, count: int, correct: str) -> Question:
    choices = {letter: f"{letter}{number}" for letter in CHOICE_LETTERS[:count]}
    return replace(question(number, number), choices=choices, correct=correct, order="")


UNUSABLE = [shaped(11, 5, "a"), shaped(12, 5, "e"), shaped(13, 3, "b"), shaped(14, 4, "ac"), shaped(15, 1, "")]


def test_only_four_choices_with_one_right_answer_are_shown() -> None:
    pool = [*UNUSABLE, question(2, 2), question(3, 3)]
    assert {example.question for example in examples_for(question(1, 1), pool)} == {"問2", "問3"}
    of = FewShot("file:0:pool.json", tuple(pool)).of(shaped(16, 5, "e"))
    assert {example.question for example in of} == {"問2", "問3"}


def test_a_pool_without_enough_that_can_be_shown_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        examples_for(question(1, 1), [*UNUSABLE, question(2, 2)])
    assert str(caught.value) == (
        "q1: 例題に使える別クラスタの問題（四択で正解が一つのもの）が 1 問しかありません（2 問必要）。"
        "--few-shot-path に別の問題ファイルを指定するか、--no-few-shot を付けてください。"
    )


@pytest.mark.parametrize("pool", [None, [question(number, number) for number in range(30)]])
def test_letters_rotate(pool: list[Question] | None) -> None:
    shown = [examples_for(question(number, 99), pool) for number in range(400)]
    for examples in shown:
        first, second = (LETTERS.index(example.correct) for example in examples)
        assert (first + 1) % 4 == second
    counts = Counter(example.correct for examples in shown for example in examples)
    assert set(counts) == set(LETTERS)
    assert min(counts.values()) > 150  # 200 each on average


def test_all_orders_of_a_question_show_the_same_examples() -> None:
    one = question(5, 1)
    assert examples_for(reorder(one, "dcba")) == examples_for(one)


@pytest.mark.parametrize("letter", LETTERS)
def test_the_right_choice_moves_with_its_letter(letter: str) -> None:
    example = BUILTIN_EXAMPLES[0]
    moved = with_answer(example, letter)
    assert moved.correct == letter
    assert moved.choices[letter] == example.choices[example.correct]
    assert sorted(moved.choices.values()) == sorted(example.choices.values())
