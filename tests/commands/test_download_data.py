from __future__ import annotations

import errno
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.commands import download_data
from app.core.cli import run_program
from app.data.egov.source import law_files, read_law
from tests.killing import kill_at_change
from tests.local_server import ReadSite

LAW = """<Law Era="Reiwa" Year="1" Num="1" LawType="Act" Lang="ja"><LawNum>令和元年法律第{0}号</LawNum><LawBody><LawTitle>法{0}</LawTitle>
<MainProvision><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>本文</Sentence></ParagraphSentence></Paragraph></MainProvision></LawBody></Law>"""
SAMPLE = Path(__file__).resolve().parents[2] / "sample/selection.json"


class Site(ReadSite):
    """Speaks the parts of 法令API Version 2, of the bulk download and of GitHub that the program uses."""

    def __init__(self) -> None:
        self.laws = {f"50{n}AC0000000001_20240401_000000000000000": LAW.format(n).encode() for n in (1, 2, 3)}
        self.broken: set[str] = set()
        self.repealed: set[str] = set()
        super().__init__()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        if path == "/api/2/laws":
            start = int(query["offset"][0])
            names = [name for name in self.laws if query.get("law_id", [""])[0] in name]
            rows = [
                {
                    "law_info": {"law_id": name.split("_")[0]},
                    "revision_info": {
                        "law_revision_id": name,
                        "law_title": name[:3],
                        "repeal_status": "Repeal" if name in self.repealed else "None",
                    },
                }
                for name in names[start : start + 2]
            ]
            following = start + 2 if start + 2 < len(names) else None
            return 200, json.dumps({"laws": rows, "next_offset": following}).encode(), {}
        if path.startswith("/api/2/law_file/xml/"):
            name = path.rsplit("/", 1)[1]
            return 200, b"<Law>" if name in self.broken else self.laws[name], {}
        if path == "/bulkdownload":
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                for name, xml in self.laws.items():
                    archive.writestr(f"{name}/{name}.xml", xml)
            return 200, data.getvalue()[: 50 if self.broken else None], {}
        if path.startswith("/data/"):
            return 200, SAMPLE.read_bytes() if not self.broken else b"<html>", {}
        return 404, b"", {}


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


def _run(site: Site, *arguments: str) -> int:
    return run_program(download_data.main, [*arguments, "--site", site.url, "--pause", "0", "--retries", "0"])


def test_all_laws_into_a_folder_and_again(site, tmp_path, capsys):
    folder = tmp_path / "laws"
    assert _run(site, "--all", "--output", str(folder), "--as-of", "2024-04-01") == 0
    assert [law.title for law in map(read_law, law_files(folder))] == ["法1", "法2", "法3"]
    assert all("asof=2024-04-01" in path for path in site.asked if "/laws?" in path)
    asked = len(site.asked)
    assert _run(site, "--all", "--output", str(folder)) == 0
    assert len(site.asked) - asked == 2  # the two pages of the list, no law
    assert "取得済み 3 法令" in capsys.readouterr().err


def test_goes_on_after_a_failure_and_mends_a_changed_file(site, tmp_path, capsys):
    folder = tmp_path / "laws"
    bad = list(site.laws)[1]
    site.broken.add(bad)
    assert _run(site, "--all", "--output", str(folder)) == 1
    assert "1 法令を取得できませんでした" in capsys.readouterr().err
    site.broken.clear()
    first = next(folder.rglob("501*.xml"))
    first.write_text("damaged", encoding="utf-8")
    site.asked.clear()
    assert _run(site, "--all", "--output", str(folder)) == 0
    fetched = [path.rsplit("/", 1)[1] for path in site.asked if "law_file" in path]
    assert fetched == [next(iter(site.laws)), bad]
    assert [law.title for law in map(read_law, law_files(folder))] == ["法1", "法2", "法3"]


