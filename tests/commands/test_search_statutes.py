from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands import search_statutes
from app.core.cli import run_program
from app.retrieval.index.building import build_index

SAMPLE = Path(__file__).resolve().parents[2] / "sample/laws"


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("search") / "index"
    build_index(SAMPLE, folder)
    return str(folder)


def test_text_output_marks_the_words(index, capsys):
    assert run_program(search_statutes.main, ["渡船事業の許可", "--index-dir", index, "--top-k", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1. ")
    assert "https://" not in out  # the sample's laws are invented: e-Gov does not have them
    assert "【渡船" in out
    assert "\n2. " in out
    assert "\n3. " not in out


def test_one_sentence_by_default_and_the_article_in_full(index, capsys):
    query = ["渡船事業の許可", "--index-dir", index, "--top-k", "3"]
    run_program(search_statutes.main, query)
    short = capsys.readouterr().out
    run_program(search_statutes.main, [*query, "--full"])
    full = capsys.readouterr().out
    assert len(short.splitlines()) == 6
    assert len(full.splitlines()) > 6
    assert short.splitlines()[::2] == [line for line in full.splitlines() if not line.startswith(" ")]


def test_a_changed_source_is_a_note(tmp_path, capsys):
    (tmp_path / "laws").mkdir()
    for path in sorted(SAMPLE.rglob("*.xml"))[:2]:
        (tmp_path / "laws" / path.name).write_bytes(path.read_bytes())
    build_index(tmp_path / "laws", tmp_path / "i")
    next((tmp_path / "laws").iterdir()).unlink()
    assert run_program(search_statutes.main, ["許可", "--index-dir", str(tmp_path / "i")]) == 0
    printed = capsys.readouterr()
    assert "laws が変わっています（build_index.py --add" in printed.err
    assert printed.out.startswith("1. ")


def test_explain_shows_components(index, capsys):
    run_program(search_statutes.main, ["渡船事業の許可", "--index-dir", index, "--explain"])
    assert "bm25 " in capsys.readouterr().out


def test_json_is_one_object_a_line(index, capsys):
    run_program(search_statutes.main, ["渡船事業の許可", "--index-dir", index, "--json", "--top-k", "2"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2
    assert rows[0]["score"] >= rows[1]["score"]
    assert rows[0]["link"] is None
    assert 0.3 < rows[0]["coverage"] <= 1.0
    assert rows[0]["rewritten"] == []
    assert rows[0]["deciding"]["text"] in rows[0]["text"]


def test_many_queries_give_one_line_each(index, tmp_path, capsys):
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "x", "query": "渡船事業の許可"}\n{"id": "y", "query": "露店の許可"}\n', encoding="utf-8")
    assert run_program(search_statutes.main, ["--queries", str(path), "--index-dir", index, "--top-k", "1"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == ["x", "y"]
    assert set(rows[0]["hits"][0]) == {"law_id", "law_title", "article", "paragraph", "score"}


def test_radicals_of_pdfs_are_searched_as_the_characters_they_show(index, tmp_path, capsys):
    found = []
    for query in ("市長の許可", "市⻑の許可", "市の許可"):
        (tmp_path / "q.jsonl").write_text(json.dumps({"id": "x", "query": query}), encoding="utf-8")
        run_program(search_statutes.main, ["--queries", str(tmp_path / "q.jsonl"), "--index-dir", index])
        found.append(capsys.readouterr().out)
    assert found[1] == found[0] != found[2]


@pytest.mark.parametrize(
    ("line", "words"),
    [('{"id": "x"}', "1 件目"), ('{"id": "x", "query": ""}', "1 件目（x）"), ("[1]", "1 件目"), ("{", "1 行目")],
)
def test_bad_query_files_stop_before_any_search(index, tmp_path, capsys, line, words):
    path = tmp_path / "q.jsonl"
    path.write_text(line + '\n{"id": "y", "query": "露店"}\n', encoding="utf-8")
    assert run_program(search_statutes.main, ["--queries", str(path), "--index-dir", index]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err


def test_article_is_shown_whole(index, capsys):
    assert run_program(search_statutes.main, ["--article", "渡船事業法第3条", "--index-dir", index]) == 0
    assert capsys.readouterr().out.startswith("1. 渡船事業法 第3条")
    assert run_program(search_statutes.main, ["--article", "渡船事業法第999条", "--index-dir", index]) == 1
    assert "第999条はありません" in capsys.readouterr().err


def test_a_reference_that_leads_nowhere_is_said(index, capsys):
    assert run_program(search_statutes.main, ["渡船事業法第999条の許可", "--index-dir", index]) == 0
    printed = capsys.readouterr()
    assert "注意: 渡船事業法第999条" in printed.err
    assert printed.out.startswith("1. ")


def test_missing_index_is_one_line(tmp_path, capsys):
    assert run_program(search_statutes.main, ["許可", "--index-dir", str(tmp_path / "none")]) == 1
    assert "索引がありません" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["許可", "--queries", "q.jsonl"], ["許可", "--as-of", "昨日"]])
def test_usage(arguments):
    with pytest.raises(SystemExit) as caught:
        search_statutes.main(arguments)
    assert caught.value.code == 2
