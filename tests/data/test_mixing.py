"""Files mixed by shares: nothing twice, nothing of two files, clusters over all."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ConfigError, DataError
from app.core.questions import Question
from app.data.mixing import Part, mixed, read_share, rest_share
from app.data.provisions import gold_articles


def question(name: str, article: int) -> Question:
    context = f"## 灯台法\n### 第{article}条\n灯台守は、第{article}の灯火をともす。"
    choices = {letter: f"{name}の{letter}" for letter in "abcd"}
    return Question(
        name, f"{name}は何か。", choices, "a", context, gold_articles(context), "x", "other", "q.json", "灯台法"
    )


def part(name: str, share: Fraction, count: int, first: int = 1) -> Part:
    questions = tuple(question(f"{name}{number}", number) for number in range(first, first + count))
    return Part(Path(f"{name}/questions.json"), share, questions)


@given(
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=1, max_value=40),
    st.fractions(min_value=Fraction(1, 10), max_value=Fraction(9, 10), max_denominator=20),
    st.integers(min_value=0, max_value=5),
)
def test_the_shares_are_met_to_the_question_and_no_question_comes_twice(
    real: int, made: int, share: Fraction, seed: int
) -> None:
    parts = [part("real", 1 - share, real), part("made", share, made, first=100)]
    try:
        drawn = mixed(parts, seed)
    except DataError:  # a share of less than one question
        total = min(int(real / (1 - share)), int(made / share))
        assert min(round(total * share), round(total * (1 - share))) == 0
        return
    counts = Counter(drawn.datasets.values())
    assert (counts["real"], counts["made"]) == drawn.used
    assert len({one.id for one in drawn.questions}) == len(drawn.questions) == sum(drawn.used)
    assert abs(counts["made"] - share * len(drawn.questions)) <= 1
    assert counts["real"] in (real, real - 1) or counts["made"] in (made, made - 1)


def test_the_smaller_file_is_used_whole() -> None:
    drawn = mixed([part("real", Fraction(3, 10), 24), part("made", Fraction(7, 10), 3000, first=100)], 1)
    assert drawn.used == (24, 56)


def test_the_same_seed_draws_the_same_and_the_files_are_interleaved() -> None:
    parts = [part("real", Fraction(1, 2), 20), part("made", Fraction(1, 2), 60, first=100)]
    first, again, other = mixed(parts, 1), mixed(parts, 1), mixed(parts, 2)
    assert first == again
    assert first.questions != other.questions
    names = [drawn for one in first.questions[:10] for drawn in [first.datasets[one.id]]]
    assert set(names) == {"real", "made"}


def test_clusters_are_told_over_all_files() -> None:
    drawn = mixed([part("real", Fraction(1, 2), 3), part("made", Fraction(1, 2), 3)], 1)
    assert Counter(one.cluster for one in drawn.questions) == {f"灯台法 第{number}条": 2 for number in (1, 2, 3)}


def test_one_question_or_one_id_in_two_files_is_refused() -> None:
    real = part("real", Fraction(1, 2), 3)
    with pytest.raises(DataError, match=r"made/questions.json: real1 は real/questions.json の問題とIDが同じ"):
        mixed([real, Part(Path("made/questions.json"), Fraction(1, 2), real.questions)], 1)
    copy = [Question("other", *[getattr(real.questions[0], name) for name in
            ("question", "choices", "correct", "context", "articles", "cluster", "polarity", "source", "law")])]  # fmt: skip
    with pytest.raises(DataError, match=r"other は real/questions.json の問題と問題が同じ"):
        mixed([real, Part(Path("made/questions.json"), Fraction(1, 2), tuple(copy))], 1)


def test_a_share_too_small_for_one_question_is_refused() -> None:
    with pytest.raises(DataError, match="1 問も入りません"):
        mixed([part("real", Fraction(99, 100), 3), part("made", Fraction(1, 100), 3, first=100)], 1)


@pytest.mark.parametrize("text", ["a.json", "a.json=0", "a.json=1", "a.json=x", "=0.5", "a.json=-1", "a.json=1/0"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="「ファイル=割合」"):
        read_share(text)


def test_a_share_is_read_exactly() -> None:
    assert read_share("a=b.json=0.7") == (Path("a=b.json"), Fraction(7, 10))
    assert rest_share([Fraction(7, 10), Fraction(1, 10)]) == Fraction(1, 5)
    with pytest.raises(ConfigError, match=r"合計が 1\.2"):
        rest_share([Fraction(7, 10), Fraction(1, 2)])
