"""Which folders and files of an index folder are the program's own: nothing else in it is ever touched.

A folder is an index folder when it is new or empty, holds a manifest of ours, or what a killed build of ours left.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from ...core.errors import ConfigError, UserError
from ...core.files import is_remains, read_json
from ...core.locks import is_lock_file
from ...core.outputs import check_folder_place
from ...core.places import INDEX, INDEX_KEYS

MANIFEST = "manifest.json"
BUILDING = "building"
STORE = "store.sqlite"
_GENERATION = re.compile(r"gen-([0-9a-f]{16})")
# Until 0.3.0 the lock was an empty SQLite file, with a journal while somebody had it.
LOCK_JOURNAL = ".lock-journal"
# What a build writes into ``building`` and, under the same names, a generation.
_PARTS = frozenset({STORE, "store.sqlite-wal", "store.sqlite-shm", "store.sqlite-journal", "words", "vectors", "plan.json", "words.checked.json"})  # fmt: skip


def check_index_folder(index_dir: Path) -> None:
    """Raise ConfigError, before anything is written, unless an index may be built in ``index_dir``."""
    check_folder_place("--index-dir", index_dir, own=INDEX)
    if not index_dir.is_dir():
        return
    foreign = [entry.name for entry in sorted(index_dir.iterdir()) if not _belongs(entry)]
    if foreign and not (_named_by_manifest(index_dir) or generations(index_dir)):
        raise ConfigError(
            f"--index-dir {index_dir} は索引のフォルダではなく、別のファイルがあります（{foreign[0]} など）。"
            "空のフォルダか、まだないフォルダを指定してください。"
        )
    for name in (BUILDING, MANIFEST):
        if name in foreign and (name == BUILDING or not generations(index_dir)):
            raise ConfigError(
                f"--index-dir {index_dir} の {name} は、このプログラムが書いたものではありません。"
                "別のフォルダを指定するか、移してください。"
            )


def _belongs(entry: Path) -> bool:
    if entry.name == MANIFEST:
        return entry.is_file() and manifest_folder(entry.parent) is not None
    if entry.name == BUILDING:
        return entry.is_dir() and all(part.name in _PARTS or is_remains(part) for part in entry.iterdir())
    return entry.name == LOCK_JOURNAL or is_lock_file(entry) or is_remains(entry) or entry in generations(entry.parent)


def manifest_folder(index_dir: Path) -> str | None:
    """The generation that a manifest of ours names; None where there is none."""
    try:
        value = read_json(index_dir / MANIFEST)
    except (UserError, OSError):
        return None
    if not isinstance(value, dict) or not value.keys() >= INDEX_KEYS:
        return None
    return str(value["folder"])


def _named_by_manifest(index_dir: Path) -> bool:
    return manifest_folder(index_dir) is not None


def generations(index_dir: Path) -> list[Path]:
    """The generations in ``index_dir``: those that its manifest names, or whose own store says that it is them.

    An empty one is what a killed deletion left.
    """
    named = manifest_folder(index_dir)
    return [
        folder
        for folder in sorted(index_dir.glob("gen-*"))
        if (match := _GENERATION.fullmatch(folder.name)) and folder.is_dir() and not folder.is_symlink()
        and (folder.name == named or _build_id(folder / STORE) == match.group(1) or not any(folder.iterdir()))
    ]  # fmt: skip


def _build_id(store: Path) -> str | None:
    if not store.is_file():
        return None
    try:
        connection = sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            row = connection.execute("SELECT value FROM meta WHERE name='build_id'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return None
    return None if row is None else str(row[0])


def remove_generation(folder: Path) -> None:
    """Delete what a build wrote into ``folder``, and the folder if nothing else lies in it.

    The store goes last: while it is there, what a killed deletion left is known as a generation.
    """
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name == STORE):
        if entry.name in _PARTS or is_remains(entry):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != STORE or not any(
                other.name in _PARTS for other in folder.iterdir() if other.name != STORE
            ):
                entry.unlink(missing_ok=True)  # where something could not be deleted, the next build tries again
    if not any(folder.iterdir()):
        folder.rmdir()
