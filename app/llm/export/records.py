"""What every exported folder says about itself: run.json and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...core.files import sha256_file, write_json, write_text
from ...core.manifests import now
from .card import Measured, model_card
from .folder import RUN, Writing, exported_manifest
from .job import ExportJob, Source


def export_facts(job: ExportJob, source: Source, kind: str, key: str) -> dict[str, Any]:
    """The part of ``run.json`` under ``export`` that merged and GGUF folders share."""
    return {
        "kind": kind,
        "key": key,
        "run": dict(job.header),
        "written_at": now(),
        "adapter": {
            "path": str(source.folder),
            "weights_sha256": source.weights_sha256,
            "run_sha256": sha256_file(source.folder / RUN),
        },
        "quantization": None if source.quantization is None else asdict(source.quantization),
        "dtype": source.plan.dtype,
    }


def write_records(
    job: ExportJob,
    source: Source,
    writing: Writing,
    facts: Mapping[str, Any],
    measured: Sequence[Measured],
    commands: Sequence[tuple[str, str]],
) -> None:
    """Write run.json and README.md into the folder that is being written."""
    manifest = exported_manifest(source.manifest, source.base_manifest, facts)
    write_json(writing.partial / RUN, manifest)
    write_text(writing.partial / "README.md", model_card(manifest, measured, name=job.name, commands=commands))
