"""Authored questions: marks, contexts, faults that stop a build, and orders that never change."""

from collections import Counter

import pytest

from app.core.errors import DataError
from tools.sample.law import SampleLaw, parse_law
from tools.sample.questions import (
    Ref,
    answer_letters,
    build_samples,
    faults,
    finished,
    occurs,
    parse_questions,
    parse_refs,
    render_context,
)

BODY = """第一章　総則
第一条　灯台守は、日没から三十分以内に灯をともし、七日以内に届け出なければならない。
第二条　灯台守は、次の物を備える。
一　油　五缶
二　布
イ　白いもの
三　鏡
２　｜艀《はしけ》は、二隻とする。
"""
Laws = dict[str, SampleLaw]


@pytest.fixture(scope="module")
def laws(law_header: str) -> Laws:
    return {"灯台": parse_law(law_header + BODY, "x.txt")}


@pytest.fixture(scope="module")
def context(laws: Laws) -> str:
    return render_context((Ref("灯台", "1"),), laws)


def test_refs() -> None:
    assert parse_refs("灯台 1 2-1-3; 港 3_2-2", "x") == (
        Ref("灯台", "1"),
        Ref("灯台", "2", 1, "3"),
        Ref("港", "3_2", 2),
    )


def test_context_has_only_what_is_cited(context: str, laws: Laws) -> None:
    assert context == (
        "## 灯台条例\n### 第1条\n灯台守は、日没から三十分以内に灯をともし、七日以内に届け出なければならない。"
    )
    assert render_context((Ref("灯台", "2", 1, "2"), Ref("灯台", "2", 2)), laws) == (
        "## 灯台条例\n### 第2条\n#### 第1項\n灯台守は、次の物を備える。\n##### 第2号\n布\nイ 白いもの\n#### 第2項\n艀は、二隻とする。"
    )


@pytest.mark.parametrize("ref", [Ref("灯台", "9"), Ref("灯台", "2", 3), Ref("灯台", "2", 1, "4"), Ref("港", "1")])
def test_context_refuses_what_does_not_exist(ref: Ref, laws: Laws) -> None:
    with pytest.raises(DataError):
        render_context((ref,), laws)


def test_marks(context: str) -> None:
    (question,) = parse_questions(
        "@ 灯台 1\n? 正しいものを教えてください。\no 灯台守は、//灯をともし\nx 灯台守は、日没から[三十→十]分以内に\n"
        "x- 鐘をつく\nx! 日没から\n",
        "q.txt",
    )
    assert [(choice.text, choice.true) for choice in question.choices] == [
        ("灯台守は、灯をともす", True),
        ("灯台守は、日没から十分以内に", False),
        ("鐘をつく", False),
        ("日没から", False),
    ]
    assert question.answer is question.choices[0]
    assert question.choices[1].original == "灯台守は、日没から三十分以内に"
    assert faults(question, context) == []


def test_four_values_in_one_line(context: str) -> None:
    (question,) = parse_questions("@ 灯台 1\n? 正しいものを教えてください。\n= [七日|三日|五日|九日]以内\n", "q.txt")
    assert [choice.text for choice in question.choices] == ["七日以内", "三日以内", "五日以内", "九日以内"]
    assert [choice.true for choice in question.choices] == [True, False, False, False]
    assert faults(question, context) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("小型船とは、//船舶をいい", "小型船とは、船舶をいう"),
        ("記録し", "記録する"),
        ("離し", "離す"),
        ("検査を行い", "検査を行う"),
        ("検査を受け", "検査を受ける"),
        ("証書の写し", "証書の写し"),
        ("届け出なければならない", "届け出なければならない"),
    ],
)
def test_finished(text: str, shown: str) -> None:
    assert finished(text) == shown


def test_occurs_keeps_the_order() -> None:
    assert occurs("甲//丙", "甲乙丙")
    assert not occurs("丙//甲", "甲乙丙")


@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        ("= [七日|三日|五日|三日]以内", "同じ選択肢が二つあります。"),
        ("= [八日|三日|五日|九日]以内", "条文にない文です: 八日以内"),
        ("= [七日|三十分|五日|九日]以内", "誤りの選択肢が条文にあります: 三十分以内"),
        ("o 七日以内\nx [三十→十]分以内\nx [七日→六日]以内", "選択肢は四つで、正誤の数は問い方に合わせます。"),
        (
            "o 七日以内\no 日没から\nx [三十→十]分以内\nx [七日→六日]以内",
            "選択肢は四つで、正誤の数は問い方に合わせます。",
        ),
    ],
)
def test_faults(choices: str, fault: str, context: str) -> None:
    (question,) = parse_questions(f"@ 灯台 1\n? 正しいものを教えてください。\n{choices}\n", "q.txt")
    assert fault in faults(question, context)


def test_the_question_says_what_it_asks(context: str) -> None:
    (question,) = parse_questions("@ 灯台 1\n? どれですか。\n= [七日|三日|五日|九日]以内\n", "q.txt")
    assert faults(question, context) == ["問題文に 正しいもの・誤っているもの・該当しないもの のどれか一つが必要です。"]


@pytest.mark.parametrize("line", ["o [七日→三日]以内", "x 七日以内", "= [七日|三日]以内", "正しい: 甲", "@ 灯台 第1条"])
def test_unreadable_lines(line: str) -> None:
    with pytest.raises(DataError, match=r"q\.txt: 3 行目"):
        parse_questions(f"@ 灯台 1\n? 正しいものを教えてください。\n{line}\n", "q.txt")


def test_all_faults_at_once(laws: Laws) -> None:
    questions = parse_questions(
        "@ 灯台 1\n? 正しいものを教えてください。\n= [八日|三日|五日|九日]以内\n@ 灯台 7\n? 正しいものを教えてください。\n= [七日|三日|五日|九日]以内\n",
        "q.txt",
    )
    with pytest.raises(DataError) as caught:
        build_samples(questions, laws)
    assert "q.txt: 2 行目: 条文にない文です: 八日以内" in str(caught.value)
    assert "q.txt: 5 行目: 灯台条例: 第7条 がありません。" in str(caught.value)


@pytest.mark.parametrize("count", [0, 1, 4, 7, 290])
def test_letters_are_balanced(count: int) -> None:
    letters = answer_letters(count)
    assert len(letters) == count
    counts = Counter(letters)
    assert max((counts[letter] for letter in "abcd"), default=0) - min(counts[letter] for letter in "abcd") <= 1
    assert letters == answer_letters(count + 5)[:count]


def test_sample_row(laws: Laws) -> None:
    questions = parse_questions("@ 灯台 1\n? 正しいものを教えてください。\n= [七日|三日|五日|九日]以内\n", "q.txt")
    (row,) = build_samples(questions, laws)
    assert list(row) == ["ファイル名", "コンテキスト", "指示", "問題文", "選択肢", "output", "references"]
    assert row["ファイル名"] == "灯台_第1章_選択式_関連法令_問題番号1"
    assert row["references"] == ["sample://law/503SN0000000001"]
    lines = str(row["選択肢"]).split("\n")
    assert [line[:2] for line in lines] == ["a ", "b ", "c ", "d "]
    assert dict(line.split(" ", 1) for line in lines)[str(row["output"])] == "七日以内"
