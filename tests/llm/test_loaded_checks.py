"""What was loaded is what was asked for: quantisation, adapters inside a base, tokens beyond the table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.core.errors import ModelError
from app.llm.adapters import adapter_folder, attach_adapter, check_base, check_chat
from app.llm.loading import Quantization, load_base_model, load_tokenizer
from app.training.model.lora import attach_lora, trainable_parameters


@pytest.fixture
def copied(tiny_model_dir: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model_dir, tmp_path / "model")
    return tmp_path / "model"


def edit(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({key: item for key, item in value.items() if item is not ...}), "utf-8")


# transformers 5 warns about what PEFT still calls.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def lora(base: Path, folder: Path, **options: Any) -> Path:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(
        load_base_model(str(base), quantization=None, device="cpu"),
        LoraConfig(task_type="CAUSAL_LM", r=2, **({"target_modules": "all-linear"} | options)),
    )
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (None, "bitsandbytes 4bit）されて保存されています。--use-4bit"),
        (Quantization(load_in_4bit=False), "--hf-load-in-4bit"),
        (Quantization(quant_type="nf4", compute_dtype="float32"), "fp4 の 4bit で保存されています（指定は nf4）。--bnb-4bit-quant-type fp4"),
        (Quantization(quant_type="fp4"), "--bnb-4bit-compute-dtype float32"),
        (Quantization(quant_type="fp4", compute_dtype="float32"), "二重量子化なし"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_is_quantised_already_is_never_taken_for_another(
    copied: Path, tmp_path: Path, asked: Quantization | None, message: str
) -> None:
    stored = Quantization(quant_type="fp4", compute_dtype="float32", double_quant=False)
    load_base_model(str(copied), quantization=stored, device="cpu").save_pretrained(tmp_path / "bnb4")
    with pytest.raises(ModelError) as caught:
        load_base_model(str(tmp_path / "bnb4"), quantization=asked, device="cpu")
    assert message in str(caught.value)
    assert load_base_model(str(tmp_path / "bnb4"), quantization=stored, device="cpu") is not None


def test_a_base_with_an_adapter_in_it_is_refused(copied: Path) -> None:
    lora(copied, copied)
    with pytest.raises(ModelError, match=r"アダプタ（adapter_config\.json）が入っています"):
        load_base_model(str(copied), quantization=None)


def test_padding_takes_any_token_that_the_table_has(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads((copied / "config.json").read_text("utf-8"))["vocab_size"]
    edit(copied / "tokenizer_config.json", pad_token="[PAD]")
    tokenizer = load_tokenizer(str(copied))
    assert len(tokenizer) == rows + 1
    assert tokenizer.pad_token_id == tokenizer.eos_token_id < rows
    assert f"{rows + 1} 個のトークンがありますが、モデルの表は {rows} 行です" in capsys.readouterr().err


def test_a_tokenizer_without_pad_and_end_pads_with_its_first_token(copied: Path) -> None:
    edit(copied / "tokenizer_config.json", pad_token=..., eos_token=...)
    (copied / "special_tokens_map.json").unlink(missing_ok=True)
    tokenizer = load_tokenizer(str(copied))
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (None, 0)


def test_adapters_that_are_no_lora_are_refused(copied: Path, tmp_path: Path) -> None:
    folder = lora(copied, tmp_path / "ad")
    for kind, shown in (("PROMPT_TUNING", "PROMPT_TUNING"), (None, "NONE"), (..., "なし")):
        edit(folder / "adapter_config.json", peft_type=kind)
        with pytest.raises(ModelError, match=f"LoRA のアダプタではありません（peft_type は {shown}）"):
            adapter_folder(str(folder))
    for text in ("[1]", "{"):
        (folder / "adapter_config.json").write_text(text, "utf-8")
        with pytest.raises(ModelError, match="学習の出力が壊れています"):
            adapter_folder(str(folder))


def test_weights_that_the_configuration_does_not_name_are_refused(copied: Path, tmp_path: Path) -> None:
    folder = lora(copied, tmp_path / "ad")
    model = load_base_model(str(copied), quantization=None, device="cpu")
    edit(folder / "adapter_config.json", target_modules=["q_proj", "v_proj"])
    with pytest.raises(ModelError, match=r"adapter_config\.json にない重みが \d+ 個あり.*down_proj"):
        attach_adapter(model, folder)


def test_weights_that_do_not_fit_are_named_with_their_sizes(copied: Path, tmp_path: Path) -> None:
    folder = lora(copied, tmp_path / "ad")
    model = load_base_model(str(copied), quantization=None, device="cpu")
    edit(folder / "adapter_config.json", r=4)
    with pytest.raises(ModelError, match=r"size mismatch for \S+lora_A\S+.*torch\.Size\(\[2, .*torch\.Size\(\[4, "):
        attach_adapter(model, folder)


@pytest.mark.parametrize("name", ["C:\\Users\\taro\\models\\model", "/mnt/models/model/", "org/model"])
def test_the_last_part_of_a_base_name_counts_whatever_its_separators(copied: Path, tmp_path: Path, name: str) -> None:
    folder = lora(copied, tmp_path / "ad")
    model = load_base_model(str(copied), quantization=None, device="cpu")
    check_base(folder, {"base_model": {"name": name}}, str(copied), model)
    with pytest.raises(ModelError, match="で学習したものです"):
        check_base(folder, {"base_model": {"name": name + "2"}}, str(copied), model)


@pytest.mark.parametrize("stored", ["jinja", "config", "list"])
def test_the_template_in_an_adapter_of_another_tool_must_be_the_bases(
    copied: Path, tmp_path: Path, stored: str
) -> None:
    tokenizer = load_tokenizer(str(copied))
    folder = tmp_path / "ad"
    folder.mkdir()

    def store(template: str) -> None:
        if stored == "jinja":
            (folder / "chat_template.jinja").write_text(template, "utf-8")
            return
        value = template if stored == "config" else [{"name": "default", "template": template}]
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": value}), "utf-8")

    check_chat(folder, None, tokenizer, "auto")
    store(tokenizer.chat_template)
    check_chat(folder, None, tokenizer, "auto")
    store("{{ messages }}")
    check_chat(folder, None, tokenizer, "chatml")
    with pytest.raises(ModelError, match="チャットテンプレートがベースモデルのものと違います"):
        check_chat(folder, None, tokenizer, "auto")


def test_a_tokenizer_that_fails_in_use_is_refused_when_loaded(copied: Path) -> None:
    edit(copied / "tokenizer_config.json", model_max_length="many")
    with pytest.raises(ModelError, match="トークナイザを読めません"):
        load_tokenizer(str(copied))


@pytest.mark.parametrize(
    ("base", "stored", "instructions", "computed"),
    [
        ("bfloat16", "bf16", True, torch.bfloat16),
        ("bfloat16", "bf16", False, torch.float32),
        ("float32", "bf16", True, torch.float32),
        ("bfloat16", "fp32", True, torch.float32),
    ],
)
def test_a_lora_trained_in_bfloat16_is_computed_as_it_was_trained(
    copied: Path, tmp_path: Path, monkeypatch: Any, base: str, stored: Any, instructions: bool, computed: torch.dtype
) -> None:
    monkeypatch.setattr("app.llm.adapters.computes_bfloat16", lambda: instructions)
    monkeypatch.setattr("app.llm.loading.widen_for_processor", lambda model: False)
    trained = attach_lora(
        load_base_model(str(copied), quantization=None, dtype=base, device="cpu"),
        r=2, alpha=4, dropout=0.0, target_modules=["q_proj", "down_proj"], bias="none", seed=1, dtype=stored,
    )  # fmt: skip
    for name, weights in trainable_parameters(trained).items():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.05)
    trained.save_pretrained(tmp_path / "ad", save_embedding_layers=False)
    again = attach_adapter(load_base_model(str(copied), quantization=None, dtype=base, device="cpu"), tmp_path / "ad")
    found = {name: weights for name, weights in again.named_parameters() if "lora_" in name}
    assert {weights.dtype for weights in found.values()} == {computed}
    if computed == torch.bfloat16:
        # To the last bit: peft's own widening answers otherwise.
        ids = torch.arange(1, 20)[None]
        with torch.no_grad():
            assert torch.equal(again(ids).logits, trained.eval()(ids).logits)


def test_dora_stays_in_float32(copied: Path, tmp_path: Path) -> None:
    folder = lora(copied, tmp_path / "ad", use_dora=True)
    weights = folder / "adapter_model.safetensors"
    save_file({name: value.to(torch.bfloat16) for name, value in load_file(weights).items()}, weights)
    model = attach_adapter(load_base_model(str(copied), quantization=None, dtype="bfloat16", device="cpu"), folder)
    assert {value.dtype for name, value in model.named_parameters() if "lora_" in name} == {torch.float32}
