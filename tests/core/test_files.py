"""Files are replaced whole or not at all; broken ones are named with their line."""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.failures import os_error_line
from app.core.files import (
    append_jsonl,
    read_json,
    read_jsonl,
    read_jsonl_tail,
    read_text,
    replace_file,
    sha256_bytes,
    sha256_file,
    sha256_text,
    to_json,
    write_json,
    write_jsonl,
    write_text,
)


def test_hashes_agree(tmp_path: Path) -> None:
    text = "条文" * 600_000  # more than one piece
    write_text(tmp_path / "x", text)
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert sha256_file(tmp_path / "x") == sha256_text(text) == sha256_bytes(text.encode()) == expected


def test_a_file_is_replaced_in_one_step_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text("utf-8") == "new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_while_writing_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def write_half() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text("utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_outputs_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "x", "")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(values, max_size=5))
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("json")
    write_json(folder / "x.json", rows)
    assert read_json(folder / "x.json") == rows
    assert write_jsonl(folder / "x.jsonl", rows) == len(rows)
    assert read_jsonl(folder / "x.jsonl") == rows
    for row in rows:
        append_jsonl(folder / "y.jsonl", row)
    assert read_jsonl_tail(folder / "y.jsonl") == rows


def test_japanese_stays_readable_and_nan_is_refused() -> None:
    assert to_json({"法": "令"}) == '{"法": "令"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "ファイルがありません"),
        (b"\xff\xfe", "UTF-8 として読めません（0 バイト目）"),
        (b'{"a":\n1,}', "2 行目が JSON として読めません"),
        (b"", "1 行目が JSON として読めません"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, data: bytes | None, message: str) -> None:
    path = tmp_path / "x.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="フォルダです"):
        read_text(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "x.json") == [1]


def test_an_object_that_contradicts_itself_is_no_value(tmp_path):
    path = tmp_path / "q.json"
    path.write_text('{"samples": [{"id": 1, "output": "a", "id": 1, "output": "b"}]}', encoding="utf-8")
    with pytest.raises(DataError, match="'output' が二度あり、値が違います"):
        read_json(path)
    with pytest.raises(DataError, match="1 行目が JSON として読めません（'output' が二度あり"):
        read_jsonl(path)
    path.write_text('{"id": 1, "id": 1}', encoding="utf-8")
    assert read_json(path) == {"id": 1}


def test_jsonl_names_the_bad_line_and_skips_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n\n[2]\n', "utf-8")
    assert read_jsonl(path) == [{"a": 1}, [2]]
    path.write_text('{"a": 1}\n\nno\n', "utf-8")
    with pytest.raises(DataError, match="3 行目"):
        read_jsonl(path)


def test_text_separators_inside_a_line_do_not_end_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", ["a\u2028b\x85c"])
    assert read_jsonl(tmp_path / "x.jsonl") == ["a\u2028b\x85c"]
    assert read_jsonl_tail(tmp_path / "x.jsonl") == ["a\u2028b\x85c"]


@pytest.mark.parametrize("half", [b"", b'{"id"', b'{"id": 3}', "条".encode()[:2]])
def test_a_line_cut_by_a_kill_is_dropped_and_written_over(tmp_path: Path, half: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": 2}\n' + half)
    assert read_jsonl_tail(path) == [{"id": 1}, {"id": 2}]
    append_jsonl(path, {"id": 4})
    assert path.read_bytes() == b'{"id": 1}\n{"id": 2}\n{"id": 4}\n'


def test_lines_that_are_added_at_once_all_stand_there(tmp_path: Path) -> None:
    path, text = tmp_path / "x.jsonl", "あ" * 20_000
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append_jsonl(path, [number, text]), range(64)))
    assert sorted(read_jsonl(path)) == [[number, text] for number in range(64)]


def test_only_half_a_line_is_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"id"')
    append_jsonl(path, 1)
    assert path.read_bytes() == b"1\n"
    assert read_jsonl_tail(tmp_path / "none.jsonl") == []


def test_a_broken_line_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": 1}\n{"id"\n{"id": 3}\n', "utf-8")
    with pytest.raises(DataError, match="2 行目が壊れています"):
        read_jsonl_tail(path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_write_that_finds_no_room_names_its_file_and_leaves_the_old_one(tmp_path: Path, number: int) -> None:
    path = tmp_path / "x"
    write_text(path, "old")

    def fail(code: int) -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise OSError(code, "what write() says")  # it names no file

    with pytest.raises(OSError, match="what write") as full:
        fail(number)
    assert os_error_line(full.value).startswith(f"{path}: ")
    with pytest.raises(OSError, match="what write") as other:  # of another file that was read meanwhile
        fail(errno.EIO)
    assert other.value.filename is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    assert path.read_text("utf-8") == "old"
