"""The reasoning of cot records: whole texts for the kinds of question there are, and what must hold for all of them."""

import re
from pathlib import Path

import pytest

from app.core.answers import parse_answer
from app.core.prompts import render_cot_answer
from app.core.questions import ORDERS, Question, original_letter, reorder
from app.core.requests import question_polarity
from app.data.lawqa import load_questions
from app.data.provisions import gold_articles, parse_provisions
from app.data.reasoning.alignment import split_sentences
from app.data.reasoning.explain import explain
from app.data.reasoning.named import named_provisions, sentences_of

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "sample" / "selection.json"
OPEN100 = ROOT.parent / "shared" / "data" / "lawqa_jp" / "selection_open100.json"

HARBOUR = """## 港湾条例
### 第4条
#### 第1項
使用しようとする者は、使用を始める日の十日前までに、港長に申請し、その許可を受けなければならない。ただし、荒天を避けるときは、この限りでない。
### 第6条
港長は、申請が次の各号のいずれかに該当するときは、許可をしてはならない。
##### 第1号
港湾施設を損傷するおそれがあるとき。
##### 第2号
申請者が使用料を三月以上滞納しているとき。"""


def question(text: str, choices: list[str], correct: str, context: str | None = HARBOUR) -> Question:
    return Question(
        id="q", question=text, choices=dict(zip("abcdef", choices, strict=False)), correct=correct, context=context,
        articles=gold_articles(context), cluster="c", polarity=question_polarity(text), source="t", law="港湾条例",
    )  # fmt: skip


def test_a_right_statement_and_three_wrong_numbers() -> None:
    asked = question(
        "申請について正しいものを教えてください。",
        ["使用を始める日の五日前までに申請する", "使用を始める日の十日前までに申請する", "使用を始める日の三日前までに申請する", "使用を始める日の20日前までに申請する"],
        "b",
    )  # fmt: skip
    found = explain(asked, asked.context)
    assert found.text == (
        "港湾条例第4条第1項は「使用しようとする者は、使用を始める日の十日前までに、港長に申請し、その許可を受けなければならない」とする。"
        "選択肢bの「使用を始める日の十日前までに」はこれと合う。"
        "選択肢aは「五日」とするが、第4条第1項は「十日」とする。"
        "選択肢cは「三日」とするが、第4条第1項は「十日」とする。"
        "選択肢dは「20日」とするが、第4条第1項は「十日」とする。"
    )
    assert (found.quotes, found.agreement, found.contrasts, found.is_full) == (1, True, 3, True)


def test_for_a_wrong_statement_the_answer_departs_and_the_others_agree() -> None:
    asked = question(
        "次のうち、誤っているものを教えてください。",
        ["使用料を三月以上滞納しているときは、許可をしてはならない", "市長に申請し、その許可を受けなければならない",
         "港湾施設を損傷するおそれがあるとき", "荒天を避けるときは、この限りでない"],
        "b",
    )  # fmt: skip
    found = explain(asked, asked.context)
    assert "選択肢bは「市長」とするが、第4条第1項は「港長」とする。" in found.text
    assert "選択肢cは、第6条第1号の「港湾施設を損傷するおそれがあるとき」と合う。" in found.text
    assert found.agreement


def test_what_is_not_listed() -> None:
    asked = question(
        "港長が許可をしてはならない場合に該当しないものを教えてください。",
        ["港湾施設を損傷するおそれがあるとき", "申請者が講習を修了していないとき", "申請者が使用料を三月以上滞納しているとき", "港湾施設を損傷するおそれがあるとき。"],
        "b",
    )  # fmt: skip
    found = explain(asked, asked.context)
    assert found.text.startswith(
        "港湾条例第6条は「港長は、申請が次の各号のいずれかに該当するときは、許可をしてはならない」とし、"
    )
    assert "選択肢bの「申請者が講習を修了していないとき」は、そこに挙げられていない。" in found.text
    assert found.contrasts == 3


