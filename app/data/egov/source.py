"""Law files from a zip, a folder or a single XML, one at a time; archives are checked before anything is read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ...core.errors import DataError
from ...core.terminal import HALF
from .law import Law
from .xml import parse_law
from .xml_text import MAX_XML_BYTES

MAX_TOTAL_BYTES = 16 * 2**30  # e-Gov's whole download unpacks to 3.2 GB
MAX_RATIO = 200  # statute XML packs 10 to 40 times; deflate's limit, used by bombs, is about 1,000
# What zipfile raises for a directory or a header that is not as it was written: a mark, a name or a version is wrong.
_BROKEN = (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError)
_DAMAGED = "zip として読めません（壊れているか、取得の途中です）。取り直してください。"


@dataclass(frozen=True, slots=True)
class LawFile:
    """A law file that has not been read yet."""

    name: str  # path inside the zip or folder
    size: int  # bytes, unpacked
    read: Callable[[], bytes]
    head: Callable[[int], bytes]  # as many bytes of its beginning


def law_files(source: Path) -> list[LawFile]:
    """Every XML under ``source`` (zip, folder or file), sorted by name. Raises DataError for an unsafe or empty one."""
    if source.is_dir():
        files = [
            LawFile(path.relative_to(source).as_posix(), path.stat().st_size, path.read_bytes, partial(_head, path))
            for path in xml_paths(source)
        ]
    elif not source.exists():
        raise DataError(f"{source}: ありません。法令XMLの zip・フォルダ・ファイルを指定してください。")
    elif zipfile.is_zipfile(source):
        files = _zip_files(source)
    elif source.suffix.lower() == ".zip":
        raise DataError(f"{source}: {_DAMAGED}")
    else:
        files = [LawFile(source.name, source.stat().st_size, source.read_bytes, partial(_head, source))]
    if not files:
        raise DataError(f"{source}: 法令XML（*.xml）が一つもありません。")
    return files


def _head(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def xml_paths(folder: Path) -> list[Path]:
    """The XML files under ``folder``, sorted, whatever the case of their ending. Raises DataError for a link that leads
    nowhere and for a name that is not UTF-8: what lies there would be left out without a word."""
    paths = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() != ".xml" or path.is_dir():
            continue
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path}: リンクの先がありません。リンクを直すか消してください。")
        if HALF.search(str(path.relative_to(folder))):
            raise DataError(f"{path}: 名前が UTF-8 ではありません。フォルダとファイルの名前を変えてください。")
        if path.is_file():
            paths.append(path)
    return paths


def zip_members(source: Path) -> list[zipfile.ZipInfo]:
    """What the directory of a zip lists. Raises DataError for a damaged one, which the record at its end does not show."""
    try:
        with zipfile.ZipFile(source) as archive:
            return archive.infolist()
    except _BROKEN:
        raise DataError(f"{source}: {_DAMAGED}") from None


def _zip_files(source: Path) -> list[LawFile]:
    members = [member for member in zip_members(source) if not member.filename.endswith("/")]
    total = 0
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
            raise DataError(f"{source}: フォルダの外を指すパス {member.filename!r} があります。このzipは使いません。")
        if member.flag_bits & 0x1:
            raise DataError(f"{source}: 暗号化された {member.filename!r} があります。解いた zip を指定してください。")
        total += member.file_size
        if member.file_size > 2**20 and member.file_size > MAX_RATIO * max(1, member.compress_size):
            raise DataError(
                f"{source}: {member.filename!r} は圧縮率が異常です（{member.compress_size:,} → {member.file_size:,} バイト）。"
                "このzipは使いません。"
            )
    if total > MAX_TOTAL_BYTES:
        raise DataError(f"{source}: 展開すると {total:,} バイトになります（上限 {MAX_TOTAL_BYTES:,}）。")
    reader = _ZipReader(source)
    return [
        LawFile(member.filename, member.file_size, partial(reader.read, member), partial(reader.read, member))
        for member in sorted(members, key=lambda member: member.filename)
        if member.filename.lower().endswith(".xml")
    ]


class _ZipReader:
    """Reads members of one zip, opening it at the first read."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._archive: zipfile.ZipFile | None = None

    def read(self, member: zipfile.ZipInfo, most: int = MAX_XML_BYTES + 1) -> bytes:
        """Bytes of a member, the first ``most``; never more than one law may have, whatever the zip's directory says."""
        if self._archive is None:
            self._archive = zipfile.ZipFile(self._source)
        try:
            with self._archive.open(member) as file:
                return file.read(most)
        except (*_BROKEN, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise DataError(
                f"{self._source}: {member.filename} を取り出せません（{error}）。取り直してください。"
            ) from None


def read_law(file: LawFile) -> Law:
    """The law in ``file``. Raises DataError naming the file."""
    if file.size > MAX_XML_BYTES:
        raise DataError(
            f"{file.name}: {file.size:,} バイトあります（上限 {MAX_XML_BYTES:,}）。法令XMLか確かめてください。"
        )
    return parse_law(file.read(), PurePosixPath(file.name).name)
