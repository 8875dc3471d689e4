"""What is exported, and everything that is read and checked before the first byte is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ...core.chat import ChatFormat
from ...core.cli import log
from ...core.errors import ConfigError, DataError, ModelError
from ...core.files import read_json, sha256_file
from ...core.questions import Question
from ...data.few_shot import FewShot
from ..adapters import adapter_chat_format, adapter_folder, adapter_manifest, check_base, check_chat
from ..exported import exported_model
from ..loading import Quantization, load_tokenizer
from ..model_files import files_sha256
from .card import Measured
from .checkpoint import Checkpoint, local_folder, open_checkpoint
from .gguf_file import QUANTIZER, find_quantizer, require_gguf
from .llamacpp import require_xllamacpp
from .merging import Update, check_fit, read_update
from .plan import ExportPlan, plan_export
from .recheck import Asked, ask_rows, longest_row


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What is exported and where to.

    adapter     folder of the adapter
    output      folder that gets ``merged`` and ``gguf``
    name        of the model, for its files
    model_name  base model; None takes the one that run.json names
    dtype       of the merged weights; auto keeps the base's
    gguf        kinds of GGUF file
    ollama      write a Modelfile for the first of them
    questions   asked again after the export; empty leaves the check out
    few_shot    examples, where the adapter was trained with some
    results     the evaluations for the model card, given the SHA-256 of the adapter's weights
    device      where the adapter and, if it fits, the merged model are asked
    header      run_header of app.core.manifests
    """

    adapter: Path
    output: Path
    name: str
    model_name: str | None
    dtype: str
    gguf: tuple[str, ...]
    ollama: bool
    questions: tuple[Question, ...]
    few_shot: FewShot
    results: Callable[[str], Sequence[Measured]]
    device: str
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """The adapter and its base, read and found to belong together.

    folder          of the adapter
    manifest        its run.json
    base            the base model's weights
    base_manifest   run.json of a base that was itself exported, else None
    update          what the adapter changes
    quantization    how the base was stored in training; None for plain weights
    chat_format     the adapter's
    tokenizer       the base's
    plan            sizes
    weights_sha256  of the adapter's weights
    """

    folder: Path
    manifest: Mapping[str, Any]
    base: Checkpoint
    base_manifest: Mapping[str, Any] | None
    update: Update
    quantization: Quantization | None
    chat_format: ChatFormat
    tokenizer: Any
    plan: ExportPlan
    weights_sha256: str

    def facts(self, job: ExportJob) -> dict[str, Any]:
        """Everything that decides the merged weights."""
        return {
            "adapter": self.weights_sha256,
            "base": self.manifest["base_model"],
            "adapter_config": sha256_file(self.folder / "adapter_config.json"),
            "base_files": files_sha256(str(self.base.folder)),
            "quantization": None if self.quantization is None else asdict(self.quantization),
            "dtype": job.dtype,
            "name": job.name,
        }


def read_source(job: ExportJob) -> Source:
    """Adapter, base and tokenizer. Raises UserError for whatever would make the export fail or be another model."""
    folder = adapter_folder(str(job.adapter))
    manifest = adapter_manifest(folder)
    if manifest is None:
        raise DataError(
            f"{folder}: run.json がなく、どの重みの上で何を学習したか分かりません。"
            "このプログラムで学習したアダプタを指定してください。"
        )
    check_tools(job)
    recorded = manifest.get("base_model") or {}
    name = job.model_name or str(recorded.get("name") or "")
    base_folder = local_folder(name, recorded.get("revision"))
    plan = plan_export(read_json(base_folder / "config.json"), name=name, dtype=job.dtype, gguf=job.gguf)
    from transformers import AutoConfig

    check_base(folder, manifest, name, SimpleNamespace(config=AutoConfig.from_pretrained(str(base_folder))))
    tokenizer = load_tokenizer(str(base_folder))
    chat_format = adapter_chat_format(manifest)
    check_chat(folder, manifest, tokenizer, chat_format)
    base = open_checkpoint(base_folder)
    update = read_update(folder)
    check_fit(base, update, str(folder))
    return Source(
        folder=folder,
        manifest=manifest,
        base=base,
        base_manifest=exported[1] if (exported := exported_model(str(base_folder))) else None,
        update=update,
        quantization=trained_quantization(manifest, str(folder)),
        chat_format=chat_format,
        tokenizer=tokenizer,
        plan=plan,
        weights_sha256=sha256_file(folder / "adapter_model.safetensors"),
    )


def check_tools(job: ExportJob) -> None:
    """Raise ConfigError when a package or program that the job needs is missing."""
    if not job.gguf:
        return
    require_gguf()
    if job.questions:
        require_xllamacpp()
    if "q4_k_m" in job.gguf and find_quantizer() is None:
        raise ConfigError(
            f"--gguf q4_k_m には llama.cpp の {QUANTIZER} が要ります（PATH にありません）。入れるか、q4_k_m を外してください。"
        )


def trained_quantization(manifest: Mapping[str, Any], where: str) -> Quantization | None:
    """How the base was stored while the adapter was trained; None for plain weights. Raises DataError where not said.

    An output layer in 4 bits, which nothing here writes or compares with, is said in a line.
    """
    if "quantization" not in manifest:
        raise DataError(
            f"{where}: run.json に quantization がなく、4bit の上で学習したか分かりません。学習し直してください。"
        )
    value = manifest["quantization"]
    if not value or not value.get("load_in_4bit"):
        return None
    if value.get("lm_head_4bit"):
        log(
            f"注意: {where} は出力層も 4bit のモデル（--lm-head-4bit）で学習しましたが、書き出すモデルと、それを比べるモデルの"
            "出力層は量子化しません。答えは学習のときと少し違います。"
        )
    return Quantization(True, value["compute_dtype"], value["quant_type"], bool(value.get("double_quant", True)))


def questions_asked(job: ExportJob, source: Source, tokenizer: Any, chat_format: ChatFormat) -> list[Asked]:
    """The job's questions as token ids of ``tokenizer``. Raises ModelError for one that is longer than the model reads."""
    if not job.questions:
        return []
    asked = ask_rows(
        tokenizer,
        job.questions,
        chat_format=chat_format,
        with_context=bool(source.manifest.get("use_context")),
        few_shot=job.few_shot if source.manifest.get("few_shot") else None,
        cited_words=bool(source.manifest.get("cited_words")),
    )
    limit, longest = source.base.config.get("max_position_embeddings"), longest_row(asked)
    if limit is not None and longest >= limit:
        raise ModelError(
            f"確かめの問題が {longest} トークンで、モデルの上限 {limit} を超えます。短い問題のファイルを --data に指定してください。"
        )
    return asked
