"""The folder of a cross-fit: what it is for stands in ``settings.json``, and nothing else is put into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...core.files import read_json, sha256_file, write_json
from ...core.options import settings_fields, words_without
from ...core.outputs import clear_remains, foreign_entries, holds_only
from ...core.runs import index_without_place
from ...llm.model_files import files_sha256
from ...retrieval.question_contexts import open_pipeline, searched_facts
from ...training.arguments import parser as training_parser
from ...training.config import TrainConfig
from .settings import CrossFitSettings

# What does not change what a folder holds, and what is compared by its content.
_FREE = ("report", "seeds", "reading_test", "workers", "merge")
_PLACES = ("data", "train_records", "output_dir")


def remember_settings(settings: CrossFitSettings, data_sha256: str) -> dict[str, Any]:
    """Store what this folder is for, and return it; raise ConfigError when it already is for something else."""
    names = [one.name for one, _ in settings_fields(CrossFitSettings) if one.name not in (*_FREE, *_PLACES)]
    now: dict[str, Any] = {name: str(getattr(settings, name)) for name in names}
    # Without the adapter's folder: its weights have a hash of their own.
    now |= {"training": words_without(settings.words, "--init-adapter"), "data_sha256": data_sha256}
    now["index_dir"] = str(settings.index_dir and settings.index_dir.resolve())
    if (model := files_sha256(settings.model_name)) is not None:
        del now["model_name"]
        now["model_sha256"] = model
    if settings.train_records is not None:
        now["train_records_sha256"] = sha256_file(settings.train_records)
    if (initial := settings.training.init_adapter) is not None:
        now["init_adapter_sha256"] = sha256_file(initial / "adapter_model.safetensors")
    if settings.searches:
        pipeline = open_pipeline(settings.top_k, settings.index_dir)
        now["index"] = index_without_place(searched_facts(pipeline))
    path = settings.output_dir / "settings.json"
    check_no_other(settings.output_dir)
    # Until something has been made, what the first error advised can be followed.
    if path.exists() and not holds_only(settings.output_dir, (path.name,)):
        # An option that came later was at its default when the folder was started.
        stored: dict[str, Any] = {
            one.name: str(one.default) for one, _ in settings_fields(CrossFitSettings) if one.name in now
        }
        stored |= same_places(read_json(path), now)
        compared = now.keys() | stored.keys()
        if not settings.searches or "index" in stored:
            compared -= {"index_dir"}  # its content decides; or it is for the reading test alone, which may come later
        else:
            stored["index"] = now["index"]  # one of before 0.3.0, which stored the place only
        meant = [{**one, "training": training_meant(one["training"])} for one in (now, stored)]
        if different := sorted(name for name in compared if meant[0].get(name) != meant[1].get(name)):
            raise ConfigError(
                f"{path}: 別の設定で始めた結果があります（違い: {'、'.join(different)}）。別の --output-dir を指定してください。"
            )
    clear_remains(settings.output_dir)
    write_json(path, now)
    return now


def check_no_other(folder: Path) -> None:
    """Raise ConfigError for a folder that holds files and no cross-fit."""
    path = folder / "settings.json"
    stored = read_json(path) if path.exists() else None
    if isinstance(stored, dict) and {"folds", "data_sha256"} <= stored.keys():
        return
    if foreign := foreign_entries(folder):
        raise ConfigError(f"{folder}: 別のファイルがあります（{foreign[0]} など）。空のフォルダを指定してください。")


def training_meant(words: Sequence[str]) -> dict[str, Any]:
    """What options of the training say, however they are spelled and in whatever order."""
    arguments, unknown = training_parser(unset=True).parse_known_args(words)
    given = vars(arguments)
    meant = {one.name: one.default if given[one.name] is None else given[one.name] for one in fields(TrainConfig)}
    if meant["objective"] == "choice":
        meant["share_prefix"] = True
    return {**meant, "unknown": unknown}


def same_places(stored: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The stored settings as they are compared: files by what they hold, folders by where they are.

    Those of before 0.3.0 have the places as they were spelled, and no hash of the model.
    """
    kept = {name: value for name, value in stored.items() if name not in _PLACES}
    kept["training"] = words_without(kept.get("training", []), "--init-adapter")
    if kept.get("index_dir", "None") != "None":
        kept["index_dir"] = str(Path(kept["index_dir"]).resolve())
    if "model_sha256" in now and "model_sha256" not in kept:
        kept["model_sha256"] = now["model_sha256"]
        kept.pop("model_name", None)
    return kept
