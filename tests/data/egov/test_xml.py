from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from app.core.errors import DataError
from app.data.egov.law import Law, TableHeader, lines, provisions_text
from app.data.egov.source import law_files, read_law
from app.data.egov.xml import law_id_in, parse_law
from app.data.egov.xml_text import parse_xml, text_of

REAL = Path(__file__).resolve().parents[4] / "shared/data/egov/sample_26_laws.zip"
NAME = "417AC0000000086_20251001_505AC0000000053.xml"

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<Law Era="Heisei" Lang="ja" LawType="Act" Num="086" Year="17" PromulgateMonth="7" PromulgateDay="26">
<LawNum>平成十七年法律第八十六号</LawNum>
<LawBody>
  <LawTitle Kana="たいしゃほう" Abbrev="大社法,社法">大社法</LawTitle>
  <TOC><TOCLabel>目次</TOCLabel></TOC>
  <Preamble><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>われらは、定める。</Sentence></ParagraphSentence></Paragraph></Preamble>
  <MainProvision>
    <Part Num="1"><PartTitle>第一編　総則</PartTitle>
      <Chapter Num="1"><ChapterTitle>第一章　通則</ChapterTitle>
        <Article Num="2_2">
          <ArticleCaption>（<Ruby>定義<Rt>ていぎ</Rt></Ruby>）</ArticleCaption>
          <ArticleTitle>第二条の二</ArticleTitle>
          <Paragraph Num="1"><ParagraphNum/>
            <ParagraphSentence><Sentence Num="1" Function="main">次に掲げる者は、届け出る。</Sentence><Sentence Num="2" Function="proviso">ただし、町長は、この限りでない。</Sentence></ParagraphSentence>
            <Item Num="1"><ItemTitle>一</ItemTitle><ItemSentence><Column Num="1"><Sentence>船</Sentence></Column><Column Num="2"><Sentence>浮く物</Sentence></Column></ItemSentence>
              <Subitem1 Num="1"><Subitem1Title>イ</Subitem1Title><Subitem1Sentence><Sentence>小舟</Sentence></Subitem1Sentence></Subitem1></Item>
            <Item Num="1_2"><ItemTitle>一の二</ItemTitle><ItemSentence><Sentence>車</Sentence></ItemSentence></Item>
            <TableStruct><Table><TableRow><TableColumn><Sentence>甲</Sentence></TableColumn><TableColumn><Sentence>乙</Sentence></TableColumn></TableRow></Table></TableStruct>
          </Paragraph>
          <Paragraph Num="2"><ParagraphNum>２</ParagraphNum><ParagraphSentence><Sentence>細則は、規則で定める。</Sentence></ParagraphSentence></Paragraph>
        </Article>
        <Article Num="3:5" Delete="true"><ArticleTitle>第三条から第五条まで</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>削除</Sentence></ParagraphSentence></Paragraph></Article>
      </Chapter>
      <Chapter Num="2" Delete="true"><ChapterTitle>第二章　削除</ChapterTitle></Chapter>
    </Part>
    <Oddity>どこにも属さない文</Oddity>
  </MainProvision>
  <SupplProvision Extract="true"><SupplProvisionLabel>附　則　抄</SupplProvisionLabel>
    <Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>この法律は、公布の日から施行する。</Sentence></ParagraphSentence></Paragraph>
    <SupplProvisionAppdxTable Num="1"><SupplProvisionAppdxTableTitle>附則別表</SupplProvisionAppdxTableTitle></SupplProvisionAppdxTable></SupplProvision>
  <SupplProvision AmendLawNum="令和五年法律第五三号"><SupplProvisionLabel>附　則</SupplProvisionLabel>
    <Article Num="1"><ArticleTitle>第一条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>改正後の例による。</Sentence></ParagraphSentence></Paragraph></Article></SupplProvision>
  <AppdxTable Num="1"><AppdxTableTitle>別表第一</AppdxTableTitle><RelatedArticleNum>（第二条の二関係）</RelatedArticleNum><Item Num="1"><ItemTitle>一</ItemTitle><ItemSentence><Sentence>渡船</Sentence></ItemSentence></Item></AppdxTable>
