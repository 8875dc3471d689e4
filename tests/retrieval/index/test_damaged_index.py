"""An index that lost something, was damaged or was left in the middle of an update never answers as if it were whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from app.core.errors import StaleIndexError
from app.retrieval.index import updating
from app.retrieval.index.contents import Verified, verify_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index

QUERY = "渡船の許可を知事が取り消す"


def _scores(index_dir: Path) -> list[tuple[str, float]]:
    return [(hit.article.anchor, hit.score) for hit in StatuteIndex(index_dir).search(QUERY, 5)]


def _alter_text(index_dir: Path, how: str) -> int:
    """Change one bit of the text that ``QUERY`` finds, in the file itself or through SQLite; returns its passage."""
    found = StatuteIndex(index_dir).search(QUERY, 1)[0].passages[0]
    store = _generation(index_dir) / "store.sqlite"
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if how == "sqlite":
        connection.execute(
            "UPDATE passages SET lines=replace(lines, '知事', '市長') WHERE passage_id=?", (found.passage_id,)
        )
    connection.close()
    if how == "file":
        data = bytearray(store.read_bytes())
        place = data.index("知事".encode(), data.index(found.lines[0][1].encode()))
        data[place + 2] ^= 1
        store.write_bytes(data)
    return found.passage_id


@pytest.mark.parametrize("how", ["file", "sqlite"])
def test_text_that_was_altered_is_found_where_it_is_read_and_by_verify(index_dir, how):
    assert verify_index(index_dir).passages == verify_index(index_dir).summed > 0
    number = _alter_text(index_dir, how)
    index = StatuteIndex(index_dir)
    with pytest.raises(StaleIndexError, match=rf"索引の本体が壊れています（項 {number} の検査値が合いません）"):
        index.search(QUERY, 5)
    with pytest.raises(StaleIndexError, match=rf"項 {number} の検査値が合いません"):
        verify_index(index_dir)


def test_an_update_keeps_the_checksums_and_an_index_without_any_is_read(index_dir, more):
    update_index(index_dir, add=more)
    update_index(index_dir, remove=["505AC0000000003"])
    found = verify_index(index_dir)
    assert found.passages == found.summed
    store = sqlite3.connect(_generation(index_dir) / "store.sqlite", isolation_level=None)
    store.execute("DROP TABLE sums")
    store.close()
    assert verify_index(index_dir) == Verified(found.passages, 0, 0, False)
    assert StatuteIndex(index_dir).search(QUERY, 1)


def test_verify_reads_the_words_again(index_dir, capsys):
    verify_index(index_dir)
    path = max((_generation(index_dir) / "words").glob("*.store"))
    dates = path.stat().st_atime_ns, path.stat().st_mtime_ns
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=dates)
    with pytest.raises(StaleIndexError, match="語の索引が壊れています"):
        verify_index(index_dir)


def _generation(index_dir: Path) -> Path:
    return index_dir / json.loads((index_dir / "manifest.json").read_text("utf-8"))["folder"]


@pytest.mark.parametrize("table", ["passages", "articles", "aliases", "citations", "definitions"])
@pytest.mark.parametrize("updated", [False, True])
def test_a_store_that_lost_rows_is_refused(book, index_dir, table, updated):
    if updated:  # the counts of the last commit, not those of the build
        update_index(index_dir, remove=["505AC0000000003"])
    connection = sqlite3.connect(_generation(index_dir) / "store.sqlite", isolation_level=None)
    connection.execute(f"DELETE FROM {table}")
    connection.close()
    with pytest.raises(StaleIndexError, match=rf"索引の {table} は [\d,]+ 件のはずですが [\d,]+ 件です"):
        StatuteIndex(index_dir)


def test_a_store_of_before_the_counts_is_checked_against_its_manifest(index_dir):
    connection = sqlite3.connect(_generation(index_dir) / "store.sqlite", isolation_level=None)
    connection.execute("DELETE FROM meta WHERE name='counts'")
    assert _scores(index_dir)
    connection.execute("DELETE FROM passages")
    connection.close()
    with pytest.raises(StaleIndexError) as refused:
        StatuteIndex(index_dir)
    assert str(refused.value) == (
        f"{_generation(index_dir) / 'store.sqlite'}: 索引の passages は 12 件のはずですが 0 件です。"
        "壊れているか、ほかのプログラムが書き換えています。scripts/build_index.py で作り直してください。"
    )


def test_an_update_records_its_counts(book, index_dir):
    update_index(index_dir, remove=["505AC0000000003"])
    assert StatuteIndex(index_dir).store.meta("counts") != ""
    assert len(_scores(index_dir)) > 0


def _cut(data: bytearray) -> None:
    del data[len(data) // 3 : len(data) // 3 + 7]


def _flip(data: bytearray) -> None:
    data[len(data) // 4] ^= 0x40


def _truncate(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _empty(data: bytearray) -> None:
    data.clear()


@pytest.mark.parametrize("suffix", ["idx", "term", "fast", "store", "fieldnorm"])
@pytest.mark.parametrize("harm", [_cut, _flip, _truncate, _empty])
def test_damaged_words_are_one_line(index_dir, harm, suffix):
    StatuteIndex(index_dir)  # found whole once: remembered, but not for a file that changed
    (path,) = (_generation(index_dir) / "words").glob(f"*.{suffix}")
    data = bytearray(path.read_bytes())
    harm(data)
    path.unlink()  # an engine may still have the old file mapped: cut in place, the process dies of SIGBUS
    path.write_bytes(data)
    with pytest.raises(StaleIndexError, match=rf"\.{suffix}: 語の索引が壊れています.*作り直してください"):
        StatuteIndex(index_dir)


def test_a_panic_of_the_engine_is_one_line(index_dir):
    index = StatuteIndex(index_dir)

    class PanicException(BaseException):  # pyo3's is no Exception
        pass

    class Panicking:
        num_docs = 11

        def doc_freq(self, *_: object) -> int:
            raise PanicException("range end index 9 out of range")

    with pytest.raises(StaleIndexError, match=r"語の索引が壊れています（range end index 9"):
        index.words.search(Panicking(), ["許可"], 3)


def test_an_index_that_may_only_be_read_is_searched(index_dir, monkeypatch, book):
    expected = _scores(index_dir)
    words = _generation(index_dir) / "words"
    before = {path.name for path in words.iterdir()}
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    reader = StatuteIndex(index_dir)
    assert reader.words._view.folder != words
    assert [(hit.article.anchor, hit.score) for hit in reader.search(QUERY, 5)] == expected
    assert {path.name for path in words.iterdir()} == before
    monkeypatch.undo()
    update_index(index_dir, remove=["505AC0000000003"])  # by somebody who may
    assert {hit.article.law_title for hit in reader.search("市場の休業日", 5)} <= {"渡船法", "渡船法施行令"}


def _killed_update(index_dir: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: object) -> str:
        raise SystemExit(137)

    monkeypatch.setattr(updating, "corpus_hash", killed)  # words committed, store not
    with pytest.raises(SystemExit):
        update_index(index_dir, add=source)
    monkeypatch.undo()


@pytest.fixture
def more(book, tmp_path):
    """A law that shares words with the book, as one more revision."""
    name = "505AC0000000003_20230401_000000000000000"
    later = "505AC0000000003_20240401_000000000000000"
    shutil.copytree(book / name, tmp_path / "more" / later)
    (tmp_path / "more" / later / f"{name}.xml").rename(tmp_path / "more" / later / f"{later}.xml")
    return tmp_path / "more"


def test_words_of_a_killed_update_change_no_score(index_dir, more, monkeypatch, capsys):
    expected = _scores(index_dir)
    _killed_update(index_dir, more, monkeypatch)
    assert _scores(index_dir) == expected
    assert "途中で終わった更新の残りを片付けました" in capsys.readouterr().err
    assert _scores(index_dir) == expected
    assert capsys.readouterr().err == ""


def test_where_leftovers_may_not_be_cleared_it_is_said(index_dir, more, monkeypatch, capsys):
    _killed_update(index_dir, more, monkeypatch)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    StatuteIndex(index_dir)
    assert "途中で終わった更新の残りがあり、検索の点数が少し変わることがあります" in capsys.readouterr().err


def test_a_reader_leaves_the_words_of_an_update_that_goes_on(index_dir, more, monkeypatch, capsys):
    with updating.folder_lock(index_dir):
        assert not updating.clear_interrupted(index_dir, _generation(index_dir))
