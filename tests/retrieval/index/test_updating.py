from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from app.core.errors import BusyError, DataError
from app.core.locks import folder_lock
from app.retrieval.index.building import build_index
from app.retrieval.index.manifest import read_manifest, source_changed
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index
from tests.killing import kill_at_change

ROOT = Path(__file__).resolve().parents[3]
MARKET = "505AC0000000003"
OLD = f"{MARKET}_20230401_000000000000000"


@pytest.fixture
def market(tmp_path, make_law):
    """Writes a revision of 市場法 that names its day off; returns the folder."""

    def write(revision_id: str, day: str, *more: str) -> Path:
        folder = tmp_path / f"new-{revision_id}-{day}"
        folder.mkdir(exist_ok=True)
        articles = {"1": ["市場は、毎日開く。"], "2": [f"市場の休業日は、{day}とする。", *more]}
        (folder / f"{revision_id}.xml").write_text(make_law("市場法", "令和五年法律第三号", articles), encoding="utf-8")
        return folder

    return write


def _days_off(index: StatuteIndex, as_of: date | None = None) -> str:
    hit = index.search("市場の休業日は何曜日とするか", 1, as_of=as_of)[0]
    assert (hit.article.law_title, hit.article.num) == ("市場法", "2")
    return hit.passages[0].lines[0][1].removeprefix("市場の休業日は、").removesuffix("とする。")


def test_an_open_index_sees_the_replaced_law(index_dir, market):
    index = StatuteIndex(index_dir)
    assert _days_off(index) == "水曜日"
    result = update_index(index_dir, add=market(OLD, "火曜日"))
    assert (result.added, result.replaced, result.removed) == (0, 1, 0)
    assert _days_off(index) == "火曜日"
    fresh = StatuteIndex(index_dir)
    assert fresh.words.current().num_docs == 10 == int(fresh.store.meta("searched"))  # the second paragraph is gone
    assert fresh.store.counts()["laws"] == 3


def test_a_law_twice_with_two_revisions(index_dir, market):
    new = f"{MARKET}_20250401_507AC0000000009"
    coming = f"{MARKET}_20990401_507AC0000000010"
    result = update_index(index_dir, add=market(new, "月曜日"))
    assert (result.added, result.replaced) == (1, 0)
    update_index(index_dir, add=market(coming, "日曜日"))
    index = StatuteIndex(index_dir)
    assert _days_off(index) == "月曜日"  # in force today; the one of 2099 is out of view
    assert _days_off(index, date(2024, 1, 1)) == "水曜日"
    assert _days_off(index, date(2025, 3, 31)) == "水曜日"
    assert _days_off(index, date(2025, 4, 1)) == "月曜日"
    assert _days_off(index, date(2099, 4, 1)) == "日曜日"
    titles = [hit.article.law_title for hit in index.search("市場の休業日", 10, as_of=date(2025, 4, 1))]
    assert titles.count("市場法") == 2  # 第一条 and 第二条, each once


def test_the_same_again_changes_nothing(index_dir, book):
    result = update_index(index_dir, add=book)
    assert (result.added, result.replaced, result.removed, result.unchanged) == (0, 0, 0, 3)


@pytest.mark.parametrize(
    ("known", "new", "left"),
    [
        # a promise of 2099 comes in 2098
        (["20990401_507AC0000000010"], "20980401_507AC0000000010", ["20230401", "20980401"]),
        # another amending law's promise stays
        (["20990401_507AC0000000011"], "20980401_507AC0000000010", ["20230401", "20980401", "20990401"]),
        # a step of the same amending law that is in force already stays
        (["20240401_507AC0000000010"], "20980401_507AC0000000010", ["20230401", "20240401", "20980401"]),
        # two steps still to come: the nearer one was put off, the other stays
        (["20900401_507AC0000000010", "20990401_507AC0000000010"], "20910401_507AC0000000010", ["20230401", "20910401", "20990401"]),
        # the promise came true earlier than it was to
        (["20990401_507AC0000000010"], "20240401_507AC0000000010", ["20230401", "20240401"]),
    ],
)  # fmt: skip
def test_a_promise_with_another_day_takes_the_place_of_the_older_one(index_dir, market, known, new, left):
    promises = market(f"{MARKET}_{known[0]}", "土曜日")
    for revision in known[1:]:
        (other,) = market(f"{MARKET}_{revision}", "土曜日").iterdir()
        other.rename(promises / other.name)
    update_index(index_dir, add=promises)
    result = update_index(index_dir, add=market(f"{MARKET}_{new}", "日曜日"))
    revisions = [one.split("_")[1] for one, _, _ in StatuteIndex(index_dir).store.revisions_of(MARKET)]
    assert revisions == left
    assert len(result.redated) == result.removed == len(known) + 2 - len(left)


