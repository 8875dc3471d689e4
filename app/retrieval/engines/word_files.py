"""The files of the word index: whole by their checksums, and readable by users who may not write beside them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...core.errors import StaleIndexError
from ...core.files import write_json

REBUILD = "scripts/build_index.py で作り直してください。"
# tantivy ends each file with a JSON footer, its length and this number (tantivy, src/directory/footer.rs).
_MAGIC = 1337
_PIECE = 1 << 20
_TRIES = 5


def check_word_files(folder: Path, *, again: bool = False) -> None:
    """Raise StaleIndexError when a file of the committed segments is missing, cut or has another checksum.

    tantivy itself reads damaged postings without a word, or panics. A file that was found whole is not read again until
    its size or time changes: ``words.checked.json`` beside the folder remembers it, where it can be written. ``again``
    reads every file.
    """
    memory = folder.with_name(f"{folder.name}.checked.json")
    known = {} if again else _read(memory)
    for _ in range(_TRIES):
        try:
            seen = _checked(folder, known)
        except FileNotFoundError:
            continue  # an update that is committed right now has merged it away
        if seen != known:
            with suppress(OSError):  # a folder that may only be read: checked again next time
                write_json(memory, seen)
        return
    raise StaleIndexError(f"{folder}: 語の索引のファイルが足りません。{REBUILD}")


def _checked(folder: Path, known: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Size and time of every committed file, after those that are not ``known`` were read."""
    seen: dict[str, list[int]] = {}
    for name in _committed(folder):
        status = (folder / name).stat()
        seen[name] = [status.st_size, status.st_mtime_ns]
        if known.get(name) != seen[name] and not _is_whole(folder / name):
            raise StaleIndexError(f"{folder / name}: 語の索引が壊れています（検査値が合いません）。{REBUILD}")
    return seen


def _committed(folder: Path) -> list[str]:
    """Names of the files of the segments that the last commit lists."""
    try:
        segments = json.loads((folder / "meta.json").read_text("utf-8"))["segments"]
        starts = {str(segment["segment_id"]).replace("-", "") for segment in segments}
    except (OSError, ValueError, KeyError, TypeError):
        raise StaleIndexError(f"{folder}: 語の索引が開けません（meta.json が読めません）。{REBUILD}") from None
    names = sorted(path.name for path in folder.iterdir() if path.name.partition(".")[0] in starts)
    missing = starts - {name.partition(".")[0] for name in names if name.endswith(".idx")}
    if missing:
        raise StaleIndexError(f"{folder}: 語の索引の {min(missing)}.idx がありません。{REBUILD}")
    return names


def _read(memory: Path) -> dict[str, list[int]]:
    try:
        value = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_whole(path: Path) -> bool:
    """Whether the footer of a tantivy file is there and its CRC-32 is that of what stands before it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < 8:
            return False
        file.seek(size - 8)
        end = file.read(8)
        length, magic = int.from_bytes(end[:4], "little"), int.from_bytes(end[4:], "little")
        body = size - 8 - length
        if magic != _MAGIC or body < 0:
            return False
        file.seek(body)
        try:
            footer = json.loads(file.read(length))
            expected, _ = footer["crc"], footer["version"]
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        crc, left = 0, body
        while left and (piece := file.read(min(_PIECE, left))):
            crc = zlib.crc32(piece, crc)
            left -= len(piece)
    return bool(crc == expected)


class ReadOnlyView:
    """A folder that tantivy can open: the word index itself or, for users who may not write in it, links to its files.

    tantivy makes a lock file even for reading. The links live in a temporary folder as long as this object.
    """

    def __init__(self, folder: Path) -> None:
        self._source = folder
        self._linked = False
        self.folder = folder
        if folder.is_dir() and not os.access(folder, os.W_OK):
            self.folder = Path(tempfile.mkdtemp(prefix="horei-words-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            self._linked = True
            self.refresh()

    def refresh(self) -> None:
        """Link the files that came since; what an update replaced is read through the link."""
        if not self._linked:
            return
        for path in self._source.iterdir():
            link = self.folder / path.name
            if path.suffix != ".lock" and not os.path.lexists(link):
                link.symlink_to(path.resolve())
