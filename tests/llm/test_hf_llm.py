"""HFLoRALLM on a random tiny model: generation, letter scores, adapters that belong and adapters that do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.core.chat import chat_template_hash, encode_prompt, letter_token_ids
from app.core.errors import ConfigError, ModelError
from app.core.prompts import render_cot_answer
from app.core.questions import LETTERS
from app.llm.adapters import attach_adapter, check_chat
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.loading import base_model_facts, load_base_model, load_tokenizer
from app.llm.model_files import tokenizer_sha256, weights_sha256

PROMPTS = ["次のうち、正しいものを教えてください。", "b", "届出は二週間以内にする。" * 5]


@pytest.fixture(scope="module")
def llm(tiny_model_dir: Path) -> HFLoRALLM:
    return HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, max_new_tokens=6))


@pytest.fixture
def adapter(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A LoRA adapter with weights that change the answers, and a run.json as training writes it."""
    from peft import LoraConfig, get_peft_model

    folder = tmp_path / "adapter"
    base = load_base_model(str(tiny_model_dir), quantization=None)
    facts = base_model_facts(str(tiny_model_dir), base)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for a name that will go in v6
        model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    manifest = {
        "kind": "adapter",
        "base_model": facts,
        "chat": {"format": "auto", "template_sha256": chat_template_hash(load_tokenizer(str(tiny_model_dir)))},
    }
    (folder / "run.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def test_an_adapter_is_not_put_on_other_weights_of_the_same_name(
    adapter: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    other = tmp_path / "copy" / tiny_model_dir.name
    shutil.copytree(tiny_model_dir, other)
    asked = HFLLMConfig(str(other), lora_path=str(adapter), load_in_4bit=False)
    assert HFLoRALLM(asked).facts()["base_model"]["weights_sha256"] == weights_sha256(tiny_model_dir)
    tensors = load_file(other / "model.safetensors")
    tensors[sorted(tensors)[0]].view(-1)[0] += 1
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"の重みはそのときと違います（SHA-256 [0-9a-f]{12}…、学習したときは [0-9a-f]{12}…）"
    ):
        HFLoRALLM(asked)


def test_an_adapter_is_not_asked_through_another_tokenizer(adapter: Path, tiny_model_dir: Path) -> None:
    manifest = json.loads((adapter / "run.json").read_text("utf-8"))
    tokenizer = load_tokenizer(str(tiny_model_dir))
    manifest["chat"]["tokenizer_sha256"] = tokenizer_sha256(tokenizer)
    check_chat(adapter, manifest, tokenizer, "auto")
    manifest["chat"]["tokenizer_sha256"] = "9" * 64
    with pytest.raises(ModelError, match="学習したときとトークナイザが違います"):
        check_chat(adapter, manifest, tokenizer, "auto")


def change_manifest(folder: Path, **values: Any) -> None:
    manifest = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps({**manifest, **values}), "utf-8")


def test_generation_does_not_depend_on_the_batch(llm: HFLoRALLM) -> None:
    together = llm.generate(PROMPTS)
    assert together == [llm.generate([prompt])[0] for prompt in PROMPTS]
    assert together == llm.generate(PROMPTS, max_batch_tokens=1)
    assert [one.prompt_tokens for one in together] == [len(encode_prompt(llm.tokenizer, prompt)) for prompt in PROMPTS]
    assert llm.invoke(PROMPTS[0]) == together[0].text


def test_generation_equals_greedy_steps(llm: HFLoRALLM) -> None:
    ids = encode_prompt(llm.tokenizer, PROMPTS[0])
    start = len(ids)
    with torch.no_grad():
        for _ in range(6):
            ids.append(int(llm.model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == llm.tokenizer.eos_token_id:
                break
    written = [index for index in ids[start:] if index != llm.tokenizer.eos_token_id]
    expected = llm.tokenizer.decode(written, skip_special_tokens=True).strip()
    assert llm.generate([PROMPTS[0]])[0].text == expected


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_a_stream_is_the_generated_text_in_pieces(llm: HFLoRALLM, temperature: float) -> None:
    for prompt in PROMPTS:
        torch.manual_seed(3)
        pieces = list(llm.stream(prompt, max_new_tokens=12, temperature=temperature))
        torch.manual_seed(3)
        (whole,) = llm.generate([prompt], max_new_tokens=12, temperature=temperature)
        assert "".join(pieces) == whole.text
        assert temperature == 0 or len(pieces) > 1


@pytest.mark.parametrize(
    "published",
    [{"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 1, "min_new_tokens": 12}, {"num_beams": 3}, {"suppress_tokens": [4, 5]}],
)  # fmt: skip
@pytest.mark.parametrize("with_adapter", [False, True])
def test_settings_that_came_with_a_model_do_not_enter(
    published: dict[str, Any], with_adapter: bool, adapter: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "published" / tiny_model_dir.name
    shutil.copytree(tiny_model_dir, folder)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**settings, "eos_token_id": [7], **published}), "utf-8")
    lora = str(adapter) if with_adapter else None
    loaded = HFLoRALLM(HFLLMConfig(str(folder), lora_path=lora, load_in_4bit=False, max_new_tokens=12))
    plain = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=lora, load_in_4bit=False, max_new_tokens=12))
    assert loaded._ends() == {7, loaded.tokenizer.eos_token_id}
    written = [one.text for one in loaded.generate(PROMPTS)]
    assert written == ["".join(loaded.stream(prompt)) for prompt in PROMPTS]
    assert written == [one.text for one in plain.generate(PROMPTS)]


