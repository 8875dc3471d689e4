"""SHA-256 of large files that seldom change: each is read once, then known by where it is and what the system says of it.

A 16 GB model takes ten seconds to a minute to hash (loading it reads the same bytes, which are then in memory); every
later start would pay that again. The whole file is hashed, not a sample of it, since a changed tensor must be seen
wherever it is. A hash is kept under path, size, times of content and of inode, and inode number: the inode's time is the
system's own, so that neither copying a file over another nor setting its date back goes unseen. What the system itself
does not know of, a bit that the disk lost, is not seen while the hash is kept; deleting the cache hashes again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .cli import log
from .errors import UserError
from .files import read_json, sha256_file, write_json

CACHE = "file_hashes.json"
# Smaller files are hashed in less time than the cache takes.
KEPT_FROM_BYTES = 16 << 20
# A file that was written just now may be written again within the clock's tick and look the same.
SETTLED_SECONDS = 2.0
_SAID_FROM_BYTES = 1 << 30
# What this process has hashed: where the cache cannot be written, a model is still read once a run.
_memory: dict[str, list[Any]] = {}


def cache_folder() -> Path:
    """The user's folder for what can be made again; not made yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "horei-ft"


def known_sha256(paths: Sequence[Path]) -> list[str]:
    """Hex SHA-256 of each file, in order, from the cache where the file is the one that was hashed before."""
    cache = cache_folder() / CACHE
    known = _read(cache) | _memory
    stamps = [_stamp(path) for path in paths]
    names = [os.path.realpath(path) for path in paths]
    new = [
        index
        for index, (name, stamp) in enumerate(zip(names, stamps, strict=True))
        if stamp[0] < KEPT_FROM_BYTES or known.get(name, [None])[:-1] != stamp
    ]
    size = sum(stamps[index][0] for index in new)
    if size >= _SAID_FROM_BYTES:
        log(f"重みのハッシュを計算します（{size / 2**30:.1f} GiB。同じファイルなら次からは計算しません）。")
    found = {name: str(known[name][-1]) for index, name in enumerate(names) if index not in new}
    fresh: dict[str, list[Any]] = {}
    for index in new:
        path, name, stamp = paths[index], names[index], stamps[index]
        found[name] = sha256_file(path)
        settled = time.time() - max(stamp[1], stamp[2]) / 1e9 > SETTLED_SECONDS
        if stamp[0] >= KEPT_FROM_BYTES and settled and _stamp(path) == stamp:
            fresh[name] = [*stamp, found[name]]
    _memory.update(fresh)
    if fresh:
        _write(cache, fresh)
    return [found[name] for name in names]


def _stamp(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def _read(cache: Path) -> dict[str, list[Any]]:
    try:
        value = read_json(cache)
    except UserError:  # not there yet, or broken: everything is hashed again
        return {}
    rows = value.items() if isinstance(value, dict) else ()
    return {name: row for name, row in rows if isinstance(row, list) and len(row) == 5 and isinstance(row[-1], str)}


def _write(cache: Path, fresh: dict[str, list[Any]]) -> None:
    kept = {name: row for name, row in _read(cache).items() if os.path.exists(name)}
    try:
        write_json(cache, {**kept, **fresh})
    except OSError as error:
        log(f"注意: {cache} にハッシュを残せないので、次も計算します（{error.strerror}）。")