@pytest.mark.parametrize(
    ("info", "day", "gone"),
    [
        ("<repeal_status>Repeal</repeal_status>", "20250601", True),
        ("<repeal_status>None</repeal_status><amendment_type>8</amendment_type>", "20250601", True),
        ("<repeal_status>None</repeal_status><amendment_type>8</amendment_type>", "20990601", False),
    ],
)
def test_a_repealed_law_goes_with_the_update(index_dir, market, tmp_path, info, day, gone):
    folder = market(f"{MARKET}_{day}_507AC0000000009", "日曜日")
    (path,) = folder.iterdir()
    xml = path.read_text(encoding="utf-8")
    head = f"<law_data_response><revision_info>{info}</revision_info><law_full_text>"
    path.write_text(f"{head}{xml}</law_full_text></law_data_response>", encoding="utf-8")
    result = update_index(index_dir, add=folder)
    assert (result.added, result.removed, result.repealed) == (0, *((1, (MARKET,)) if gone else (0, ())))
    index = StatuteIndex(index_dir)
    assert index.references("市場法第1条")[0].status == ("unknown_law" if gone else "found")
    assert index.words.current().num_docs == int(index.store.meta("searched"))


def test_adding_what_lies_in_the_source_folder_keeps_the_index_open(index_dir, book, make_law):
    xml = make_law(
        "市場法", "令和五年法律第三号", {"1": ["市場は、毎日開く。"], "2": ["市場の休業日は、火曜日とする。"]}
    )
    (book / OLD / f"{OLD}.xml").write_text(xml, encoding="utf-8")
    assert _days_off(StatuteIndex(index_dir)) == "水曜日"  # downloaded again, not yet added
    update_index(index_dir, add=book)
    assert _days_off(StatuteIndex(index_dir)) == "火曜日"
    assert not source_changed(read_manifest(index_dir))


def test_names_are_the_same_after_an_update_as_after_a_build(index_dir, book, make_law, tmp_path):
    """Who gives which name is counted per law, so that an update of one law cannot make a name or break one."""
    for number in (7, 8):
        name = f"50{number}AC0000000001_20240401_000000000000000"
        xml = make_law(
            f"試{number}法",
            f"令和{number}年法律第一号",
            {"1": ["渡船法（令和三年法律第一号。以下「渡し法」という。）"]},
        )
        (book / name).mkdir()
        (book / name / f"{name}.xml").write_text(xml, encoding="utf-8")
        update_index(index_dir, add=book / name)
        expected = "ambiguous_law" if number == 7 else "found"
        assert StatuteIndex(index_dir).references("渡し法第1条")[0].status == expected
    build_index(book, tmp_path / "fresh")
    rows = "SELECT alias, law_id, kind, from_law FROM aliases ORDER BY 1, 2, 3, 4"
    updated, fresh = (
        StatuteIndex(one).store.connection.execute(rows).fetchall() for one in (index_dir, tmp_path / "fresh")
    )
    assert updated == fresh
    update_index(index_dir, remove=["508AC0000000001"])
    assert StatuteIndex(index_dir).references("渡し法第1条")[0].status == "ambiguous_law"


