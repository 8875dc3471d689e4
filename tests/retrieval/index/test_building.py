from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import BusyError, DataError, StaleIndexError
from app.core.locks import folder_lock
from app.retrieval.index import building
from app.retrieval.index.building import build_index
from app.retrieval.index.contents import index_statistics
from app.retrieval.index.manifest import read_manifest
from app.retrieval.index.statute_index import StatuteIndex
from tests.killing import kill_at_change

ROOT = Path(__file__).resolve().parents[3]


def _titles(index_dir: Path, query: str) -> list[tuple[str, str]]:
    return [(hit.article.law_title, hit.article.num) for hit in StatuteIndex(index_dir).search(query, 3)]


def test_counts_and_what_is_searched(index_dir):
    counts = read_manifest(index_dir).counts
    # 渡船法 5 articles and 7 paragraphs + 附則; 施行令 1; 市場法 2 articles, 3 paragraphs. Amending 附則 are not searched.
    assert counts == {
        "laws": 3,
        "revisions": 3,
        "articles": 9,
        "passages": 12,
        "aliases": 7,
        "citations": 4,
        "definitions": 2,
        "searched": 11,
    }
    assert index_statistics(index_dir)["articles_by_part"] == {"amendment": 1, "main": 8}


def test_search_finds_the_article_and_not_the_amending_supplement(index_dir):
    assert _titles(index_dir, "桟橋の構造を耐火とする")[0] == ("渡船法施行令", "1")
    assert ("渡船法", "1") not in _titles(index_dir, "経過措置は従前の例による")


def test_two_builds_are_the_same(index_dir, book, tmp_path):
    build_index(book, tmp_path / "second")
    first, second = StatuteIndex(index_dir), StatuteIndex(tmp_path / "second")
    assert first.store.meta("corpus_sha256") == second.store.meta("corpus_sha256")
    query = "渡船の許可を知事が取り消す"
    assert [(hit.article.anchor, hit.score) for hit in first.search(query, 5)] == [
        (hit.article.anchor, hit.score) for hit in second.search(query, 5)
    ]


def test_only_the_laws_asked_for(book, tmp_path):
    build_index(book, tmp_path / "i", laws=["505AC0000000003"])
    assert read_manifest(tmp_path / "i").counts["laws"] == 1
    with pytest.raises(DataError, match="999AC0000000009"):
        build_index(book, tmp_path / "i", laws=["505AC0000000003", "999AC0000000009"])


def test_an_unreadable_law_stops_the_build_and_the_old_index_stays(book, index_dir):
    bad = book / "x" / "506AC0000000009_20240101_000000000000000.xml"
    bad.parent.mkdir()
    bad.write_text("<Law><LawBody>", encoding="utf-8")
    with pytest.raises(DataError, match=r"506AC0000000009.*--skip-unreadable"):
        build_index(book, index_dir)
    assert read_manifest(index_dir).counts["laws"] == 3
    result = build_index(book, index_dir, skip_unreadable=True)
    assert result.counts["laws"] == 3
    assert len(result.unreadable) == len(read_manifest(index_dir).unreadable) == 1
    assert _titles(index_dir, "市場の休業日")[0] == ("市場法", "2")


def test_an_index_of_nothing_is_not_made(tmp_path, index_dir):
    before = read_manifest(index_dir)
    source = tmp_path / "bad"
    source.mkdir()
    (source / "506AC0000000009_20240401_000000000000000.xml").write_text("<Law", "utf-8")
    with pytest.raises(DataError, match="読めて、いまある法令が一つもありません（506AC"):
        build_index(source, index_dir, skip_unreadable=True)
    assert read_manifest(index_dir) == before


def test_the_same_revision_twice_is_refused(book, tmp_path):
    name = "503AC0000000001_20230401_000000000000000"
    (book / "again").mkdir()
    (book / "again" / f"{name}.xml").write_bytes((book / name / f"{name}.xml").read_bytes())
    with pytest.raises(DataError, match=f"同じ版 {name}"):
        build_index(book, tmp_path / "i")


