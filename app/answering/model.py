"""Which model is meant: whether one is named at all, and what an adapter's run.json says of its base and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError
from ..core.prompts import Form
from ..core.rag_config import LLMConfig
from ..evaluation.running.guards import adapter_form
from ..llm.adapters import adapter_folder, adapter_manifest
from ..llm.exported import exported_model

# A setting of one of these names a model; the others only say how it is run.
_NAMING = frozenset({"backend", "model", "hf_model_name", "lora_path"})


@dataclass(frozen=True, slots=True)
class NamedModel:
    """The model that was named, its settings filled in from what was trained."""

    config: LLMConfig
    manifest: dict[str, Any] | None  # run.json of the adapter, or of the exported model; None for any other
    form: Form  # how its questions with choices are put


def named_model(config: LLMConfig) -> NamedModel | None:
    """The model that command line, environment or .env name; None where they name none.

    An adapter names its base, and whether that was in 4 bits, in its run.json: what is not set is taken from there.
    Raises ConfigError for an adapter without one whose base is not named.
    """
    if not _NAMING & config.model_fields_set:
        return None
    if config.backend != "hf":
        return NamedModel(config, None, "choice")
    if config.lora_path is None:
        exported = exported_model(config.hf_model_name)
        manifest = None if exported is None else exported[1]
        return NamedModel(config, manifest, adapter_form(manifest, config.hf_model_name) or "choice")
    folder = adapter_folder(str(config.lora_path))
    manifest = adapter_manifest(folder)
    filled: dict[str, Any] = {}
    if "hf_model_name" not in config.model_fields_set:
        base = ((manifest or {}).get("base_model") or {}).get("name")
        if not isinstance(base, str) or not base:
            raise ConfigError(
                f"{folder}: run.json にベースモデルの記録がありません。--hf-model-name も指定してください。"
            )
        filled["hf_model_name"] = base
    if manifest is not None and "load_in_4bit" not in config.model_fields_set:
        filled["load_in_4bit"] = bool(manifest.get("quantization"))
    return NamedModel(config.model_copy(update=filled), manifest, adapter_form(manifest, str(folder)) or "choice")
