"""What was loaded is what was asked for and what will be recorded: checked once, before the first question or step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ..core.errors import ModelError


class AskedQuantization(Protocol):
    """How the weights were asked to be stored (``app.llm.loading.Quantization``)."""

    @property
    def load_in_4bit(self) -> bool:
        """4 bits."""

    @property
    def quant_type(self) -> str:
        """nf4 or fp4."""

    @property
    def compute_dtype(self) -> str:
        """Type of the products."""

    @property
    def double_quant(self) -> bool:
        """Block scales quantised too."""


def check_no_adapter_inside(name: str, folder: Path) -> None:
    """Raise ModelError for a base folder in which an adapter lies: transformers would put it on without a word."""
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{name}: ベースモデルのフォルダにアダプタ（adapter_config.json）が入っています。そのまま読むと調整済みのモデルになります。"
            "アダプタのファイルを別のフォルダに移し、--hf-lora-path で指定してください。"
        )


def check_loaded(name: str, model: Any, asked: AskedQuantization | None) -> None:
    """Raise ModelError when the model carries an adapter, or is stored in another way than ``asked``."""
    if getattr(model, "_hf_peft_config_loaded", False):
        raise ModelError(f"{name}: アダプタの付いたモデルです。ベースモデルとアダプタを別々に指定してください。")
    check_quantization(name, getattr(model.config, "quantization_config", None), asked)


def check_quantization(name: str, found: Any, asked: AskedQuantization | None) -> None:
    """Raise ModelError when a ``quantization_config`` (None for plain weights that are loaded plain) is not ``asked``."""
    if found is None:
        return
    facts = found if isinstance(found, dict) else found.to_dict()
    method = str(facts.get("quant_method", "")).rpartition(".")[2].lower().replace("_", "")
    four = "bitsandbytes" in method and bool(facts.get("load_in_4bit"))
    if asked is None or not asked.load_in_4bit or not four:
        way = "--use-4bit（評価では --hf-load-in-4bit）を付けるか、" if four else ""
        raise ModelError(
            f"{name}: 重みが量子化（{'bitsandbytes 4bit' if four else method or '方式不明'}）されて保存されています。"
            f"{way}量子化していない元のモデルを指定してください。"
        )
    stored = (
        ("--bnb-4bit-quant-type", str(facts.get("bnb_4bit_quant_type")), asked.quant_type),
        ("--bnb-4bit-compute-dtype", str(facts.get("bnb_4bit_compute_dtype")).removeprefix("torch."), asked.compute_dtype),
    )  # fmt: skip
    for option, has, wanted in stored:
        if has != wanted:
            raise ModelError(f"{name}: 重みは {has} の 4bit で保存されています（指定は {wanted}）。{option} {has} を指定してください。")  # fmt: skip
    if bool(facts.get("bnb_4bit_use_double_quant")) != asked.double_quant:
        raise ModelError(
            f"{name}: 重みは二重量子化{'あり' if not asked.double_quant else 'なし'}の 4bit で保存されています。"
            "量子化していない元のモデルを指定してください。"
        )
