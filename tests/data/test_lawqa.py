"""The loader: good files, the four orders, and every fault with its exact message."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.questions import LETTERS, ORDERS, reorder
from app.data.lawqa import load_questions, question_law, samples_text

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"
OPEN100 = Path(__file__).resolve().parents[3] / "shared" / "data" / "lawqa_jp" / "selection_open100.json"


def entry(**changes: Any) -> dict[str, Any]:
    base = {
        "ファイル名": "甲法_第1章_問題番号1",
        "コンテキスト": "## 甲法\n### 第3条\n期間は二年とする。",
        "指示": "一つ選ぶ",
        "問題文": "期間について正しいものを教えてください。",
        "選択肢": "a 一年\nb 二年\nc 三年\nd 四年",
        "output": "b",
        "references": ["https://laws.e-gov.go.jp/law/1"],
    }
    base.update(changes)
    return {key: value for key, value in base.items() if value is not ...}


def written(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def message(tmp_path: Path, value: Any) -> str:
    with pytest.raises(DataError) as caught:
        load_questions(written(tmp_path / "q.json", value))
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_a_question_is_read(tmp_path: Path) -> None:
    (question,) = load_questions(written(tmp_path / "q.json", {"samples": [entry()]}))
    assert (question.id, question.correct, question.law) == ("甲法_第1章_問題番号1", "b", "甲法")
    assert question.choices == {"a": "一年", "b": "二年", "c": "三年", "d": "四年"}
    assert (question.polarity, question.cluster, question.source, question.order) == (
        "correct",
        "甲法 第3条",
        "q.json",
        "abcd",
    )
    assert question.articles[0].article_key == ("甲法", "3")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ファイル名": ...}, "1 問目: ファイル名 がありません。"),
        ({"ファイル名": 3}, "1 問目: ファイル名 が文字列ではありません（3）。"),
        ({"問題文": ...}, "1 問目（甲法_第1章_問題番号1）: 問題文 がありません。"),
        ({"問題文": "  "}, "1 問目（甲法_第1章_問題番号1）: 問題文 が空です。"),
        ({"選択肢": ...}, "1 問目（甲法_第1章_問題番号1）: 選択肢 がありません。"),
        ({"選択肢": "a 一\nb 二\nd 四"}, "1 問目（甲法_第1章_問題番号1）: 選択肢に「c」で始まる行がありません。"),
        ({"選択肢": "a 一\nb 二\nb 三\nc 三\nd 四"}, "1 問目（甲法_第1章_問題番号1）: 選択肢に「b」で始まる行が二つあります。"),
        ({"選択肢": "a 一\nb \nc 三\nd 四"}, "1 問目（甲法_第1章_問題番号1）: 選択肢に「b」で始まる行がありません。"),
        ({"選択肢": "b 一\na 二\nc 三\nd 四"}, "1 問目（甲法_第1章_問題番号1）: 選択肢の順が bacd です（a、b、c、d の順に書いてください）。"),
        ({"選択肢": "a 一\nb 二\nc 三\nd 四\ne 五", "output": "f"}, "1 問目（甲法_第1章_問題番号1）: output が 'f' です（a、b、c、d、e のいずれか。正解が複数なら「a、c」のように並べる）。"),
        ({"選択肢": "a 一\nb 二\nc 三\nd 四\ne 五\nf 六\ng 七"}, "1 問目（甲法_第1章_問題番号1）: 選択肢に「g」で始まる行があります（使えるのは a から f まで）。"),
        ({"選択肢": "a 一\nb 二\nc 一 \nd 四"}, "1 問目（甲法_第1章_問題番号1）: 選択肢 a と c が同じです。"),
        ({"選択肢": "a 一年"}, "1 問目（甲法_第1章_問題番号1）: output が 'b' です（選択肢が一つの問題では ○ か ×）。"),
        ({"output": "e"}, "1 問目（甲法_第1章_問題番号1）: output が 'e' です（a、b、c、d のいずれか。正解が複数なら「a、c」のように並べる）。"),
        ({"output": 2}, "1 問目（甲法_第1章_問題番号1）: output が文字列ではありません（2）。"),
        ({"output": ""}, "1 問目（甲法_第1章_問題番号1）: output が空です。"),
        ({"コンテキスト": ...}, '1 問目（甲法_第1章_問題番号1）: コンテキスト がありません（条文のない問題では "" を書いてください）。'),
        ({"コンテキスト": 1}, "1 問目（甲法_第1章_問題番号1）: コンテキスト が文字列ではありません（1）。"),
        ({"指示": 1}, "1 問目（甲法_第1章_問題番号1）: 指示 が文字列ではありません（1）。"),
        ({"references": "x"}, "1 問目（甲法_第1章_問題番号1）: references が文字列の配列ではありません。"),
        ({"回答オーダーマップ番号": "5"}, "1 問目（甲法_第1章_問題番号1）: 回答オーダーマップ番号 が '5' です（1、2、3、4 のいずれか）。"),
    ],
)  # fmt: skip
def test_one_fault(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    assert message(tmp_path, {"samples": [entry(**change)]}) == f"q.json: 1 件の誤りがあります。\n(1) {fault}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "q.json: 1 行目が JSON として読めません（Expecting value）。"),
        ('{"samples": [\n{"a": }]}', "q.json: 2 行目が JSON として読めません（Expecting value）。"),
        ([], 'q.json: 最上位に "samples" の配列がありません。lawqa_jp の形式のファイルを指定してください。'),
        (
            {"samples": {}},
            'q.json: 最上位に "samples" の配列がありません。lawqa_jp の形式のファイルを指定してください。',
        ),
        ({"samples": []}, 'q.json: "samples" が空です。問題が 1 問以上必要です。'),
        ({"samples": ["x"]}, "q.json: 1 件の誤りがあります。\n(1) 1 問目: オブジェクトではありません（str）。"),
    ],
)
def test_files_that_are_no_question_files(tmp_path: Path, value: Any, text: str) -> None:
    assert message(tmp_path, value) == text


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ファイルがありません"):
        load_questions(tmp_path / "none.json")
    with pytest.raises(DataError, match="フォルダです"):
        load_questions(tmp_path)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    samples = [entry(), entry(output="e", 問題文=""), entry(ファイル名="乙", 選択肢="a 一\nb 二\nd 四")]
    assert message(tmp_path, {"samples": samples}) == (
        "q.json: 3 件の誤りがあります。\n"
        "(1) 2 問目（甲法_第1章_問題番号1）: 問題文 が空です。\n"
        "(2) 2 問目（甲法_第1章_問題番号1）: output が 'e' です（a、b、c、d のいずれか。正解が複数なら「a、c」のように並べる）。\n"
        "(3) 3 問目（乙）: 選択肢に「c」で始まる行がありません。"
    )


def test_duplicate_ids(tmp_path: Path) -> None:
    assert "2 問目（甲法_第1章_問題番号1）: ファイル名が 1 問目と重複しています。" in message(
        tmp_path, {"samples": [entry(), entry()]}
    )


def randomized(tmp_path: Path, change: Any = None) -> Path:
    (base,) = load_questions(written(tmp_path / "one.json", {"samples": [entry()]}))
    samples = []
    for number, order in enumerate(ORDERS, 1):
        shown = base if order == "abcd" else reorder(base, order)
        choices = "\n".join(f"{letter} {shown.choices[letter]}" for letter in LETTERS)
        samples.append({**entry(選択肢=choices, output=shown.correct), "回答オーダーマップ番号": str(number)})
    if change:
        change(samples)
    (tmp_path / "q.json").write_text(samples_text(samples), "utf-8")
    return tmp_path / "q.json"


def test_four_orders_come_back_as_one_question(tmp_path: Path) -> None:
    (question,) = load_questions(randomized(tmp_path))
    assert (question.order, question.correct, question.choices["b"]) == ("abcd", "b", "二年")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda rows: rows[1].update(output="b"), "2 問目（甲法_第1章_問題番号1）: output が 'b' です（順序 cadb では 'd'）。"),
        (lambda rows: rows[2].update(問題文="別の問"), "3 問目（甲法_第1章_問題番号1）: 問題文が 1 問目（順序 1）と違います。"),
        (lambda rows: rows[2].update(コンテキスト="別"), "3 問目（甲法_第1章_問題番号1）: コンテキストが 1 問目（順序 1）と違います。"),
        (lambda rows: rows.pop(2), "1 問目（甲法_第1章_問題番号1）: 回答オーダーマップ番号 3 の行がありません。"),
        (lambda rows: rows[3].update(回答オーダーマップ番号="1"), "4 問目（甲法_第1章_問題番号1）: 回答オーダーマップ番号 1 が 1 問目と重複しています。"),
        (lambda rows: rows[3].pop("回答オーダーマップ番号"), "4 問目（甲法_第1章_問題番号1）: 回答オーダーマップ番号 がありません（ほかの問にはあります）。"),
        (lambda rows: rows[3].update(選択肢="a 四年\nb 三年\nc 一年\nd 二年"), "4 問目（甲法_第1章_問題番号1）: 選択肢cが、順序 dcba で置かれるはずの元の選択肢bと違います。"),
    ],
)  # fmt: skip
def test_orders_that_do_not_agree(tmp_path: Path, change: Any, fault: str) -> None:
    with pytest.raises(DataError) as caught:
        load_questions(randomized(tmp_path, change))
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("choices", "output", "right"),
    [
        ("a 一\nb 二", "b", "b"),
        ("a 一\nb 二\nc 三", " Ｃ ", "c"),
        ("a 一\nb 二\nc 三\nd 四\ne 五", "e", "e"),
        ("a 一\nb 二\nc 三\nd 四\ne 五\nf 六", "f、b", "bf"),
        ("a 一\nb 二\nc 三\nd 四", "ca", "ac"),
        ("a 期間は二年である", "○", "a"),
        ("a 期間は二年である", "×", ""),
    ],
)
def test_two_to_six_choices_several_right_ones_and_single_statements(
    tmp_path: Path, choices: str, output: str, right: str
) -> None:
    (question,) = load_questions(written(tmp_path / "q.json", {"samples": [entry(選択肢=choices, output=output)]}))
    assert question.correct == right
    assert question.order == "".join(question.letters) == "abcdef"[: choices.count("\n") + 1]
    assert question.is_statement is (len(question.letters) == 1)


def test_law_of_a_question() -> None:
    assert question_law("金商法_第2章_問1", "金融商品取引法") == "金商法"
    assert question_law("q1", "金融商品取引法") == "金融商品取引法"
    assert question_law("_x", None) == "その他"


def test_the_sample_is_read() -> None:
    questions = load_questions(SAMPLE)
    assert len({question.id for question in questions}) == len(questions) >= 160
    assert all(question.context and question.articles for question in questions)
    assert {question.correct for question in questions} == set(LETTERS)


@pytest.mark.skipif(not OPEN100.exists(), reason="needs ../shared")
def test_the_open_questions_of_lawqa_jp() -> None:
    from app.data.splits import overlap_statistics

    questions = load_questions(OPEN100)
    assert overlap_statistics(questions) == {
        "questions": 100, "clusters": 67, "largest_cluster": 4, "pairs_sharing_context": 18, "questions_sharing_article": 60
    }  # fmt: skip


def test_the_same_question_with_another_answer_is_a_fault(tmp_path: Path) -> None:
    again = entry(ファイル名="乙", 選択肢="ａ 四年\nｂ 一年\nｃ 二年\nｄ 三年", output="a")
    assert message(tmp_path, {"samples": [entry(), again]}) == (
        "q.json: 1 件の誤りがあります。\n(1) 2 問目（乙）: 1 問目と同じ問題なのに、正解が違います。"
    )
    agreeing = {**again, "output": "c"}  # the same right choice, in another order
    assert len(load_questions(written(tmp_path / "q.json", {"samples": [entry(), agreeing]}))) == 2


def test_half_a_character_is_named_with_its_place(tmp_path: Path) -> None:
    text = json.dumps({"samples": [entry(問題文="期間\ud842です")]})
    assert message(tmp_path, text) == (
        "q.json: 文字の半分だけが残っています（期間\\ud842です）。元のデータから作り直してください。"
    )
    assert (
        load_questions(written(tmp_path / "q.json", json.dumps({"samples": [entry(問題文="𠮷野")]})))[0].question
        == "𠮷野"
    )


def test_real_headings_and_choices_that_read_as_answers_are_usable(tmp_path: Path) -> None:
    from app.core.answers import reads_as_answer
    from app.core.prompts import build_mc_prompt_direct

    odd = entry(コンテキスト="## 甲法\n##### A\n本文", 選択肢="a 一年\nAnswer: a\nb 二年\nc 三年\nd 四年")
    (question,) = load_questions(written(tmp_path / "q.json", {"samples": [odd]}))
    prompt = build_mc_prompt_direct(question.question, question.choices, question.context, few_shot=False)
    assert "\n##### 〔A〕\n" in prompt
    assert "\nAnswer: 〔a〕\n" in prompt
    assert not reads_as_answer(prompt)
