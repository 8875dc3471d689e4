"""lawqa_jp's question files from GitHub. Terms: Public Data License 1.0, Digital Agency of Japan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..core.files import read_json, sha256_bytes, sha256_file, write_bytes, write_json
from ..core.locks import folder_lock
from ..core.manifests import now
from ..core.outputs import Output, check_folder_place, check_outputs, clear_remains, in_ledger, json_file
from ..core.redaction import hide
from .egov.api import PoliteClient, Politeness
from .lawqa import questions_from

GITHUB = "https://raw.githubusercontent.com/digital-go-jp/lawqa_jp/main"
RECORD = "download.json"
FILES = ("selection.json", "selection_randomized.json")


def download_lawqa(folder: Path, site: str = GITHUB, politeness: Politeness | None = None) -> Iterator[tuple[str, int]]:
    """Fetch the files into ``folder``; yields (name, questions). Each is checked as a question file before it is kept.

    Raises BusyError when another process does so.
    """
    client = PoliteClient(site, politeness)
    check_folder_place("--output", folder)
    check_outputs([Output("--output", folder / RECORD, json_file("source", "files"))], {})
    with folder_lock(folder):
        clear_remains(folder)
        yield from _fetched(client, folder, site)


def _fetched(client: PoliteClient, folder: Path, site: str) -> Iterator[tuple[str, int]]:
    facts: dict[str, Any] = dict(read_json(folder / RECORD)["files"]) if (folder / RECORD).exists() else {}
    for name in FILES:
        data = client.file(f"/data/{name}")
        try:
            questions = questions_from(json.loads(data.decode("utf-8-sig")), source=name)
        except ValueError:
            raise DataError(f"{site}/data/{name}: JSON ではありません。アドレスを確かめてください。") from None
        path = folder / name
        if not (path.exists() and sha256_file(path) == sha256_bytes(data)):
            check_outputs([Output("--output", path, in_ledger(folder / RECORD))], {})
        write_bytes(path, data)
        facts[name] = {"sha256": sha256_bytes(data), "questions": len(questions), "fetched_at": now()}
        # After each file: what is there is known as ours, however the run ends.
        write_json(folder / RECORD, {"source": hide(site), "files": facts})
        yield name, len(questions)
