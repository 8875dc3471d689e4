"""What a model's answers depend on, as hashes: its weights, its tokenizer, and every other file of its folder that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.file_hashes import known_sha256
from ..core.files import read_json, sha256_text, to_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
# Beside the weights, what transformers reads of a folder.
_SETTINGS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
_TOKENIZER_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def weight_paths(folder: Path) -> list[Path]:
    """The files that transformers reads the weights of ``folder`` from, sorted; none where there are none."""
    return [folder / name for name in weight_names(folder)] or sorted(folder.glob("*.safetensors"))


def weight_names(folder: Path) -> list[str]:
    """Those files by the names that a model has: the one of a model in one file, or those that its index names, unread.

    A folder may have both, as after a download over another; transformers then reads the one file.
    """
    if (folder / SINGLE).is_file():
        return [SINGLE]
    if (folder / INDEX).is_file():
        weight_map = read_json(folder / INDEX).get("weight_map") or {}
        return sorted(set(map(str, weight_map.values())))
    return []


def weights_sha256(folder: Path) -> str | None:
    """SHA-256 of the weights in ``folder``; of several files that of ``sha256sum``'s lines. None where there are none."""
    paths = [path for path in weight_paths(folder) if path.is_file()]
    if not paths:
        return None
    digests = known_sha256(paths)
    if len(digests) == 1:
        return digests[0]
    return sha256_text("".join(f"{digest}  {path.name}\n" for digest, path in zip(digests, paths, strict=True)))


def model_folder(model_name: str, revision: str | None = None) -> Path | None:
    """Where the files of a model lie: the folder that was named, or the Hub's in the local cache; None where nowhere yet."""
    folder = Path(model_name).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model_name, "config.json", revision=revision)
    except HFValidationError:  # no name that the Hub could have
        return None
    return Path(found).parent if isinstance(found, str) else None


def files_sha256(model_name: str) -> str | None:
    """One hash of every file of a model's folder that decides its answers; None for a model of the Hub.

    What the folder is called does not enter.
    """
    folder = Path(model_name).expanduser()
    if not folder.is_dir():
        return None
    settings = [path for name in _SETTINGS if (path := folder / name).is_file()]
    digests = dict(zip([path.name for path in settings], known_sha256(settings), strict=True))
    return sha256_text(to_json({"weights": weights_sha256(folder), **digests}))


def tokenizer_sha256(tokenizer: Any) -> str:
    """Hash of what cuts text into ids: vocabulary, merges, added tokens, and the steps around them.

    It is the same for a tokenizer that was saved again in other files or by another version of the library: padding,
    truncation and fields that are off are left out.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return sha256_text(to_json({"class": type(tokenizer).__name__, "vocab": sorted(tokenizer.get_vocab().items())}))
    value = json.loads(backend.to_str())
    model = dict(value["model"])
    model["vocab"] = _pairs(model.get("vocab"))
    model["merges"] = [one if isinstance(one, str) else " ".join(one) for one in model.get("merges") or ()]
    added = sorted((int(one["id"]), str(one["content"])) for one in value.get("added_tokens") or ())
    steps = {name: _without_what_is_off(value.get(name)) for name in _TOKENIZER_PARTS}
    return sha256_text(json.dumps({"model": _without_what_is_off(model), "added": added, **steps}, sort_keys=True))


def _pairs(vocabulary: Any) -> list[Any]:
    """A vocabulary in one order, whether it is a mapping or a list of pieces with scores."""
    return sorted(vocabulary.items()) if isinstance(vocabulary, dict) else list(vocabulary or ())


def _without_what_is_off(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_what_is_off(one) for key, one in value.items() if one not in (None, False, "", [], {})}
    return [_without_what_is_off(one) for one in value] if isinstance(value, list) and len(value) < 1000 else value
