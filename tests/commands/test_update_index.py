from __future__ import annotations

import errno
import json
import tempfile
from datetime import date
from pathlib import Path

import pytest

from app.commands import update_index
from app.core.cli import run_program
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from tests.local_server import ReadSite
from tests.retrieval.conftest import law_xml

FERRY, MARKET, HARBOUR, NEW = (f"50{n}AC000000000{n}" for n in (3, 5, 6, 7))
TITLES = {FERRY: "渡船法", MARKET: "市場法", HARBOUR: "港法", NEW: "新港法"}
OLD_TIME, NEW_TIME = "2020-01-01T00:00:00+09:00", "2098-05-01T10:00:00+09:00"


def _xml(law_id: str, text: str) -> bytes:
    return law_xml(TITLES[law_id], f"令和三年法律第{law_id[-1]}号", {"1": [text]}).encode()


class Site(ReadSite):
    """e-Gov's 法令API Version 2, as far as the program uses it: lists of laws, revisions of a law, files."""

    def __init__(self) -> None:
        self.revisions: dict[str, dict[str, tuple[str, bytes]]] = {}  # law → revision → (updated, xml)
        self.repealed: set[str] = set()
        self.repealing: set[str] = set()  # revisions that repeal their law, by amendment_type alone
        self.broken: set[str] = set()
        super().__init__()

    def put(self, law_id: str, revision: str, text: str, updated: str = OLD_TIME) -> None:
        self.revisions.setdefault(law_id, {})[f"{law_id}_{revision}"] = (updated, _xml(law_id, text))

    def info(self, law_id: str, revision: str) -> dict:
        return {
            "law_revision_id": revision,
            "law_title": TITLES[law_id],
            "updated": self.revisions[law_id][revision][0],
            "repeal_status": "Repeal" if law_id in self.repealed else "None",
            "amendment_type": "8" if revision in self.repealing else "3",
        }

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        body = self.page(path, query)
        return 404 if body is None else 200, body or b"", {}

    def page(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        if path == "/api/2/laws":
            day = query.get("asof", ["2026-11-28"])[0].replace("-", "")
            rows = []
            for law_id, known in sorted(self.revisions.items()):
                there = [one for one in sorted(known) if one.split("_")[1] <= day]
                if there:
                    rows.append({"law_info": {"law_id": law_id}, "revision_info": self.info(law_id, there[-1])})
            start = int(query["offset"][0])
            following = start + 2 if start + 2 < len(rows) else None
            return json.dumps({"laws": rows[start : start + 2], "next_offset": following}).encode()
        name = path.rsplit("/", 1)[1]
        if path.startswith("/api/2/law_revisions/"):
            return json.dumps({"revisions": [self.info(name, one) for one in self.revisions[name]]}).encode()
        found = self.revisions.get(name.split("_")[0], {}).get(name)
        return None if found is None or name in self.broken else found[1]


@pytest.fixture
def site():
    site = Site()
    for law_id in (FERRY, MARKET, HARBOUR):
        site.put(law_id, "20230401_000000000000000", f"{TITLES[law_id]}の元の定め")
    site.put(FERRY, "20990401_507AC0000000010", "渡船法の来る定め")
    yield site
    site.close()


@pytest.fixture
def index_dir(site, tmp_path):
    """An index of what the site has at first."""
    for known in site.revisions.values():
        for name, (_, xml) in known.items():
            (tmp_path / "laws" / name).mkdir(parents=True)
            (tmp_path / "laws" / name / f"{name}.xml").write_bytes(xml)
    build_index(tmp_path / "laws", tmp_path / "i")
    return tmp_path / "i"


def _run(site: Site, index_dir: Path, *more: str) -> int:
    options = ["--index-dir", str(index_dir), "--site", site.url, "--pause", "0", "--retries", "0", *more]
    return run_program(update_index.main, options)


def _texts(index_dir: Path) -> dict[str, str]:
    index = StatuteIndex(index_dir)
    rows = index.store.connection.execute("SELECT revision_id, lines FROM revisions JOIN articles USING (rev) JOIN passages USING (article_id)")  # fmt: skip
    return {revision: json.loads(lines)[0][1] for revision, lines in rows}


def test_nothing_changed(site, index_dir, capsys):
    before = _texts(index_dir)
    assert _run(site, index_dir) == 0
    assert "調べる法令 0、廃止・失効 0" in capsys.readouterr().err
    assert all("/api/2/laws?" in path for path in site.asked)
    assert _texts(index_dir) == before


def test_everything_that_changed_since_comes_in_one_commit(site, index_dir, capsys):
    site.put(MARKET, "20240401_507AC0000000009", "市場法の新しい定め", NEW_TIME)  # amended
    site.put(NEW, "20240501_000000000000000", "新港法の定め", NEW_TIME)  # new
    site.put(FERRY, "20230401_000000000000000", "渡船法の直した定め", NEW_TIME)  # corrected, same revision
    del site.revisions[FERRY][f"{FERRY}_20990401_507AC0000000010"]  # put off
    site.put(FERRY, "20990901_507AC0000000010", "渡船法の来る定め", NEW_TIME)
    site.repealed.add(HARBOUR)
    generation = int(StatuteIndex(index_dir).store.meta("generation"))
    assert _run(site, index_dir) == 0
    assert _texts(index_dir) == {
        f"{FERRY}_20230401_000000000000000": "渡船法の直した定め",
        f"{FERRY}_20990901_507AC0000000010": "渡船法の来る定め",
        f"{MARKET}_20230401_000000000000000": "市場法の元の定め",
        f"{MARKET}_20240401_507AC0000000009": "市場法の新しい定め",
        f"{NEW}_20240501_000000000000000": "新港法の定め",
    }
    index = StatuteIndex(index_dir)
    assert int(index.store.meta("generation")) == generation + 1
    assert index.references("港法第1条")[0].status == "unknown_law"
    assert index.references("新港法第1条")[0].status == "found"
    assert index.words.current().num_docs == int(index.store.meta("searched"))
    assert not list(index_dir.glob(".egov-updates-*"))
    printed = capsys.readouterr().err
    assert "追加 3、置き換え 1、削除 2、変更なし 0" in printed
    assert f"の {NEW_TIME} までの変更" in printed
    site.asked.clear()
    assert _run(site, index_dir) == 0
    assert all("/api/2/laws?" in path for path in site.asked)


def test_what_was_law_between_two_updates_comes_too(site, index_dir, capsys):
    site.put(MARKET, "20200401_504AC0000000001", "市場法のもっと前の定め")  # before the index begins
    site.put(MARKET, "20240401_507AC0000000009", "市場法の間の定め", NEW_TIME)
    site.put(MARKET, "20240701_507AC0000000010", "市場法の今の定め", NEW_TIME)
    assert _run(site, index_dir, "--dry-run") == 0
    between, now = (f"市場法（{MARKET}_{one}）" for one in ("20240401_507AC0000000009", "20240701_507AC0000000010"))
    assert f"取得する版 2: {between}、{now}\n" in capsys.readouterr().err
    assert _run(site, index_dir) == 0
    assert "追加 2、置き換え 0、削除 0、変更なし 0" in capsys.readouterr().err
    index = StatuteIndex(index_dir)
    days = {date(2024, 3, 31): "元", date(2024, 5, 1): "間", date(2024, 7, 1): "今"}
    for day, word in days.items():
        article = index.references("市場法第1条", as_of=day)[0].article
        assert index.store.article_passages(article.article_id)[0].lines == (("", f"市場法の{word}の定め"),)


def test_a_repeal_counts_from_its_day_on(site, index_dir, capsys):
    for law_id, day in ((HARBOUR, "20250401"), (MARKET, "20990401")):
        site.put(law_id, f"{day}_507AC0000000011", "廃止前の定め", NEW_TIME)
        site.repealing.add(f"{law_id}_{day}_507AC0000000011")
    assert _run(site, index_dir) == 0
    assert f"除くもの（廃止・失効、なくなった予定） 1: {HARBOUR}" in capsys.readouterr().err
    index = StatuteIndex(index_dir)
    assert index.references("港法第1条")[0].status == "unknown_law"
    assert index.references("市場法第1条")[0].status == "found"
    assert f"{MARKET}_20990401_507AC0000000011" not in _texts(index_dir)
    site.asked.clear()
    assert _run(site, index_dir) == 0
    assert all("/api/2/laws?" in path for path in site.asked)
    assert "変更はありません" in capsys.readouterr().err


def test_a_dry_run_says_what_would_come(site, index_dir, capsys):
    site.put(MARKET, "20240401_507AC0000000009", "市場法の新しい定め", NEW_TIME)
    site.repealed.add(HARBOUR)
    before = _texts(index_dir)
    assert _run(site, index_dir, "--dry-run") == 0
    assert _texts(index_dir) == before
    printed = capsys.readouterr().err
    assert f"取得する版 1: 市場法（{MARKET}_20240401_507AC0000000009）" in printed
    assert f"除くもの（廃止・失効、なくなった予定） 1: {HARBOUR}" in printed


def test_a_failed_fetch_changes_nothing_and_the_next_run_goes_on(site, index_dir, capsys):
    site.put(MARKET, "20240401_507AC0000000009", "市場法の新しい定め", NEW_TIME)
    site.put(NEW, "20240501_000000000000000", "新港法の定め", NEW_TIME)
    site.broken.add(f"{NEW}_20240501_000000000000000")
    before = _texts(index_dir)
    assert _run(site, index_dir) == 1
    assert "1 版を取得できず、索引は変えていません" in capsys.readouterr().err
    assert _texts(index_dir) == before
    site.broken.clear()
    site.asked.clear()
    assert _run(site, index_dir) == 0
    assert [path.rsplit("/", 1)[1] for path in site.asked if "law_file" in path] == [f"{NEW}_20240501_000000000000000"]
    assert len(_texts(index_dir)) == len(before) + 2


def test_laws_that_were_left_out_stay_out(site, index_dir, tmp_path, capsys):
    site.put(NEW, "20200401_000000000000000", "新港法の定め")  # older than the index, so left out on purpose
    assert _run(site, index_dir) == 0
    assert "前回より前からある 1 法令は" in capsys.readouterr().err
    build_index(tmp_path / "laws", tmp_path / "one", laws=[MARKET])
    site.put(HARBOUR, "20240401_507AC0000000009", "港法の新しい定め", NEW_TIME)
    site.put(MARKET, "20240401_507AC0000000009", "市場法の新しい定め", NEW_TIME)
    assert _run(site, tmp_path / "one") == 0
    assert "いま入っている 1 法令だけを更新します" in capsys.readouterr().err
    assert {name.split("_")[0] for name in _texts(tmp_path / "one")} == {MARKET}


def test_a_law_that_is_not_listed_stays(site, index_dir, capsys):
    del site.revisions[HARBOUR]
    assert _run(site, index_dir) == 0
    assert f"一覧にない 1 法令は、そのまま残します: {HARBOUR}" in capsys.readouterr().err
    assert f"{HARBOUR}_20230401_000000000000000" in _texts(index_dir)


def test_an_index_of_one_day_does_not_follow(site, tmp_path, index_dir, capsys):
    build_index(tmp_path / "laws", tmp_path / "day", as_of=date(2024, 4, 1))
    assert _run(site, tmp_path / "day") == 1
    assert "2024-04-01 の条文だけの索引は更新できません" in capsys.readouterr().err
    assert site.asked == []


def test_no_index_and_no_site_are_one_line(tmp_path, index_dir, capsys):
    assert run_program(update_index.main, ["--index-dir", str(tmp_path / "none")]) == 1
    options = ["--index-dir", str(index_dir), "--site", "http://127.0.0.1:9", "--pause", "0", "--retries", "0"]
    assert run_program(update_index.main, options) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "索引がありません" in lines[0]
    assert "取得できません" in lines[1]


def test_an_index_that_cannot_be_written_is_found_out_before_e_gov_is_asked(site, index_dir, monkeypatch, capsys):
    def read_only(*_, **more):
        raise OSError(errno.EROFS, "Read-only file system", "/somewhere")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    options = ["--index-dir", str(index_dir), "--site", site.url, "--pause", "0"]
    assert run_program(update_index.main, options) == 1
    assert capsys.readouterr().err == (
        f"エラー: --index-dir {index_dir}: 読み取り専用の場所です。書ける場所を指定してください。\n"
    )
    assert site.asked == []
    assert run_program(update_index.main, [*options, "--dry-run"]) == 0
