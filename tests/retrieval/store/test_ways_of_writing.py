"""One provision, every way people write it: other numerals, branches, dashes, brackets, tables, forms, former titles."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date

import pytest

from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from tests.retrieval.conftest import law_xml, write_book

DAY = "20240401_506AC0000000001"


def _appendix(tag: str, title: str, *lines: str) -> str:
    rows = "".join(
        f'<Item Num="{place}"><ItemSentence><Sentence>{line}</Sentence></ItemSentence></Item>'
        for place, line in enumerate(lines, start=1)
    )
    name = "StyleTitle" if tag == "AppdxStyle" else f"{tag}Title"
    return f"<{tag}><{name}>{title}</{name}>{rows}</{tag}>"


def _supplement(number: str, *tables: str) -> str:
    return f'<SupplProvision AmendLawNum="{number}"><SupplProvisionLabel>附則</SupplProvisionLabel>{"".join(tables)}</SupplProvision>'


def _old_table(title: str) -> str:
    return f"<SupplProvisionAppdxTable><SupplProvisionAppdxTableTitle>{title}</SupplProvisionAppdxTableTitle><Remarks>額</Remarks></SupplProvisionAppdxTable>"


TABLES = (
    _appendix("AppdxTable", "別表第一", "一", "外交", "二", "興行") + _appendix("AppdxTable", "別表第二（第三条関係）", "永住")
    + _appendix("AppdxStyle", "様式第九号の二（第十六条関係）", "届") + _appendix("AppdxStyle", "第二号様式", "書")
    + _appendix("AppdxStyle", "別紙様式第一号", "紙") + _supplement("昭和二八年八月一日法律第一五五号", _old_table("附則別表"))
    + _supplement("昭和三三年五月一日法律第一二四号", _old_table("附則別表"), _old_table("第一号表ノ二"))
)  # fmt: skip

MINPO, STAY, RULE, FIRE, MONEY, DUTY = "民法", "在留法", "人事院規則一四―七（政治的行為）", "明治三十二年法律第四十号（失火ノ責任ニ関スル法律）", "金融商品取引法", "道路交通法施行令"  # fmt: skip
BOOK = {
    f"129AC0000000089_{DAY}": law_xml(
        MINPO, "明治二十九年法律第八十九号",
        {str(n): [f"第{n}条の定め"] for n in range(1, 4)} | {"5": ["子の定め", "二項\n甲\n乙"], "398_2": ["根抵当の定め"], "398_3": ["範囲の定め"]} | {str(n): [f"第{n}条の定め"] for n in range(708, 712)},
        after='<SupplProvision AmendLawNum="平成二九年六月二日法律第四四号"><SupplProvisionLabel>附則</SupplProvisionLabel><Article Num="10"><ArticleTitle>第十条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>経過</Sentence></ParagraphSentence></Paragraph></Article></SupplProvision>',
    ),
    f"326CO0000000319_{DAY}": law_xml(STAY, "昭和二十六年政令第三百十九号", {"2": ["在留の定め"]}, after=TABLES).replace(
        "<MainProvision>", '<Preamble><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>国際の協調</Sentence></ParagraphSentence></Paragraph></Preamble><MainProvision>'
    ),
    f"332RJNJ14007000_{DAY}": law_xml(RULE, "昭和二十四年人事院規則一四―七", {"3": ["行為の定め"]}),
    f"132AC1000000040_{DAY}": law_xml(FIRE, "明治三十二年法律第四十号", {"1": ["失火の定め"]}),
    "323AC0000000025_20000401_000000000000000": law_xml("証券取引法", "昭和二十三年法律第二十五号", {"27_2": ["古い定め"]}),
    f"323AC0000000025_{DAY}": law_xml(MONEY, "昭和二十三年法律第二十五号", {"27_2": ["買付の定め"], "27_12": ["甲"], "27_13": ["乙"], "27_14": ["丙"], "2": ["定義\n一\n二"]}),
    f"335AC0000000105_{DAY}": law_xml("道路交通法", "昭和三十五年法律第百五号", {"1": ["交通の定め"]}, abbreviation="道交法"),
    f"335CO0000000270_{DAY}": law_xml(DUTY, "昭和三十五年政令第二百七十号", {"1": ["信号の定め"]}),
    f"340M50000002060_{DAY}": law_xml("運転の府令", "昭和四十年総理府令第六十号", {"1": ["道路交通法施行令（昭和三十五年政令第二百七十号。以下「道交法施行令」という。）第一条の信号。"]}),
    f"342AC0000000001_{DAY}": law_xml("労働法", "昭和四十二年法律第一号", {"1": ["甲"], "2": ["乙"]}, after='<SupplProvision><SupplProvisionLabel>附則</SupplProvisionLabel>' + "".join(f'<Article Num="{n}"><ArticleTitle>第{n}条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>丙</Sentence></ParagraphSentence></Paragraph></Article>' for n in (3, 4)) + _old_table("附則別表") + "</SupplProvision>" + _supplement("昭和五〇年五月一日法律第三号", _old_table("附則別表"))),
    f"341AC0000000001_{DAY}": law_xml("船の通行に関する法律", "昭和四十一年法律第一号", {"1": ["船の定め"]}),
    f"341AC0000000002_{DAY}": law_xml("車の通行に関する法律", "昭和四十一年法律第二号", {"1": ["車の定め"]}, abbreviation="陸往来法,船・車連絡法"),
    f"341CO0000000003_{DAY}": law_xml("船の政令", "昭和四十一年政令第三号", {"1": ["船の通行に関する法律（昭和四十一年法律第一号。以下「往来法」という。）第一条の船。"]}),
    f"332AC0000000026_{DAY}": law_xml("租税特別措置法", "昭和三十二年法律第二十六号", {"41_19_2": ["控除の定め"]}),
}  # fmt: skip


def found(title: str, num: str, paragraph: str | None = None, item: str | None = None) -> tuple:
    return ("found", title, "main", num, paragraph, item, "")


def table(title: str, name: str) -> tuple:
    return ("found", title, "appendix", name)


ROWS = [
    # branches
    *((text, [found(MINPO, "398_2")]) for text in ("民法398条ノ2", "民法第三百九十八条ノ二", "民法398条之2", "民法398ノ2条", "民法第398の2条", "民法398の2", "民法三九八条の二", "民法第３９８條の２")),
    ("租特法第41条の19の2", [found("租税特別措置法", "41_19_2")]),
    ("民法398条の2・の3", [found(MINPO, "398_2"), found(MINPO, "398_3")]),
    ("民法398条の2及びの3", [found(MINPO, "398_2"), found(MINPO, "398_3")]),
    ("金商法27ノ2条", [found(MONEY, "27_2")]),
    ("民法5条2項1号の2", [("unknown_item", "第2項第1号の2はありません")]),
    ("民法5条2項1の2号", [("unknown_item", "第2項第1号の2はありません")]),
    # ranges and lists without 条
    *((text, [found(MINPO, "709"), found(MINPO, "710"), found(MINPO, "711")]) for text in ("民709〜711", "民709～711は", "民法709ないし711", "民法709条-711条", "民法709条―711条", "民法第709条－第711条", "民法709,710,711")),
    ("民法398条の2－398条の3", [found(MINPO, "398_2"), found(MINPO, "398_3")]),
    ("民法708条から711条まで（709条から710条までを除く。）", [found(MINPO, "708"), found(MINPO, "711"), ("excluded", "709条"), ("excluded", "710条")]),
    ("民法708条から711条まで（708条及び710条を除く。）", [found(MINPO, "709"), found(MINPO, "711"), ("excluded", "708条"), ("excluded", "710条")]),
    ("民法708条から710条まで（709条1項を除く。）", [*(found(MINPO, n) for n in ("708", "709", "710")), ("excluded", "709条1項")]),
    ("労働法1条から4条まで", [found("労働法", "1"), found("労働法", "2"), ("found", "労働法", "supplement", "3", None, None, ""), ("found", "労働法", "supplement", "4", None, None, "")]),
    ("民5②", [found(MINPO, "5", "2")]),
    ("民5①②", [found(MINPO, "5", "1"), found(MINPO, "5", "2")]),
    ("民5Ⅱ①②", [found(MINPO, "5", "2", "1"), found(MINPO, "5", "2", "2")]),
    ("民709-711", [("ambiguous_article", "第709条から第711条までか、第709条の711か")]),
    ("民法709条/711条", [found(MINPO, "709"), found(MINPO, "711")]),
    ("民法709/710", [found(MINPO, "709"), found(MINPO, "710")]),
    ("金商法27条の12-27条の14", [found(MONEY, "27_12"), found(MONEY, "27_13"), found(MONEY, "27_14")]),
    ("金商法第27条の12—第27条の14", [found(MONEY, "27_12"), found(MONEY, "27_13"), found(MONEY, "27_14")]),
    *((text, [found(MONEY, "27_12"), found(MONEY, "27_13"), found(MONEY, "27_14")]) for text in ("金商法27条の12〜14", "金商法27条の12から14まで", "金商法27条の12-14", "金商法27条の12ないし14の規定", "金商法第二十七条の十二～の十四は")),
    *((text, [found(MONEY, "27_12")]) for text in ("金商法27条の12から14日以内", "金商法27条の12から3年")),
    ("金商法27条の12-3", [("found", MONEY, "main", "27_12", None, None, "「-3」が項か号か枝番か範囲の終わりか分からない")]),
    # no articles: a date behind a name, a year and a kind of law without its number
    *((text, []) for text in ("民法2020/4/1", "民法2020/4", "民法２０２０／０４／０１施行", "民法2020・4・1")),
    *((text, [("unknown_law", f"法令「{name}」が分かりません")]) for text, name in (("平成30年政令第3条", "平成30年政令"), ("昭和25年法第10条", "昭和25年法"), ("令和5年法5条", "令和5年法"), ("昭和25年法律第12条の2", "昭和25年法律"))),
    # 除く: of this range only, and only the whole articles
    ("民法1条から711条まで（2条及び5条2項から709条までを除く。）", [found(MINPO, "1"), found(MINPO, "3"), found(MINPO, "5"), found(MINPO, "710"), found(MINPO, "711"), ("excluded", "2条"), ("excluded", "5条2項"), ("excluded", "709条")]),
    ("民法708条から711条まで（708条から710条2項までを除く。）", [found(MINPO, "710"), found(MINPO, "711"), ("excluded", "708条"), ("excluded", "710条2項")]),
    ("民法708条から710条まで（709条2号を除く。）", [*(found(MINPO, n) for n in ("708", "709", "710")), ("excluded", "709条2号")]),
    ("a 民法708条から709条まで（708条を除く。） b 民法708条から710条まで", [found(MINPO, "709"), ("excluded", "708条"), *(found(MINPO, n) for n in ("708", "709", "710"))]),
    ("民法709条を除く708条から711条まで", [("excluded", "709条"), found(MINPO, "708"), found(MINPO, "710"), found(MINPO, "711")]),
    ("民法708条から710条まで及び2条から3条まで（709条を除く。）", [found(MINPO, n) for n in ("708", "710", "2", "3")] + [("excluded", "709条")]),
    ("民法1,200円", []),
    # what a number behind 条 counts is not said
    ("金商法2条1", [("found", MONEY, "main", "2", None, None, "「1」が項か号か枝番か分からない")]),
    ("金商法2条2は", [("found", MONEY, "main", "2", None, None, "「第2項」のように書いてください")]),
    ("金商法2条-2", [("found", MONEY, "main", "2", None, None, "「第2項」のように書いてください")]),
    # the articles beside one
    ("民法709条及び次条", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民法709条と前条", [found(MINPO, "709"), found(MINPO, "708")]),
    ("民法3条及び次条第1項及び第2項", [found(MINPO, "3"), found(MINPO, "5", "1"), found(MINPO, "5", "2")]),
    ("民法3条、次条及び同条第2項", [found(MINPO, "3"), found(MINPO, "5"), found(MINPO, "5", "2")]),
    ("民法3条、次条第2項1号及び同項第2号", [found(MINPO, "3"), found(MINPO, "5", "2", "1"), found(MINPO, "5", "2", "2")]),
    ("民法709条、次条及び次条", [found(MINPO, n) for n in ("709", "710", "711")]),
    ("民法709条並びに前条及び次条", [found(MINPO, n) for n in ("709", "708", "710")]),
    ("民法709条から次条まで", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民法708条及び次条から711条まで", [found(MINPO, n) for n in ("708", "709", "710", "711")]),
    ("民法708条から711条まで（709条及び次条を除く。）", [found(MINPO, "708"), found(MINPO, "711"), ("excluded", "709条"), ("excluded", "次条")]),
    ("民法709条から次条まで（709条を除く。）", [found(MINPO, "710"), ("excluded", "709条")]),
    ("民法711条から次条まで", [found(MINPO, "711"), ("unknown_article", "前後の条")]),
    ("民法711条及び次条", [found(MINPO, "711"), ("unknown_article", "前後の条")]),
    ("民法709条の話。前条の規定により", [found(MINPO, "709")]),
    # brackets, old forms, short numbers, radicals of PDFs
    ("⺠法709条", [found(MINPO, "709")]),
    ("民法〔改正前〕709条", [("other_version", "民法 第709条")]),
    ("民法709 条文", [found(MINPO, "709")]),
    ("明29法89第709条", [found(MINPO, "709")]),
    ("Ｍ29法89第709条", [found(MINPO, "709")]),
    ("民法附則（平二九法四四）10条", [("found", MINPO, "amendment", "10", None, None, "")]),
    ("民法附則（平成29年法律第44号）抄 第10条", [("found", MINPO, "amendment", "10", None, None, "")]),
    ("民法附則平29法44第10条", [("found", MINPO, "amendment", "10", None, None, "")]),
    ("民法附則（平29・6・2法44）10条", [("found", MINPO, "amendment", "10", None, None, "")]),
    ("明治29年法律89号709条", [found(MINPO, "709")]),
    ("民法改正709条", [("other_version", "民法 第709条")]),
    ("民法（債権関係）改正709条", [("other_version", "民法 第709条")]),
    ("民法犯3条", [("unknown_law", "どの法令の条か")]),
    ("民法の旧規定709条", [("other_version", "民法 第709条")]),
    ("民法付則（平成29年法律第44号）第10条", [("found", MINPO, "amendment", "10", None, None, "")]),
    # tables and forms
    ("在留法別表第一", [table(STAY, "別表第一")]),
    ("在留法別表第一の二", [table(STAY, "別表第一")]),
    ("在留法別表第一の三", [("unknown_article", "別表第1の3はありません")]),
    ("在留法別表第一の三の項", [table(STAY, "別表第一")]),
    ("在留法様式第9号の2", [table(STAY, "様式第九号の二（第十六条関係）")]),
    ("在留法第二号様式", [table(STAY, "第二号様式")]),
    ("在留法別紙様式第1号", [table(STAY, "別紙様式第一号")]),
    ("在留法様式第3号", [("unknown_article", "あるのは: 別表第一、別表第二（第三条関係）")]),
    ("在留法附則別表", [("ambiguous_article", "附則（昭和二八年八月一日法律第一五五号）の附則別表、附則（昭和三三年五月一日法律第一二四号）の附則別表")]),
    ("労働法附則別表", [("found", "労働法", "appendix", "附則別表")]),
    ("在留法附則（昭和33年法律第124号）別表", [table(STAY, "附則別表")]),
    ("在留法附則（昭和34年法律第1号）別表", [("unknown_article", "在留法に附則（昭和34年法律第1号）の別表はありません")]),
    ("在留法第1号表の2", [table(STAY, "第一号表ノ二")]),
    ("民法様式第9号", [("unknown_article", "索引の民法のデータに様式第9号はありません")]),
    ("在留法前文", [("found", STAY, "preamble", "", None, None, "")]),
    ("在留法の前文", [("found", STAY, "preamble", "", None, None, "")]),
    ("在留法2条。判決の前文", [found(STAY, "2")]),
    # titles
    *((text, [found(RULE, "3")]) for text in ("人事院規則14-7第3条", "人事院規則一四―七第三条", "人事院規則14ー7（政治的行為）第3条")),
    *((text, [found(FIRE, "1")]) for text in ("失火ノ責任ニ関スル法律1条", "失火の責任に関する法律1条")),
    ("道交法施行令1条", [found(DUTY, "1")]),
    ("往来法1条", [("ambiguous_law", "候補: 船の通行に関する法律（341AC0000000001）、車の通行に関する法律（341AC0000000002）。")]),
    ("船車連絡法1条", [found("車の通行に関する法律", "1")]),
    ("船・車連絡法1条", [found("車の通行に関する法律", "1")]),
    ("証券取引法27条の2", [("found", MONEY, "main", "27_2", None, None, "「証券取引法」は金融商品取引法の前の題名です")]),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    home = tmp_path_factory.mktemp("ways")
    build_index(write_book(home / "laws", BOOK), home / "index")
    return StatuteIndex(home / "index")


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[text for text, _ in ROWS])
def test_every_way_of_writing_leads_to_the_provision(index, text, expected):
    results = index.references(text)
    assert [item.status for item in results] == [row[0] for row in expected], [item.note for item in results]
    for item, row in zip(results, expected, strict=True):
        if row[0] != "found":
            assert row[1] in item.note
        elif len(row) == 4:
            assert (item.article.law_title, item.article.part, item.article.title, item.note) == (*row[1:], "")
        else:
            got = (item.article.law_title, item.article.part, item.article.num, item.paragraph, item.item)
            assert got == row[1:6]
            assert row[6] in item.note
            assert bool(item.note) == bool(row[6])


def test_an_index_that_has_no_amending_laws_of_tables_shows_what_it_has(tmp_path):
    build_index(write_book(tmp_path / "laws", BOOK), tmp_path / "index")
    (store,) = (tmp_path / "index").rglob("store.sqlite")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE articles SET amend_law_num=NULL WHERE part='appendix'")
    old = StatuteIndex(tmp_path / "index")
    (item,) = old.references("在留法附則（昭和33年法律第124号）第1号表の2")
    assert (item.status, item.article.title) == ("found", "第一号表ノ二")
    assert item.note == (
        "在留法附則(昭和33年法律第124号)第1号表の2: 在留法 第一号表ノ二を示します。"
        "昭和33年法律第124号の附則のものかは、この索引からは確かめられません。"
    )
    (item,) = old.references("在留法附則（昭和33年法律第124号）別表")
    assert item.status == "ambiguous_article"
    assert "在留法の附則(昭和33年法律第124号)の別表に当たるものが 2 あります: 附則別表。" in item.note.replace(
        "（", "("
    ).replace("）", ")")


def test_a_former_title_needs_no_word_on_a_day_when_it_was_the_title(index):
    (item,) = index.references("証券取引法27条の2", as_of=date(2004, 4, 1))
    assert (item.status, item.article.law_title, item.note) == ("found", "証券取引法", "")
