"""A model folder that was exported from an adapter: its run.json says how it learned to be asked, and on which questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.core.manifests import read_adapter_manifest

# What says which questions a model has seen; trained twice, it has seen those of both trainings.
SEEN = (
    "trained_question_ids", "trained_question_hashes", "trained_clusters", "dev_question_ids", "dev_question_hashes",
)  # fmt: skip


def exported_model(model_name: str) -> tuple[Path, dict[str, Any]] | None:
    """Folder and run.json of a model that was exported from an adapter; None for any other folder or a Hub name.

    Raises DataError when the folder's run.json cannot be read.
    """
    folder = Path(model_name).expanduser()
    if not (folder / "run.json").is_file():
        return None
    return folder, read_adapter_manifest(folder)


def with_seen(manifest: Mapping[str, Any], base: Mapping[str, Any] | None) -> dict[str, Any]:
    """An adapter's run.json with the questions added that its base, exported before, had seen. ``base`` None adds none.

    A field that neither has stays missing: it is not the same as having seen nothing.
    """
    seen = {}
    for name in SEEN:
        if name in manifest or name in (base or {}):
            values = [*(manifest.get(name) or []), *((base or {}).get(name) or [])]
            seen[name] = list(dict.fromkeys(str(value) for value in values))
    return {**manifest, **seen}
