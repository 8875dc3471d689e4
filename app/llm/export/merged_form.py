"""The merged folder: weights, settings, tokenizer, run.json and card, asked again before it gets its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.chat import CHATML_TEMPLATE, ChatFormat
from ...core.cli import log, progress
from ...core.errors import ModelError
from ...core.files import read_json, write_json, write_text
from ..loading import load_tokenizer, resolve_device
from ..model_files import INDEX, SINGLE
from .asking import Reference, ask_merged
from .card import Measured
from .checkpoint import TOKENIZER_FILES, Tensor
from .folder import Writing, copy_files, file_facts
from .job import ExportJob, Source, questions_asked
from .merging import write_merged_file
from .records import export_facts, write_records

KIND = "merged"


def write_merged(
    job: ExportJob, source: Source, writing: Writing, reference: Reference, measured: Sequence[Measured]
) -> list[str]:
    """Write and check the folder. Returns why it must not be trusted, one phrase each."""
    _write_weights(job, source, writing)
    _write_settings(source, writing.partial)
    checks: dict[str, Any] = {}
    distrust: list[str] = []
    if reference.asked:
        _check_tokens(job, source, writing.partial, reference.asked)
        reference.ask()  # first, so that only one model is in memory at a time
        scores, float32 = ask_merged(job, source, writing.partial, reference.asked)
        checks[KIND], distrust = reference.compare(KIND, scores, float32=float32)
    done = writing.done
    facts = {
        **export_facts(job, source, KIND, writing.key),
        "base": {**source.manifest["base_model"], "files": {name: one["base"] for name, one in done.items()}},
        "files": {name: one["written"] for name, one in done.items()},
        "checks": checks,
    }
    write_records(job, source, writing, facts, measured, serving_commands(writing.target))
    writing.finish()
    return distrust


def bytes_done(writing: Writing) -> int:
    """Bytes of the weights that an interrupted run has written."""
    return sum(one["written"]["bytes"] for one in writing.done.values())


def _write_weights(job: ExportJob, source: Source, writing: Writing) -> None:
    base, device = source.base, resolve_device(job.device)
    left = [name for name in base.files if name not in writing.done]
    if len(left) < len(base.files):
        log(f"{writing.partial}: 重みのファイル {len(base.files) - len(left)} 個は、中断した前回のものを使います。")
    for file in left:

        def track(tensors: Sequence[Tensor], label: str = f"統合 {file}") -> Any:
            return progress(tensors, total=len(tensors), label=label)

        target = writing.partial / file
        digest = write_merged_file(
            base, file, target, source.update,
            quantization=source.quantization, dtype=job.dtype, device=device, track=track,
        )  # fmt: skip
        written = {"bytes": target.stat().st_size, "sha256": digest}
        writing.add(file, {"written": written, "base": file_facts(base.folder / file)})


def _write_settings(source: Source, target: Path) -> None:
    base = source.base.folder
    copy_files(base, target, ("generation_config.json", *TOKENIZER_FILES))
    config = {key: value for key, value in source.base.config.items() if key != "torch_dtype"}
    write_json(target / "config.json", {**config, "dtype": source.plan.dtype})
    if source.base.files != (SINGLE,):  # an index beside the one file names others, which are not written
        write_json(target / INDEX, {**read_json(base / INDEX), "metadata": {"total_size": source.plan.merged_bytes}})
    if source.chat_format == "chatml":
        # What the adapter learned becomes the folder's own template: servers read it from here.
        write_text(target / "chat_template.jinja", CHATML_TEMPLATE)
        settings = read_json(target / "tokenizer_config.json")
        write_json(target / "tokenizer_config.json", {k: v for k, v in settings.items() if k != "chat_template"})


def _check_tokens(job: ExportJob, source: Source, folder: Path, asked: Sequence[Any]) -> None:
    """Raise ModelError when the exported tokenizer gives other ids than the one that was trained with."""
    chat_format: ChatFormat = "plain" if source.chat_format == "plain" else "auto"
    if questions_asked(job, source, load_tokenizer(str(folder)), chat_format) != list(asked):
        raise ModelError(f"{folder}: 書き出したトークナイザが学習と違うトークンを返します。書き出しを取りやめます。")


def serving_commands(folder: Path) -> list[tuple[str, str]]:
    """(program, command) that serves the folder with thinking off, as in training."""
    return [("vLLM", f"vllm serve {folder} --default-chat-template-kwargs '{{\"enable_thinking\": false}}'")]
