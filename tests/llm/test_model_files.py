"""The hashes of a model: of its weights, its tokenizer and its folder; they follow contents, not names."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.llm.loading import load_tokenizer
from app.llm.model_files import files_sha256, model_folder, tokenizer_sha256, weight_paths, weights_sha256


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_one_file_has_its_own_hash_and_several_that_of_what_sha256sum_prints(tmp_path: Path) -> None:
    assert weights_sha256(tmp_path) is None
    for name in ("b", "a"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    (tmp_path / "unused.safetensors").write_bytes(b"x")
    weight_map = {"w": "b.safetensors", "v": "a.safetensors", "u": "a.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    lines = f"{digest(b'a')}  a.safetensors\n{digest(b'b')}  b.safetensors\n"
    assert weights_sha256(tmp_path) == digest(lines.encode())
    (tmp_path / "model.safetensors").write_bytes(b"one")  # what transformers would read
    assert weight_paths(tmp_path) == [tmp_path / "model.safetensors"]
    assert weights_sha256(tmp_path) == digest(b"one")


def test_a_folder_is_known_by_what_it_holds(tiny_model_dir: Path, tmp_path: Path) -> None:
    copied = tmp_path / "another name"
    shutil.copytree(tiny_model_dir, copied)
    before = files_sha256(str(tiny_model_dir))
    assert before is not None
    assert files_sha256(str(copied)) == before
    (copied / "README.md").write_text("a card decides nothing")
    assert files_sha256(str(copied)) == before
    seen = {before}
    for name in ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"):
        path = copied / name
        path.write_bytes((path.read_bytes() if path.exists() else b"{}") + b" ")
        seen.add(str(files_sha256(str(copied))))
    assert len(seen) == 6
    assert files_sha256("org/model-of-the-hub") is None


@pytest.mark.parametrize("name", ["org/not-there", "C:\\models\\x", "a b"])
def test_a_model_that_is_nowhere_has_no_folder(name: str) -> None:
    assert model_folder(name) is None


def test_a_tokenizer_that_was_saved_again_is_the_same(tiny_model_dir: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model_dir))
    before = tokenizer_sha256(tokenizer)
    tokenizer(["a", "bb"], padding=True, truncation=True, max_length=1)  # leaves padding and truncation switched on
    assert tokenizer_sha256(tokenizer) == before
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_sha256(load_tokenizer(str(tmp_path))) == before


@pytest.mark.parametrize("part", ["vocab", "merges", "added"])
def test_a_tokenizer_that_cuts_otherwise_is_another(tiny_model_dir: Path, tmp_path: Path, part: str) -> None:
    class Backend:
        def __init__(self, text: str) -> None:
            self.to_str = lambda: text

    class Tokenizer:
        def __init__(self, value: Any) -> None:
            self.backend_tokenizer = Backend(json.dumps(value))

    value = json.loads(load_tokenizer(str(tiny_model_dir)).backend_tokenizer.to_str())
    before = tokenizer_sha256(Tokenizer(value))
    if part == "vocab":
        first, second = list(value["model"]["vocab"])[:2]
        vocabulary = value["model"]["vocab"]
        vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    elif part == "merges":
        value["model"]["merges"] = [["a", "b"], *value["model"]["merges"]]
    else:
        value["added_tokens"].append({"id": 9999, "content": "<x>"})
    assert tokenizer_sha256(Tokenizer(value)) != before
