"""What every run records about itself: command, code, packages, machine. Secrets never enter."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import read_json, sha256_file
from .redaction import hide, is_secret_name

PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers", "safetensors", "tantivy",
)  # fmt: skip
# What of an adapter's folder decides its answers; run.json holds their SHA-256 under ``files``.
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
REPOSITORY = Path(__file__).resolve().parents[2]


def redact(arguments: Sequence[str]) -> list[str]:
    """The command line without the values of secret-looking options and without passwords in addresses."""
    clean: list[str] = []
    hide_next = False
    for argument in arguments:
        if hide_next and not argument.startswith("--"):
            clean.append("***")
            hide_next = False
            continue
        name, equals, _ = argument.partition("=")
        secret = name.startswith("--") and is_secret_name(name)
        hide_next = secret and not equals
        clean.append(f"{name}=***" if secret and equals else hide(argument))
    return clean


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """Installed version of each package, None where it is not installed. Nothing is imported."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_revision(folder: Path = REPOSITORY) -> str | None:
    """Commit of the program's own checkout, with ``+dirty`` when tracked files differ; None outside git.

    A package installed somewhere below another repository has no commit: that one's is of other code.
    """
    if not (folder / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=folder, capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+dirty" if changed else "")


def hardware() -> dict[str, Any]:
    """Cores, platform and, where torch is loaded already and sees one, the GPU."""
    facts: dict[str, Any] = {"cpu_cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts["gpu"] = properties.name
        facts["gpu_memory_gib"] = round(properties.total_memory / 2**30, 2)
    return facts


def run_header(arguments: Sequence[str]) -> dict[str, Any]:
    """The part of every manifest that describes the run itself."""
    return {
        "command": [Path(sys.argv[0]).name, *redact(arguments)],
        "git_revision": git_revision(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "hardware": hardware(),
        "started_at": now(),
    }


def now() -> str:
    """The time in UTC, to the second, ISO 8601: ``2026-01-02T03:04:05+00:00``."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def moment(text: object) -> datetime:
    """The time that ``now`` wrote, or a version that wrote local times with their offset; the first of all times for
    anything else, so that what says nothing is never the latest."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def peak_rss_bytes() -> int | None:
    """Peak resident memory of this process; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def read_adapter_manifest(folder: Path) -> dict[str, Any]:
    """``run.json`` of an adapter folder. Raises DataError when it is missing or not an object."""
    value = read_json(folder / "run.json")
    if not isinstance(value, dict):
        raise DataError(f"{folder / 'run.json'}: JSON のオブジェクトではありません。学習をやり直してください。")
    from pydantic import ValidationError  # not at the top: programs that only show their help need it not

    from .models import misfits
    from .runs import AdapterRun

    try:
        AdapterRun.model_validate(value)
    except ValidationError as error:
        name, first = next(iter(misfits(error).items()))
        raise DataError(
            f"{folder / 'run.json'}: {name} の型が違います（{type(first['input']).__name__}）。学習の出力が壊れています。"
        ) from None
    for name, digest in (value.get("files") or {}).items():
        if name in ADAPTER_FILES and (folder / name).is_file() and sha256_file(folder / name) != digest:
            raise DataError(
                f"{folder / name}: 学習が終わった後に内容が変わっています（run.json の SHA-256 と違います）。"
                "学習の出力を取り直してください。"
            )
    return value
