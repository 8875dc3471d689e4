"""The committed sample: equal to a fresh build, valid 法令標準XML, and fit for an honest test of reading."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from app.data.egov.law import Law, lines
from app.data.egov.xml import parse_law
from app.data.lawqa import load_questions
from tools import build_sample
from tools.sample.book import (
    CHOICE_ONLY_RULES,
    article_clusters,
    build_files,
    choice_only_accuracy,
    describe,
    load_book,
    stale_files,
    write_files,
)
from tools.sample.law import SampleLaw, kanji_number, plain

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "sample"
SCHEMA = ROOT.parent / "shared/data/egov/schema/XMLSchemaForJapaneseLaw_v3.xsd"
BOOK = load_book(SAMPLE / "source")
FILES = build_files(BOOK)
SAMPLES = json.loads(FILES["selection.json"])["samples"]
LAWS = list(BOOK.laws.values())


def xml_law(revision_id: str) -> Law:
    path = f"laws/{revision_id}/{revision_id}.xml"
    return parse_law(FILES[path], path)


def test_committed_files_equal_a_fresh_build() -> None:
    assert stale_files(FILES, SAMPLE) == []


@pytest.mark.skipif(not SCHEMA.exists(), reason="the official schema is not part of the repository")
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_xml_satisfies_the_official_schema(law: SampleLaw) -> None:
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    document = etree.fromstring(FILES[f"laws/{law.revision_id}/{law.revision_id}.xml"])
    assert schema.validate(document), schema.error_log


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_the_egov_reader_gives_back_every_provision(law: SampleLaw) -> None:
    read = xml_law(law.revision_id)
    assert (read.title, read.law_id, read.law_num) == (law.title, law.law_id, law.header["番号"])
    assert read.abbreviations == (law.header["略称"],)
    assert read.notes == ()
    assert [article.num for article in read.main.articles] == [article.num for article in law.articles]
    for mine, theirs in zip(law.articles, read.main.articles, strict=True):
        assert theirs.deleted is mine.deleted
        expected = [
            plain(text)
            for paragraph in mine.paragraphs
            for text in (
                paragraph.text,
                *(f"{part.label}　{part.text}" for item in paragraph.items for part in (item, *item.subitems)),
            )
        ]
        assert [text for paragraph in theirs.paragraphs for _, text in lines(paragraph)] == expected
    assert len(read.supplements) == len(law.supplements)


def test_the_book_has_what_real_statutes_have() -> None:
    assert len(LAWS) >= 6
    assert sum(not article.deleted for law in LAWS for article in law.articles) >= 120
    articles = [article for law in LAWS for article in law.articles]
    assert any("_" in article.num for article in articles)
    assert any(":" in article.num for article in articles)
    assert any(article.section for article in articles)
    assert any(item.subitems for article in articles for paragraph in article.paragraphs for item in paragraph.items)
    assert any(supplement.amend_law_num for law in LAWS for supplement in law.supplements)
    assert any(law.tables for law in LAWS)
    assert {law.header["種別"] for law in LAWS} == {"Act", "CabinetOrder", "Rule", "Misc"}
    assert any(b"<Ruby>" in content for content in FILES.values())


KANJI = "[一二三四五六七八九十百]+"
REFERENCE = re.compile(rf"(法|(?<![の本])条例|附則)?第({KANJI})条((?:の{KANJI})*)(?:第({KANJI})項)?(?:第({KANJI})号)?")
# The enforcement texts and the law each speaks of as 法 or 条例.
PARENTS = {"渡船令": "渡船法", "港湾規則": "港湾条例"}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_every_reference_points_to_a_provision_in_force(law: SampleLaw) -> None:
    texts = [
        text
        for article in law.articles
        for paragraph in article.paragraphs
        for text in (paragraph.text, *(item.text for item in paragraph.items))
    ]
    for text in texts:
        for prefix, number, branches, paragraph, item in REFERENCE.findall(text):
            target = BOOK.laws[PARENTS[law.header["略称"]]] if prefix else law
            num = "_".join(str(kanji_number(part)) for part in [number, *branches.split("の")] if part)
            article = target.article(num)
            assert not article.deleted, text
            chosen = article.paragraphs[kanji_number(paragraph) - 1] if paragraph else article.paragraphs[0]
            if item:
                assert str(kanji_number(item)) in {one.num for one in chosen.items}, text


def test_counts() -> None:
    total = len(SAMPLES)
    assert total >= 160
    assert len({sample["ファイル名"] for sample in SAMPLES}) == total
    assert len(set(article_clusters(BOOK.questions))) >= 45
    assert {question.refs[0].law for question in BOOK.questions} == set(BOOK.laws)
    letters = Counter(sample["output"] for sample in SAMPLES)
    assert all(abs(letters[letter] / total - 0.25) <= 0.01 for letter in "abcd")
    asks = Counter(question.asks for question in BOOK.questions)
    assert 0.50 <= asks["正しいもの"] / total <= 0.60
    assert 0.25 <= asks["誤っているもの"] / total <= 0.35
    assert 0.10 <= asks["該当しないもの"] / total <= 0.20
    choices = [choice for question in BOOK.questions for choice in question.choices]
    assert sum(not choice.free and not choice.absent for choice in choices) / len(choices) >= 0.8


def test_contexts_are_short_and_word_for_word() -> None:
    lengths = sorted(len(sample["コンテキスト"]) for sample in SAMPLES)
    assert lengths[-1] <= 500
    assert sum(length <= 300 for length in lengths) / len(lengths) >= 0.9
    texts = {law.title: plain("\n".join(_all_texts(law))) for law in LAWS}
    for sample in SAMPLES:
        title = ""
        for line in sample["コンテキスト"].split("\n"):
            if line.startswith("## "):
                title = line[3:]
            elif not line.startswith("#"):
                assert re.sub(r"^[イロハ] ", "", line) in texts[title]


def _all_texts(law: SampleLaw) -> list[str]:
    return [
        text
        for article in law.articles
        for paragraph in article.paragraphs
        for text in (
            paragraph.text,
            *(t for item in paragraph.items for t in (item.text, *(one.text for one in item.subitems))),
        )
    ]


@pytest.mark.parametrize("name", CHOICE_ONLY_RULES)
def test_no_rule_that_sees_only_the_choices_does_well(name: str) -> None:
    assert choice_only_accuracy(SAMPLES, CHOICE_ONLY_RULES[name]) <= 0.32


def test_no_size_of_value_is_the_right_one() -> None:
    """Where the four choices differ in one number, the right one is the smallest, …, the largest about equally often."""
    ranks: Counter[int] = Counter()
    for question in BOOK.questions:
        numbers = [re.findall(KANJI, choice.text) for choice in question.choices]
        if len({choice.original for choice in question.choices}) > 1 or len({len(found) for found in numbers}) > 1:
            continue
        differing = [column for column in zip(*numbers, strict=True) if len(set(column)) == 4]
        if len(differing) != 1:
            continue
        values = [kanji_number(number) for number in differing[0]]
        right = values[[choice.true for choice in question.choices].index(True)]
        ranks[sorted(values).index(right)] += 1
    assert ranks.total() >= 50
    assert max(ranks.values()) / ranks.total() <= 0.4


def test_the_loader_reads_the_sample() -> None:
    questions = load_questions(SAMPLE / "selection.json")
    assert len(questions) == len(SAMPLES)
    polarity = {"正しいもの": "correct", "誤っているもの": "incorrect", "該当しないもの": "not_applicable"}
    assert [question.polarity for question in questions] == [polarity[one.asks] for one in BOOK.questions]
    assert [question.correct for question in questions] == [sample["output"] for sample in SAMPLES]
    for question, authored in zip(questions, BOOK.questions, strict=True):
        cited = {(BOOK.laws[ref.law].title, ref.article) for ref in authored.refs}
        assert {article.article_key for article in question.articles} == cited
    mine = article_clusters(BOOK.questions)
    groups = {frozenset(i for i, other in enumerate(mine) if other == one) for one in mine}
    theirs = [question.cluster for question in questions]
    assert {frozenset(i for i, other in enumerate(theirs) if other == one) for one in theirs} == groups


def test_write_replaces_what_is_stale_and_removes_what_is_gone(tmp_path: Path) -> None:
    write_files(FILES, tmp_path)
    assert stale_files(FILES, tmp_path) == []
    gone = tmp_path / "laws/old_1/old_1.xml"
    gone.parent.mkdir()
    gone.write_text("<Law/>")
    (tmp_path / "selection.json").write_text("{}")
    assert stale_files(FILES, tmp_path) == ["laws/old_1/old_1.xml", "selection.json"]
    write_files(FILES, tmp_path)
    assert stale_files(FILES, tmp_path) == []
    assert not gone.parent.exists()


def test_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_sample.main(["--stats"]) == 0
    assert capsys.readouterr().out.splitlines() == describe(BOOK)
    assert build_sample.main(["--check"]) == 0
    assert build_sample.main(["--check", "--output", str(tmp_path)]) == 1
    assert "原稿と違うファイルが 11 あります" in capsys.readouterr().err
    assert build_sample.main(["--output", str(tmp_path)]) == 0
    assert stale_files(FILES, tmp_path) == []
    assert build_sample.main(["--source", str(tmp_path)]) == 1
    assert "法令のファイル (*.txt) がありません" in capsys.readouterr().err


def test_the_readme_shows_the_real_counts() -> None:
    assert "\n".join(describe(BOOK)) in (SAMPLE / "README.md").read_text(encoding="utf-8")
