from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from app.core.errors import DataError
from app.data.egov.source import law_files, read_law

LAW = """<Law Era="Reiwa" Year="1" Num="1" LawType="Act" Lang="ja"><LawNum>令和元年法律第{0}号</LawNum><LawBody><LawTitle>法{0}</LawTitle>
<MainProvision><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>本文{0}</Sentence></ParagraphSentence></Paragraph></MainProvision></LawBody></Law>"""

DAMAGED = r"^[^\n]*/l\.zip: zip として読めません（壊れているか、取得の途中です）。取り直してください。$"


def _zip(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_zip_folder_and_file_give_the_same_law(tmp_path):
    folder = tmp_path / "laws" / "1"
    folder.mkdir(parents=True)
    (folder / "1.xml").write_text(LAW.format(1), encoding="utf-8")
    archive = _zip(tmp_path / "laws.zip", {"1/1.xml": LAW.format(1), "SOURCES.csv": "a,b"})
    laws = [[read_law(file) for file in law_files(source)] for source in (archive, tmp_path / "laws", folder / "1.xml")]
    assert laws[0] == laws[1] == laws[2]
    assert [law.title for law in laws[0]] == ["法1"]


def test_no_file_of_a_folder_is_left_out_without_a_word(tmp_path):
    (tmp_path / "laws").mkdir()
    (tmp_path / "laws" / "1.XML").write_text(LAW.format(1), encoding="utf-8")
    (tmp_path / "laws" / "2.xml").mkdir()
    assert [file.name for file in law_files(tmp_path / "laws")] == ["1.XML"]
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/laws/\xff"))
    odd.mkdir()
    (odd / "3.xml").write_text(LAW.format(3), encoding="utf-8")
    with pytest.raises(DataError, match="名前が UTF-8 ではありません"):
        law_files(tmp_path / "laws")
    odd.rename(tmp_path / "laws" / "3")
    (tmp_path / "laws" / "4.xml").symlink_to("nowhere.xml")
    with pytest.raises(DataError, match=r"4\.xml: リンクの先がありません"):
        law_files(tmp_path / "laws")


def test_an_unreadable_file_is_named_and_the_rest_is_read(tmp_path):
    archive = _zip(
        tmp_path / "l.zip", {"1/1.xml": LAW.format(1), "2/2.xml": LAW.format(2)[:80], "3/3.xml": LAW.format(3)}
    )
    first, second, third = law_files(archive)
    assert [read_law(one).title for one in (first, third)] == ["法1", "法3"]
    with pytest.raises(DataError, match=r"2\.xml.*XML として読めません"):
        read_law(second)


@pytest.mark.parametrize("name", ["../1.xml", "/etc/1.xml", "a/../../1.xml", "..\\1.xml", "C:/1.xml"])
def test_a_path_outside_the_zip_is_refused(tmp_path, name):
    archive = _zip(tmp_path / "l.zip", {"ok/1.xml": LAW.format(1), name: LAW.format(2)})
    with pytest.raises(DataError, match="フォルダの外"):
        law_files(archive)


@pytest.mark.parametrize("name", [".", "./"])
def test_a_member_without_a_name_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x" if name == "." else b"")
        archive.writestr("a.xml", b"<Law/>")
    if name == ".":
        with pytest.raises(DataError, match="フォルダの外を指すパス"):
            law_files(tmp_path / "x.zip")
    else:
        assert [file.name for file in law_files(tmp_path / "x.zip")] == ["a.xml"]


def test_damaged_deflate_data_is_named_and_can_be_skipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", "".join(map(str, range(2000))))
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[80:100] = b"\xff" * 20
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"x\.zip: a\.xml を取り出せません"):
        law_files(tmp_path / "x.zip")[0].read()


def test_a_member_whose_own_name_is_damaged_is_named(tmp_path):
    archive = _zip(tmp_path / "l.zip", {"法.xml": LAW.format(1)})
    archive.write_bytes(archive.read_bytes().replace("法".encode(), b"\xff\xff\xff", 1))  # not in the directory
    with pytest.raises(DataError, match=r"^[^\n]*/l\.zip: 法\.xml を取り出せません（[^\n]*）。取り直してください。$"):
        law_files(archive)[0].read()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    archive = _zip(tmp_path / "l.zip", {"1/1.xml": b" " * (4 * 2**20)})
    with pytest.raises(DataError, match="圧縮率が異常"):
        law_files(archive)


def test_total_size_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("app.data.egov.source.MAX_TOTAL_BYTES", 100)
    archive = _zip(tmp_path / "l.zip", {"1/1.xml": LAW.format(1)})
    with pytest.raises(DataError, match="展開すると"):
        law_files(archive)


def test_a_member_with_wrong_bytes_is_named(tmp_path):
    archive = _zip(tmp_path / "l.zip", {"1/1.xml": LAW.format(1) * 3})
    data = bytearray(archive.read_bytes())
    data[60:90] = bytes(30)
    archive.write_bytes(data)
    (only,) = law_files(archive)
    with pytest.raises(DataError, match=r"1/1\.xml"):
        read_law(only)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path / "none.zip", "ありません"),
        (lambda path: path, "一つもありません"),
        (lambda path: _cut(path), "zip として読めません"),
        (lambda path: _directory(path, b"PK\1\2", b"PK\1\3"), DAMAGED),  # BadZipFile
        (lambda path: _directory(path, "法".encode(), b"\xff\xff\xff"), DAMAGED),  # UnicodeDecodeError
        (lambda path: _directory(path, b"2/", b"\0/"), "フォルダの外を指すパス ''"),  # a name that is empty
        (lambda path: _directory(path, b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\xdc"), DAMAGED),  # NotImplementedError
    ],
)
def test_unusable_sources(tmp_path, make, words):
    with pytest.raises(DataError, match=words):
        law_files(make(tmp_path))


def _directory(folder: Path, old: bytes, new: bytes) -> Path:
    """A zip whose directory is damaged, though the record at its end is as it was."""
    path = _zip(folder / "l.zip", {"1/1.xml": LAW.format(1), "2/法.xml": LAW.format(2)})
    before, last = path.read_bytes().rsplit(old, 1)
    path.write_bytes(before + new + last)
    return path


def _cut(folder: Path) -> Path:
    path = _zip(folder / "cut.zip", {"1/1.xml": LAW.format(1)})
    path.write_bytes(path.read_bytes()[:100])
    return path
