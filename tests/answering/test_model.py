"""Which model is named, and what an adapter's run.json fills in."""

import json

import pytest

from app.answering.model import named_model
from app.core.errors import ConfigError
from app.core.rag_config import load_config

BASE = {"name": "sample/tiny-qwen3", "revision": None}


def adapter(folder, manifest):
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"")
    if manifest is not None:
        (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "settings", [{}, {"load_in_4bit": False}, {"llm_temperature": 0.5}, {"ollama_host": "localhost"}]
)
def test_no_model_is_named(settings):
    assert named_model(load_config(env_file=None, **settings).llm) is None


@pytest.mark.parametrize(
    ("settings", "form"),
    [({"llm_backend": "ollama"}, "choice"), ({"llm_model": "x"}, "choice"), ({"hf_model_name": "no/such"}, "choice")],
)
def test_a_model_is_named(settings, form):
    config = load_config(env_file=None, **settings).llm
    named = named_model(config)
    assert (named.config, named.manifest, named.form) == (config, None, form)


def test_the_environment_names_a_model(monkeypatch):
    monkeypatch.setenv("HF_MODEL_NAME", "no/such")
    assert named_model(load_config(env_file=None).llm).config.hf_model_name == "no/such"


@pytest.mark.parametrize(
    ("manifest", "settings", "found"),
    [
        ({"base_model": BASE, "quantization": None, "form": "choice"}, {}, ("sample/tiny-qwen3", False, "choice")),
        ({"base_model": BASE, "quantization": {"load_in_4bit": True}}, {}, ("sample/tiny-qwen3", True, "letter")),
        ({"base_model": BASE, "quantization": None}, {"load_in_4bit": True}, ("sample/tiny-qwen3", True, "letter")),
        ({"base_model": BASE, "quantization": None}, {"hf_model_name": "/m"}, ("/m", False, "letter")),
        (None, {"hf_model_name": "/m"}, ("/m", True, "choice")),  # made elsewhere
    ],
)
def test_an_adapter_names_its_base(tmp_path, manifest, settings, found):
    folder = adapter(tmp_path / "adapter", manifest)
    named = named_model(load_config(env_file=None, lora_path=folder, **settings).llm)
    assert (named.config.hf_model_name, named.config.load_in_4bit, named.form) == found
    assert named.manifest == manifest


@pytest.mark.parametrize(
    ("manifest", "shown"),
    [
        ({"form": "choice", "cited_words": True}, True),
        ({"form": "choice"}, False),
        ({"form": "letter"}, False),
    ],
)
def test_an_adapter_says_whether_cited_words_are_shown(tmp_path, manifest, shown):
    folder = adapter(tmp_path / "adapter", {"base_model": BASE, "quantization": None, **manifest})
    assert named_model(load_config(env_file=None, lora_path=folder).llm).cited_words is shown


@pytest.mark.parametrize("manifest", [None, {}, {"base_model": {"name": ""}}, {"base_model": None}])
def test_an_adapter_without_its_base(tmp_path, manifest):
    folder = adapter(tmp_path / "adapter", manifest)
    with pytest.raises(ConfigError, match="--hf-model-name も指定してください"):
        named_model(load_config(env_file=None, lora_path=folder).llm)


@pytest.mark.parametrize(("settings", "four"), [({}, False), ({"load_in_4bit": True}, True)])
def test_a_merged_model_is_not_rounded_again_unless_told(tmp_path, settings, four):
    folder = tmp_path / "merged"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"kind": "merged", "export": {"key": "x"}, "form": "choice"}), "utf-8")
    named = named_model(load_config(env_file=None, hf_model_name=str(folder), **settings).llm)
    assert (named.config.load_in_4bit, named.form) == (four, "choice")
