"""Merged weights: the sum itself, the 4-bit base it goes onto, the file format, and adapters that are refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.core.errors import ModelError
from app.core.files import sha256_file
from app.llm.adapters import attach_adapter
from app.llm.export.checkpoint import Tensor, open_checkpoint, write_weights
from app.llm.export.merging import check_fit, dequantised, merged, merged_tensor, read_update, write_merged_file
from app.llm.loading import Quantization, load_base_model
from app.llm.model_files import weight_paths


def test_the_sum_is_made_in_float32_and_rounded_once() -> None:
    weight = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16)
    down, up = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[2**-9, 2**-7]])
    # 1 + 0.5 · 2^-9 is no bfloat16 number and falls back to 1; 2 + 0.5 · 2^-7 likewise to 2.
    assert merged(weight, (down, up), 0.5, torch.float32).tolist() == [[1 + 2**-10, 2 + 2**-8]]
    assert merged(weight, (down, up), 0.5, torch.bfloat16).tolist() == [[1.0, 2.0]]
    assert merged(weight, (down, up), 4.0, torch.bfloat16).tolist() == [[1 + 2**-7, 2 + 2**-5]]


@pytest.mark.parametrize("double_quant", [True, False])
@pytest.mark.parametrize("quant_type", ["nf4", "fp4"])
def test_dequantised_is_bit_for_bit_what_a_4_bit_model_multiplies_with(
    quant_type: str, double_quant: bool, sample_model: Path
) -> None:
    import bitsandbytes as bnb

    quantization = Quantization(True, "float32", quant_type, double_quant)
    loaded = dict(
        load_base_model(str(sample_model), quantization=quantization, dtype="bfloat16", device="cpu").named_modules()
    )
    base = open_checkpoint(sample_model)
    compared = 0
    for tensor in base.tensors:
        module = loaded.get(tensor.name.removesuffix(".weight"))
        if isinstance(module, bnb.nn.Linear4bit):
            used = bnb.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            weight = base.read(tensor).bfloat16()
            mine = dequantised(weight, quantization)
            assert mine.dtype == used.dtype == torch.bfloat16
            assert torch.equal(mine, used)
            assert not torch.equal(mine, weight)
            compared += 1
    assert compared == 7 * base.config["num_hidden_layers"]


@pytest.mark.parametrize("rslora", [True, False])
def test_scaling_and_merge_are_those_of_peft(
    rslora: bool, adapter_maker: Callable[..., Path], sample_model: Path, tmp_path: Path
) -> None:
    folder = adapter_maker(tmp_path / "a", sample_model, four_bit=False, rslora=rslora)
    update = read_update(folder)
    assert update.scaling == (8 / math.sqrt(4) if rslora else 2.0)
    base = open_checkpoint(sample_model)
    plain = load_base_model(str(sample_model), quantization=None, dtype="float32")
    model = attach_adapter(plain, folder).merge_and_unload()
    wanted = model.state_dict()
    for tensor in base.tensors:
        value = merged_tensor(base, tensor, update, quantization=None, dtype="float32")
        torch.testing.assert_close(value, wanted[tensor.name], rtol=0, atol=1e-6)


def test_a_merged_file_holds_every_tensor_and_says_its_hash(
    four_bit_adapter: Path, sample_model: Path, nf4: Quantization, tmp_path: Path
) -> None:
    base, update = open_checkpoint(sample_model), read_update(four_bit_adapter)
    check_fit(base, update, "a")
    target = tmp_path / "model.safetensors"
    digest = write_merged_file(base, "model.safetensors", target, update, quantization=nf4, dtype="auto")
    assert digest == sha256_file(target)
    before, after = load_file(sample_model / "model.safetensors"), load_file(target)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name in update.pairs}
    assert {name: value.dtype for name, value in after.items()} == {name: value.dtype for name, value in before.items()}


def test_weights_are_read_back_as_written_whatever_their_type(tmp_path: Path) -> None:
    values = {
        "a": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "b": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "c": torch.tensor([[0.1]], dtype=torch.float16),
    }
    header = [
        Tensor(name, tuple(value.shape), str(value.dtype).removeprefix("torch."), "x") for name, value in values.items()
    ]
    path = tmp_path / "x.safetensors"
    assert write_weights(path, header, values.values()) == sha256_file(path)
    read = load_file(path)
    assert {name: value.tolist() for name, value in read.items()} == {n: v.tolist() for n, v in values.items()}
    assert [read[name].dtype for name in "abc"] == [torch.float32, torch.bfloat16, torch.float16]
    with pytest.raises(ValueError, match="announced"):
        write_weights(tmp_path / "y", [replace(header[0], shape=(3, 2))], [values["a"]])
    assert not (tmp_path / "y").exists()


def test_trained_biases_take_the_place_of_the_old_ones(tmp_path: Path, plain_adapter: Path) -> None:
    folder = shutil.copytree(plain_adapter, tmp_path / "a")
    weights = load_file(folder / "adapter_model.safetensors")
    key = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias"
    save_file({**weights, key: torch.ones(128)}, folder / "adapter_model.safetensors")
    assert list(read_update(folder).replaced) == ["model.layers.0.self_attn.q_proj.bias"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"peft_type": "LOHA"}, "LoRA のアダプタではありません"),
        ({"use_dora": True}, "use_dora を使うアダプタ"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern を使うアダプタ"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save を使うアダプタ"),
    ],
)
def test_other_adapters_are_refused(config: dict[str, Any], reason: str, tmp_path: Path, plain_adapter: Path) -> None:
    folder = shutil.copytree(plain_adapter, tmp_path / "a")
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **config}), "utf-8")
    with pytest.raises(ModelError, match=reason):
        read_update(folder)


def test_a_matrix_without_its_partner_and_a_base_of_other_sizes_are_refused(
    tmp_path: Path, plain_adapter: Path, tiny_model_dir: Path, sample_model: Path
) -> None:
    folder = shutil.copytree(plain_adapter, tmp_path / "a")
    weights = load_file(folder / "adapter_model.safetensors")
    lost = next(name for name in weights if "lora_A" in name)
    save_file({name: value for name, value in weights.items() if name != lost}, folder / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="A か B がありません"):
        read_update(folder)
    with pytest.raises(ModelError, match=r"の LoRA が .* の重みと合いません"):
        check_fit(open_checkpoint(tiny_model_dir), read_update(plain_adapter), "a")
    base = open_checkpoint(sample_model)
    with pytest.raises(ModelError, match=r"重みが config\.json と合いません（1 個、例 model\.norm\.weight）"):
        check_fit(replace(base, tensors=base.tensors[:-1]), read_update(plain_adapter), "a")


def test_of_one_file_and_an_index_the_one_file_is_read_as_transformers_does(sample_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(sample_model, folder)
    parts = [f"model-{number:05}-of-00002.safetensors" for number in (1, 2)]
    for part in parts:  # of another version
        save_file({part: torch.zeros(1)}, folder / part)
    index = {"metadata": {}, "weight_map": {part: part for part in parts}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    checkpoint = open_checkpoint(folder)
    assert [folder / name for name in checkpoint.files] == weight_paths(folder) == [folder / "model.safetensors"]
    assert checkpoint.tensors == open_checkpoint(sample_model).tensors
    assert {tensor.name for tensor in checkpoint.tensors} == set(
        load_base_model(str(folder), quantization=None).state_dict()
    ) - {"lm_head.weight"}


@pytest.mark.parametrize("name", ["../model.safetensors", "model.bin", "missing.safetensors"])
def test_an_index_names_only_files_beside_it(name: str, sample_model: Path, tmp_path: Path) -> None:
    shutil.copy(sample_model / "config.json", tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": name}}), "utf-8")
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        open_checkpoint(tmp_path)
