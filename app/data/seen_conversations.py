"""Which questions stand in the conversations that an adapter was trained on.

Conversations (Alpaca, ShareGPT) name no questions, so ``run.json`` cannot list them: the file itself is looked into, as
long as it is where it was and unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.files import sha256_file
from .conversations import asked_within, read_training_file
from .records import CHAT


def conversation_files(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``train_file`` of every stage of the adapter that learned from conversations, the last stage first."""
    initial = manifest.get("init_adapter") or {}
    stages = [manifest, *([initial] if initial else []), *(initial.get("earlier") or [])]
    return [stage["train_file"] for stage in stages if stage.get("form") == CHAT]


def asked_in_files(manifest: Mapping[str, Any], asked: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of ``asked`` (as ``asked_within`` takes them) that stand whole in a conversation of an unchanged file."""
    seen: dict[str, None] = {}
    for facts in filter(_unchanged, conversation_files(manifest)):
        seen |= dict.fromkeys(asked_within(read_training_file(Path(facts["path"])).records, asked))
    return list(seen)


def lost_files(manifest: Mapping[str, Any]) -> list[str]:
    """The files of conversations that cannot be looked into any more."""
    return [str(facts["path"]) for facts in conversation_files(manifest) if not _unchanged(facts)]


def _unchanged(facts: Mapping[str, Any]) -> bool:
    path = Path(str(facts["path"]))
    return path.is_file() and sha256_file(path) == facts["sha256"]
