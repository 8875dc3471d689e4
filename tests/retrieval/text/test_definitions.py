from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.text.definitions import MAX_TEXT_CHARS, definitions_in, term_key


def _one(text):
    return [(found.term, found.scope) for found in definitions_in([("", text)])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("この法律で「医薬品」とは、次に掲げる物をいう。", [("医薬品", "law")]),
        ("この法律において、「発行者」とは、発行する者をいう。", [("発行者", "law")]),
        ("この府令において「募集」、「売出し」又は「発行者」とは、それぞれ法第二条に規定するものをいう。", [("募集", "law"), ("売出し", "law"), ("発行者", "law")]),
        ("この章において「取引」とは売買をいい、「相場」とは価格をいう。", [("取引", "division"), ("相場", "division")]),
        ("発行する情報（以下「特定証券情報」という。）を提供する。", [("特定証券情報", "law")]),
        ("情報（以下単に「証券情報」という。）", [("証券情報", "law")]),
        ("情報（以下この条において「証券情報」という。）", [("証券情報", "article")]),
        ("情報（以下この条及び次条において単に「証券情報」という。）", [("証券情報", "article")]),
        ("情報（次項及び第四項において「証券情報」という。）", [("証券情報", "article")]),
        ("額（ロにおいて「単位金額」という。）", [("単位金額", "article")]),
        ("情報（以下この章において「証券情報」という。）", [("証券情報", "division")]),
        ("情報（以下この節から第五節までにおいて「証券情報」という。）", [("証券情報", "division")]),
        ("甲等（以下「甲種」及び「乙種」と総称する。）", [("甲種", "law"), ("乙種", "law")]),
        ("情報（以下「電磁的方法」という。）", [("電磁的方法", "law")]),
        # Names of laws are not terms, nor is what another provision is quoted with, nor a thing only mentioned.
        ("金融商品取引法（昭和二十三年法律第二十五号。以下「金商法」という。）", []),
        ("学校法人（昭和二十四年法律第二百七十号。以下「設置者」という。）", []),
        ("改正前の会社法（以下「旧会社法」という。）", []),
        ("「情報（以下「証券情報」という。）」とあるのは「資料」とする。", []),
        ("看板に「市場」とは表示してはならない。", []),
        ("証券（以下「券」という。）", []),
        ("", []),
    ],
)  # fmt: skip
def test_terms_and_how_far_they_hold(text, expected):
    assert _one(text) == expected


def test_the_items_of_a_list_of_terms():
    lines = [
        ("", "この法律において、次の各号に掲げる用語の意義は、当該各号に定めるところによる。"),
        ("1", "一　借地権　建物の所有を目的とする地上権又は土地の賃借権をいう。"),
        ("2", "二　借地権者　借地権を有する者（以下「権利者」という。）をいう。"),
        ("2.1", "イ　賃借人　借りた者をいう。"),
    ]
    found = definitions_in(lines)
    assert [(one.term, one.scope) for one in found] == [("借地権", "law"), ("借地権者", "law"), ("権利者", "law")]
    assert found[0].text == "借地権　建物の所有を目的とする地上権又は土地の賃借権をいう。"
    chapter = [("", "この章において、次に掲げる用語の定義は、次のとおりとする。"), lines[1]]
    assert [one.scope for one in definitions_in(chapter)] == ["division"]
    # The same items under another lead define nothing.
    assert definitions_in([("", "次に掲げる者は、届け出る。"), lines[1]]) == []


def test_the_text_is_the_sentence_around_the_term():
    text = "許可を要する。ただし、船舶（渡船を除く。以下「対象船舶」という。）は、この限りでない。「桟橋」とは、係留する施設をいう。終わり。"
    first, second = definitions_in([("", text)])
    assert first.text == "ただし、船舶（渡船を除く。以下「対象船舶」という。）"
    assert second.text == "「桟橋」とは、係留する施設をいう。"


def test_long_texts_are_cut_where_the_term_is_not():
    before = definitions_in([("", "あ" * 500 + "（以下「証券情報」という。）")])[0].text
    assert before == "…" + ("あ" * 500 + "（以下「証券情報」という")[-160:] + "。）"
    after = definitions_in([("", "この法律で「証券情報」とは、" + "あ" * 500 + "をいう。")])[0].text
    assert len(after) == MAX_TEXT_CHARS
    assert (after[:14], after[-2:]) == ("この法律で「証券情報」とは、", "あ…")


def test_a_term_is_given_once_and_compared_folded():
    found = definitions_in([("", "甲（以下「第１種　情報」という。）"), ("1", "乙（以下「第一種情報」という。）")])
    assert [(one.term, one.key) for one in found] == [("第１種　情報", "第1種情報")]
    assert term_key("第一種 情報") == "第1種情報"


@given(st.text(alphabet="「」（）。、以下この条章法律においてという。とは、をいう甲乙情報", max_size=80))
def test_every_term_stands_in_the_text(text):
    for found in definitions_in([("", text)]):
        assert f"「{found.term}」" in text
        assert len(found.key) > 1
        assert len(found.text) <= MAX_TEXT_CHARS
