"""Which model is meant: whether one is named at all, and what an adapter's run.json says of its base and weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.prompts import Form
from ..core.rag_config import LLMConfig
from ..data.few_shot import BUILTIN_SOURCE
from ..evaluation.running.guards import adapter_form, check_few_shot_source, resolve_cited_words, resolve_few_shot
from ..llm.adapters import adapter_folder, adapter_manifest
from ..llm.exported import trained_of

# A setting of one of these names a model; the others only say how it is run.
_NAMING = frozenset({"backend", "model", "hf_model_name", "lora_path"})


@dataclass(frozen=True, slots=True)
class NamedModel:
    """The model that was named, its settings filled in from what was trained."""

    config: LLMConfig
    manifest: dict[str, Any] | None  # run.json of what was trained, with all it has seen; None where nothing says so
    form: Form  # how its questions with choices are put
    few_shot: bool  # whether examples stand before those of the letter form
    cited_words: bool = False  # whether what a choice only cites stands under it in the choice form


def named_model(config: LLMConfig) -> NamedModel | None:
    """The model that command line, environment or .env name; None where they name none.

    An adapter names its base, and whether that was in 4 bits, in its run.json: what is not set is taken from there.
    A server's model is known by the folder of its tokenizer. Raises ConfigError for an adapter without a run.json whose
    base is not named, DataError for one that learned with examples of a file, which are not at hand here.
    """
    if not _NAMING & config.model_fields_set:
        return None
    if config.backend == "hf" and config.lora_path is not None:
        config = _filled(config, adapter_folder(str(config.lora_path)))
    trained = trained_of(config)
    where, manifest = ("", None) if trained is None else (str(trained[0]), trained[1])
    if manifest is not None and manifest.get("export") and "load_in_4bit" not in config.model_fields_set:
        config = config.model_copy(update={"load_in_4bit": False})  # rounded again it would be another model
    few_shot = resolve_few_shot(manifest, None, False, where)
    if manifest is not None and few_shot:
        check_few_shot_source(manifest, BUILTIN_SOURCE, where)
    cited_words = resolve_cited_words(manifest, None, "choice", where)
    return NamedModel(config, manifest, adapter_form(manifest, where) or "choice", few_shot, cited_words)


def _filled(config: LLMConfig, folder: Path) -> LLMConfig:
    """The settings with what is not set taken from the run.json of the adapter in ``folder``."""
    manifest = adapter_manifest(folder)
    filled: dict[str, Any] = {}
    if "hf_model_name" not in config.model_fields_set:
        base = ((manifest or {}).get("base_model") or {}).get("name")
        if not isinstance(base, str) or not base:
            raise ConfigError(
                f"{folder}: run.json にベースモデルの記録がありません。--hf-model-name も指定してください。"
            )
        filled["hf_model_name"] = base
    if manifest is not None:
        quantization = manifest.get("quantization") or {}
        trained = {"load_in_4bit": bool(quantization)} | {
            f"bnb_4bit_{name}": quantization[name] for name in ("compute_dtype", "quant_type") if quantization.get(name)
        }
        filled |= {name: value for name, value in trained.items() if name not in config.model_fields_set}
    return config.model_copy(update=filled)