def test_a_number_is_reckoned_against_a_limit() -> None:
    asked = question(
        "許可をしてはならない場合に該当するものを教えてください。",
        ["申請者が使用料を一月滞納しているとき", "申請者が使用料を四月滞納しているとき", "申請者が使用料を二月滞納しているとき", "申請者が講習を受けていないとき"],
        "b",
    )  # fmt: skip
    found = explain(asked, asked.context)
    assert "選択肢bの「四月」は「三月以上」に当たる。" in found.text
    assert "選択肢aの「一月」は「三月以上」に当たらない。" in found.text


def test_a_number_with_separators_is_the_number_of_the_statute() -> None:
    context = "## 港湾条例\n### 第7条\n登録を受けようとする者は、資本金の額が二千五百万円以上でなければならない。"
    asked = question(
        "登録について正しいものを教えてください。",
        ["資本金の額が2,500万円以上でなければならない", "資本金の額が1,000万円以上でなければならない",
         "資本金の額が2千万円以上でなければならない", "資本金の額が5,000万円以上でなければならない"],
        "a", context,
    )  # fmt: skip
    assert explain(asked, context).text == (
        "港湾条例第7条は「登録を受けようとする者は、資本金の額が二千五百万円以上でなければならない」とする。"
        "選択肢aの「資本金の額が2,500万円以上でなければならない」はこれと合う。"
        "選択肢bは「1,000万円以上」とするが、第7条は「二千五百万円以上」とする。"
        "選択肢cは「2千万円以上」とするが、第7条は「二千五百万円以上」とする。"
        "選択肢dは「5,000万円以上」とするが、第7条は「二千五百万円以上」とする。"
    )


def test_the_basis_of_a_rule() -> None:
    asked = question(
        "港湾施設を損傷するおそれがあるときに許可をしてはならないことの根拠となる条文を教えてください。",
        ["港湾条例第4条第1項本文", "港湾条例第4条第1項ただし書", "港湾条例第6条第1号", "港湾条例第6条第2号"],
        "c",
    )
    found = explain(asked, asked.context)
    assert "問いの「港湾施設を損傷するおそれがあるとき」はここに定められている。" in found.text
    assert "選択肢bの第4条第1項は「ただし、荒天を避けるときは、この限りでない」とする定めである。" in found.text
    assert found.is_full


@pytest.mark.parametrize(("count", "correct"), [(2, "b"), (3, "c"), (5, "e"), (6, "a")])
@pytest.mark.parametrize("citing", [False, True])
def test_questions_with_any_number_of_choices_have_reasonings(count: int, correct: str, citing: bool) -> None:
    right = "港湾条例第6条第1号" if citing else "使用を始める日の十日前までに、申請しなければならない"
    wrong = (
        ["港湾条例第4条第1項", "港湾条例第6条第2号"]
        if citing
        else ["使用を始める日の十五日前までに、申請しなければならない"]
    )
    choices = [
        right if letter == correct else wrong[place % len(wrong)] for place, letter in enumerate("abcdef"[:count])
    ]
    asks = (
        "港湾施設を損傷するおそれがあるときに許可をしないことの根拠となる条文はどれか。"
        if citing
        else "正しいものはどれか。"
    )
    asked = question(asks, choices, correct)
    found = explain(asked, asked.context)
    assert found.quotes > 0
    assert found.others == count - 1
    assert found.is_full == (found.agreement and found.contrasts == count - 1)
    assert set(re.findall("選択肢(.)", found.text)) <= set("abcdef"[:count])


def test_what_stands_under_several_articles_is_said_of_all_of_them() -> None:
    """第五条 follows 第三条 in the text of 第3条から第5条まで: it is not the first article that says it."""
    context = "## 渡船法\n### 第3条から第5条まで\n第三条 登録は、三年とする。\n第五条 渡船の料金は、海事大臣が定める。"
    asked = question(
        "正しいものはどれか。", ["渡船の料金は、海事大臣が定める", "渡船の料金は、知事が定める"], "a", context
    )
    text = explain(asked, context).text
    assert "第3条から第5条まで" in text
    assert "第3条は" not in text


