from __future__ import annotations

import pytest

from app.retrieval.text.abbreviations import common_names
from app.retrieval.text.citations import find_mentions
from app.retrieval.text.law_names import LawNames, title_names
from app.retrieval.text.mention import Place
from app.retrieval.text.name_mining import defined_short_names, mined_names

LAWS = {
    "A": "金融商品取引法",
    "B": "金融商品取引法施行令",
    "C": "会社法",
    "D": "民法",
    "E": "医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律",
    "F": "金融商品取引法第二条に規定する定義に関する内閣府令",
    "G": "商法",
}
NAMES = LawNames(
    [
        *((title, law_id, "title") for law_id, title in LAWS.items()),
        ("昭和二十三年法律第二十五号", "A", "number"),
        *common_names({title: law_id for law_id, title in LAWS.items()}),
        ("薬事法", "E", "former"),
        ("整備等法", "C", "defined"),
        ("整備等法", "D", "defined"),
    ]
)

QUERIES = [
    # law and article, every way of writing numbers
    ("金商法第27条の2第1項", [("A", "27_2", "1", None)]),
    ("金商法27条の2第1項", [("A", "27_2", "1", None)]),
    ("金融商品取引法第二十七条の二第一項第三号の二", [("A", "27_2", "1", "3_2")]),
    ("金融商品取引法 第２７条の２ 第１項", [("A", "27_2", "1", None)]),
    ("昭和23年法律第25号第2条", [("A", "2", None, None)]),
    ("薬事法第14条", [("E", "14", None, None)]),
    ("薬機法第23条の2の5", [("E", "23_2_5", None, None)]),
    ("医薬品、医療機器等の品質、有効性及び安全性の確保等に関する法律第2条", [("E", "2", None, None)]),
    # the law named once holds for what follows
    ("金商法第5条第6項により、第5条第1項の届出書", [("A", "5", "6", None), ("A", "5", "1", None)]),
    ("金商法について、第5条は", [("A", "5", None, None)]),
    ("第5条は、金商法では", [("A", "5", None, None)]),
    ("民法第90条又は第91条。会社法第2条及び同法第3条", [("D", "90", None, None), ("D", "91", None, None), ("C", "2", None, None), ("C", "3", None, None)]),
    ("金融商品取引法において、法第37条第1項及び第3項", [("A", "37", "1", None), ("A", "37", "3", None)]),
    ("金商法第4条、令第2条の12", [("A", "4", None, None), ("B", "2_12", None, None)]),
    ("会社法第2条第1号、同条第3号", [("C", "2", None, "1"), ("C", "2", None, "3")]),
    ("会社法第9条第2項、同項第3号", [("C", "9", "2", None), ("C", "9", "2", "3")]),
    ("金融商品取引法（昭和二十三年法律第二十五号。以下「法」という。）第二条", [("A", "2", None, None)]),
    # names inside names
    ("金融商品取引法第二条に規定する定義に関する内閣府令第9条の2", [("F", "9_2", None, None)]),
    ("旧民法第1条", [("", "1", None, None)]),
    ("会社法人第1条", [("", "1", None, None)]),
    # not known: said so, never guessed
    ("仮想渡船法第5条", [("", "5", None, None)]),
    ("第5条", [("", "5", None, None)]),
    ("民法第10条及び前2項並びに前三条", [("D", "10", None, None)]),
    ("民法は全1050条から成り、その次の2条", []),
    ("民法709条の前の2条と改正前の710条、改正前711条", [("D", "709", None, None), ("", "710", None, None), ("", "711", None, None)]),
    ("民法第709条Xの責任", [("D", "709", None, None)]),
    ("民法第709条X、Yの責任、民法710条X", [("D", "709", None, None), ("D", "710", None, None)]),
    ("民法709条Iの責任、民法710条V・Wの責任", [("D", "709", None, None), ("D", "710", None, None)]),
    ("会社法362条V①、362条IV", [("C", "362", "5", "1"), ("C", "362", "4", None)]),
    ("会社法362条X①、362条I、363条V", [("C", "362", "10", "1"), ("C", "362", "1", None), ("C", "363", "5", None)]),
    ("会社法362IV①、民法第709条Ⅰの責任", [("C", "362", "4", "1"), ("D", "709", "1", None)]),
    # no references at all
    ("三条件と5条例について", []),
    ("届出の期限は", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), QUERIES)
def test_references_in_a_question(text, expected):
    found = find_mentions(text, NAMES)
    assert [(",".join(m.law_ids), m.article, m.paragraph, m.item) for m in found] == expected


