"""Questions of an outside examination: told by content, checked row by row, evaluated only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.data.exam import is_exam, years
from app.data.lawqa import load_questions

ROW: dict[str, Any] = {
    "id": "7", "year": 2021, "question": "港の記述のうち、正しいのはどれか。2つ選べ。",
    "choices": ["一である。", "二である。", "三である。", "四である。", "五である。"], "answer": [4, 2],
}  # fmt: skip


def written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_row_becomes_a_question(tmp_path: Path) -> None:
    wrong = {**ROW, "id": 8, "year": 2019, "question": "誤っているのはどれか。", "answer": [1]}
    unknown = {**{name: value for name, value in ROW.items() if name != "year"}, "id": "9"}
    path = written(tmp_path, ROW, "\n", wrong, unknown)
    first, second, third = load_questions(path, exams=True)
    assert (first.id, first.correct, first.letters, first.law) == ("7", "bd", ("a", "b", "c", "d", "e"), "2020 年以降")
    assert first.choices["b"] == "二である。"
    assert (first.context, first.articles, first.source, first.polarity) == (None, (), "exam.jsonl", "correct")
    assert (second.id, second.law, second.polarity) == ("8", "2019 年以前", "incorrect")
    assert third.law == years(None)
    assert first.cluster == third.cluster != second.cluster  # by the question's own text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": " "}, r"1 行目: id が ' ' です"),
        ({"question": ""}, r"1 行目（7）: question が '' です"),
        ({"year": "2021"}, r"year が '2021' です（整数）"),
        ({"choices": []}, r"choices が 0 個です（1〜6 個）"),
        ({"choices": ["x"] * 7}, r"choices が 7 個です"),
        ({"choices": ["一", "", "三"]}, r"choices が空でない文字列の配列ではありません"),
        ({"choices": ["一", "二", "一 "]}, r"choices の 1 番目と 3 番目が同じです"),
        ({"answer": "b"}, r"answer が 'b' です（choices の番号の配列。1〜5）"),
        ({"answer": [0]}, r"answer が \[0\] です"),
        ({"answer": [6]}, r"answer が \[6\] です"),
        ({"answer": [True]}, r"answer が \[True\] です"),
        ({"answer": [2, 2]}, r"同じ番号があります"),
        ({"answer": []}, r"正解の番号が 1〜4 個"),
        ({"answer": [1, 2, 3, 4, 5]}, r"正解の番号が 1〜4 個"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_questions(written(tmp_path, {**ROW, **change}), exams=True)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, {**ROW, "id": f" {ROW['id']} "}, "{broken\n", [1], {"id": "x"})
    with pytest.raises(DataError) as caught:
        load_questions(path, exams=True)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith(": 6 件の誤りがあります。")
    assert lines[1] == "(1) 2 行目（7）: id が 1 行目と重複しています。"
    assert "3 行目: JSON として読めません" in lines[2]
    assert lines[3] == "(3) 4 行目: オブジェクトではありません（list）。"
    assert [line.rpartition(": ")[2] for line in lines[4:]] == [
        "question がありません。", "choices がありません。", "answer がありません。",
    ]  # fmt: skip


def test_one_question_has_one_answer(tmp_path: Path) -> None:
    choices = ROW["choices"]
    turned = {**ROW, "id": "8", "choices": choices[::-1], "answer": [2, 4]}  # the same two: 四である。 and 二である。
    assert len(load_questions(written(tmp_path, ROW, turned), exams=True)) == 2
    other = {**ROW, "id": 9, "question": f" {ROW['question']}", "answer": [1, 2]}
    with pytest.raises(DataError) as caught:
        load_questions(written(tmp_path, ROW, turned, other), exams=True)
    assert str(caught.value).splitlines()[1:] == [
        "(1) 3 行目（9）: 1 行目（7）と同じ問題なのに、正解が違います。どちらかを直すか、除いてください。"
    ]


def test_single_statements_may_be_true_or_not(tmp_path: Path) -> None:
    rows = [
        {**ROW, "id": f"{number}", "choices": [f"{number} である。"], "answer": answer}
        for number, answer in enumerate(([1], []))
    ]
    assert [question.correct for question in load_questions(written(tmp_path, *rows), exams=True)] == ["a", ""]


def test_nothing_is_trained_on_an_examination(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"exam\.jsonl: 外部の試験の問題（JSON Lines）で、評価だけに使えます"):
        load_questions(written(tmp_path, ROW))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 1' + "0" * 5000 + "}", "数が大きすぎます"),
        ("[" * 100_000, "入れ子が深すぎます"),
        ('{"id": "a", "answer": [1], "answer": [2]}', "'answer' が二度あり、値が違います"),
    ],
)
def test_a_line_that_python_cannot_read_is_named(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"2 行目: JSON として読めません（{reason}）"):
        load_questions(written(tmp_path, ROW, line + "\n"), exams=True)
    with pytest.raises(DataError):  # as a file of its own it is no exam, and refused with its name as any other
        load_questions(written(tmp_path, line + "\n"), exams=True)


@pytest.mark.parametrize("text", ["", "{\n", "[]\n", '{"samples": [], "id": 1, "answer": 2}\n', '{"input": "x"}\n'])
def test_other_files_are_not_taken_for_one(text: str) -> None:
    assert not is_exam(text)
