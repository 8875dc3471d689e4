"""Folders that are one thing each, an index or a model: nothing else is written into them.

What is read from such a folder is hashed, moved, replaced or deleted as a whole, so that a file of another run inside it
is lost with it or, under a name that the folder's reader knows, changes what is read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import UserError
from .files import read_json

INDEX, MODEL = "索引", "モデル"
# What the manifest of an index says at least.
INDEX_KEYS = frozenset({"folder", "build_id", "store_format", "tokenizer"})
_GENERATIONS = ("gen-", "building")  # how the folders begin that an index has its store in
_MODEL_KEYS = frozenset({"model_type", "architectures"})
_MODEL_FILES = ("*.safetensors*", "*.bin", "*.gguf", "tokenizer*")  # what stands beside a model's config.json


def whole_folder(folder: Path) -> str | None:
    """``INDEX`` or ``MODEL`` where ``folder`` is one; None for every other folder.

    An adapter's is none: it has no more than the files that its ledger names, and results may stand beside them.
    """
    generation = folder.name.startswith(_GENERATIONS) and (folder / "store.sqlite").is_file()
    if generation or _values(folder / "manifest.json").keys() >= INDEX_KEYS:
        return INDEX
    if isinstance(_values(folder / "run.json").get("export"), dict):  # GGUF files have no config.json
        return MODEL
    described = _values(folder / "config.json").keys() & _MODEL_KEYS
    return MODEL if described and any(any(folder.glob(name)) for name in _MODEL_FILES) else None


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
