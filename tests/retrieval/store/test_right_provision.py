"""Every way of naming a provision leads to that provision or says why not: one row each, the whole result compared."""

from __future__ import annotations

import pytest

from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.rag_pipeline import RAGPipeline
from app.retrieval.text.provision_parts import appendix_key
from tests.retrieval.conftest import law_xml, write_book

DAY = "20240401_506AC0000000001"


def _paragraphs(*texts: str) -> str:
    return "".join(
        f'<Paragraph Num="{number}"><ParagraphNum/><ParagraphSentence><Sentence>{text}</Sentence></ParagraphSentence></Paragraph>'
        for number, text in enumerate(texts, start=1)
    )


def _supplement(body: str, amending: str = "") -> str:
    number = f' AmendLawNum="{amending}"' if amending else ""
    return f"<SupplProvision{number}><SupplProvisionLabel>附則</SupplProvisionLabel>{body}</SupplProvision>"


def _article(num: str, text: str) -> str:
    return f'<Article Num="{num}"><ArticleTitle>第{num}条</ArticleTitle>{_paragraphs(text)}</Article>'


def _table(num: str, title: str) -> str:
    return f'<AppdxTable Num="{num}"><AppdxTableTitle>{title}</AppdxTableTitle><Remarks>表</Remarks></AppdxTable>'


def _plain(title: str, law_num: str, *texts: str) -> str:
    """A law without articles."""
    return law_xml(title, law_num, {"1": ["x"]}).replace(
        law_xml(title, law_num, {"1": ["x"]}).split("<MainProvision>")[1].split("</MainProvision>")[0],
        _paragraphs(*texts),
    )


def _many(first: int, last: int) -> dict[str, list[str]]:
    return {str(number): [f"第{number}条の定め"] for number in range(first, last + 1)}


SUBITEMS = (
    '<Article Num="3"><ArticleTitle>第3条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>次の者</Sentence></ParagraphSentence>'
    '<Item Num="1"><ItemTitle>一</ItemTitle><ItemSentence><Sentence>甲</Sentence></ItemSentence>'
    '<Subitem1 Num="1"><Subitem1Title>イ</Subitem1Title><Subitem1Sentence><Sentence>乙</Sentence></Subitem1Sentence>'
    '<Subitem2 Num="1"><Subitem2Title>（１）</Subitem2Title><Subitem2Sentence><Sentence>丙</Sentence></Subitem2Sentence>'
    '<Subitem3 Num="1"><Subitem3Title>（ｉ）</Subitem3Title><Subitem3Sentence><Sentence>丁</Sentence></Subitem3Sentence></Subitem3></Subitem2></Subitem1></Item></Paragraph></Article>'
)