</LawBody></Law>"""


@pytest.fixture(scope="module")
def law() -> Law:
    return parse_law(WHOLE.encode(), NAME)


def test_facts_about_the_law(law):
    assert (law.law_id, law.revision_id) == ("417AC0000000086", NAME.removesuffix(".xml"))
    assert (law.title, law.abbreviations, law.law_num) == ("大社法", ("大社法", "社法"), "平成十七年法律第八十六号")
    assert (law.promulgated, law.valid_from, law.law_type) == ("2005-07-26", "2025-10-01", "Act")


def test_articles_with_branch_numbers_ranges_headings_and_ruby(law):
    first, deleted, heading = law.main.articles
    assert (first.num, first.title, first.caption) == ("2_2", "第二条の二", "（定義）")
    assert first.headings == ("第一編　総則", "第一章　通則")
    assert (deleted.num, deleted.deleted) == ("3:5", True)
    assert (heading.headings[-1], heading.paragraphs) == ("第二章　削除", ())


def test_lead_proviso_items_and_tables_are_lines_of_the_paragraph(law):
    first, second = law.main.articles[0].paragraphs
    assert lines(first) == [
        ("", "次に掲げる者は、届け出る。ただし、町長は、この限りでない。"),
        ("1", "一　船　浮く物"),
        ("1.1", "イ　小舟"),
        ("1_2", "一の二　車"),
        ("", "甲　乙"),
    ]
    assert (second.num, second.label) == ("2", "２")


def test_supplementary_provisions_are_kept_apart(law):
    original, amending = law.supplements
    assert (original.kind, original.amend_law_num) == ("supplement", None)
    assert original.articles[0].num == ""
    assert (amending.kind, amending.amend_law_num) == ("amendment", "令和五年法律第五三号")
    assert amending.articles[0].num == "1"


def test_preamble_tables_and_strays_are_kept(law):
    assert law.preamble.articles[0].paragraphs[0].text == "われらは、定める。"
    assert [(appendix.title, appendix.text.strip()) for appendix in law.appendices] == [
        ("附則別表", ""),
        ("別表第一", "一　渡船"),
        ("", "どこにも属さない文"),
    ]
    assert law.appendices[1].related == "（第二条の二関係）"
    assert law.notes == ("MainProvision の中の Oddity",)


TABLE = """<TableStruct><Table>
<TableRow><TableColumn rowspan="2"><Sentence>区分</Sentence></TableColumn><TableColumn colspan="2"><Sentence>手数料</Sentence></TableColumn></TableRow>
<TableRow><TableColumn><Sentence>昼</Sentence></TableColumn><TableColumn><Sentence>夜</Sentence></TableColumn></TableRow>
<TableRow><TableColumn rowspan="2"><Sentence>船</Sentence></TableColumn><TableColumn><Sentence>一円</Sentence></TableColumn><TableColumn><Sentence>二円</Sentence></TableColumn></TableRow>
<TableRow><TableColumn><Sentence>三円</Sentence></TableColumn><TableColumn><Sentence>四円</Sentence></TableColumn></TableRow>
<TableRow><TableColumn colspan="3"><Sentence>車の部</Sentence></TableColumn></TableRow>
</Table></TableStruct>"""


def test_spanned_cells_stand_in_every_row_and_column():
    law = parse_law(WHOLE.replace("<RelatedArticleNum>（第二条の二関係）</RelatedArticleNum>", TABLE).encode(), NAME)
    appendix = law.appendices[1]
    assert appendix.text.split("\n")[:5] == [
        "区分　手数料　手数料",
        "区分　昼　夜",
        "船　一円　二円",
        "船　三円　四円",
        "車の部",
    ]
    assert appendix.tables == (TableHeader(0, 2, 5),)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("<r><c>甲</c><c>甲</c></r>", "甲　甲"),  # 会計学　会計学 of 公認会計士法: the same in the old and the new 科目
        ("<r><c>円</c><c>円</c><c>円</c></r>", "円　円　円"),
        ('<r><c colspan="2">甲</c></r>', "甲"),
        ("<r><c>甲</c></r>", "甲"),
        (
            '<r><c rowspan="2">甲</c><c>乙</c></r><r><c>甲</c></r>',
            "甲　乙\n甲　甲",
        ),  # beside one from above it is not alone
        ('<r><c rowspan="2">甲</c><c>乙</c><c>丙</c></r><r><c colspan="2">甲</c></r>', "甲　乙　丙\n甲　甲　甲"),
    ],
)
def test_only_a_cell_that_is_alone_stands_once_for_its_row(rows, text):
    xml = f"<Table>{rows}</Table>".replace("<r>", "<TableRow>").replace("</r>", "</TableRow>")
    xml = xml.replace("<c", "<TableColumn").replace("</c>", "</TableColumn>")
    assert text_of(parse_xml(xml.encode(), "x")) == text


@pytest.mark.parametrize(
    ("name", "law_id"),
    [
        (NAME.removesuffix(".xml"), "417AC0000000086"),
        ("321CONSTITUTION_19470503_000000000000000", "321CONSTITUTION"),
        ("417AC0000000086", "417AC0000000086"),
        ("shop_rules", "shop_rules"),
        ("shop_20240401", "shop_20240401"),
    ],
)
def test_a_law_is_known_by_its_revision_id_or_by_its_whole_name(name, law_id):
    assert law_id_in(name) == parse_law(WHOLE.encode(), f"{name}.xml").law_id == law_id


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ('<Sentence>次の図<Fig src="./pict/1.jpg"/>による。</Sentence>', "次の図〔図〕による。"),
        ("<Sentence>１０<Sup>８</Sup>円</Sentence>", "１０^８円"),
        ('<Sentence><ArithFormula><Fig src="x"/></ArithFormula></Sentence>', "〔図〕"),
        ("<Sentence><ArithFormula/>で計算する</Sentence>", "〔図〕で計算する"),
        ("<Sentence><ArithFormula>（１－率）<Sup>ｎ</Sup></ArithFormula></Sentence>", "（１－率）^ｎ"),
        ("<Sentence>Ｈ<Sub>２</Sub>Ｏ</Sentence>", "Ｈ２Ｏ"),
        ('<Fig src="x"/>', "〔図〕"),
        ('<TableColumn rowspan="-1"><Sentence>甲</Sentence></TableColumn>', "甲"),
    ],
)
def test_figures_and_superscripts_are_marked(xml, text):
    assert text_of(parse_xml(xml.encode(), "x")) == text


def test_law_with_an_empty_title_is_known_by_its_number():
    law = parse_law(WHOLE.replace(">大社法</LawTitle>", "></LawTitle>").encode(), NAME)
    assert law.title == "平成十七年法律第八十六号"
    assert "LawTitle が空" in law.notes


def test_api_response_is_unwrapped():
    inner = WHOLE.split("?>", 1)[1]
    data = f"<law_data_response><law_full_text>{inner}</law_full_text></law_data_response>".encode()
    assert parse_law(data, NAME).title == "大社法"


BOMB = """<?xml version="1.0"?><!DOCTYPE Law [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><Law><LawNum>&c;</LawNum></Law>"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WHOLE.encode()[:900], r"XML として読めません（\d+ 行目"),
        (b"", "XML として読めません"),
        (b"<html></html>", "法令標準XMLではありません"),
        (BOMB.encode(), "DOCTYPE"),
        (b'<!DOCTYPE Law SYSTEM "file:///etc/passwd"><Law/>', "DOCTYPE"),
        ("<Law>法".encode("shift_jis"), "XML として読めません"),
    ],
)
def test_what_is_no_law_is_refused_in_one_line(data, words):
    with pytest.raises(DataError, match=words) as caught:
        parse_law(data, "x.xml")
    assert str(caught.value).startswith("x.xml: ")
    assert "\n" not in str(caught.value)


