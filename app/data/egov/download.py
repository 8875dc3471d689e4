"""Laws from e-Gov into a folder laid out as its bulk download, one file a law; interrupted runs go on where they stopped.

``download.jsonl`` in the folder holds one line a law: revision id, SHA-256, address and time.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ...core.errors import BackendError, DataError
from ...core.failures import named_when_full
from ...core.files import append_jsonl, read_json, read_jsonl_tail, sha256_bytes, sha256_file, write_bytes, write_json
from ...core.locks import file_lock, folder_lock
from ...core.manifests import moment, now
from ...core.outputs import Output, check_outputs, clear_remains, json_file
from .api import ListedLaw, PoliteClient
from .source import law_files, zip_members
from .xml import parse_law

RECORD = "download.jsonl"
_BULK_NAME = re.compile(r"(?:.*/)?(\w+)/\1\.xml")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did."""

    new: int
    kept: int  # were there already, unchanged
    failed: tuple[str, ...]  # one line each
    repealed: tuple[str, ...] = ()  # laws that are law no more: not fetched, and an older copy is gone


def download_laws(
    client: PoliteClient,
    laws: Sequence[ListedLaw],
    folder: Path,
    watch: Callable[[Sequence[ListedLaw]], Iterator[ListedLaw]] = iter,
) -> Downloaded:
    """Fetch the laws that ``folder`` does not hold yet. Each is read as a law before it is kept; repealed ones go.

    Raises BusyError when another process does so.
    """
    with folder_lock(folder):
        return _download(client, laws, folder, watch)


def _download(
    client: PoliteClient,
    laws: Sequence[ListedLaw],
    folder: Path,
    watch: Callable[[Sequence[ListedLaw]], Iterator[ListedLaw]],
) -> Downloaded:
    repealed = [law for law in laws if law.repealed]
    laws = [law for law in laws if not law.repealed]
    known = {row["revision_id"]: row["sha256"] for row in _record(folder)}
    for law in repealed:
        for path in folder.glob(f"{law.law_id}_*/{law.law_id}_*.xml"):
            if path.stem in known:  # else nobody fetched it here
                path.unlink()
                with contextlib.suppress(OSError):  # something of the user's lies beside it
                    path.parent.rmdir()
    kept = [law for law in laws if _unchanged(_path(folder, law), known.get(law.revision_id))]
    have = {law.revision_id for law in kept}
    failed: list[str] = []
    new = 0
    for law in watch([law for law in laws if law.revision_id not in have]):
        try:
            data = client.law_xml(law.revision_id)
            parse_law(data, f"{law.revision_id}.xml")
        except (DataError, BackendError) as error:
            failed.append(f"{law.title}: {error}")
            continue
        clear_remains(_path(folder, law).parent)
        write_bytes(_path(folder, law), data)
        append_jsonl(folder / RECORD, {"revision_id": law.revision_id, "title": law.title, "sha256": sha256_bytes(data), "fetched_at": now()})  # fmt: skip
        new += 1
    return Downloaded(new, len(kept), tuple(failed), tuple(f"{law.title}（{law.repealed}）" for law in repealed))


def fetched_at(source: Path) -> str | None:
    """When what lies at ``source`` was fetched from e-Gov (ISO; of a folder its oldest law), as far as a record says."""
    if source.is_dir():
        times = (row["fetched_at"] for row in _record(source))
        return min(times, key=moment, default=None)
    record = source.with_name(source.name + ".json")
    return str(read_json(record)["fetched_at"]) if record.exists() else None


def _record(folder: Path) -> list[dict[str, str]]:
    """The lines about what was fetched into ``folder``. Raises DataError for one of another form."""
    rows = read_jsonl_tail(folder / RECORD)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not all(
            isinstance(row.get(name), str) for name in ("revision_id", "sha256", "fetched_at")
        ):
            raise DataError(f"{folder / RECORD}: {number} 行目が取得の記録ではありません。その行を消してください。")
    return rows


def _path(folder: Path, law: ListedLaw) -> Path:
    return folder / law.revision_id / f"{law.revision_id}.xml"


def _unchanged(path: Path, sha256: str | None) -> bool:
    return sha256 is not None and path.exists() and sha256_file(path) == sha256


def download_bulk(
    client: PoliteClient,
    target: Path,
    *,
    category: str | None = None,
    updated_on: date | None = None,
    watch: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Fetch e-Gov's zip to ``target``; returns what is written beside it as ``<name>.json``.

    The zip is checked whole (paths, sizes, checksums of its members) before it takes the place of an older one.
    """
    facts_file = target.with_name(target.name + ".json")
    check_outputs(
        [
            Output("--output", target, _is_bulk),
            Output("--output の記録", facts_file, json_file("laws", "bytes", "sha256")),
        ],
        {},
    )
    with file_lock(target):
        facts = _fetch_bulk(client, target, category, updated_on, watch)
        write_json(facts_file, facts)
    return facts


def _fetch_bulk(
    client: PoliteClient,
    target: Path,
    category: str | None,
    updated_on: date | None,
    watch: Callable[[int], None],
) -> dict[str, Any]:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    part = Path(name)
    try:
        with named_when_full(target), os.fdopen(handle, "w+b") as file:
            client.bulk(file, category=category, updated_on=updated_on, watch=watch)
            file.flush()
            os.fsync(file.fileno())
        if not zipfile.is_zipfile(part):
            raise DataError("e-Gov から届いたものが zip ではありません。時間をおいてやり直してください。")
        laws = len(law_files(part))
        with zipfile.ZipFile(part) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise DataError(f"e-Gov から届いた zip の {broken} が壊れています。やり直してください。")
        part.chmod(0o644)
        facts = {"laws": laws, "bytes": part.stat().st_size, "sha256": sha256_file(part), "category": category, "fetched_at": now()}  # fmt: skip
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return facts


def _is_bulk(path: Path) -> bool:
    """Whether a zip is a download of e-Gov's: laws in folders named after their revisions."""
    try:
        laws = [member.filename for member in zip_members(path) if member.filename.lower().endswith(".xml")]
    except DataError:
        return False
    return bool(laws) and all(_BULK_NAME.fullmatch(name.replace("\\", "/")) for name in laws)
