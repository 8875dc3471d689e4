"""The one guard that every program calls before it works: nothing of the user's is written over, and what cannot be
written is found out first.

An output must not be an input (by another spelling, a link or a hard link either), must not be a folder, must lie in a
place that can be written and outside of indexes and models, and may replace only a file of the same kind that this program wrote. What a file is, is read
from its beginning; files without such a mark are ours only where a ledger in their folder names them with their SHA-256.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .failures import os_error_line
from .files import is_remains, read_json, sha256_file
from .locks import is_lock_file
from .places import enclosing

Ours = Callable[[Path], bool]
_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a program is about to write.

    option  how the user named it, for messages
    path    where it goes
    ours    whether the file that is there already is one of ours, which may be replaced
    """

    option: str
    path: Path
    ours: Ours


def check_outputs(outputs: Sequence[Output], inputs: Mapping[str, Path | None], *, own: str | None = None) -> None:
    """Raise ConfigError, one line, when one of ``outputs`` must not or cannot be written.

    ``inputs`` are the files and folders that the program reads, by option; None is not given. ``own`` is what the folder
    of the outputs may be (see ``check_folder_place``).
    """
    given = {option: path for option, path in inputs.items() if path is not None}
    for number, output in enumerate(outputs):
        _check_place(output, own)
        for option, path in given.items():
            if same_file(output.path, path):
                raise ConfigError(
                    f"{output.option} {output.path} は入力（{option} {path}）と同じファイルです。"
                    "入力を書きつぶさないよう、別の名前を指定してください。"
                )
        for other in outputs[:number]:
            if same_file(output.path, other.path):
                raise ConfigError(
                    f"{output.option} と {other.option} が同じファイル {output.path} を指しています。別の名前にしてください。"
                )
        if output.path.exists() and output.path.stat().st_size and not _is_ours(output):
            raise ConfigError(
                f"{output.option} {output.path} は既にあり、このプログラムがここに書いたものではありません。"
                "別の名前を指定するか、そのファイルを移してください。"
            )


def _is_ours(output: Output) -> bool:
    try:
        return output.ours(output.path)
    except OSError as error:
        raise ConfigError(os_error_line(error, output.path)) from None


def _check_place(output: Output, own: str | None) -> None:
    path = output.path
    try:
        if path.is_dir():
            raise ConfigError(f"{output.option} {path} はフォルダです。書き出すファイルの名前まで指定してください。")
        if (path.exists() or path.is_symlink()) and not path.is_file():
            raise ConfigError(f"{output.option} {path} は普通のファイルではありません。別の名前を指定してください。")
        if path.exists() and not os.access(path, os.W_OK):  # renaming over it would work, or fail after hours
            raise ConfigError(
                f"{output.option} {path} は書き込みを禁じられたファイルです。別の名前を指定するか、書き込みを許可してください。"
            )
        _check_outside(output.option, path, path.parent, own)
        check_writable(path.parent)
        os.lstat(path.parent / f"{path.name}.progress.jsonl")  # too long a name is found out here
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(f"{output.option} {os_error_line(error, path)}") from None


def check_folder_place(option: str, folder: Path, *, own: str | None = None) -> None:
    """Raise ConfigError unless ``folder`` is or can become a folder that files can be written in.

    ``own`` is what the program itself makes of it (``INDEX``, ``MODEL``): such a folder it may be already.
    """
    try:
        if os.path.lexists(folder) and not folder.is_dir():
            raise ConfigError(f"{option} {folder} はファイルです。フォルダを指定してください。")
        _check_outside(option, folder, folder, own)
        check_writable(folder)
    except OSError as error:
        raise ConfigError(f"{option} {os_error_line(error, folder)}") from None


def _check_outside(option: str, path: Path, folder: Path, own: str | None) -> None:
    if found := enclosing(folder, own=own):
        place, what = found
        raise ConfigError(
            f"{option} {path} は{what}のフォルダ（{place}）に入ります。{what}は、フォルダごと読まれ、置き換えられ、消されます。"
            "ほかのフォルダを指定してください。"
        )


