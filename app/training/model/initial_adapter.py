"""Training that goes on from an adapter (``--init-adapter``): what must agree, its weights, and what it has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import ConfigError, DataError
from ...core.files import read_json, sha256_file
from ...core.prompts import Form
from ...data.seen_conversations import asked_in_files, lost_files
from ...llm.adapters import adapter_folder, adapter_manifest, check_base, check_chat
from ..checkpoints import load_tensors
from ..config import TrainConfig

WEIGHTS = "adapter_model.safetensors"
# What an adapter has seen: questions and articles that later runs and evaluations must know of.
SEEN = (
    "trained_question_ids", "trained_question_hashes", "trained_clusters", "dev_question_ids", "dev_question_hashes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InitialAdapter:
    """An adapter that a run starts from: its folder, its ``run.json``, the SHA-256 of its weights."""

    path: Path
    manifest: dict[str, Any]
    weights_sha256: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the new ``run.json`` says about it; ``earlier`` are the adapters that it started from, the last first."""
        before = self.manifest.get("init_adapter")
        return {
            "path": str(self.path),
            "weights_sha256": self.weights_sha256,
            "form": self.manifest.get("form", "letter"),
            "cited_words": bool(self.manifest.get("cited_words", False)),
            "train_file": self.manifest["train_file"],
            "earlier": [] if before is None else [
                {key: value for key, value in before.items() if key != "earlier"}, *before["earlier"]
            ],
        }  # fmt: skip


def read_initial_adapter(config: TrainConfig) -> InitialAdapter | None:
    """The adapter that ``config`` names, None without one.

    Raises ModelError, DataError or ConfigError when it is no adapter, does not say what it was trained on, or its LoRA
    has another shape.
    """
    if config.init_adapter is None:
        return None
    folder = adapter_folder(str(config.init_adapter))
    manifest = adapter_manifest(folder)
    if manifest is None or any(not isinstance(manifest.get(name), list) for name in SEEN):
        raise DataError(
            f"--init-adapter {folder}: 何を学習したかの記録（run.json の trained_question_ids など）がありません。"
            "このプログラムで学習したアダプタを指定してください。"
        )
    lora = manifest.get("lora") or {}
    now = {"r": config.lora_r, "alpha": config.lora_alpha, "rslora": config.rslora, "bias": config.lora_bias,
           "target_modules": list(config.target_modules)}  # fmt: skip
    names = {"r": "--lora-r", "alpha": "--lora-alpha", "rslora": "--rslora", "bias": "--lora-bias",
             "target_modules": "--target-modules"}  # fmt: skip
    different = [f"{names[key]} は {_shown(lora.get(key))}" for key, value in now.items() if lora.get(key) != value]
    if different:
        raise ConfigError(
            f"--init-adapter {folder}: LoRA の形が違うので続けられません。学習したときの{'、'.join(different)} です。"
            "同じ値を指定してください。"
        )
    return InitialAdapter(folder, manifest, sha256_file(folder / WEIGHTS))


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def check_dev_apart(
    initial: InitialAdapter, dev_hashes: Mapping[str, str], asked: Mapping[str, Sequence[str]], path: object
) -> None:
    """Raises DataError when the adapter was trained on a dev question, as a record or within a conversation of any stage.

    By the id of each, ``dev_hashes`` is what it asks and ``asked`` the texts of the question and its choices. A file of
    conversations that cannot be looked into any more is named in a line.
    """
    trained = set(initial.manifest["trained_question_hashes"])
    same = [name for name, digest in dev_hashes.items() if digest in trained]
    if same:
        raise DataError(
            f"{path}: {len(same)} 問は --init-adapter {initial.path} の学習に使われています（最初は {same[0]}）。"
            "どちらの学習にも使わない問題を --eval-file にしてください。"
        )
    if within := asked_in_files(initial.manifest, asked):
        raise DataError(
            f"{path}: {len(within)} 問は --init-adapter {initial.path} が学習した会話の中で尋ねられています"
            f"（最初は {within[0]}）。会話に出てこない問題を --eval-file にしてください。"
        )
    for lost in lost_files(initial.manifest):
        log(
            f"注意: --init-adapter {initial.path} が学習した会話のファイル {lost} が元の場所にないか変わっていて、"
            f"{path} の問題がその中にあったかを確かめられません。"
        )


def check_words_alike(initial: InitialAdapter, form: Form, *, cited_words: bool) -> None:
    """Raises DataError when the adapter judged single choices with what they only cite and this training does not, or the
    other way round; an adapter of another form knows neither."""
    before = initial.facts
    if form != "choice" or before["form"] != "choice" or before["cited_words"] == cited_words:
        return
    how, way = ("付けて", "付けずに") if before["cited_words"] else ("付けずに", "付けて")
    raise DataError(
        f"--init-adapter {initial.path}: --cited-words を{how}学習したアダプタですが、この学習は{way}行います。"
        f"--cited-words を{how}作ったレコードで学習するか、{way}学習したアダプタを指定してください。"
    )


def start_from(initial: InitialAdapter, model: Any, tokenizer: Any, config: TrainConfig) -> None:
    """Copy the adapter's weights into ``model``'s fresh LoRA.

    Raises ModelError for another base or chat template, and DataError when names or shapes differ.
    """
    import torch
    from peft import get_peft_model_state_dict

    check_base(initial.path, initial.manifest, config.model_name, model.get_base_model())
    check_chat(initial.path, initial.manifest, tokenizer, config.chat_format)
    stored = load_tensors(
        initial.path / WEIGHTS,
        what="アダプタの重み",
        way_out="もう一度写すか学習し直したアダプタを --init-adapter に指定してください。",
    )
    # peft's names of the very parameters: what is copied into them is in the model.
    fresh = get_peft_model_state_dict(model, save_embedding_layers=False)
    if {name: value.shape for name, value in stored.items()} != {name: value.shape for name, value in fresh.items()}:
        targets = read_json(initial.path / "adapter_config.json").get("target_modules")
        raise DataError(
            f"--init-adapter {initial.path}: 重みの名前か形がこの学習の LoRA と違います（アダプタの層は {_shown(targets)}）。"
        )
    with torch.no_grad():
        for name, value in fresh.items():
            value.copy_(stored[name])


def with_seen(manifest: dict[str, Any], initial: InitialAdapter | None) -> dict[str, Any]:
    """``run.json`` with the chain of adapters, and with what they saw among what this one saw."""
    if initial is None:
        return {**manifest, "init_adapter": None}
    seen = {
        name: [*manifest[name], *(v for v in initial.manifest[name] if v not in set(manifest[name]))] for name in SEEN
    }
    return {**manifest, **seen, "init_adapter": initial.facts}
