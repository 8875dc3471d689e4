"""Reading and writing files so that a killed run leaves the old file or the new one, never half of one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import DataError
from .failures import named_when_full, os_error_line
from .system_lock import lock_handle
from .terminal import HALF


def sha256_bytes(data: bytes) -> str:
    """Hex SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """Hex SHA-256 of the UTF-8 bytes of ``text``."""
    return sha256_bytes(text.encode("utf-8"))


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON with Japanese text as it is; NaN and infinity are refused (they are not JSON)."""
    return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path``; when the block ends well it is renamed to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with named_when_full(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        follow_umask(Path(name))  # mkstemp makes files private
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# What replace_file leaves beside its place when it is killed: ``.run.json.ab12cd_x.tmp``.
_REMAINS = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.tmp")


def is_remains(path: Path, of: Sequence[str] = ()) -> bool:
    """Whether ``path`` is a temporary file that a killed write of ours left: of a file with one of these names, if any."""
    matched = _REMAINS.fullmatch(path.name)
    return matched is not None and (not of or matched["name"] in of) and path.is_file()


def follow_umask(path: Path) -> None:
    """Give a file the mode that the user's umask says, like any other file; safetensors and mkstemp make theirs private."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step."""
    with replace_file(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` (UTF-8) in one step."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by indented JSON in one step."""
    write_text(path, to_json(value, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """Replace ``path`` by one JSON object a line in one step; returns the number of lines."""
    count = 0
    with replace_file(path) as file:
        for row in rows:
            file.write(to_json(row).encode("utf-8") + b"\n")
            count += 1
    return count


def append_jsonl(path: Path, row: Any) -> None:
    """Add one JSON line and flush it to the disk; half a line left by a killed run is cut off first.

    Threads and processes that add to one file at the same time do so one after the other.
    """
    with named_when_full(path), path.open("a+b") as file:
        with suppress(OSError):  # a file system that knows no locks
            lock_handle(file.fileno(), wait=True)
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(to_json(row).encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_text(path: Path) -> str:
    """Text of a UTF-8 file (with or without BOM). Raises DataError naming the path and the way out."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: ファイルがありません。パスを確かめてください。") from None
    except IsADirectoryError:
        raise DataError(f"{path}: フォルダです。ファイルを指定してください。") from None
    except OSError as error:
        raise DataError(os_error_line(error, path)) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: UTF-8 として読めません（{error.start} バイト目）。UTF-8 で保存し直してください。"
        ) from None


def read_json(path: Path) -> Any:
    """Value of a JSON file. Raises DataError naming the line of the fault."""
    text = read_text(path)
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: {error.lineno} 行目が JSON として読めません（{error.msg}）。") from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"{path}: JSON として読めません（{json_reason(error)}）。") from None
    if half := half_character(text, value):
        raise DataError(f"{path}: 文字の半分だけが残っています（{half}）。元のデータから作り直してください。")
    return value


class SaidTwiceError(ValueError):
    """An object says one name twice, with two values: readers differ in which they take."""


def parse_json(text: str) -> Any:
    """Value of JSON text. Raises ValueError or RecursionError, for an object that contradicts itself too."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        for name, one in pairs:
            if value[name] != one:
                raise SaidTwiceError(f"{name!r} が二度あり、値が違います")
    return value


def json_reason(error: Exception) -> str:
    """Why JSON could not be read, in a few words."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, SaidTwiceError):
        return str(error)
    return "入れ子が深すぎます" if isinstance(error, RecursionError) else "数が大きすぎます"


def half_character(text: str, value: Any) -> str | None:
    """Where ``value``, parsed from ``text``, holds half of a surrogate pair, which no file can be written with.

    Tools that cut UTF-16 text leave them. Returned is the text around the first, the half itself as ``\\ud842``.
    """
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return None
    for string in _strings(value):
        if found := HALF.search(string):
            around = string[max(0, found.start() - 10) : found.end() + 10]
            return around.encode("utf-8", "backslashreplace").decode("utf-8")
    return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def read_jsonl(path: Path) -> list[Any]:
    """Values of a JSON-lines file, blank lines left out. Raises DataError naming the first bad line."""
    rows: list[Any] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(parse_json(line))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: {number} 行目が JSON として読めません（{json_reason(error)}）。") from None
        if half := half_character(line, rows[-1]):
            raise DataError(
                f"{path}: {number} 行目に文字の半分だけが残っています（{half}）。元のデータから作り直してください。"
            )
    return rows


def read_jsonl_tail(path: Path) -> list[Any]:
    """Values of a JSON-lines file that a kill may have cut: a last line without newline is dropped, others must parse."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole, _, _ = data.rpartition(b"\n")
    rows: list[Any] = []
    try:
        lines = whole.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: UTF-8 として読めません（{error.start} バイト目）。ファイルを消してから、はじめからやり直してください。"
        ) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}: {number} 行目が壊れています（{json_reason(error)}）。ファイルを消してから、はじめからやり直してください。"
            ) from None
    return rows
