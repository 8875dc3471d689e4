"""Folders that are one thing each, an index, an adapter or a model: nothing else is written into them.

What is read from such a folder is hashed, moved, replaced or deleted as a whole, so that a file of another run inside it
is lost with it or, under a name that the folder's reader knows, changes what is read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import UserError
from .files import read_json

INDEX, ADAPTER, MODEL = "索引", "アダプタ", "モデル"
# What the manifest of an index says at least.
INDEX_KEYS = frozenset({"folder", "build_id", "store_format", "tokenizer"})
_TRAINING = ("adapter_config.json", "run.unfinished.json")
_MODEL_KEYS = frozenset({"model_type", "architectures"})


def whole_folder(folder: Path) -> str | None:
    """``INDEX``, ``ADAPTER`` or ``MODEL`` where ``folder`` is one; None for every other folder."""
    if _values(folder / "manifest.json").keys() >= INDEX_KEYS or (folder / "store.sqlite").is_file():
        return INDEX
    run = _values(folder / "run.json")
    if any((folder / name).is_file() for name in _TRAINING) or run.get("kind") == "adapter":
        return ADAPTER
    exported = isinstance(run.get("export"), dict)  # GGUF files have no config.json
    return MODEL if exported or _values(folder / "config.json").keys() & _MODEL_KEYS else None


def enclosing(path: Path, *, own: str | None = None) -> tuple[Path, str] | None:
    """The innermost such folder that ``path`` is or lies in, and what it is; links are followed.

    ``own`` is what ``path`` itself may be.
    """
    place = Path(os.path.realpath(path))
    for folder in (place, *place.parents):
        what = whole_folder(folder)
        if what is not None and not (folder == place and what == own):
            return folder, what
    return None


def _values(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (UserError, OSError):
        return {}
    return value if isinstance(value, dict) else {}
