"""A model folder that was exported from an adapter: its run.json says how it learned to be asked, and on which questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import sha256_file
from ..core.manifests import read_adapter_manifest
from ..core.rag_config import LLMConfig
from .adapters import adapter_folder, adapter_manifest
from .backends import BY_TEXT

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


def what_was_trained(model_name: str, adapter: Path | None) -> tuple[Path, dict[str, Any] | None] | None:
    """Folder and run.json of what was trained: the adapter, or the exported model where there is none; None for neither.

    An adapter on an exported model has seen what the model had seen as well. The run.json is None for an adapter that
    was made elsewhere.
    """
    base = exported_model(model_name)
    if adapter is None:
        return base
    manifest = adapter_manifest(adapter)
    return adapter, manifest if manifest is None or base is None else with_seen(manifest, base[1])


def trained_of(llm: LLMConfig) -> tuple[Path, dict[str, Any] | None] | None:
    """Folder and run.json of what was trained of the configured model; None where nothing says so.

    Of a model behind a server it is the folder that its tokenizer is taken from.
    """
    if llm.backend == "hf":
        lora = llm.lora_path
        return what_was_trained(llm.hf_model_name, None if lora is None else adapter_folder(str(lora)))
    if llm.tokenizer is not None or llm.backend not in BY_TEXT:
        return exported_model(llm.tokenizer_name)
    return None


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


def adapter_weights_sha256(folder: Path, manifest: Mapping[str, Any] | None) -> str:
    """SHA-256 of the weights of the adapter in ``folder``: its own file, or the one that the exported model was made of."""
    export = (manifest or {}).get("export")
    if isinstance(export, Mapping):
        return str(export["adapter"]["weights_sha256"])
    return sha256_file(folder / "adapter_model.safetensors")


def weights_identity(folder: Path, manifest: Mapping[str, Any] | None) -> str:
    """What tells the weights of two such folders apart, whatever they are called: a hash of everything that decides them."""
    export = (manifest or {}).get("export")
    return str(export["key"]) if isinstance(export, Mapping) else adapter_weights_sha256(folder, manifest)
