"""Rows of every form become entries that the loader takes as they are; every fault is told with its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.data.importing.columns import find_columns
from app.data.importing.questions import STATEMENT_QUESTION, Imported, Naming, import_rows
from app.data.importing.tables import read_json_lines, read_table
from app.data.lawqa import questions_from


def imported(text: str, **named: Any) -> Imported:
    table = read_json_lines(text) if text.startswith("{") else read_table(text)
    columns = find_columns(table.columns, {}, None, "x")
    form = named.pop("form", "auto")
    return import_rows(table.rows, columns, Naming("quiz", **named), form)


def faults(text: str) -> list[str]:
    return [str(fault) for fault in imported(text).faults]


def test_a_question() -> None:
    result = imported(
        '番号,科目,問題文,選択肢1,選択肢2,選択肢3,選択肢4,正解,条文\n7,町_規約,"回覧は、\n何日か。",一日,二日,三日,,2,回覧は二日以内に回す。\n'
    )
    assert result.faults == []
    assert result.samples == [
        {
            "ファイル名": "町-規約_7",
            "コンテキスト": "回覧は二日以内に回す。",
            "問題文": "回覧は、\n何日か。",
            "選択肢": "a 一日\nb 二日\nc 三日",
            "output": "b",
            "references": [],
            "imported": {"line": 2},
        }
    ]
    (question,) = questions_from({"samples": result.samples}, source="x")
    assert (question.law, question.correct, question.choices["c"]) == ("町-規約", "b", "三日")


def test_names_without_columns_for_them() -> None:
    text = "問題,a,b,正解\n甲,一,二,a\n乙,一,二,b\n"
    assert [one["ファイル名"] for one in imported(text).samples] == ["quiz_行2", "quiz_行3"]
    assert [one["ファイル名"] for one in imported(text, law="規約").samples] == ["規約_行2", "規約_行3"]


def test_statements() -> None:
    result = imported("文,正誤\n回覧は二日で回す,○\n会長の任期は九年だ,×\n")
    assert result.faults == []
    first, second = questions_from({"samples": result.samples}, source="x")
    assert (first.question, first.choices, first.correct) == (STATEMENT_QUESTION, {"a": "回覧は二日で回す"}, "a")
    assert (second.is_statement, second.correct) == (True, "")
    assert first.cluster != second.cluster  # they share the request only


def test_several_right_answers_and_choices_in_one_cell() -> None:
    result = imported('問題,選択肢,正解\n二つ選べ,"ア．朝出す\nイ．夜出す\nウ．網をかける","ア、ウ"\n')
    assert (result.samples[0]["選択肢"], result.samples[0]["output"]) == ("a 朝出す\nb 夜出す\nc 網をかける", "a、c")
    assert result.unlabelled == 1


def test_json_lines_with_lists_and_numbers_from_zero() -> None:
    rows = [
        {"q_id": 1, "question": "主に子ども向けの飲み物は", **{f"choice{n}": f"飲み物{n}" for n in range(5)}, "label": 0},
        {"q_id": 2, "question": "飲めるのは", **{f"choice{n}": f"物{n}" for n in range(5)}, "label": 4},
    ]  # fmt: skip
    result = imported("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), form="number0")
    assert [one["output"] for one in result.samples] == ["a", "e"]
    listed = imported('{"question": "q", "choices": ["x", "y"], "answer": [2]}')
    assert listed.samples[0]["output"] == "b"
    keyed = imported('{"question": "q", "choices": {"A": "x", "B": "y"}, "answer": "B"}')
    assert keyed.samples[0]["選択肢"] == "a x\nb y"


@pytest.mark.parametrize(
    ("choices", "answer", "form", "expected"),
    [
        ({"C": "丙", "A": "甲", "B": "乙"}, "B", "auto", "b"),
        ({"ｃ": "丙", "a": "甲", "Ｂ": "乙"}, "丙", "auto", "c"),
        ({"3": "丙", "１": "甲", "2": "乙"}, 2, "auto", "b"),
        ({"2": "丙", "0": "甲", "1": "乙"}, "2", "auto", "c"),
        ({"2": "丙", "0": "甲", "1": "乙"}, 0, "auto", "a"),
        ({"2": "丙", "0": "甲", "1": "乙"}, "b", "auto", "b"),
        ({"2": "丙", "0": "甲", "1": "乙"}, "2", "number", "b"),
        ({"2": "丙", "0": "甲", "1": "乙"}, "2", "number0", "c"),
        ({"1": "甲", "2": "乙", "3": "丙"}, "2", "number0", "c"),
        ({"ウ": "丙", "ｱ": "甲", "イ": "乙"}, "ウ", "auto", "c"),
    ],
)
def test_choices_by_key_stand_in_the_order_of_their_keys(
    choices: dict[str, str], answer: Any, form: str, expected: str
) -> None:
    row = {"question": "q", "choices": choices, "answer": answer}
    result = imported(json.dumps(row, ensure_ascii=False), form=form)
    assert result.faults == []
    assert (result.samples[0]["選択肢"], result.samples[0]["output"]) == ("a 甲\nb 乙\nc 丙", expected)


KEYS = "a〜f、1〜6、0〜5、ア〜カのどれかを、先頭から抜かさずに使うか、正解の番号の順に並べた配列にしてください"


@pytest.mark.parametrize(
    ("choices", "keys"),
    [
        ({"A": "甲", "C": "丙"}, "A、C"),
        ({"2": "甲", "3": "乙"}, "2、3"),
        ({"A": "甲", "ａ": "乙"}, "A、ａ"),
        ({"A": "甲", "2": "乙"}, "A、2"),
        ({"text": "甲", "label\n": "乙"}, "text、label\\n"),
    ],
)
def test_choices_by_other_keys_are_a_fault(choices: dict[str, str], keys: str) -> None:
    row = {"question": "q", "choices": choices, "answer": "甲"}
    assert faults(json.dumps(row, ensure_ascii=False)) == [f"1 行目: 選択肢のキーが '{keys}' です（{KEYS}）。"]


def test_too_many_keys_and_none() -> None:
    row = {"question": "q", "choices": {str(n): f"肢{n}" for n in range(7)}, "answer": "肢1"}
    assert faults(json.dumps(row, ensure_ascii=False)) == ["1 行目: 選択肢が 7 個です（2〜6 個）。"]
    assert faults('{"question": "q", "choices": {}, "answer": "a"}') == ["1 行目: 選択肢が空です。"]


def test_columns_numbered_from_zero_have_answers_from_zero() -> None:
    text = "question,choice0,choice1,choice2,answer\nq,甲,乙,丙,1\nr,甲,乙,,0\n"
    assert [one["output"] for one in imported(text).samples] == ["b", "a"]
    assert [one["output"] for one in imported(text.replace(",0", ",2"), form="number").samples] == ["a", "b"]


def test_labels_from_zero_have_answers_from_zero() -> None:
    text = '問題,選択肢,正解\nq,"0. 甲\n1. 乙\n2. 丙",1\n'
    for form, output in (("auto", "b"), ("number0", "b"), ("number", "a")):
        result = imported(text, form=form)
        assert (result.faults, result.unlabelled) == ([], 1)
        assert (result.samples[0]["選択肢"], result.samples[0]["output"]) == ("a 甲\nb 乙\nc 丙", output)


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["イ．甲", "ロ．乙", "ハ．丙", "ニ．丁"], "イ、ロ、ハ、ニ"),
        (["4. 甲", "3. 乙", "2. 丙", "1. 丁"], "4、3、2、1"),
        (["b 甲", "a 乙"], "b、a"),
        (["ウ）甲", "イ）乙", "ア）丙"], "ウ、イ、ア"),
        (["②甲", "①乙"], None),  # nothing stands between the sign and the text: no label is read
        (["4 甲", "3 乙", "2 丙", "1 丁"], None),  # 4 日, 3 日: numbers of the text
        (["A 社", "C 社"], None),
    ],
)
def test_labels_that_are_not_those_of_their_places_are_a_fault(texts: list[str], labels: str | None) -> None:
    row = {"question": "q", "choices": texts, "answer": texts[0]}
    expected = [
        f"1 行目: 選択肢に付いた記号（{labels}）が並び順の記号ではないので、正解がどれか決まりません"
        "（a〜f、1〜6、ア〜カのどれかを先頭から順に付けるか、記号を外してください）。"
    ]
    assert faults(json.dumps(row, ensure_ascii=False)) == ([] if labels is None else expected)
    assert imported(json.dumps(row, ensure_ascii=False), form="text").samples[0]["output"] == "a"


def test_labels_that_are_part_of_the_text_stay() -> None:
    for texts in (
        ["1 日", "2 日", "3 日"],
        ["A 社", "B 社", "C 社"],
        ["1.5 倍", "2.5 倍", "3.5 倍"],
        ["ア、犬", "ウ、猫", "エ、馬"],
    ):
        result = imported(f"問題,a,b,c,正解\n期間は,{','.join(texts)},a\n")
        assert (result.faults, result.unlabelled) == ([], 0)
        assert result.samples[0]["選択肢"] == "\n".join(f"{at} {text}" for at, text in zip("abc", texts, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "問題,a,b,c,正解\n甲,一,二,三,b\n,一,二,三,b\n乙,一,,三,a\n丙,一,1,一,a\n丁,一,二,三,d\n",
            [
                "3 行目: 列「問題」が空です。",
                "4 行目: 列「b」が空です（後ろの選択肢は埋まっています）。",
                "5 行目: 選択肢 a と c が同じです。",
                "6 行目: 正解が 'd' です（a〜c、1〜3、ア〜ウ か、選択肢の本文。複数なら「a、c」のように並べる。0 から数えるなら --answer-form number0）。",
            ],
        ),
        ("問題,a,b,正解\n甲,一,二,a\n乙,一,二,a\n甲 ,二,一,b\n甲,一,二,b\n", [
            "4 行目: 2 行目と同じ問題です。",
            "5 行目: 2 行目と同じ問題なのに、正解が違います。",
        ]),
        ("id,問題,a,b,正解\n1,甲,一,二,a\n1,乙,一,二,a\n", ["3 行目: ID「quiz_1」が 2 行目と重複しています。"]),
        ("問題,a,b,正解\n甲,一\ufffd,二,a\n", ["2 行目: 文字化けした文字（\ufffd）があります。"]),
        ('問題,a,b,正解\n甲,"一\nb 二",三,a\n', ["2 行目: 選択肢に「b」で始まる行が二つあります。"]),
        ('文,正誤\n"一\nb 二",○\n', ["2 行目: 選択肢の中の行が、次の選択肢の始まり（「b 」など）に読めます。改行を除いてください。"]),
        ("問題,選択肢,正解\n甲,一つだけ,a\n", ["2 行目: 選択肢が一行です（'一つだけ'）。一行に一つずつ書くか、列を分けてください。"]),
        ("文,正誤\n甲,△\n,○\n", ["2 行目: 正解が '△' です（○ か ×）。", "3 行目: 列「文」が空です。"]),
        ('{"question": "q", "choices": ["x", null], "answer": 1}', ["1 行目: 選択肢に文字列でないものがあります（None）。"]),
        ('{"question": "q", "choices": ["x"], "answer": 1}', ["1 行目: 選択肢が 1 個です（2〜6 個）。"]),
        ('{"question": ["q"], "choices": ["x", "y"], "answer": 1}', ["1 行目: 列「question」が文字列ではありません（\"['q']\"）。"]),
    ],
)  # fmt: skip
def test_faults_are_told_all_at_once_with_their_lines(text: str, expected: list[str]) -> None:
    result = imported(text)
    assert [str(fault) for fault in result.faults] == expected
    assert len({fault.line for fault in result.faults} & {one["imported"]["line"] for one in result.samples}) == 0


def test_a_table_of_sixty_thousand_characters_in_a_cell(tmp_path: Path) -> None:
    context = "条文。" * 60_000
    result = imported(f"問題,a,b,正解,条文\n甲,一,二,a,{context}\n")
    assert result.samples[0]["コンテキスト"] == context