def test_too_large_a_file_is_refused_unread(monkeypatch):
    monkeypatch.setattr("app.data.egov.xml_text.MAX_XML_BYTES", 100)
    with pytest.raises(DataError, match="上限 100"):
        parse_law(WHOLE.encode(), "x.xml")


@pytest.mark.skipif(not REAL.exists(), reason="the real statutes are not beside the clone")
def test_real_acts_keep_every_character_of_their_main_provisions():
    with zipfile.ZipFile(REAL) as archive:
        rows = csv.DictReader(io.StringIO(archive.read("SOURCES.csv").decode("utf-8-sig")))
        real = {row["改正法令ID"] for row in rows if row["form"] == "e-Gov XML"}
    files = {Path(file.name).stem: file for file in law_files(REAL)}
    checked = 0
    for law in map(read_law, law_files(REAL)):
        if law.revision_id not in real:
            continue
        main = parse_xml(files[law.revision_id].read(), law.revision_id).find(".//MainProvision")
        source = Counter("".join("".join(main.xpath(".//text()[not(parent::Rt)]")).split()))
        kept = Counter("".join(provisions_text(law.main).split()))
        assert source - kept == Counter(), law.title
        # More than the source has only where a figure is marked or a cell stands in every row that it spans.
        if not main.xpath(".//Fig|.//Sup|.//ArithFormula|.//*[@rowspan]|.//*[@colspan]"):
            assert kept == source, law.title
        checked += 1
    assert checked == len(real)
