"""Putting a trained LoRA adapter on a base model, after checking that the two belong together."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from ..core.chat import CHAT_FORMATS, ChatFormat, chat_template_hash, chat_template_text, with_fixed_date
from ..core.errors import DataError, ModelError
from ..core.files import read_json, read_text
from ..core.manifests import read_adapter_manifest
from .loading import base_model_facts
from .model_files import tokenizer_sha256
from .processor import computes_bfloat16
from .weight_files import no_pickles


def adapter_folder(lora_path: str) -> Path:
    """The folder of an adapter. Raises ModelError when it, its settings or its safetensors are missing."""
    folder = Path(lora_path).expanduser()
    if not folder.is_dir():
        raise ModelError(f"{lora_path}: アダプタのフォルダがありません。パスを確かめてください。")
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{lora_path}: adapter_config.json がありません。学習の出力フォルダ（--output-dir）を指定してください。"
        )
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"{lora_path}: adapter_model.safetensors がありません。pickle 形式のアダプタは安全のため読み込みません。"
        )
    kind = str(_adapter_config(folder).get("peft_type", "")).upper()
    if kind != "LORA":
        raise ModelError(
            f"{lora_path}: LoRA のアダプタではありません（peft_type は {kind or 'なし'}）。LoRA だけを読み込みます。"
        )
    return folder


def _adapter_config(folder: Path) -> dict[str, Any]:
    try:
        value = read_json(folder / "adapter_config.json")
    except DataError as error:
        raise ModelError(f"{error} 学習の出力が壊れています。") from None
    if not isinstance(value, dict):
        raise ModelError(
            f"{folder / 'adapter_config.json'}: JSON のオブジェクトではありません。学習の出力が壊れています。"
        )
    return value


def adapter_manifest(folder: Path) -> dict[str, Any] | None:
    """The adapter's ``run.json``; None for an adapter that was made elsewhere and has none."""
    return read_adapter_manifest(folder) if (folder / "run.json").is_file() else None


def adapter_chat_format(manifest: dict[str, Any] | None) -> ChatFormat:
    """The chat format the adapter was trained with; ``auto`` where it does not say."""
    value = ((manifest or {}).get("chat") or {}).get("format", "auto")
    if value not in CHAT_FORMATS:
        raise ModelError(f"アダプタの run.json の chat.format {value!r} は知らない形式です。")
    return value  # type: ignore[no-any-return]  # checked against the allowed values just above


def _same_name(one: str, other: str) -> bool:
    # "Qwen/Qwen3-8B" and a local copy "/models/Qwen3-8B" are one model; its configuration is compared as well.
    # An adapter trained on Windows names its base with backslashes.
    return _last_part(one) == _last_part(other)


def _last_part(name: str) -> str:
    return re.split(r"[\\/]", name.rstrip("\\/"))[-1]


def check_base(folder: Path, manifest: dict[str, Any] | None, model_name: str, model: Any) -> None:
    """Raise ModelError unless the adapter was trained on this base model (by name, configuration and weights)."""
    recorded = (manifest or {}).get("base_model") or {}
    trained_on = recorded.get("name") or _adapter_config(folder).get("base_model_name_or_path")
    if not trained_on:
        raise ModelError(f"{folder}: どのモデルに対して学習したアダプタか書かれていません。使えません。")
    facts = base_model_facts(model_name, model)
    expected_hash = recorded.get("config_sha256")
    if not _same_name(str(trained_on), model_name):
        raise ModelError(
            f"{folder}: このアダプタは {trained_on} で学習したものです（指定されたモデルは {model_name}）。"
            f"--hf-model-name {trained_on} を指定してください。"
        )
    if expected_hash and expected_hash != facts["config_sha256"]:
        raise ModelError(
            f"{folder}: このアダプタは {trained_on} で学習したものですが、{model_name} は名前が同じでも構成が違います。"
        )
    weights = recorded.get("weights_sha256")
    if weights and facts["weights_sha256"] and weights != facts["weights_sha256"]:
        raise ModelError(
            f"{folder}: このアダプタは {trained_on} で学習したものですが、{model_name} の重みはそのときと違います"
            f"（SHA-256 {facts['weights_sha256'][:12]}…、学習したときは {weights[:12]}…）。学習したときのモデルを指定してください。"
        )


