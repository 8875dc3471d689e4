"""A large file is hashed once; any change of it, its date set back or not, is seen."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from app.core import file_hashes
from app.core.file_hashes import cache_folder, known_sha256


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were really read; every file of 4 bytes and more is kept, however new it is."""
    names: list[str] = []
    real = file_hashes.sha256_file

    def reading(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(file_hashes, "sha256_file", reading)
    monkeypatch.setattr(file_hashes, "KEPT_FROM_BYTES", 4)
    monkeypatch.setattr(file_hashes, "SETTLED_SECONDS", -1.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    return names


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once(tmp_path: Path, hashed: list[str]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"weights")
    two.write_bytes(b"others!")
    assert known_sha256([one, two]) == [digest(b"weights"), digest(b"others!")]
    file_hashes._memory.clear()  # as in another process
    assert known_sha256([two, one]) == [digest(b"others!"), digest(b"weights")]
    (tmp_path / "link").symlink_to(one)
    assert known_sha256([tmp_path / "link"]) == [digest(b"weights")]
    assert hashed == ["one", "two"]
    assert cache_folder() == tmp_path / "cache" / "horei-ft"


@pytest.mark.parametrize("how", ["in place", "in place, date set back", "another file moved there, date set back"])
def test_a_change_of_the_same_size_is_seen(tmp_path: Path, hashed: list[str], how: str) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"weights")
    dates = path.stat().st_atime_ns, path.stat().st_mtime_ns
    assert known_sha256([path]) == [digest(b"weights")]
    target = tmp_path / "other" if "another" in how else path
    target.write_bytes(b"weighty")
    if "date" in how:
        os.utime(target, ns=dates)
    target.replace(path)
    assert known_sha256([path]) == [digest(b"weighty")]
    assert hashed == ["w", "w"]


def test_what_was_written_just_now_is_not_kept(tmp_path: Path, hashed: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(file_hashes, "SETTLED_SECONDS", 60.0)
    (tmp_path / "w").write_bytes(b"weights")
    known_sha256([tmp_path / "w"])
    known_sha256([tmp_path / "w"])
    assert hashed == ["w", "w"]


def test_small_files_are_not_kept(tmp_path: Path, hashed: list[str]) -> None:
    (tmp_path / "w").write_bytes(b"abc")
    assert known_sha256([tmp_path / "w"]) == [digest(b"abc")]
    assert not cache_folder().exists()


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "{broken", '{"PATH": [7, 1, 2, 3, 4]}'])
def test_a_broken_cache_is_made_again(tmp_path: Path, hashed: list[str], text: str) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"weights")
    cache_folder().mkdir(parents=True)
    (cache_folder() / "file_hashes.json").write_text(text.replace("PATH", str(path)))
    assert known_sha256([path]) == [digest(b"weights")]
    file_hashes._memory.clear()
    assert known_sha256([path]) == [digest(b"weights")]
    assert hashed == ["w"]


def test_hashes_of_files_that_are_gone_are_dropped(tmp_path: Path, hashed: list[str]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"weights")
    known_sha256([one])
    one.unlink()
    two.write_bytes(b"others!")
    known_sha256([two])
    assert "one" not in (cache_folder() / "file_hashes.json").read_text()


def test_where_nothing_can_be_kept_it_is_said(tmp_path: Path, hashed: list[str], capsys: Any) -> None:
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "w").write_bytes(b"weights")
    assert known_sha256([tmp_path / "w"]) == known_sha256([tmp_path / "w"]) == [digest(b"weights")]
    assert hashed == ["w"]  # once a process
    assert "ハッシュを残せないので、次も計算します" in capsys.readouterr().err