def test_removing_a_law(index_dir):
    assert update_index(index_dir, remove=[MARKET]).removed == 1
    index = StatuteIndex(index_dir)
    assert all(hit.article.law_title != "市場法" for hit in index.search("市場の休業日は水曜日", 5))
    assert index.names().lookup("市場法") == ()
    assert index.store.counts()["laws"] == 2


def test_citations_follow_the_update(index_dir, market):
    update_index(index_dir, add=market(OLD, "火曜日", "前項の規定は、渡船法第二条第二項の桟橋では、適用しない。"))
    rows = (
        StatuteIndex(index_dir)
        .store.connection.execute("SELECT to_law, to_num, to_paragraph FROM citations WHERE from_law=?", (MARKET,))
        .fetchall()
    )
    assert rows == [("503AC0000000001", "2", "2")]


def test_unknown_ids_and_unreadable_laws_change_nothing(index_dir, market, tmp_path):
    with pytest.raises(DataError, match="999X"):
        update_index(index_dir, add=market(OLD, "火曜日"), remove=["999X"])
    bad = market(OLD, "火曜日")
    (bad / "bad.xml").write_text("<Law>", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.xml"):
        update_index(index_dir, add=bad)
    assert _days_off(StatuteIndex(index_dir)) == "水曜日"


def test_one_writer_at_a_time(index_dir, market):
    with folder_lock(index_dir), pytest.raises(BusyError, match="別の処理が書いています"):
        update_index(index_dir, add=market(OLD, "火曜日"))


KILLED = """
import os, signal, sys
from pathlib import Path
from app.retrieval.engines import lexical
from app.retrieval.store import store
from app.retrieval.index import updating
count = 0
def kill_at(target, name):
    original = getattr(target, name)
    def wrapped(*args, **kwargs):
        global count
        result = original(*args, **kwargs)
        count += 1
        if count == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(target, name, wrapped)
kill_at(lexical.LexicalWriter, "commit")   # 1: leftovers; 2: new words, before the store; 4: old words deleted
kill_at(updating, "_update")               # 3: the store has committed, old words are still there
updating.update_index(Path(sys.argv[1]), add=Path(sys.argv[2]))
"""


@pytest.mark.parametrize(("moment", "day"), [(1, "水曜日"), (2, "水曜日"), (3, "火曜日"), (4, "火曜日")])
def test_kill_9_leaves_one_state_or_the_other(index_dir, market, moment, day):
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(index_dir), str(market(OLD, "火曜日")), str(moment)], cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    index = StatuteIndex(index_dir)
    assert _days_off(index) == day
    update_index(index_dir, add=market(OLD, "金曜日"))
    assert _days_off(index) == "金曜日"
    assert index.words.current().num_docs == int(index.store.meta("searched")) == 10
    assert index.store.connection.execute("SELECT count(*) FROM removed").fetchone() == (0,)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
def test_an_update_killed_at_any_file_leaves_nothing_else(index_dir, market, tmp_path):
    source = market(OLD, "火曜日")
    for number in range(1, 100):
        again = tmp_path / f"{number}"
        shutil.copytree(index_dir, again)
        code = kill_at_change(lambda index=again: 0 if update_index(index, add=source) else 1, number, again)
        assert _days_off(StatuteIndex(again)) in ("水曜日", "火曜日")
        if code is None:
            update_index(again, add=source)
        assert _days_off(StatuteIndex(again)) == "火曜日"
        assert sorted(entry.name for entry in again.iterdir()) == [read_manifest(again).folder, "manifest.json"]
        if code is not None:
            break
    assert code == 0


def test_eight_threads_search_while_updates_commit(index_dir, market):
    index = StatuteIndex(index_dir)
    days = ["火曜日", "金曜日", "日曜日"] * 4
    allowed = {"水曜日", *days}
    seen: set[str] = set()
    faults: list[BaseException] = []
    done = threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                day = _days_off(index)
                assert day in allowed
                seen.add(day)
                assert index.search("航路の起点及び終点を記載する", 1)[0].article.num == "5"
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for day in days:
        update_index(index_dir, add=market(OLD, day))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(seen) > 1
    assert _days_off(index) == days[-1]
