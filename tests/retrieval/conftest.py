"""A small statute book for the retrieval tests, and indexes of it and of the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.rag_config import RAGConfig, load_config
from app.retrieval.index.building import build_index

SAMPLE = Path(__file__).resolve().parents[2] / "sample/laws"

Articles = dict[str, list[str]]


def law_xml(title: str, law_num: str, articles: Articles, *, abbreviation: str = "", after: str = "") -> str:
    """A law whose articles are given as key → paragraphs; lines after the first of a paragraph are its items."""
    body = []
    for num, paragraphs in articles.items():
        caption = ""
        if paragraphs[0].startswith("（"):
            caption, paragraphs = f"<ArticleCaption>{paragraphs[0]}</ArticleCaption>", paragraphs[1:]
        rows = []
        for number, paragraph in enumerate(paragraphs, start=1):
            lead, *items = paragraph.split("\n")
            text = "".join(
                f'<Item Num="{place}"><ItemTitle>{place}</ItemTitle><ItemSentence><Sentence>{item}</Sentence></ItemSentence></Item>'
                for place, item in enumerate(items, start=1)
            )
            rows.append(
                f'<Paragraph Num="{number}"><ParagraphNum>{number if number > 1 else ""}</ParagraphNum>'
                f"<ParagraphSentence><Sentence>{lead}</Sentence></ParagraphSentence>{text}</Paragraph>"
            )
        body.append(f'<Article Num="{num}">{caption}<ArticleTitle>第{num}条</ArticleTitle>{"".join(rows)}</Article>')
    return (
        f'<Law Era="Reiwa" Lang="ja" LawType="Act" Num="1" Year="3" PromulgateMonth="1" PromulgateDay="2"><LawNum>{law_num}</LawNum>'
        f'<LawBody><LawTitle Abbrev="{abbreviation}">{title}</LawTitle><MainProvision>{"".join(body)}</MainProvision>{after}</LawBody></Law>'
    )


BOOK = {
    "503AC0000000001_20230401_000000000000000": law_xml(
        "渡船法",
        "令和三年法律第一号",
        {
            "1": ["（目的）", "この法律は、渡船の安全を図ることを目的とする。"],
            "2": ["（定義）", "この法律において「渡船」とは、人を運ぶ船舶をいう。", "この法律において「桟橋」とは、渡船を係留する施設をいう。"],
            "5": ["（許可）", "渡船を営もうとする者は、次に掲げる事項を記載した申請書を知事に提出しなければならない。\n氏名\n航路の起点及び終点", "知事は、三十日以内に許可をしなければならない。"],
            "5_2": ["（許可の取消し）", "知事は、前条第一項の許可を受けた者が同条の申請書に虚偽の記載をしたときは、許可を取り消すことができる。"],
            "6": ["（政令への委任）", "桟橋の構造は、政令で定める。"],
        },
        abbreviation="渡法",
        after='<SupplProvision AmendLawNum="令和五年法律第九号"><SupplProvisionLabel>附則</SupplProvisionLabel><Article Num="1"><ArticleTitle>第一条</ArticleTitle>'
        '<Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>桟橋の経過措置は、なお従前の例による。</Sentence></ParagraphSentence></Paragraph></Article></SupplProvision>',
    ),
    "504CO0000000002_20230401_000000000000000": law_xml(
        "渡船法施行令", "令和四年政令第二号", {"1": ["（桟橋の構造）", "渡船法（以下「法」という。）第六条の桟橋の構造は、耐火とする。"]}
    ),
    "505AC0000000003_20230401_000000000000000": law_xml(
        "市場法", "令和五年法律第三号", {"1": ["市場は、毎日開く。"], "2": ["市場の休業日は、水曜日とする。", "前項の休業日には、渡船法第五条第一項の許可を要しない。"]}
    ),
}  # fmt: skip


def write_book(folder: Path, book: dict[str, str]) -> Path:
    """The laws as e-Gov's download lays them out."""
    for name, xml in book.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def make_law() -> Callable[..., str]:
    return law_xml


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The source folder of the small statute book."""
    return write_book(tmp_path / "laws", BOOK)


@pytest.fixture
def index_dir(tmp_path: Path, book: Path) -> Path:
    """A fresh index of the small statute book, to be changed or broken."""
    build_index(book, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of sample/laws, to be read only."""
    folder = tmp_path_factory.mktemp("sample") / "index"
    build_index(SAMPLE, folder)
    return folder


@pytest.fixture
def config_for() -> Callable[..., RAGConfig]:
    """``config_for(index_dir, top_k=…)`` without any environment."""

    def config(index_dir: Path, **overrides: object) -> RAGConfig:
        return load_config(env_file=None, retriever_index_dir=index_dir, **overrides)

    return config
