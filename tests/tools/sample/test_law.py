"""The authored text of a law: numbers, ruby, sentences, provisions, and lines that fit nowhere."""

import pytest
from lxml import etree

from app.core.errors import DataError
from tools.sample.law import kanji_number, parse_law, plain, ruby_parts, split_sentences
from tools.sample.xml import law_xml

BODY = """第一章　総則
（目的）
第一条　この条例は、灯台（岬の灯台をいう。）を守る。ただし、昼を除く。
第一条の二　灯台守は、次の物を備える。
一　油　五缶
二　布
イ　白いもの
ロ　赤いもの
二の二　鏡
２　灯台守は、｜艀《はしけ》を用いる。
第二章　灯火
第一節　色
第二条から第四条まで　削除
第二節　時刻
第五条　灯は、日没にともす。
附則
１　この条例は、公布の日から施行する。
２　旧規程は、廃止する。
附則　（令和四年汐凪市条例第二号）
（施行期日）
第一条　この条例は、令和五年一月一日から施行する。
別表第一（第五条関係）
｜色｜時刻｜
｜白｜日没｜
"""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("一", 1),
        ("九", 9),
        ("十", 10),
        ("十九", 19),
        ("二十", 20),
        ("四十五", 45),
        ("百", 100),
        ("百三", 103),
        ("三百二十一", 321),
    ],
)
def test_kanji_number(text: str, number: int) -> None:
    assert kanji_number(text) == number


def test_ruby() -> None:
    text = "この｜艀《はしけ》と｜櫓《ろ》"
    assert plain(text) == "この艀と櫓"
    assert list(ruby_parts(text)) == [("この", None), ("艀", "はしけ"), ("と", None), ("櫓", "ろ")]
    assert list(ruby_parts("なし")) == [("なし", None)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("甲とする。ただし、乙を除く。", ["甲とする。", "ただし、乙を除く。"]),
        ("甲（丙をいう。）とする。", ["甲（丙をいう。）とする。"]),
        ("甲中「乙。」とあるのは、丙とする。", ["甲中「乙。」とあるのは、丙とする。"]),
        ("未成年者", ["未成年者"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_provisions(law_header: str) -> None:
    law = parse_law(law_header + BODY, "x.txt")
    assert [article.num for article in law.articles] == ["1", "1_2", "2:4", "5"]
    assert [article.caption for article in law.articles] == ["（目的）", "", "", ""]
    first, branch, deleted, last = law.articles
    assert first.chapter is not None
    assert first.chapter.title == "第一章　総則"
    assert [item.num for item in branch.paragraphs[0].items] == ["1", "2", "2_2"]
    assert [one.label for one in branch.paragraphs[0].items[1].subitems] == ["イ", "ロ"]
    assert branch.paragraphs[1].label == "２"
    assert deleted.deleted
    assert not last.deleted
    assert last.section is not None
    assert last.section.num == "2"
    own, amending = law.supplements
    assert own.amend_law_num is None
    assert [paragraph.label for paragraph in own.paragraphs] == ["１", "２"]
    assert amending.amend_law_num == "令和四年汐凪市条例第二号"
    assert amending.articles[0].caption == "（施行期日）"
    assert law.tables[0].rows == (("色", "時刻"), ("白", "日没"))


def test_xml(law_header: str) -> None:
    root = etree.fromstring(law_xml(parse_law(law_header + BODY, "x.txt")))
    assert root.get("Era") == "Reiwa"
    assert [one.get("Num") for one in root.findall(".//MainProvision//Article")] == ["1", "1_2", "2:4", "5"]
    sentences = root.findall(".//MainProvision/Chapter/Article[@Num='1']//Sentence")
    assert [one.get("Function") for one in sentences] == ["main", "proviso"]
    columns = root.findall(".//Item[@Num='1']/ItemSentence/Column/Sentence")
    assert [one.text for one in columns] == ["油", "五缶"]
    assert [one.text for one in root.findall(".//Item[@Num='2']/Subitem1/Subitem1Title")] == ["イ", "ロ"]
    ruby = root.find(".//Paragraph[@Num='2']/ParagraphSentence/Sentence/Ruby")
    assert (ruby.text, ruby.findtext("Rt"), ruby.tail) == ("艀", "はしけ", "を用いる。")
    assert [one.text for one in root.findall(".//TOC//ArticleRange")] == [
        "（第一条・第一条の二）",
        "（第二条―第四条）",
        "（第五条）",
    ]
    assert [one.get("AmendLawNum") for one in root.findall(".//SupplProvision")] == [None, "令和四年汐凪市条例第二号"]
    assert root.findtext(".//AppdxTable/RelatedArticleNum") == "（第五条関係）"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("第一条　甲。\nこれは何か\n", "x.txt: 14 行目: 「これは何か」を条・項・号のどれとしても読めません。"),
        ("イ　甲\n", "x.txt: 13 行目: 「イ　甲」を条・項・号のどれとしても読めません。"),
        ("第一条　甲。\n第一条　乙。\n", "x.txt: 第1条 が二つあります。"),
    ],
)
def test_unreadable(law_header: str, body: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_law(law_header + body, "x.txt")
    assert str(caught.value) == message


def test_a_head_without_an_id(law_header: str) -> None:
    with pytest.raises(DataError, match=r"^x\.txt: 見出しに 法令ID がありません。$"):
        parse_law(law_header.replace("法令ID: 503SN0000000001\n", "") + BODY, "x.txt")