BOOK = {
    f"129AC0000000089_{DAY}": law_xml(
        "民法", "明治二十九年法律第八十九号",
        _many(1, 30) | {"709": ["不法行為の定め"], "710": ["財産以外の定め"], "711": ["近親者の定め\n親\n子", "二項の定め"]},
        after=_supplement(_article("1", "施行の定め")) + _supplement(_article("10", "経過の定め"), "平成二九年六月二日法律第四四号")
        + _supplement(_article("10", "別の経過"), "令和三年四月二八日法律第二四号") + _supplement(_paragraphs("公布の日", "検討の定め"), "令和五年六月一日法律第五号"),
    ),
    f"140AC0000000045_{DAY}": law_xml("刑法", "明治四十年法律第四十五号", {"3": ["国外犯の定め"]}),
    f"321CONSTITUTION_{DAY}": law_xml("日本国憲法", "昭和二十一年憲法", {"21": ["集会の定め", "検閲の定め"]}),
    f"351AC0000000057_{DAY}": law_xml("特定商取引に関する法律", "昭和五十一年法律第五十七号", {"3": ["表示の定め"], "9": ["解除の定め"]}),
    f"351M50000400089_{DAY}": law_xml("特定商取引に関する法律施行規則", "昭和五十一年通商産業省令第八十九号", {"3": ["書面の定め"]}),
    f"414M60000010022_{DAY}": law_xml("商法施行規則", "平成十四年法務省令第二十二号", {"3": ["帳簿の定め"]}),
    f"415AC0000000057_{DAY}": law_xml("個人情報の保護に関する法律", "平成十五年法律第五十七号", {"23": ["安全の定め"]}),
    f"322AC0000000049_{DAY}": law_xml(
        "労働基準法", "昭和二十二年法律第四十九号", _many(1, 3), after=_supplement(_article("1", "初めの定め") + _article("4", "続きの定め"))
    ),
    f"322M40000100023_{DAY}": law_xml("労働基準法施行規則", "昭和二十二年厚生省令第二十三号", {"5": ["明示の定め"]}),
    f"340AC0000000033_{DAY}": law_xml("所得税法", "昭和四十年法律第三十三号", {"9": ["非課税の定め"]}),
    f"340CO0000000096_{DAY}": law_xml("所得税法施行令", "昭和四十年政令第九十六号", {"9": ["資産の定め"]}),
    f"342AC0000000023_{DAY}": law_xml("印紙税法", "昭和四十二年法律第二十三号", {"2": ["課税の定め"]}, after=_table("1", "別表第一（第二条関係）") + _table("2", "別表第二")),
    f"505AC0000000025_{DAY}": law_xml("特定受託事業者に係る取引の適正化等に関する法律", "令和五年法律第二十五号", {"3": ["明示の定め"]}),
    f"404AC0000000001_{DAY}": law_xml("海浜の緑化の推進に関する法律", "平成四年法律第一号", {"2": ["浜の定め"]}).replace("</MainProvision>", f"{SUBITEMS}</MainProvision>"),
    f"404CO0000000002_{DAY}": law_xml("浜の木に関する政令", "平成四年政令第二号", {"1": ["海浜の緑化の推進に関する法律（平成四年法律第一号。以下「緑化推進法」という。）第二条の浜。"]}),
    f"404CO0000000003_{DAY}": law_xml("浜の砂に関する政令", "平成四年政令第三号", {"1": ["海浜の緑化の推進に関する法律（平成四年法律第一号。以下「浜緑法」という。）第二条の砂。"]}),
    f"404CO0000000004_{DAY}": law_xml("浜の石に関する政令", "平成四年政令第四号", {"1": ["海浜の緑化の推進に関する法律（平成四年法律第一号。以下「浜緑法」という。）第二条の石。"]}),
    f"405M00000000006_{DAY}": law_xml("刑法第三条及び印紙税法別表第一の規定に基づく様式第一号の特例に関する省令", "平成五年法務省令第六号", {"2": ["様式の定め"]}),
    f"301AC0000000007_{DAY}": law_xml("浜の会議に関する法律", "平成元年法律第七号", {"2": ["いまの定め"]}),
    "507AC0000000007_20990401_000000000000000": law_xml("浜の会議に関する法律", "令和七年法律第七号", {"2": ["来る定め"]}),
    f"405CO0000000005_{DAY}": _plain("浜の日を定める政令", "平成五年政令第五号", "浜の日は、五月一日とする。", "雨の日は、翌日とする。"),
}  # fmt: skip

MINPO, RYOKKA = "民法", "海浜の緑化の推進に関する法律"


def found(title: str, num: str, paragraph: str | None = None, item: str | None = None, part: str = "main") -> tuple:
    return ("found", title, part, num, paragraph, item)


def lost(status: str, words: str) -> tuple:
    """A reference that leads nowhere; ``words`` stand in its note."""
    return (status, words)


