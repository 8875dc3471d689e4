"""Columns are found by their usual names or as the user says; what is missing is named with what there is."""

import pytest

from app.core.errors import DataError
from app.data.importing.columns import Columns, find_columns

NOTHING: dict[str, str | None] = {}


def columns_of(names: str, given: dict[str, str | None] = NOTHING, choices: list[str] | None = None) -> Columns:
    return find_columns(names.split(","), given, choices, "x.csv")


@pytest.mark.parametrize(
    ("names", "question", "choices", "answer"),
    [
        ("番号,問題文,選択肢1,選択肢2,選択肢3,正解", "問題文", ("選択肢1", "選択肢2", "選択肢3"), "正解"),
        ("設問,ア,イ,ウ,エ,正答", "設問", ("ア", "イ", "ウ", "エ"), "正答"),
        ("question,A,B,C,D,answer", "question", ("A", "B", "C", "D"), "answer"),
        ("q_id,question,choice0,choice1,choice2,label", "question", ("choice0", "choice1", "choice2"), "label"),
        ("Question,Option_A,Option_B,Answer Key", "Question", ("Option_A", "Option_B"), "Answer Key"),
        ("問題,選択肢①,選択肢②,答え", "問題", ("選択肢①", "選択肢②"), "答え"),
        ("問題,選択肢,正解", "問題", ("選択肢",), "正解"),
    ],
)
def test_usual_names(names: str, question: str, choices: tuple[str, ...], answer: str) -> None:
    found = columns_of(names)
    assert (found.question, found.statement, found.choices, found.answer) == (question, None, choices, answer)


@pytest.mark.parametrize(
    ("names", "question", "statement"),
    [("文,○×", None, "文"), ("問題,正解", None, "問題"), ("設問,記述,正誤", "設問", "記述")],
)
def test_a_table_without_choices_is_of_statements(names: str, question: str | None, statement: str) -> None:
    found = columns_of(names)
    assert (found.question, found.statement, found.choices) == (question, statement, ())


def test_what_the_user_names_comes_first() -> None:
    found = columns_of("問題文,本文,x,y,正解,別解", {"question": "本文", "answer": "別解"}, ["y", "x"])
    assert found == Columns("本文", None, ("y", "x"), "別解", None, None, None)
    assert found.used == {"本文", "x", "y", "別解"}


@pytest.mark.parametrize(
    ("names", "given", "choices", "message"),
    [
        ("問題,正解", {"answer": "答"}, None, "x.csv: 「答」という列はありません（あるのは 問題、正解）。"),
        ("問題,正解", {"question": "問題", "answer": "問題"}, None, "x.csv: 列「問題」を二つの役に指定しています。"),
        ("あ,い", {}, None, "x.csv: 問題文（--question）か ○× で答える文（--statement）と正解（--answer）の列がわかりません（あるのは あ、い）。"),
        ("問題,a,b", {}, None, "x.csv: 正解（--answer）の列がわかりません"),
        ("問題,正解,1,2,3,4,5,6,7", {}, list("1234567"), "x.csv: 選択肢の列が 7 個あります（6 個まで）。"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    names: str, given: dict[str, str | None], choices: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        columns_of(names, given, choices)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("names", "choices", "from_zero"),
    [
        ("問題,choice0,choice1,choice2,正解", None, True),
        ("問題,choice2,choice０,choice1,正解", None, True),
        ("問題,選択肢1,選択肢2,正解", None, False),
        ("問題,a,b,正解", None, False),
        ("問題,選択肢,正解", None, False),
        ("問題,肢0,肢1,肢2,正解", ["肢0", "肢1", "肢2"], True),
        ("問題,肢0,肢1,肢2,正解", ["肢2", "肢1", "肢0"], False),
        ("問題,肢0,肢1,x,正解", ["肢0", "x"], False),
    ],
)
def test_columns_numbered_from_zero(names: str, choices: list[str] | None, from_zero: bool) -> None:
    assert columns_of(names, choices=choices).from_zero is from_zero


def test_choice_columns_with_a_gap_are_not_guessed() -> None:
    assert columns_of("問題,選択肢1,選択肢3,正解").choices == ()


@pytest.mark.parametrize("statements", ["ア,イ,ウ,エ,オ", "肢ア,肢イ,肢ウ"])
def test_statements_and_their_combinations_are_not_guessed_apart(statements: str) -> None:
    """組合せとして正しいもの: the answer 3 names a combination, and would be the third statement."""
    names = f"問題文,{statements},1,2,3,4,5,正解"
    with pytest.raises(DataError) as caught:
        columns_of(names)
    first, *_, last = statements.split(",")
    assert str(caught.value) == (
        f"x.csv: 選択肢の列が 「{first}」〜「{last}」と「1」〜「5」 のどれかわかりません。"
        "--choices で選択肢の列を順に指定してください。"
    )
    assert columns_of(names, choices=list("12345")).choices == ("1", "2", "3", "4", "5")
