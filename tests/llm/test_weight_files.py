"""No pickle is ever read, whatever a model's files say."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.errors import ModelError
from app.llm.loading import load_base_model
from app.llm.weight_files import check_weight_files, no_pickles


def folder_with(tmp_path: Path, weight_map: Any) -> Path:
    (tmp_path / "decoy.safetensors").write_bytes(b"")
    (tmp_path / "weights.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": "decoy.safetensors", "b": "weights.bin"}, "'weights.bin' を指しています"),
        ({"a": "../decoy.safetensors"}, "'../decoy.safetensors' を指しています"),
        ({"a": "sub\\decoy.safetensors"}, "を指しています"),
        ({"a": "/etc/decoy.safetensors"}, "を指しています"),
        ({"a": "gone.safetensors"}, "gone.safetensors がありません"),
        ({}, "weight_map がありません"),
        ([1], "weight_map がありません"),
        ({"a": None}, "'None' を指しています"),
    ],
)
def test_an_index_that_names_anything_else_is_refused(tmp_path: Path, weight_map: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("(", r"\(")):
        check_weight_files("m", folder_with(tmp_path, weight_map))


def test_a_pickle_behind_a_model_is_refused_before_it_is_opened(tiny_model_dir: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_model_dir, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / "other.safetensors")
    folder_with(tmp_path / "m", {"lm_head.weight": "weights.bin"})
    with pytest.raises(ModelError, match=r"index\.json: 重みとして 'weights\.bin'"):
        load_base_model(str(tmp_path / "m"), quantization=None)


def test_torch_load_is_shut_inside_and_open_again_after(tmp_path: Path) -> None:
    torch.save({"x": 1}, tmp_path / "w.bin")

    def load() -> Any:
        with no_pickles():
            return torch.load(tmp_path / "w.bin", weights_only=True)

    with pytest.raises(ModelError, match=r"w\.bin: pickle 形式の重みです"):
        load()
    assert torch.load(tmp_path / "w.bin", weights_only=True) == {"x": 1}


@pytest.mark.parametrize("kind", ["embedding", "reranker"])
def test_embedding_models_and_rerankers_load_none_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from app.retrieval.engines.embedder import load_embedder
    from app.retrieval.engines.reranking import CrossEncoderReranker

    torch.save({"x": 1}, tmp_path / "w.bin")

    def library(model: str, **_: Any) -> Any:
        return torch.load(tmp_path / "w.bin", weights_only=True)  # what sentence-transformers does without safetensors

    stand_in = types.SimpleNamespace(SentenceTransformer=library, CrossEncoder=library)
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    with pytest.raises(ModelError, match="pickle 形式の重みです"):
        load_embedder("cl-nagoya/ruri-v3-30m") if kind == "embedding" else CrossEncoderReranker("x")
