"""The importing program: what it says of a file, what it writes, and that a faulty file writes nothing."""

import json
from pathlib import Path

import pytest

from app.commands import import_questions as program
from app.core.cli import run_program
from app.core.files import sha256_file
from app.data.lawqa import load_questions

QUIZ = """番号,問題文,選択肢1,選択肢2,選択肢3,選択肢4,正解,解説
1,回覧板は何日のうちに回すか。,一日,二日,三日,七日,2,規約による
2,町内の清掃で、正しいものを二つ選べ。,朝に集まる,夜に集まる,手袋を持つ,手袋は要らない,①③,
3,会長の任期は。,一年,二年,三年,,ア,
"""
BARE_JMMLU = "回覧板は何日で回すか。,一日,二日,三日,七日,B\n会長の任期は。,一年,二年,三年,四年,A\n"


def run(folder: Path, text: str | bytes, *options: str, name: str = "町内会.csv") -> int:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_program(program.main, [str(path), "--output-dir", str(folder / "own"), *options])


def test_a_table_of_excel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, QUIZ.replace("\n", "\r\n").encode("cp932")) == 0
    printed = capsys.readouterr()
    path = tmp_path / "own" / "questions.json"
    assert printed.out == f"{path}\n"
    assert printed.err.splitlines() == [
        f"{tmp_path / '町内会.csv'}: CP932（Shift_JIS）、コンマ区切り、3 行",
        "問題文 ← 問題文、選択肢 ← 選択肢1・選択肢2・選択肢3・選択肢4、正解 ← 正解、ID ← 番号。使わない列: 解説",
        "questions.json: 3 問（三択 1、四択 2）、条文つき 0 問、まとまり 3 個",
        "正解の位置: a 2、b 1、c 1。正解が複数の問題 1 問",
    ]
    assert [(one.id, one.correct) for one in load_questions(path)] == [
        ("町内会_1", "b"),
        ("町内会_2", "ac"),
        ("町内会_3", "a"),
    ]
    manifest = json.loads((tmp_path / "own" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["kind"] == "imported_questions"
    assert manifest["source"] == {
        "path": str(tmp_path / "町内会.csv"), "sha256": sha256_file(tmp_path / "町内会.csv"), "encoding": "CP932（Shift_JIS）",
        "table": "コンマ区切り", "form": None, "answers": "auto",
    }  # fmt: skip
    assert manifest["files"]["questions.json"]["sha256"] == sha256_file(path)
    assert sorted(entry.name for entry in (tmp_path / "own").iterdir()) == ["manifest.json", "questions.json"]


def test_every_fault_is_listed_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = QUIZ + "4,会長の任期は。,一年,二年,三年,,イ,\n5,四つめは。,一,,三,,1,\n6,短い,一\n"
    assert run(tmp_path, faulty) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[2:] == [
        "(1) 5 行目: 4 行目と同じ問題なのに、正解が違います。",
        "(2) 6 行目: 列「選択肢2」が空です（後ろの選択肢は埋まっています）。",
        "(3) 7 行目: 列が 3 つあります（見出しは 8 つ）。足りない列があります。",
        f"エラー: {tmp_path / '町内会.csv'}: 3 件の誤りがあります（上の一覧）。何も書いていません。表を直して、もう一度実行してください。",
    ]
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("header", ["", "question,A,B,C,D,answer\n"])
def test_jmmlu_with_and_without_its_header(tmp_path: Path, header: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, header + BARE_JMMLU, "--law", "規約", name="management.csv") == 0
    assert "UTF-8（BOM なし）、コンマ区切り、JMMLU の形、2 行" in capsys.readouterr().err
    questions = load_questions(tmp_path / "own" / "questions.json")
    assert [(one.law, one.correct, one.choices["d"]) for one in questions] == [
        ("規約", "b", "七日"),
        ("規約", "a", "四年"),
    ]


def test_jcommonsenseqa_counts_from_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"q_id": 3, "question": "回覧を入れるものは？", **{f"choice{n}": f"箱{n}" for n in range(5)}, "label": 4}
    assert run(tmp_path, json.dumps(row, ensure_ascii=False), name="dev.json") == 0
    assert "JSON Lines、JCommonsenseQA の形、1 行" in capsys.readouterr().err
    (question,) = load_questions(tmp_path / "own" / "questions.json")
    assert (question.id, question.correct, question.choices["e"]) == ("dev_3", "e", "箱4")


def test_statements_and_columns_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "本文\t判定\n回覧は二日で回す\t○\n会長の任期は九年だ\t×\n"
    assert run(tmp_path, text, "--statement", "本文", "--answer", "判定", name="a.tsv") == 0
    assert capsys.readouterr().err.splitlines()[1:] == [
        "○× の文 ← 本文、正解 ← 判定",
        "questions.json: 2 問（○× 2）、条文つき 0 問、まとまり 2 個",
        "○× の文: ○ 1、× 1",
    ]


def test_columns_by_number(tmp_path: Path) -> None:
    text = "甲は。,一,二,1\n乙は。,一,二,0\n"
    options = ["--no-header", "--question", "1", "--choices", "2", "3", "--answer", "4", "--answer-form", "number0"]
    assert run(tmp_path, text, *options) == 0
    assert [one.correct for one in load_questions(tmp_path / "own" / "questions.json")] == ["b", "a"]


def test_answers_that_are_all_alike_are_remarked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "問題,a,b,正解\n甲,一,二,a\n乙,一,二,a\n") == 0
    assert "注意: 正解がすべて a です。正解の列と書き方を確かめてください。" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('{"samples": []}', "x.json", "すでに lawqa_jp の形式です。"),
        ('[{"question": "q"}]', "x.json", "JSON の配列です。"),
        ("\n \n", "x.csv", "空のファイルです。"),
        ("問題,a,b,正解\n", "x.csv", "見出しのほかに行がありません。"),
        ("あ,い\n一,二\n", "x.csv", "の列がわかりません（あるのは あ、い）。"),
        ('"問題,a\n', "x.csv", '1 行目: " で始まる値が閉じていません'),
    ],
)
def test_files_that_are_no_table(
    tmp_path: Path, text: str, name: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, text, name=name) == 1
    assert line in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "own").exists()


def test_an_import_replaces_only_an_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, QUIZ) == 0
    assert run(tmp_path, QUIZ.replace("会長の任期は", "班長の任期は")) == 0
    path = tmp_path / "own" / "questions.json"
    assert "班長" in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # mended by hand
    assert run(tmp_path, QUIZ) == 1
    assert f"--output-dir {path} は既にあり" in capsys.readouterr().err
    assert "班長" in path.read_text(encoding="utf-8")