def test_two_builders_at_once_are_refused(book, tmp_path):
    with folder_lock(tmp_path / "i"), pytest.raises(BusyError, match="別の処理が書いています"):
        build_index(book, tmp_path / "i")


KILLED = """
import os, signal, sys
from pathlib import Path
from app.retrieval.index import building
from app.retrieval.engines import lexical
building.BATCH_PASSAGES = 1
commits = 0
def kill_at(target, name):
    original = getattr(target, name)
    def wrapped(*args, **kwargs):
        global commits
        result = original(*args, **kwargs)
        commits += 1
        if commits == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(target, name, wrapped)
kill_at(lexical.LexicalWriter, "commit")   # the words are ahead of the store here
kill_at(building, "_finish")
kill_at(building, "write_manifest")
building.build_index(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5, 6])
def test_kill_9_leaves_the_old_index_or_the_new_one(book, index_dir, monkeypatch, moment):
    law = "505AC0000000003_20230401_000000000000000"
    path = book / law / f"{law}.xml"
    path.write_text(path.read_text(encoding="utf-8").replace("水曜日", "火曜日"), encoding="utf-8")
    old = read_manifest(index_dir).build_id
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(book), str(index_dir), str(moment)], cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    if moment < 6:
        assert read_manifest(index_dir).build_id == old
    else:
        assert _titles(index_dir, "市場の休業日は火曜日")[0] == ("市場法", "2")
    monkeypatch.setattr(building, "BATCH_PASSAGES", 1)
    result = build_index(book, index_dir)
    # A batch counts when the store has it: at moment 1 the words of the first law were written, the store's were not.
    assert result.resumed == {1: 0, 2: 1, 3: 2, 4: 3, 5: 3, 6: 0}[moment]
    index = StatuteIndex(index_dir)
    assert index.words.current().num_docs == 11
    assert index.search("休業日は火曜日とする", 1)[0].article.law_title == "市場法"
    assert sorted(folder.name for folder in index_dir.glob("gen-*")) == [read_manifest(index_dir).folder]
    assert not (index_dir / "building").exists()


def _edit_manifest(index_dir: Path, **changes: object) -> None:
    path = index_dir / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda d: (d / "manifest.json").unlink(), "索引がありません"),
        (lambda d: (d / "manifest.json").write_text("{"), "台帳が壊れています"),
        (lambda d: (d / "manifest.json").write_text("[]"), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, tokenizer="mecab/1"), "語の切り方が違います（索引は mecab/1"),
        (lambda d: _edit_manifest(d, store_format=99), "格納形式が違います"),
        (lambda d: _edit_manifest(d, engine="tantivy v9, index_format v99"), "検索エンジンの形式が違います"),
        (lambda d: _edit_manifest(d, build_id="other"), "別の回に作られた"),
        (lambda d: _edit_manifest(d, folder="gen-x"), "gen-x がありません"),
        (lambda d: _edit_manifest(d, folder=3), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, folder=f"../{d.name}/{next(d.glob('gen-*')).name}"), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, counts="x"), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, as_of="x"), "台帳が壊れています"),  # no law would be in force on such a day
        (lambda d: _edit_manifest(d, as_of="20240101"), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, embedding=[]), "台帳が壊れています"),
        (lambda d: _edit_manifest(d, laws=[1]), "台帳が壊れています"),
        (lambda d: next(d.glob("gen-*/words/meta.json")).unlink(), "語の索引が開けません"),
        (lambda d: next(d.glob("gen-*/words/*.term")).unlink(), "語の索引が"),
        (lambda d: next(d.glob("gen-*/store.sqlite")).write_bytes(b"not a database" * 99), "索引の本体が壊れています"),
    ],
)
def test_a_missing_stale_or_broken_index_stops_in_one_line(index_dir, harm, words):
    harm(index_dir)
    with pytest.raises(StaleIndexError, match=words) as caught:
        StatuteIndex(index_dir).search("市場の休業日", 1)
    assert "build_index.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_source_is_known_and_locks_nothing(index_dir, book):
    law = "505AC0000000003_20230401_000000000000000"
    assert index_statistics(index_dir)["source_changed"] is False
    (book / law / f"{law}.xml").write_text("<x/>", encoding="utf-8")
    assert index_statistics(index_dir)["source_changed"] is True
    assert _titles(index_dir, "市場の休業日")[0] == ("市場法", "2")


def test_a_source_that_is_damaged_now_has_changed(book, tmp_path):
    shutil.make_archive(str(tmp_path / "book"), "zip", book)
    build_index(tmp_path / "book.zip", tmp_path / "i")
    assert index_statistics(tmp_path / "i")["source_changed"] is False
    data = (tmp_path / "book.zip").read_bytes()
    (tmp_path / "book.zip").write_bytes(
        data.replace(b"PK\1\2", b"PK\1\3")
    )  # its directory; the record at its end is whole
    assert index_statistics(tmp_path / "i")["source_changed"] is True


WRAPPED = (
    "<law_data_response><law_info/><revision_info><repeal_status>{0}</repeal_status><amendment_type>{1}</amendment_type>"
    "</revision_info><law_full_text>{2}</law_full_text></law_data_response>"
)


@pytest.mark.parametrize(
    ("status", "amendment", "day", "named", "market"),
    [
        ("Repeal", "3", "20250601", "廃止", "unknown_law"),
        ("Expire", "1", "20250601", "失効", "unknown_law"),
        ("LossOfEffectiveness", "1", "20250601", "実効性喪失", "unknown_law"),
        ("None", "8", "20250601", "廃止", "unknown_law"),
        ("None", "8", "20990601", "", "found"),  # law until then
        ("None", "3", "20250601", "", "found"),
        ("Suspend", "3", "20250601", "", "found"),
        ("", "", "20250601", "", "found"),
    ],
)
def test_a_repealed_law_is_no_law(book, tmp_path, make_law, status, amendment, day, named, market):
    name = f"505AC0000000003_{day}_507AC0000000009"
    xml = make_law("市場法", "令和五年法律第三号", {"2": ["市場の休業日は、日曜日とする。"]})
    (book / name).mkdir()
    (book / name / f"{name}.xml").write_text(WRAPPED.format(status, amendment, xml), encoding="utf-8")
    result = build_index(book, tmp_path / "i")
    assert result.counts["laws"] == (3 if market == "found" else 2)
    assert result.repealed == ((f"市場法（505AC0000000003、{named}）",) if named else ())
    assert index_statistics(tmp_path / "i")["repealed"] == list(result.repealed)
    index = StatuteIndex(tmp_path / "i")
    assert index.references("市場法第2条")[0].status == market
    assert index.words.current().num_docs == int(index.store.meta("searched"))


def test_a_source_that_is_gone_does_not_matter(index_dir, book):
    book.rename(book.parent / "elsewhere")
    assert _titles(index_dir, "市場の休業日")[0] == ("市場法", "2")


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
def test_a_build_killed_at_any_file_leaves_one_index_and_nothing_else(book, index_dir, tmp_path):
    law = "505AC0000000003_20230401_000000000000000"
    path = book / law / f"{law}.xml"
    path.write_text(path.read_text(encoding="utf-8").replace("水曜日", "火曜日"), encoding="utf-8")
    for number in range(1, 100):
        again = tmp_path / f"{number}"
        shutil.copytree(index_dir, again)
        code = kill_at_change(lambda index=again: 0 if build_index(book, index) else 1, number, again)
        assert _titles(again, "市場の休業日は")[0] == ("市場法", "2")
        if code is None:
            build_index(book, again)
        assert _titles(again, "市場の休業日は火曜日")[0] == ("市場法", "2")
        assert sorted(entry.name for entry in again.iterdir()) == [read_manifest(again).folder, "manifest.json"]
        if code is not None:
            break
    assert code == 0
    assert number > 8