def test_a_repealed_law_is_not_fetched_and_its_copy_goes(site, tmp_path, capsys):
    folder = tmp_path / "laws"
    site.repealed.add(list(site.laws)[2])
    assert _run(site, "--all", "--output", str(folder)) == 0
    assert "廃止・失効した法令は取得しません（1 件）: 503（廃止）" in capsys.readouterr().err
    second = list(site.laws)[1]
    (folder / second / "note.txt").write_text("mine", "utf-8")
    other = folder / second.replace("20240401", "20200401")
    other.mkdir()
    (other / f"{other.name}.xml").write_text("mine", "utf-8")  # put there by hand: no line of the record
    site.repealed.add(second)
    assert _run(site, "--all", "--output", str(folder)) == 0
    assert sorted(path.stem for path in folder.rglob("*.xml")) == sorted([next(iter(site.laws)), other.name])
    assert (folder / second / "note.txt").read_text("utf-8") == "mine"


def test_an_id_that_is_a_pattern_deletes_nothing(site, tmp_path, capsys):
    folder = tmp_path / "laws"
    assert _run(site, "--all", "--output", str(folder)) == 0
    # A law that calls itself *: its copies would be every law there is.
    real = site.answer

    def answer(path, query):
        status, body, headers = real(path, query)
        return status, body.replace(b'"502AC0000000001"', b'"*"') if path == "/api/2/laws" else body, headers

    site.answer, site.repealed = answer, {list(site.laws)[1]}
    assert _run(site, "--all", "--output", str(folder)) == 1
    assert "形の違う履歴ID" in capsys.readouterr().err
    assert [law.title for law in map(read_law, law_files(folder))] == ["法1", "法2", "法3"]


def test_a_record_of_another_form_is_named(site, tmp_path, capsys):
    folder = tmp_path / "laws"
    folder.mkdir()
    (folder / "download.jsonl").write_text('{"revision_id": "x"}\n', "utf-8")
    assert _run(site, "--all", "--output", str(folder)) == 1
    assert "download.jsonl: 1 行目が取得の記録ではありません" in capsys.readouterr().err


def test_one_law(site, tmp_path):
    assert _run(site, "--law", "502AC0000000001", "--output", str(tmp_path / "l")) == 0
    assert [law.title for law in map(read_law, law_files(tmp_path / "l"))] == ["法2"]


def test_unknown_law_is_named(site, tmp_path, capsys):
    assert _run(site, "--law", "999AC0000000001", "--output", str(tmp_path / "l")) == 1
    assert "999AC0000000001" in capsys.readouterr().err


def test_bulk_zip_with_checksum(site, tmp_path):
    target = tmp_path / "egov" / "all.zip"
    assert _run(site, "--category", "001", "--output", str(target)) == 0
    query = parse_qs(urlsplit(site.asked[0]).query)
    assert query == {"file_section": ["2"], "category_cd": ["1"], "only_xml_flag": ["true"]}
    assert len(law_files(target)) == 3
    facts = json.loads((tmp_path / "egov" / "all.zip.json").read_text(encoding="utf-8"))
    assert facts["laws"] == 3
    assert facts["bytes"] == target.stat().st_size


def test_what_was_updated_on_a_day(site, tmp_path):
    assert _run(site, "--updated-on", "2026-05-01", "--output", str(tmp_path / "u.zip")) == 0
    query = parse_qs(urlsplit(site.asked[0]).query)
    assert query == {"file_section": ["3"], "update_date": ["20260501"], "only_xml_flag": ["true"]}


def test_a_cut_zip_leaves_the_old_one(site, tmp_path, capsys):
    target = tmp_path / "all.zip"
    assert _run(site, "--all", "--output", str(target)) == 0
    before = target.read_bytes()
    site.broken.add("x")
    assert _run(site, "--all", "--output", str(target)) == 1
    assert "zip ではありません" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "all.zip.json"]


def test_lawqa(site, tmp_path, capsys):
    assert _run(site, "--lawqa", "--output", str(tmp_path / "q")) == 0
    assert (tmp_path / "q" / "selection.json").read_bytes() == SAMPLE.read_bytes()
    assert "問" in capsys.readouterr().err