def test_a_stream_can_be_left(llm: HFLoRALLM) -> None:
    steps: list[int] = []
    handle = llm.model.register_forward_hook(lambda *_: steps.append(1))
    stream = llm.stream(PROMPTS[2], max_new_tokens=100, temperature=3.0)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    handle.remove()
    assert len(steps) < 20


def test_a_budget_that_ends_the_text_is_told(llm: HFLoRALLM) -> None:
    generation = llm.generate(["b"], max_new_tokens=2)[0]
    assert (generation.new_tokens, generation.truncated) == (2, True)


def test_the_stop_token_ends_the_text(llm: HFLoRALLM) -> None:
    stop = llm.tokenizer.eos_token_id
    letters = letter_token_ids(llm.tokenizer)
    generation = llm._read([letters[2][0], stop, 5], 7)
    assert (generation.text, generation.prompt_tokens, generation.new_tokens, generation.truncated) == (
        "c",
        7,
        2,
        False,
    )


def test_sampling_follows_the_seed(llm: HFLoRALLM) -> None:
    torch.manual_seed(3)
    first = llm.generate(PROMPTS, temperature=1.0)
    torch.manual_seed(3)
    assert llm.generate(PROMPTS, temperature=1.0) == first


def test_letter_scores_are_those_of_the_first_answer_token(llm: HFLoRALLM) -> None:
    scores = llm.choice_logprobs(PROMPTS)
    assert scores.shape == (3, 4)
    ids = encode_prompt(llm.tokenizer, PROMPTS[1])
    with torch.no_grad():
        logprobs = torch.log_softmax(llm.model(torch.tensor([ids])).logits[0, -1], dim=-1)
    expected = [float(torch.logsumexp(logprobs[index], 0)) for index in letter_token_ids(llm.tokenizer)]
    np.testing.assert_allclose(scores[1], expected, atol=1e-5)


@pytest.mark.parametrize("letter", LETTERS)
def test_a_forced_answer_stands_where_training_wrote_the_letter(llm: HFLoRALLM, letter: str) -> None:
    answer = render_cot_answer("条文によれば aが正しい。", letter)
    trained = encode_prompt(llm.tokenizer, "x") + llm.tokenizer(answer, add_special_tokens=False)["input_ids"]
    row = llm.forced_answer_row("x", "Reasoning: 条文によれば aが正しい。")
    assert trained[: len(row)] == row
    assert len(trained) == len(row) + 1
    assert trained[-1] in letter_token_ids(llm.tokenizer)[LETTERS.index(letter)]


def test_four_bits_answer_like_the_plain_model(llm: HFLoRALLM, tiny_model_dir: Path) -> None:
    quantised = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), bnb_4bit_compute_dtype="float32"))
    np.testing.assert_allclose(quantised.choice_logprobs(PROMPTS), llm.choice_logprobs(PROMPTS), atol=0.2)
    assert quantised.facts()["quantization"] == {
        "load_in_4bit": True,
        "compute_dtype": "float32",
        "quant_type": "nf4",
        "double_quant": True,
    }


@pytest.mark.parametrize("four_bits", [False, True])
def test_an_adapter_changes_the_answers(llm: HFLoRALLM, tiny_model_dir: Path, adapter: Path, four_bits: bool) -> None:
    tuned = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=four_bits))
    assert np.abs(tuned.choice_logprobs(PROMPTS) - llm.choice_logprobs(PROMPTS)).max() > 0.05
    assert tuned.manifest is not None
    assert (tuned.facts()["lora_path"], tuned.facts()["samplers"]) == (str(adapter), "off")


def test_the_adapters_weights_are_really_used(tiny_model_dir: Path, adapter: Path) -> None:
    tuned = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))
    reference = attach_adapter(load_base_model(str(tiny_model_dir), quantization=None), adapter)
    merged = reference.merge_and_unload()
    ids = encode_prompt(tuned.tokenizer, "b")
    with torch.no_grad():
        expected = torch.log_softmax(merged(torch.tensor([ids])).logits[0, -1], dim=-1)
    letters = [float(torch.logsumexp(expected[index], 0)) for index in letter_token_ids(tuned.tokenizer)]
    np.testing.assert_allclose(tuned.choice_logprobs(["b"])[0], letters, atol=1e-4)