def check_writable(folder: Path) -> None:
    """Raise OSError unless files can be made in ``folder`` or, where it is not there yet, in what will hold it."""
    place = Path(os.path.abspath(folder.expanduser() if str(folder).startswith("~") else folder))
    while not os.path.lexists(place):
        place = place.parent
    # Asked by doing it: permission bits say nothing about read-only mounts, quotas or network drives.
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:  # it names a file that nobody knows
        raise OSError(error.errno, os.strerror(error.errno or 0), str(place)) from None


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths are one file: by spelling, link or hard link."""
    try:
        if os.path.samefile(one, other):
            return True
    except OSError:
        pass  # one of them is not there yet
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


# -- what is ours --------------------------------------------------------------------------------------------------


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).decode("utf-8", errors="replace").removeprefix("\ufeff")


def json_kind(*kinds: str) -> Ours:
    """A JSON file (or JSON lines) of ours whose first key is ``kind`` with one of these values."""
    pattern = re.compile(r'\s*\{\s*"kind"\s*:\s*"(?:' + "|".join(map(re.escape, kinds)) + r')"')
    return lambda path: pattern.match(_head(path)) is not None


def starts_with(*beginnings: str) -> Ours:
    """A text file of ours that begins so."""
    return lambda path: _head(path).startswith(beginnings)


def contains(text: str) -> Ours:
    """A text file of ours with ``text`` in its beginning."""
    return lambda path: text in _head(path)


def jsonl_keys(*keys: str) -> Ours:
    """JSON lines of ours, each an object of exactly these keys (the first line is looked at)."""

    def ours(path: Path) -> bool:
        with path.open("rb") as file:
            try:
                row = json.loads(file.readline().decode("utf-8-sig"))
            except (ValueError, RecursionError):
                return False
        return isinstance(row, dict) and set(row) == set(keys)

    return ours


def json_file(*keys: str) -> Ours:
    """A JSON file of ours: an object with these keys."""

    def ours(path: Path) -> bool:
        try:
            value = read_json(path)
        except Exception:
            return False
        return isinstance(value, dict) and set(keys) <= set(value)

    return ours


RESULT = json_kind("evaluation")
RECORDS = jsonl_keys("input", "output", "meta")
REPORT = contains(
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"
)


def in_ledger(*ledgers: Path) -> Ours:
    """A file whose folder's ledger names it with the SHA-256 it has: unchanged since we wrote it.

    A ledger is JSON with ``files`` (or a split's ``sides``): name → SHA-256, a list of them, or an object with
    ``sha256``; for a split's sides the name stands under ``file``. Names are relative to the ledger's folder.
    """

    def ours(path: Path) -> bool:
        return any(
            sha256_file(path) in digests
            for ledger in ledgers
            for name, digests in _named(ledger).items()
            if same_file(ledger.parent / name, path)
        )

    return ours


def _named(ledger: Path) -> dict[str, set[str]]:
    try:
        value = read_json(ledger)
    except Exception:  # missing or broken: it names nothing
        return {}
    named: dict[str, set[str]] = {}
    for key in ("files", "sides"):
        part = value.get(key) if isinstance(value, dict) else None
        for name, entry in part.items() if isinstance(part, dict) else ():
            where = str(entry.get("file", name)) if isinstance(entry, dict) else name
            named.setdefault(where, set()).update(_digests(entry))
    return named


def _digests(entry: Any) -> set[str]:
    found = entry.get("sha256") if isinstance(entry, dict) else entry
    return {str(one) for one in (found if isinstance(found, list) else [found]) if one}


# -- folders and remains -------------------------------------------------------------------------------------------


def foreign_entries(folder: Path) -> list[str]:
    """Names in ``folder`` that are neither our lock nor remains of a killed write of ours, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not (is_remains(entry) or is_lock_file(entry)))


def holds_only(folder: Path, names: Sequence[str]) -> bool:
    """Whether no file is anywhere under ``folder`` but those of ``names`` in it, our locks and remains of killed writes."""
    return all(
        (path.parent == folder and path.name in names) or is_remains(path) or is_lock_file(path)
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def clear_remains(folder: Path) -> None:
    """Delete what killed writes of ours left in ``folder``."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if is_remains(entry):
                entry.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename ``path`` to the next free ``name.1``, ``name.2`` …; returns the new path."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.{number}")):
        number += 1
    path.rename(aside)
    return aside
