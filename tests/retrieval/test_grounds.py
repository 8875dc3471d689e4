"""What an answer cites and names, held against the passages that were shown."""

import pytest

from app.core.rag_config import load_config
from app.retrieval.grounds import Turn, answer_prompt, check_citations
from app.retrieval.index.building import build_index
from app.retrieval.rag_pipeline import RAGPipeline
from tests.retrieval.conftest import BOOK, law_xml, write_book

FERRY = "503AC0000000001_20230401_000000000000000"
SHOWN = "渡船の運送は、第百九十九条の届出をした者が、刑法第二百条及び市場法第七条の例により拒んではならない。"


@pytest.fixture(scope="module")
def grounds_of(tmp_path_factory):
    """A pipeline, and what it finds for a query: 渡船法第3条, 渡船法施行令第2条 or 附則第1条 of an amending law."""
    folder = tmp_path_factory.mktemp("grounds")
    after = BOOK[FERRY][BOOK[FERRY].index("<SupplProvision") : BOOK[FERRY].index("</LawBody>")]
    order = {"2": ["定期船の便数は、法第八条の規定により定める。"]}
    book = {
        **BOOK,
        FERRY: law_xml("渡船法", "令和三年法律第一号", {"3": ["（運送）", SHOWN]}, after=after),
        "504CO0000000002_20230401_000000000000000": law_xml("渡船法施行令", "令和四年政令第二号", order),
    }
    build_index(write_book(folder / "laws", book), folder / "index")
    pipeline = RAGPipeline(load_config(env_file=None, retriever_index_dir=folder / "index"))
    return lambda query: (pipeline, pipeline.grounds(query, top_k=1))


@pytest.mark.parametrize(
    ("query", "text", "cited", "unshown"),
    [
        ("渡船の運送を拒む", "拒めません[1]。拒むと刑法第199条により罰せられます。", (1,), ("刑法第199条",)),
        ("渡船の運送を拒む", "市場法第199条により拒めません。", (), ("市場法第199条",)),
        ("渡船の運送を拒む", "刑法第3条により拒めません[1]。", (1,), ("刑法第3条",)),
        ("渡船の運送を拒む", "渡船法附則第3条により拒めません。", (), ("渡船法附則第3条",)),
        ("渡船の運送を拒む", "附則第3条により拒めません。", (), ("附則第3条",)),
        ("渡船の運送を拒む", "渡船法第200条と渡船法第7条により拒めません[1]。", (1,), ("渡船法第200条", "渡船法第7条")),
        ("渡船の運送を拒む", "渡船法第3条により、渡船法第199条の届出をした者は拒めません。", (1,), ()),
        ("渡船の運送を拒む", "第3条により、第199条の届出をした者は拒めません。", (1,), ()),
        ("渡船の運送を拒む", "刑法第200条と市場法第7条の例により拒めません[1]。", (1,), ()),
        ("渡船の運送を拒む", "市場法第7条の例により、第199条の届出をした者は拒めません[1]。", (1,), ()),  # as the text has it
        ("渡船の運送を拒む", "市場法第7条及び第199条により拒めません[1]。", (1,), ("第199条",)),
        ("定期船の便数", "渡船法第8条により定めます。", (), ()),  # 法 in the order's own text
        ("定期船の便数", "渡船の安全に関する法律第8条により定めます。", (), ()),  # of whichever act the order says 法
        ("定期船の便数", "渡船法施行令第2条により定めます。", (1,), ()),
        ("定期船の便数", "渡船法施行令第8条により定めます。", (), ("渡船法施行令第8条",)),
        ("渡船法附則（令和五年法律第九号）第1条", "渡船法附則第1条によります。", (1,), ()),
        ("渡船法附則（令和五年法律第九号）第1条", "渡船法附則（令和五年法律第九号）第1条によります。", (1,), ()),
        ("渡船法附則（令和五年法律第九号）第1条", "渡船法第1条によります。", (), ("渡船法第1条",)),
    ],
)  # fmt: skip
def test_only_a_provision_of_that_law_and_part_is_shown_or_repeated(grounds_of, query, text, cited, unshown):
    pipeline, grounds = grounds_of(query)
    answer = pipeline.read_answer(text, grounds)
    assert (answer.cited, answer.unshown) == (cited, unshown)
    assert answer.standing == ("invented" if unshown else "grounded" if cited else "uncited")


def test_a_text_that_is_repeated_whole_names_nothing_else(grounds_of):
    pipeline, grounds = grounds_of("渡船の運送を拒む")
    assert pipeline.read_answer(SHOWN, grounds).unshown == ()


@pytest.mark.parametrize(
    ("text", "cited", "unsupported"),
    [
        ("一年です[1, 2]。", (1, 2), ()),
        ("一年です[1、9]。", (1,), (9,)),
        ("一年です［１，２・３］。", (1, 2, 3), ()),
        ("一年です[ 1 ,2 ]。", (1, 2), ()),
        ("令和[2026]年、[1,]、[a, 1]、[1 2]", (), ()),
        ("五年です[1]。休止は届け出ます[2-9]。", (1, 2, 3), (4, 5, 6, 7, 8, 9)),
        ("五年です【1】、【９】、[参照条文9]、[1と2]、[2及び3]、［1〜2］", (1, 2, 3), (9,)),
        ("【注2】と[条文 1]。【第1】、【2年】", (1, 2), ()),
    ],
)
def test_several_numbers_in_one_pair_of_brackets_are_citations(text, cited, unsupported):
    assert check_citations(text, 3) == (cited, unsupported)


def test_numbers_of_earlier_answers_are_left_out_of_the_prompt():
    prompt = answer_prompt(
        "では、いつから", "[1] 渡船法 第9条\n一年間保存する。", [Turn("いつまで", "一年間です[1、2]。")]
    )
    assert "\n答: 一年間です。\n" in prompt