def test_an_adapter_of_another_base_is_refused_by_name(tiny_model_dir: Path, adapter: Path) -> None:
    change_manifest(adapter, base_model={"name": "Qwen/Qwen3-8B", "revision": None, "config_sha256": "0"})
    with pytest.raises(ModelError, match=r"Qwen/Qwen3-8B で学習したもの.*--hf-model-name Qwen/Qwen3-8B"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_without_a_manifest_peft_names_the_base(tiny_model_dir: Path, adapter: Path) -> None:
    (adapter / "run.json").unlink()
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    (adapter / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "other/model"}), "utf-8"
    )
    with pytest.raises(ModelError, match="other/model で学習"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_a_copy_of_the_base_in_another_place_is_accepted(tiny_model_dir: Path, adapter: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / tiny_model_dir.name
    shutil.copytree(tiny_model_dir, copy)
    assert HFLoRALLM(HFLLMConfig(str(copy), lora_path=str(adapter), load_in_4bit=False)).manifest is not None


def test_the_same_name_with_another_architecture_is_refused(tiny_model_dir: Path, adapter: Path) -> None:
    change_manifest(adapter, base_model={"name": str(tiny_model_dir), "revision": None, "config_sha256": "0" * 64})
    with pytest.raises(ModelError, match="名前が同じでも構成が違います"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_a_template_that_loses_the_question_is_refused_before_the_model_is_loaded(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model_dir, model)
    (model / "model.safetensors").unlink()  # nothing that could be loaded
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n%s<|im_end|>\n{% endfor %}"
    for middle, refused in (("", "問題の文がそのまま入っていません"), ("{{ m.content }}", "重み")):
        (model / "chat_template.jinja").write_text(template.replace("%s", middle), "utf-8")
        with pytest.raises(ModelError, match=refused) as caught:
            HFLoRALLM(HFLLMConfig(str(model), load_in_4bit=False))
        assert str(caught.value).startswith(f"{model}: ")


def test_another_chat_template_is_refused(tiny_model_dir: Path, adapter: Path) -> None:
    change_manifest(adapter, chat={"format": "auto", "template_sha256": "0" * 64})
    with pytest.raises(ModelError, match="チャットテンプレートが違います"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_the_adapters_chat_format_is_used_and_a_contradiction_refused(tiny_model_dir: Path, adapter: Path) -> None:
    change_manifest(adapter, chat={"format": "plain", "template_sha256": "plain"})
    config = HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False)
    tuned = HFLoRALLM(config)
    assert tuned.encode("b") == encode_prompt(tuned.tokenizer, "b", chat_format="plain")
    with pytest.raises(ModelError, match="--chat-format plain で学習"):
        HFLoRALLM(config, chat_format="chatml")


@pytest.mark.parametrize(
    ("remove", "message"),
    [("adapter_config.json", "adapter_config.json がありません"), ("adapter_model.safetensors", "safetensors.*pickle")],
)
def test_an_incomplete_adapter_is_named(tiny_model_dir: Path, adapter: Path, remove: str, message: str) -> None:
    (adapter / remove).unlink()
    with pytest.raises(ModelError, match=message):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_a_missing_adapter_folder_is_named(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="アダプタのフォルダがありません"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path="no/such", load_in_4bit=False))


def test_missing_adapter_weights_are_refused(tiny_model_dir: Path, adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="アダプタの重みが足りません"):
        HFLoRALLM(HFLLMConfig(str(tiny_model_dir), lora_path=str(adapter), load_in_4bit=False))


def test_a_full_card_is_one_line_with_the_way_out(llm: HFLoRALLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(llm.model, "forward", full)
    for call in (llm.generate, llm.choice_logprobs):
        with pytest.raises(ModelError, match=r"GPU のメモリが足りません.*--hf-load-in-4bit"):
            call(["b"])


def test_importing_the_backend_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from app.llm.hf_llm import HFLLMConfig, HFLoRALLM; "
        "print(sorted({'torch', 'transformers', 'peft', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_prompt_longer_than_the_model_is_refused(llm: HFLoRALLM) -> None:
    with pytest.raises(ModelError, match="上限 4096"):
        llm.generate(["あ" * 3000], max_new_tokens=10)


@pytest.mark.parametrize("values", [{"max_new_tokens": 0}, {"temperature": -0.1}])
def test_settings_that_cannot_be_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        HFLLMConfig("x", **values)


def test_the_fields_of_the_contract() -> None:
    config = HFLLMConfig("Qwen/Qwen3-8B")
    assert (config.lora_path, config.device, config.max_new_tokens, config.temperature) == (None, "auto", 256, 0.0)
    assert (config.load_in_4bit, config.bnb_4bit_compute_dtype, config.bnb_4bit_quant_type) == (True, "bfloat16", "nf4")


def test_the_models_own_end_tokens_end_the_text_too(tiny_model_dir: Path) -> None:
    loaded = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, device="cpu"))
    letters = letter_token_ids(loaded.tokenizer)
    other = loaded.tokenizer.convert_tokens_to_ids("<|im_start|>")
    row = [letters[2][0], other, letters[0][0], loaded.tokenizer.eos_token_id]
    assert loaded._read(row, 7).new_tokens == 4
    loaded.model.generation_config.eos_token_id = [other]
    generation = loaded._read(row, 7)
    assert (generation.text, generation.new_tokens, generation.truncated) == ("c", 2, False)
    loaded.model.generation_config.eos_token_id = None
    assert loaded._ends() == {loaded.tokenizer.eos_token_id}