def test_lawqa_page_that_is_no_json(site, tmp_path, capsys):
    site.broken.add("x")
    assert _run(site, "--lawqa", "--output", str(tmp_path / "q")) == 1
    assert "JSON ではありません" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--all"], ["--all", "--lawqa", "--output", "x"], ["--all", "--as-of", "2024-01-01", "--output", "x.zip"],
     ["--category", "憲法", "--output", "x"], ["--law", "1", "--output", "x.zip"], ["--updated-on", "2026-05-01", "--output", "x"]],
)  # fmt: skip
def test_usage(arguments):
    with pytest.raises(SystemExit) as caught:
        download_data.main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--all", "--pause", "-1"], "使い方の誤り: --pause は 0 以上です（-1.0）（"),
        (["--lawqa", "--retries", "-1"], "使い方の誤り: --retries は 0 以上です（-1）（"),
        (["--lawqa", "--as-of", "2024-01-01"], "使い方の誤り: --as-of は法令の版を選ぶもので、--lawqa（四択問題）にはありません。"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_as_said_is_wrong_usage(site, tmp_path, capsys, arguments, line):
    with pytest.raises(SystemExit) as caught:
        download_data.main([*arguments, "--output", str(tmp_path / "out"), "--site", site.url])
    assert caught.value.code == 2
    assert line in capsys.readouterr().err
    assert (site.asked, list(tmp_path.iterdir())) == ([], [])


def test_a_full_disk_ends_a_bulk_download_at_once(site, tmp_path, monkeypatch, capsys):
    class Full(io.FileIO):
        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", lambda handle, mode: Full(handle, "w+b"))
    target = tmp_path / "all.zip"
    assert run_program(download_data.main, ["--all", "--output", str(target), "--site", site.url, "--pause", "0"]) == 1
    error = capsys.readouterr().err
    assert error == f"エラー: {target}: ディスクの空きがありません。空きを作ってから、同じコマンドで続けてください。\n"
    assert len(site.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_download_writes_over_nobody_elses_file(site, tmp_path, capsys):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "selection.json").write_text("mine", "utf-8")
    assert _run(site, "--lawqa", "--output", str(tmp_path / "q")) == 1
    assert "selection.json は既にあり" in capsys.readouterr().err
    assert (tmp_path / "q" / "selection.json").read_text("utf-8") == "mine"
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("1/1.xml", "<Law/>")
    damaged = (tmp_path / "good.zip").read_bytes().replace(b"PK\1\2", b"PK\1\3")  # the directory: nobody can say whose
    for data in (b"mine", damaged):
        (tmp_path / "all.zip").write_bytes(data)
        assert _run(site, "--all", "--output", str(tmp_path / "all.zip")) == 1
        assert "all.zip は既にあり" in capsys.readouterr().err
        assert (tmp_path / "all.zip").read_bytes() == data


def test_a_download_may_be_made_again(site, tmp_path, capsys):
    for _ in range(2):
        assert _run(site, "--lawqa", "--output", str(tmp_path / "q")) == 0
        assert _run(site, "--all", "--output", str(tmp_path / "all.zip")) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
@pytest.mark.parametrize(("what", "name"), [("--all", "laws"), ("--all", "all.zip"), ("--lawqa", "lawqa")])
def test_a_download_killed_at_any_file_goes_on_and_leaves_nothing(site, tmp_path, monkeypatch, what, name):
    def fetch(folder: Path) -> int:
        return _run(site, what, "--output", str(folder / name))

    def contents(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "download" not in path.name and not path.name.endswith(".zip.json")  # they hold times
        }

    whole = tmp_path / "whole"
    whole.mkdir()
    assert fetch(whole) == 0
    for number in range(1, 100):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "mine.txt").write_text("mine", "utf-8")
        code = kill_at_change(lambda where=folder: fetch(where), number, folder)
        if code is None:
            assert fetch(folder) == 0
        (folder / "mine.txt").unlink()
        names = {path.name for path in folder.rglob("*")}
        assert {path.name for path in whole.rglob("*")} == names, number
        assert contents(folder).keys() == contents(whole).keys()
        if name != "all.zip":  # a zip holds times
            assert contents(folder) == contents(whole)
        if code is not None:
            break
    assert code == 0
    assert number > 4