ROWS = [
    # a name within a longer word, or of another version
    ("特商法施行規則3条", [found("特定商取引に関する法律施行規則", "3")]),
    ("商法施行規則3条", [found("商法施行規則", "3")]),
    ("特商法施行細則3条", [lost("unknown_law", "「特商法施行細則」")]),
    ("改正前個人情報保護法23条", [lost("other_version", "個人情報の保護に関する法律 第23条とは別")]),
    ("改正前の個人情報保護法第23条", [lost("other_version", "--as-of")]),
    ("平成29年改正前民法709条", [lost("other_version", "民法 第709条")]),
    ("民法について、改正前の709条と旧710条", [lost("other_version", "民法 第709条"), lost("other_version", "民法 第710条")]),
    ("民法について、賃貸借契約書第3条", [lost("unknown_law", "賃貸借契約書")]),
    ("2010年の民法709条", [lost("other_version", "民法 第709条")]),
    ("旧民法709条及び第710条", [lost("other_version", "民法"), lost("other_version", "第710条")]),
    ("民法（令和三年法律第二十四号による改正後のもの）第709条", [lost("other_version", "民法")]),
    ("刑法等の一部を改正する法律第3条", [lost("unknown_law", "刑法等の一部を改正する法律")]),
    ("刑法等の一部を改正する法律（令和四年法律第六十七号）第3条", [lost("unknown_law", "刑法等の一部を改正する法律")]),
    ("令和四年法律第六十七号第3条", [lost("unknown_law", "令和四年法律第六十七号")]),
    ("外国民法709条", [lost("unknown_law", "「外国民法」")]),
    ("就業規則第3条と刑法", [lost("unknown_law", "「就業規則」")]),
    ("仮想法第3条、第5条。刑法の話", [lost("unknown_law", "「仮想法」"), lost("unknown_law", "どの法令")]),
    ("不法行為 民法709条", [found(MINPO, "709")]),
    ("現行民法709条", [found(MINPO, "709")]),
    ("刑法の一部を改正する法律では、第3条", [lost("unknown_law", "どの法令の条か")]),
    ("刑法（明治四十年法律第四十五号）第3条", [found("刑法", "3")]),
    ("刑法（明治二十九年法律第八十九号）第3条", [lost("ambiguous_law", "民法（129AC0000000089）、刑法（140AC0000000045）")]),
    ("浜の会議に関する法律2条", [found("浜の会議に関する法律", "2")]),
    ("令和七年法律第七号第2条", [lost("no_revision", "あるのは 2099-04-01 からの版")]),
    # names that one law gives another for itself
    ("緑化推進法2条", [lost("ambiguous_law", f"{RYOKKA}（404AC0000000001）")]),
    ("浜緑法2条", [found(RYOKKA, "2")]),
    # 号 and its parts
    ("民法709条第9号", [lost("unknown_item", "第709条に第9号はありません")]),
    ("民法711条1項2号", [found(MINPO, "711", "1", "2")]),
    ("民法711条1項3号", [lost("unknown_item", "第711条に第1項第3号はありません")]),
    ("民法711条2号", [found(MINPO, "711", None, "2")]),
    ("民法711条2項2号", [lost("unknown_item", "第2項第2号はありません")]),
    ("浜緑法3条1号イ(1)(i)", [found(RYOKKA, "3", None, "1")]),
    ("浜緑法第三条第一号イ（１）（ｉ）", [found(RYOKKA, "3", None, "1")]),
    ("浜緑法3条1号イ(2)", [lost("unknown_item", "第1号イ(2)はありません")]),
    ("浜緑法3条1号ロ", [lost("unknown_item", "第1号ロはありません")]),
    # lists and ranges
    ("民法709、710条", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民法709・710条", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民法第709、 第710条", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民法711条1、2項", [found(MINPO, "711", "1"), found(MINPO, "711", "2")]),
    ("民法711条1項1・2号", [found(MINPO, "711", "1", "1"), found(MINPO, "711", "1", "2")]),
    ("民法711条1項1号及び第3号", [found(MINPO, "711", "1", "1"), lost("unknown_item", "第3号はありません")]),
    ("民法711条1項1号と昭和40年法律第2号", [found(MINPO, "711", "1", "1")]),
    ("民法5~7条", [found(MINPO, "5"), found(MINPO, "6"), found(MINPO, "7")]),
    ("民法第5条〜第7条", [found(MINPO, "5"), found(MINPO, "6"), found(MINPO, "7")]),
    ("民法第五条ないし第七条", [found(MINPO, "5"), found(MINPO, "6"), found(MINPO, "7")]),
    ("民法5条乃至7条", [found(MINPO, "5"), found(MINPO, "6"), found(MINPO, "7")]),
    ("民法5-7条", [lost("ambiguous_article", "第5条から第7条までか、第5条の7か")]),
    ("民法第1条から第13条まで", [found(MINPO, str(n)) for n in range(1, 12)] + [lost("cut", "11 条のうち、はじめの 10 条"), found(MINPO, "13")]),
    ("民法第5条から第8条まで（第七条を除く。）", [found(MINPO, "5"), found(MINPO, "6"), found(MINPO, "8"), lost("excluded", "加えません")]),
    ("民法第5条及び第6条を除く第9条", [lost("excluded", "第5条"), lost("excluded", "第6条"), found(MINPO, "9")]),
    # 附則
    ("民法附則第1条", [found(MINPO, "1", part="supplement")]),
    ("民法附則（平成二十九年法律第四十四号）第十条", [found(MINPO, "10", part="amendment")]),
    ("民法（平成29年法律第44号）附則第10条", [found(MINPO, "10", part="amendment")]),
    ("平成29年法律第44号附則第10条", [found(MINPO, "10", part="amendment")]),
    ("民法附則（令和五年法律第五号）第2項", [found(MINPO, "", "2", part="amendment")]),
    ("平成30年法律第1号附則第10条", [lost("unknown_law", "平成30年法律第1号の附則第10条")]),
    ("民法附則（平成二十九年法律第四十四号）第十一条", [lost("unknown_article", "第11条はありません")]),
    ("民法附則第10条", [lost("unknown_article", "平成二九年六月二日法律第四四号、令和三年四月二八日法律第二四号")]),
    ("労基法4条", [found("労働基準法", "4", part="supplement")]),
    ("労基法附則1条", [found("労働基準法", "1", part="supplement")]),
    ("労基法99条", [lost("unknown_article", "第99条はありません")]),
    # tables, laws without articles
    ("印紙税法別表第一", [found("印紙税法", "", part="appendix")]),
    ("印紙税法別表2", [found("印紙税法", "", part="appendix")]),
    ("印紙税法別表第一の三の項", [found("印紙税法", "", part="appendix")]),
    ("印紙税法の別表", [lost("ambiguous_article", "別表第一（第二条関係）、別表第二")]),
    ("印紙税法別表第三", [lost("unknown_article", "あるのは: 別表第一（第二条関係）、別表第二")]),
    ("次の別表を見て", []),
    ("印紙税法の証明書の様式の特例", []),
    ("刑法第三条及び印紙税法別表第一の規定に基づく様式第一号の特例に関する省令第2条", [found("刑法第三条及び印紙税法別表第一の規定に基づく様式第一号の特例に関する省令", "2")]),
    ("浜の日を定める政令第2項", [found("浜の日を定める政令", "", "2")]),
    ("浜の日を定める政令第3項", [lost("unknown_article", "第3項はありません")]),
    ("刑法第2項", [lost("unknown_article", "条があります")]),
    # everyday abbreviations and numbers without 条
    ("フリーランス法3条", [found("特定受託事業者に係る取引の適正化等に関する法律", "3")]),
    ("労基則5条", [found("労働基準法施行規則", "5")]),
    ("所令9条", [found("所得税法施行令", "9")]),
    ("所法9条", [found("所得税法", "9")]),
    ("下請法4条", [lost("unknown_law", "下請代金支払遅延等防止法")]),
    ("民709", [found(MINPO, "709")]),
    ("民709・710", [found(MINPO, "709"), found(MINPO, "710")]),
    ("民711②", [found(MINPO, "711", "2")]),
    ("民711Ⅰ②", [found(MINPO, "711", "1", "2")]),
    ("憲21Ⅰ", [found("日本国憲法", "21", "1")]),
    ("憲21 条", [found("日本国憲法", "21")]),
    ("民法709は", [found(MINPO, "709")]),
    ("民法§709", [found(MINPO, "709")]),
    ("労基法2条、同法施行規則第5条", [found("労働基準法", "2"), found("労働基準法施行規則", "5")]),
    ("所得税法について、法施行令9条", [found("所得税法施行令", "9")]),
    ("民法709条は除く", [lost("excluded", "民法709条")]),
    ("民法709条または710条", [found(MINPO, "709"), found(MINPO, "710")]),
    ("ＤＶ法1条", [lost("unknown_law", "「ＤＶ法」")]),
    ("民法709条、借家法1条", [found(MINPO, "709"), lost("unknown_law", "「借家法」")]),
    ("国民709人、民709円", []),
    ("市民30を選ぶ", []),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("provisions")
    build_index(write_book(home / "laws", BOOK), home / "index")
    return home / "index"


@pytest.fixture(scope="module")
def index(folder):
    return StatuteIndex(folder)


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[text for text, _ in ROWS])
def test_the_right_provision_or_none(index, text, expected):
    results = index.references(text)
    assert [item.status for item in results] == [row[0] for row in expected], [item.note for item in results]
    for item, row in zip(results, expected, strict=True):
        if row[0] == "found":
            assert item.article is not None
            got = (item.status, item.article.law_title, item.article.part, item.article.num, item.paragraph, item.item)
            assert got == row
            assert item.note == ""
        else:
            assert row[1] in item.note


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[text for text, _ in ROWS])
def test_only_what_is_found_becomes_a_first_hit(index, text, expected):
    if not expected:
        return
    wanted = {(row[1], row[2], row[3]) for row in expected if row[0] == "found"}
    hits = index.search(f"{text}の定め", 10)
    named = {(hit.article.law_title, hit.article.part, hit.article.num) for hit in hits if "citation" in hit.components}
    assert named <= wanted


def test_lookup_shows_what_has_no_article_and_says_what_it_leaves_out(folder, config_for):
    pipeline = RAGPipeline(config_for(folder))
    (whole,) = pipeline.lookup("浜の日を定める政令")
    assert whole.text == "第1項　浜の日は、五月一日とする。\n第2項　雨の日は、翌日とする。"
    (amended,) = pipeline.lookup("民法附則（平成29年法律第44号）第10条")
    assert (amended.title, amended.text) == ("附則（平成二九年六月二日法律第四四号）第10条", "経過の定め")
    assert [one.article for one in pipeline.lookup("民法第1条から第13条まで")] == [str(n) for n in range(1, 14)]
    assert [one.article for one in pipeline.lookup("民法第5条から第7条まで（第六条を除く）")] == ["5", "7"]


@pytest.mark.parametrize(
    ("title", "key"),
    [("別表第一（第三条、第五条の二関係）", "別表1"), ("別表第一の二", "別表1の2"), ("（別表）", "別表"), ("別表第一　土地についての倍数表", "別表1"), ("別記様式第三号", "別記様式3号"), ("附則別表第二", "附則別表2")],
)  # fmt: skip
def test_tables_are_known_by_their_number(title, key):
    assert appendix_key(title) == key
