"""Loading models: what is frozen keeps its type, what is missing is named in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from app.core.errors import ConfigError, ModelError
from app.llm import processor
from app.llm.letters import score_letters
from app.llm.loading import (
    Quantization,
    base_model_facts,
    is_local_folder,
    load_base_model,
    load_tokenizer,
    resolve_device,
)


@pytest.fixture
def copied(tiny_model_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    return folder


def test_a_plain_model_keeps_the_type_it_is_stored_in(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a processor with bfloat16 instructions; test_processor.py has the others.
    monkeypatch.setattr(processor, "computes_bfloat16", lambda: True)
    model = load_base_model(str(copied), quantization=None, device="cpu")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    model.to(torch.bfloat16).save_pretrained(copied)
    again = load_base_model(str(copied), quantization=None, device="cpu")
    assert {parameter.dtype for parameter in again.parameters()} == {torch.bfloat16}


def test_a_type_asked_for_is_taken(tiny_model_dir: Path) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=None, dtype="float16", device="cpu")
    assert model.dtype == torch.float16


@pytest.mark.parametrize("quant_type", ["nf4", "fp4"])
def test_four_bits_quantise_the_linear_layers_and_upcast_nothing(copied: Path, quant_type: str) -> None:
    load_base_model(str(copied), quantization=None).to(torch.bfloat16).save_pretrained(copied)
    model = load_base_model(str(copied), quantization=Quantization(quant_type=quant_type), device="cpu")
    projection = model.model.layers[0].self_attn.q_proj
    assert type(projection).__name__ == "Linear4bit"
    assert projection.weight.quant_state.quant_type == quant_type
    assert projection.weight.quant_state.nested  # double quantisation
    assert projection.compute_dtype == torch.bfloat16
    stored = {parameter.dtype for name, parameter in model.named_parameters() if "proj" not in name}
    assert stored == {torch.bfloat16}


def test_scoring_leaves_the_quantised_weights_as_they_are(copied: Path) -> None:
    load_base_model(str(copied), quantization=None).to(torch.bfloat16).save_pretrained(copied)
    model = load_base_model(str(copied), quantization=Quantization(), device="cpu")
    weight = model.model.layers[0].mlp.gate_proj.weight
    before = weight.detach().clone()
    score_letters(model, [[1, 2, 3]], [[4], [5], [6], [7]])
    assert torch.equal(weight, before)
    assert weight.quant_state.nested
    assert weight.quant_state.absmax.dtype == torch.uint8


def test_quantisation_switched_off_loads_plain(tiny_model_dir: Path) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=Quantization(load_in_4bit=False))
    assert type(model.model.layers[0].self_attn.q_proj) is torch.nn.Linear


def test_facts_are_the_same_for_both_ways_of_loading(tiny_model_dir: Path, copied: Path) -> None:
    plain = base_model_facts("x", load_base_model(str(tiny_model_dir), quantization=None))
    quantised = base_model_facts("x", load_base_model(str(copied), quantization=Quantization()))
    assert plain == quantised
    assert plain["name"] == "x"
    assert plain["revision"] is None
    assert len(plain["config_sha256"]) == 64


def test_facts_differ_for_another_architecture(tiny_model_dir: Path) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=None)
    before = base_model_facts("x", model)["config_sha256"]
    model.config.rms_norm_eps = 1e-3
    assert base_model_facts("x", model)["config_sha256"] != before


def test_the_tokenizer_has_a_padding_token(copied: Path) -> None:
    config = json.loads((copied / "tokenizer_config.json").read_text("utf-8"))
    config.pop("pad_token")
    (copied / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    tokenizer = load_tokenizer(str(copied))
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"


@pytest.mark.parametrize("name", ["./missing", "/no/such/model", "a/b/c", "../x", "with space"])
def test_a_missing_folder_is_named(name: str) -> None:
    for load in (load_tokenizer, is_local_folder):
        with pytest.raises(ModelError, match="モデルのフォルダがありません"):
            load(name)


def test_a_file_and_an_empty_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(ModelError, match="ファイルです"):
        is_local_folder(str(file))
    with pytest.raises(ModelError, match="空です"):
        is_local_folder("")


def test_a_hub_name_is_not_a_folder() -> None:
    assert not is_local_folder("Qwen/Qwen3-8B")


def test_a_hub_name_that_cannot_be_reached_says_where_it_was_looked_for() -> None:
    with pytest.raises(ModelError, match=r"^nobody/nothing: トークナイザを読めません（.*Hugging Face Hub"):
        load_tokenizer("nobody/nothing")


def test_a_folder_without_tokenizer_is_named(copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="トークナイザがありません"):
        load_tokenizer(str(copied))


def test_a_broken_tokenizer_is_one_line(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="トークナイザを読めません") as caught:
        load_tokenizer(str(copied))
    assert "\n" not in str(caught.value)


def test_a_folder_without_config_or_weights_is_named(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"safetensors.*pickle"):
        load_base_model(str(copied), quantization=None)
    (copied / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json がありません"):
        load_base_model(str(copied), quantization=None)


def test_cut_off_weights_are_one_line(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="モデルを読めません") as caught:
        load_base_model(str(copied), quantization=None)
    assert "\n" not in str(caught.value)


def test_weights_that_the_configuration_has_no_place_for_are_told(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "config.json"
    config = json.loads(path.read_text("utf-8"))
    shorter = {"num_hidden_layers": config["num_hidden_layers"] - 1}
    if config.get("layer_types"):
        shorter["layer_types"] = config["layer_types"][:-1]
    path.write_text(json.dumps(config | shorter), "utf-8")
    load_base_model(str(copied), quantization=None)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        f"注意: {copied}: 使われない重みが 11 個あります（例 model.layers.{shorter['num_hidden_layers']}."
    )


def test_weights_that_do_not_fill_the_model_are_refused(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"重みが足りない.*model\.layers\.1\.mlp\.up_proj\.weight"):
        load_base_model(str(copied), quantization=None)


@pytest.mark.parametrize("dtype", ["bf16", "int8", ""])
def test_an_unknown_type_is_refused(tiny_model_dir: Path, dtype: str) -> None:
    with pytest.raises(ModelError, match="データ型"):
        load_base_model(str(tiny_model_dir), quantization=None, dtype=dtype)


@pytest.mark.parametrize(
    ("values", "message"), [({"compute_dtype": "int8"}, "計算型 'int8'"), ({"quant_type": "int4"}, "方式 'int4'")]
)
def test_an_unknown_quantisation_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Quantization(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_devices() -> None:
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == "cpu"  # the tests hide every GPU
    with pytest.raises(ModelError, match="GPU が見えません"):
        resolve_device("cuda")
    with pytest.raises(ModelError, match="'tpu' は使えません"):
        resolve_device("tpu")
