"""An exported folder while it is written and after: files under another name until they are whole, and their run.json."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import ConfigError
from ...core.file_hashes import known_sha256
from ...core.files import read_json, sha256_file, sha256_text, to_json, write_json
from ...core.outputs import clear_remains, foreign_entries
from ..exported import with_seen

RUN = "run.json"
_STATE = "export.unfinished.json"


def key_of(facts: Mapping[str, Any]) -> str:
    """Hash of everything that decides the weights of an export."""
    return sha256_text(to_json(facts))


def file_facts(path: Path) -> dict[str, Any]:
    """Bytes and SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


@dataclass(frozen=True, slots=True)
class Writing:
    """A folder that is being written.

    target    its name when it is whole
    partial   where it is written
    key       ``key_of`` what goes into it
    """

    target: Path
    partial: Path
    key: str

    @property
    def done(self) -> dict[str, Any]:
        """Facts of the files that are whole already, by name."""
        return dict(read_json(self.partial / _STATE)["files"])

    def add(self, name: str, facts: Mapping[str, Any]) -> None:
        """Note that a file is whole."""
        write_json(self.partial / _STATE, {"key": self.key, "files": {**self.done, name: dict(facts)}})

    def finish(self) -> None:
        """Give the folder its name. What it was written from goes last: a run killed in between is gone on with."""
        self.partial.rename(self.target)
        (self.target / _STATE).unlink()


def finished(target: Path, key: str) -> dict[str, Any] | None:
    """The run.json of a folder that is there already with the same content; None where there is none.

    Raises ConfigError for a folder with other content, or whose files are no longer those that were written.
    """
    if not os.path.lexists(target):
        return None
    manifest = read_json(target / RUN) if (target / RUN).is_file() else {}
    export = manifest.get("export") if isinstance(manifest, dict) else None
    if not isinstance(export, dict) or export.get("key") != key:
        raise ConfigError(
            f"{target} には別のファイルがあります（別の設定の書き出しなど）。別の --output-dir を指定するか、移してください。"
        )
    if changed := _changed(target, dict(export.get("files") or {})):
        raise ConfigError(
            f"{target / changed[0]} は書き出した後に変わったか、なくなっています（run.json の SHA-256 と違います）。"
            f"別の --output-dir を指定するか、{target} を移してください。"
        )
    (target / _STATE).unlink(missing_ok=True)
    return manifest


def _changed(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Those of the files, each with ``file_facts``, that are not there as they were written."""
    there = [name for name in files if (folder / name).is_file()]
    digests = dict(zip(there, known_sha256([folder / name for name in there]), strict=True))
    return [name for name, facts in files.items() if digests.get(name) != facts["sha256"]]


def begin(target: Path, key: str) -> Writing:
    """A folder to write to, going on with what an interrupted run of the same export left.

    Raises ConfigError when what was left is of another export.
    """
    partial = target.with_name(f".{target.name}.partial")
    if foreign_entries(partial):
        state = read_json(partial / _STATE) if (partial / _STATE).is_file() else None
        if not isinstance(state, dict) or state.get("key") != key:
            raise ConfigError(
                f"{partial} に、別の設定で中断した書き出しがあります。同じ設定で続けるか、このフォルダを消してください。"
            )
        # Half a file of gigabytes, where the run was killed.
        clear_remains(partial)
        for half in partial.glob(".*.part"):
            half.unlink()
        done = state["files"]
        for name in _changed(partial, {name: facts.get("written", facts) for name, facts in done.items()}):
            log(f"{partial / name}: 中断した前回に書いたものと違うので、書き直します。")
            del done[name]
        write_json(partial / _STATE, state)
    else:
        # A kill between making the folder and its first file leaves an empty one.
        partial.mkdir(parents=True, exist_ok=True)
        clear_remains(partial)
        write_json(partial / _STATE, {"key": key, "files": {}})
    return Writing(target, partial, key)


def copy_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Copy those of the named files that exist."""
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def exported_manifest(
    manifest: Mapping[str, Any], base_manifest: Mapping[str, Any] | None, export: Mapping[str, Any]
) -> dict[str, Any]:
    """run.json of an exported folder: the adapter's, what was made of it, and every question that any training saw."""
    made = {**with_seen(manifest, base_manifest), "kind": export["kind"], "export": dict(export)}
    if (made.get("chat") or {}).get("format") == "chatml":
        made["chat"] = {**made["chat"], "format": "auto"}  # now the folder's own template
    return made