@pytest.mark.parametrize(
    ("choice", "place"),
    [
        ("港湾条例第４条第１項", "第4条第1項"),
        ("港湾条例 第6条 の第2号", None),
        ("第6条第2号", "第6条第2号"),
        ("港湾条例第9条", None),
        ("港湾規則第6条第2号", None),
    ],
)
def test_a_named_provision_is_found_or_not(choice: str, place: str | None) -> None:
    named = named_provisions(question("根拠条文を教えてください。", [choice] * 4, "a"))
    found = sentences_of(named["a"], split_sentences(parse_provisions(HARBOUR))) if named else []
    assert [one.provision.label for one in found][:1] == ([place] if place else [])


def test_choices_that_only_mention_an_article_are_no_names() -> None:
    assert named_provisions(question("問", ["港湾条例第4条の金銭"] * 4, "a")) is None


def test_without_the_deciding_text_less_is_said() -> None:
    asked = question("正しいものを教えてください。", ["一年", "二年", "三年", "四年"], "b")
    elsewhere = "[1] 別の法 第1条\n期間は二週間とする。"
    found = explain(asked, elsewhere)
    assert found.text == "根拠となるのは港湾条例第4条及び第6条であるが、その文は手元の参照条文に含まれていない。"
    assert (found.quotes, found.agreement, found.contrasts, found.is_empty) == (0, False, 0, True)


def test_a_question_without_any_text() -> None:
    found = explain(question("期間について正しいものはどれですか。", ["一", "二", "三", "四"], "b", context=None), None)
    assert found.text == "「期間について正しいものはどれですか」を定める文は、示された資料からは特定できない。"
    assert found.is_empty


def test_retrieved_text_is_quoted_where_it_holds_the_gold_article() -> None:
    asked = question(
        "正しいものを教えてください。",
        ["使用を始める日の五日前までに申請する", "使用を始める日の十日前までに申請する", "市長に申請する", "届け出る"],
        "b",
    )
    context = "[1] 別の法 第1条\n使用を始める日の五日前までに申請する。\n\n[2] 港湾条例 第4条第1項\n第1項　使用を始める日の十日前までに、港長に申請する。"
    found = explain(asked, context)
    assert found.text.startswith("港湾条例第4条第1項は「使用を始める日の十日前までに、港長に申請する」とする。")
    assert "別の法" not in found.text


def check(asked: Question, source: str) -> None:
    found = explain(asked, source)
    quoted = re.findall(r"「([^「」]+)」", found.text)
    for words in quoted:
        assert words in source or words in asked.question or any(words in text for text in asked.choices.values()), (
            words
        )
    assert "\n" not in found.text
    assert parse_answer(render_cot_answer(found.text, asked.correct)).letter == asked.correct
    assert found.text == explain(asked, source).text
    if found.quotes:
        assert any(ref.law.split("（")[0] in found.text for ref in asked.articles)


@pytest.mark.parametrize("path", [SAMPLE, OPEN100], ids=["sample", "open100"])
def test_every_quote_is_verbatim_and_every_answer_parses_back(path: Path) -> None:
    if not path.exists():
        pytest.skip("needs ../shared")
    for asked in load_questions(path)[:100]:
        assert asked.context is not None
        check(asked, asked.context)


def test_in_another_order_the_reasoning_speaks_of_the_letters_shown() -> None:
    for asked in load_questions(SAMPLE)[:10]:
        plain = explain(asked, asked.context)
        shown = reorder(asked, ORDERS[2])
        moved = explain(shown, asked.context)
        assert (moved.quotes, moved.agreement, moved.contrasts) == (plain.quotes, plain.agreement, plain.contrasts)
        original = re.sub(
            r"選択肢([a-d])", lambda match: "選択肢" + original_letter(match.group(1), ORDERS[2]), moved.text
        )
        assert sorted(original.split("。")) == sorted(plain.text.split("。"))
