"""One export from checked settings to folders that were asked again: merged weights, GGUF, Ollama."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import ConfigError
from ...core.locks import folder_lock
from ...core.outputs import check_folder_place
from . import gguf_form, merged_form
from .asking import Reference
from .folder import Writing, begin, finished, key_of
from .job import ExportJob, Source, questions_asked, read_source
from .modelfile import check_template, go_template, read_pieces
from .plan import check_disk, plan_lines
from .recheck import Asked


def export(job: ExportJob) -> list[str]:
    """Write and check every form that the job names. Returns why a form must not be trusted, one phrase each.

    A form that is there already with the same content is left as it is; an interrupted one is gone on with.
    """
    check_folder_place("--output-dir", job.output)
    with folder_lock(job.output):
        return _export(job)


def _export(job: ExportJob) -> list[str]:
    source = read_source(job)
    asked = questions_asked(job, source, source.tokenizer, source.chat_format)
    template = _ollama_template(job, source, asked)
    measured = job.results(source.weights_sha256)
    for line in plan_lines(source.plan, check=bool(asked), free_bytes=free_bytes(job.output)):
        log(line)
    reference = Reference(job, source, asked)
    merged, gguf = job.output / merged_form.KIND, job.output / gguf_form.KIND
    merged_key = key_of(source.facts(job))
    gguf_key = key_of({"merged": merged_key, "gguf": list(job.gguf), "ollama": job.ollama})
    there = finished(merged, merged_key)
    gguf_there = finished(gguf, gguf_key) if job.gguf else None
    if there is None:
        writing = begin(merged, merged_key)
        _check_room(job, writing, source.plan.disk_bytes(merged_form.bytes_done(writing)))
        distrust = merged_form.write_merged(job, source, writing, reference, measured)
    else:
        distrust = _already(merged, there, asked=bool(asked), measured=bool(measured))
    if gguf_there is not None:
        return distrust + _already(gguf, gguf_there, asked=bool(asked), measured=bool(measured))
    if job.gguf:
        writing = begin(gguf, gguf_key)
        gguf_form.clear_halves(writing)
        done = gguf_form.kinds_done(job, writing)
        _check_room(job, writing, source.plan.disk_bytes(source.plan.merged_bytes, done))
        distrust += gguf_form.write_gguf_folder(job, source, merged, writing, reference, measured, template)
    return distrust


def _check_room(job: ExportJob, writing: Writing, needed_bytes: int) -> None:
    """Raise ConfigError when the disk does not hold what is left to write; what holds nothing yet is not left behind, since
    it would refuse an export of other settings."""
    try:
        check_disk(needed_bytes, free_bytes(job.output), str(job.output))
    except ConfigError:
        if not writing.done:
            shutil.rmtree(writing.partial)
        raise


def _already(folder: Path, manifest: Mapping[str, Any], *, asked: bool, measured: bool) -> list[str]:
    """What a folder that was finished before is not trusted for; what this run would do to it is said to be left out."""
    log(f"{folder}: 書き出しはすでに終わっています。")
    checks = manifest["export"].get("checks") or {}
    if asked and not checks:
        log(f"注意: {folder} は確かめずに書き出したものです。確かめるには、別の --output-dir に書き出してください。")
    if measured:
        log(
            f"注意: {folder} のモデルカードは前回のままです。--results を載せるには、別の --output-dir に書き出してください。"
        )
    return [f"{kind}: 前回の確かめで許容を超える差がありました" for kind, one in checks.items() if not one["passed"]]


def _ollama_template(job: ExportJob, source: Source, asked: Sequence[Asked]) -> str | None:
    if not job.ollama:
        return None
    if not job.gguf or not asked:
        raise ConfigError("--ollama は --gguf と、確かめの問題（--data）と一緒に指定してください。")
    template = go_template(read_pieces(source.tokenizer, source.chat_format))
    check_template(template, source.tokenizer, source.chat_format, [text for one in asked for text in one.prompts])
    return template


def free_bytes(path: Path) -> int:
    """Free bytes of the disk that ``path`` is or will be on."""
    existing = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    return shutil.disk_usage(existing).free
