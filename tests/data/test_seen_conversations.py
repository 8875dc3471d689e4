"""The files of conversations behind an adapter: those of every stage, while they are as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.core.files import sha256_file
from app.data.seen_conversations import asked_in_files, conversation_files, lost_files

ASKED = {"q1": ["正しいものはどれか。", "甲", "乙"], "q2": ["誤っているものはどれか。", "丙", "丁"]}


def talk(path: Path, *names: str) -> dict[str, Any]:
    """What ``run.json`` says of a file that is written here, with a conversation about each of these questions."""
    rows = [{"instruction": "\n".join(ASKED[name]), "output": "a"} for name in names]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return {"form": "chat", "train_file": {"path": str(path), "sha256": sha256_file(path)}}


def test_earlier_stages_count() -> None:
    facts = {"path": "talk.jsonl", "sha256": "s"}
    earlier = [{"form": "letter", "train_file": {}}, {"form": "chat", "train_file": facts}]
    manifest = {
        "form": "choice",
        "train_file": {},
        "init_adapter": {"form": "letter", "train_file": {}, "earlier": earlier},
    }
    assert conversation_files(manifest) == [facts]


def test_every_stage_is_looked_into_while_its_file_is_as_it_was(tmp_path: Path) -> None:
    last, first = talk(tmp_path / "last.jsonl", "q2"), talk(tmp_path / "first.jsonl", "q1", "q2")
    manifest = {**last, "init_adapter": {"form": "choice", "train_file": {}, "earlier": [first]}}
    assert (asked_in_files(manifest, ASKED), lost_files(manifest)) == (["q2", "q1"], [])
    talk(tmp_path / "first.jsonl", "q1")
    assert (asked_in_files(manifest, ASKED), lost_files(manifest)) == (["q2"], [str(tmp_path / "first.jsonl")])
    (tmp_path / "last.jsonl").unlink()
    gone = [str(tmp_path / name) for name in ("last.jsonl", "first.jsonl")]
    assert (asked_in_files(manifest, ASKED), lost_files(manifest)) == ([], gone)