def check_chat(folder: Path, manifest: dict[str, Any] | None, tokenizer: Any, chat_format: ChatFormat) -> None:
    """Raise ModelError unless the tokenizer and its chat template are those the adapter was trained with."""
    tokens = ((manifest or {}).get("chat") or {}).get("tokenizer_sha256")
    if tokens and tokens != tokenizer_sha256(tokenizer):
        raise ModelError(
            f"{folder}: 学習したときとトークナイザが違います（同じ文が別のトークンになります）。学習したときのモデルのフォルダを指定してください。"
        )
    expected = ((manifest or {}).get("chat") or {}).get("template_sha256")
    if expected and expected != chat_template_hash(tokenizer, chat_format):
        raise ModelError(
            f"{folder}: 学習したときとチャットテンプレートが違います。同じ版のトークナイザを使うか、学習し直してください。"
        )
    if expected is None and chat_format == "auto":
        _check_own_template(folder, tokenizer)


def _check_own_template(folder: Path, tokenizer: Any) -> None:
    """An adapter of another tool may bring the template it was trained with; it must be the base's."""
    own = _stored_template(folder)
    if own is not None and with_fixed_date(own, f"{folder}: ") != chat_template_text(tokenizer):
        raise ModelError(
            f"{folder}: アダプタのフォルダにあるチャットテンプレートがベースモデルのものと違います。学習したときの形で尋ねるには、"
            "ベースモデルのフォルダを写してテンプレートを置き換えてください（ベースの形でよければ --chat-format で形式を指定）。"
        )


def _stored_template(folder: Path) -> str | None:
    if (folder / "chat_template.jinja").is_file():
        return read_text(folder / "chat_template.jinja")
    if (folder / "tokenizer_config.json").is_file():
        value = read_json(folder / "tokenizer_config.json")
        template = value.get("chat_template") if isinstance(value, dict) else None
        if isinstance(template, list):  # the older way of storing several
            template = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}.get(
                "default"
            )
        return template if isinstance(template, str) else None
    return None


def attach_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapter's weights on it, in eval mode. Raises ModelError when the weights do not fit.

    A LoRA that was trained in bfloat16 is computed in it on a bfloat16 model, as it was when it was trained, where the
    processor has the instructions; peft alone would widen it to float32, which answers a little differently.
    """
    from peft import PeftModel

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with no_pickles():
                adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except Exception as error:  # RuntimeError for shapes, ValueError for targets, SafetensorError for broken files …
        # torch names tensor and sizes in the lines after the first.
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        raise ModelError(f"{folder}: アダプタを読めません: {reason}") from error
    for warning in caught:
        # PEFT only warns when a LoRA matrix is not in the file, and leaves it at its untrained start.
        if "missing adapter keys" in str(warning.message):
            raise ModelError(f"{folder}: アダプタの重みが足りません。学習の出力が壊れています。")
        # That one library uses what another will remove is for their authors, not for the user.
        if not issubclass(warning.category, FutureWarning | DeprecationWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    unused = _unused_tensors(adapted, folder / "adapter_model.safetensors")
    if unused:
        raise ModelError(
            f"{folder}: adapter_config.json にない重みが {len(unused)} 個あり、使われません（例 {unused[0]}）。"
            "adapter_config.json と adapter_model.safetensors の組を確かめてください。"
        )
    _narrow_to_stored(adapted, folder / "adapter_model.safetensors")
    adapted.eval()
    return adapted


def _narrow_to_stored(adapted: Any, weights: Path) -> None:
    """LoRA's weights in bfloat16 where the file and the model are: the values are the file's either way.

    Not DoRA's, whose norms of whole weight rows would be computed in bfloat16 with them.
    """
    import torch
    from safetensors import safe_open

    with safe_open(str(weights), "pt") as file:
        stored = {name: file.get_slice(name).get_dtype() for name in file.keys() if "lora_" in name}  # noqa: SIM118
    if set(stored.values()) != {"BF16"} or any("lora_magnitude_vector" in name for name in stored):
        return
    if adapted.dtype == torch.bfloat16 and (adapted.device.type != "cpu" or computes_bfloat16()):
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.to(torch.bfloat16)


def with_lora(model: Any, config: Any) -> Any:
    """The model with the fresh adapter of a ``LoraConfig``, without peft's warning about what its user cannot change."""
    from peft import get_peft_model

    with warnings.catch_warnings():
        # peft asks for transformers' old name of activation checkpointing.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, config)


def _unused_tensors(adapted: Any, weights: Path) -> list[str]:
    """Names of the file's tensors that are nowhere in the loaded model: PEFT drops them without a word."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(str(weights), "pt") as file:
        stored = set(file.keys())
    return sorted(
        stored - set(get_peft_model_state_dict(adapted, save_embedding_layers=False)) - set(adapted.state_dict())
    )
