"""The GGUF folder: the files, an Ollama Modelfile, run.json and card, asked through llama.cpp before it gets its name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...core.chat import stop_token_id
from ...core.cli import log, progress
from ...core.errors import ModelError
from ...core.failures import named_when_full
from ...core.files import sha256_file, write_text
from ..llamacpp import LlamaCppScorer
from ..loading import load_tokenizer
from .asking import Reference
from .card import Measured
from .checkpoint import Tensor, open_checkpoint
from .folder import RUN, Writing, file_facts
from .gguf_file import find_quantizer, quantise_with_llamacpp, write_gguf
from .job import ExportJob, Source
from .llamacpp import served
from .modelfile import modelfile
from .recheck import ask_scores, longest_row, text_path_differences
from .records import export_facts, write_records

KIND = "gguf"
# Room that Ollama makes for a conversation: what the evaluation asks Ollama for as well.
_OLLAMA_CONTEXT = 8192


def write_gguf_folder(
    job: ExportJob,
    source: Source,
    merged: Path,
    writing: Writing,
    reference: Reference,
    measured: Sequence[Measured],
    template: str | None,
) -> list[str]:
    """Write and check the files. Returns why one must not be trusted, one phrase each.

    Raises ModelError when an Ollama Modelfile is wanted and llama.cpp cuts the prompts into other tokens than training.
    """
    names = _names(job)
    checks: dict[str, Any] = {}
    distrust: list[str] = []
    other_tokens = 0
    for kind, file in names.items():
        if file not in writing.done:
            with named_when_full(writing.partial / file):
                _write_file(job, source, merged, writing, kind, file)
            writing.add(file, file_facts(writing.partial / file))
        if reference.asked:
            reference.ask()  # first, so that only one model is in memory at a time
            with served(writing.partial / file, context_tokens=longest_row(reference.asked) + 16) as url:
                scorer = LlamaCppScorer(url)
                asked = progress(reference.asked, total=len(reference.asked), label=f"確かめ（llama.cpp、{kind}）")
                scores = ask_scores(scorer, asked)
                other_tokens = text_path_differences(
                    source.tokenizer, reference.asked, source.chat_format, scorer.tokenize
                )
            checks[kind], reasons = reference.compare(kind, scores)
            distrust += reasons
    prompts = sum(len(one.prompts) for one in reference.asked)
    if other_tokens:
        what = f"llama.cpp は {prompts} 個のプロンプトのうち {other_tokens} 個を学習と違うトークンに区切ります"
        if template is not None:
            raise ModelError(f"{what}。文字列で尋ねる Ollama には書き出しません（--ollama を外せば GGUF は書けます）。")
        log(f"注意: {what}。文字列でなくトークン番号で尋ねてください。")
    if template is not None:
        context = min(_OLLAMA_CONTEXT, int(source.base.config.get("max_position_embeddings") or _OLLAMA_CONTEXT))
        text = modelfile(
            next(iter(names.values())), template, source.tokenizer, source.chat_format, context_tokens=context
        )
        write_text(writing.partial / "Modelfile", text)
    facts = {
        **export_facts(job, source, KIND, writing.key),
        "merged_run_sha256": sha256_file(merged / RUN),
        "files": writing.done,
        "text_path": {"prompts": prompts, "other_tokens": other_tokens} if prompts else None,
        "checks": checks,
    }
    commands = serving_commands(writing.target, list(names.values()), job.name if template is not None else None)
    write_records(job, source, writing, facts, measured, commands)
    writing.finish()
    return distrust


def _write_file(job: ExportJob, source: Source, merged: Path, writing: Writing, kind: str, file: str) -> None:
    model = open_checkpoint(merged)
    chat_template = None if source.chat_format == "plain" else load_tokenizer(str(merged)).chat_template
    stop = stop_token_id(source.tokenizer, chat_format=source.chat_format)
    write = partial(write_gguf, model, name=job.name, chat_template=chat_template, stop_id=stop, track=_shown(file))
    if kind != "q4_k_m":
        write(path=writing.partial / file, kind=kind)
        return
    program = find_quantizer()
    if program is None:
        raise ModelError("llama-quantize が PATH からなくなりました。入れ直して、同じ引数で続けてください。")
    # From the f16 file, or from one that is made for this and removed again.
    wide = f"{job.name}-f16.gguf"
    borrowed = wide in writing.done
    if not borrowed:
        write(path=writing.partial / wide, kind="f16")
    quantise_with_llamacpp(program, writing.partial / wide, writing.partial / file, kind)
    if not borrowed:
        (writing.partial / wide).unlink()


def _shown(file: str) -> Any:
    def track(tensors: Sequence[Tensor]) -> Any:
        return progress(tensors, total=len(tensors), label=file)

    return track


def _names(job: ExportJob) -> dict[str, str]:
    return {kind: f"{job.name}-{kind}.gguf" for kind in job.gguf}


def kinds_done(job: ExportJob, writing: Writing) -> list[str]:
    """Kinds of which an interrupted run has written the file."""
    return [kind for kind, file in _names(job).items() if file in writing.done]


def clear_halves(writing: Writing) -> None:
    """Delete what an interrupted run had not finished: the f16 of a q4_k_m is as large as the merged weights."""
    done = writing.done
    for path in writing.partial.glob("*.gguf"):
        if path.name not in done:
            path.unlink()


def serving_commands(folder: Path, files: Sequence[str], ollama_name: str | None) -> list[tuple[str, str]]:
    """(program, command) that serves a file of the folder with thinking off, as in training."""
    commands = [("llama.cpp", f"llama-server -m {folder / files[0]} --jinja --reasoning-budget 0")]
    if ollama_name is not None:
        commands.append(("Ollama", f"ollama create {ollama_name} -f {folder / 'Modelfile'}"))
    return commands