def test_an_ambiguous_name_gives_all_its_laws():
    (mention,) = find_mentions("整備等法第3条", NAMES)
    assert mention.law_ids == ("C", "D")
    assert mention.law_text == "整備等法"


def test_supplementary_provisions():
    (mention,) = find_mentions("会社法附則第3条第2項", NAMES)
    assert (mention.part, mention.article, mention.paragraph) == ("supplement", "3", "2")


PLACE = Place("B", "2_2", "3", ["1", "2", "2_2", "3"], {"法": "A", "特例法": "D"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("前条第一項の規定", [("B", "2", "1")]),
        ("次条", [("B", "3", None)]),
        ("前項に規定する者", [("B", "2_2", "2")]),
        ("第一項の届出", [("B", "2_2", "1")]),
        ("この政令第三条", [("B", "3", None)]),
        ("第三条", [("B", "3", None)]),
        ("法第二十七条の二第一項及び第三項", [("A", "27_2", "1"), ("A", "27_2", "3")]),
        ("特例法第五条", [("D", "5", None)]),
        ("会社法第二条第一号、同法第三条並びに次条", [("C", "2", None), ("C", "3", None), ("B", "3", None)]),
        ("法第四条第一項、同条第二項及び同項の届出", [("A", "4", "1"), ("A", "4", "2"), ("A", "4", "2")]),
        ("準用渡船法第五条", [("", "5", None)]),
        # counted from where they stand: none of them is 第二条, 第十二条 or 第二項
        ("前二条の規定、前十二条の規定及び前二項の規定は、適用しない", []),
        ("第三条及び前二項並びに次二号", [("B", "3", None)]),
        ("前二条第一項の届出", []),
        # counts and other things: statutes write 第 but for an oversight
        ("第二条の次に一条を加え、第三条に二項を加える", [("B", "2", None), ("B", "3", None)]),
        ("次の二条、北一条及び別表第四四・〇三項", []),
        ("法四十条の七第一項。この政令第三条二項", [("A", "40_7", "1"), ("B", "3", "2")]),
    ],
)
def test_references_in_a_statute(text, expected):
    found = find_mentions(text, NAMES, PLACE)
    assert [(",".join(m.law_ids), m.article, m.paragraph) for m in found] == expected


def test_no_article_before_the_first():
    first = Place("B", "1", "1", ["1", "2"], {})
    assert find_mentions("前条", NAMES, first) == []


def test_names_are_mined_from_definitions_and_former_titles():
    numbers = {"昭和二十三年法律第二十五号": "A", "昭和三十五年法律第百四十五号": "E"}
    texts = [
        "金融商品取引法（昭和二十三年法律第二十五号。以下「金商法」という。）第二条",
        "金融商品取引法（昭和二十三年法律第二十五号。以下「法」という。）",
        "薬事法（昭和三十五年法律第百四十五号）第四条",
        "この法律（平成元年法律第九号）",
    ]
    assert mined_names(texts, numbers, LAWS) == {("金商法", "A", "defined"), ("薬事法", "E", "former")}
    assert defined_short_names(texts, numbers) == {"金商法": "A", "法": "A"}


def test_a_better_kind_of_name_hides_a_worse_one():
    names = LawNames([("会社法", "C", "title"), ("会社法", "X", "defined")])
    assert names.lookup("会社法") == ("C",)
    assert names.lookup("会 社 法") == ("C",)
    assert names.lookup("無い法") == ()


def test_an_old_title_in_todays_spelling_gives_way_to_the_law_of_that_title():
    names = LawNames(
        [
            ("公益信託ニ関スル法律", "O", "title"),
            ("公益信託に関する法律", "N", "title"),
            ("盗犯等ノ防止及処分ニ関スル法律", "T", "title"),
        ]
    )
    assert names.lookup("公益信託に関する法律") == ("N",)
    assert names.lookup("公益信託ニ関スル法律") == ("O",)
    assert names.lookup("盗犯等の防止及び処分に関する法律") == ("T",)


def test_a_title_in_brackets_is_a_name_too():
    title = "昭和二十二年法律第五十四号（私的独占の禁止及び公正取引の確保に関する法律）"
    assert title_names(title) == [title, "私的独占の禁止及び公正取引の確保に関する法律"]
    assert LawNames([(name, "Z", "title") for name in title_names(title)]).lookup(
        "私的独占の禁止及び公正取引の確保に関する法律"
    ) == ("Z",)
