"""lawqa_jp's question files from GitHub. Terms: Public Data License 1.0, Digital Agency of Japan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import DataError
from app.core.files import sha256_bytes, write_bytes, write_json
from app.core.manifests import now
from app.data.egov_api import PoliteClient, Politeness
from app.data.lawqa import questions_from

GITHUB = "https://raw.githubusercontent.com/digital-go-jp/lawqa_jp/main"
FILES = ("selection.json", "selection_randomized.json")


def download_lawqa(folder: Path, site: str = GITHUB, politeness: Politeness | None = None) -> Iterator[tuple[str, int]]:
    """Fetch the files into ``folder``; yields (name, questions). Each is checked as a question file before it is kept."""
    client = PoliteClient(site, politeness)
    facts = {}
    for name in FILES:
        data = client.file(f"/data/{name}")
        try:
            questions = questions_from(json.loads(data.decode("utf-8-sig")), source=name)
        except ValueError:
            raise DataError(f"{site}/data/{name}: JSON ではありません。アドレスを確かめてください。") from None
        write_bytes(folder / name, data)
        facts[name] = {"sha256": sha256_bytes(data), "questions": len(questions), "fetched_at": now()}
        yield name, len(questions)
    write_json(folder / "download.json", {"source": site, "files": facts})
