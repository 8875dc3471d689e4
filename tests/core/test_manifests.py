"""What a run records about itself; secrets stay out."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import DataError
from app.core.files import sha256_file
from app.core.manifests import (
    ADAPTER_FILES,
    git_revision,
    hardware,
    moment,
    now,
    package_versions,
    peak_rss_bytes,
    read_adapter_manifest,
    redact,
    run_header,
)


@pytest.mark.parametrize(
    ("arguments", "clean"),
    [
        (["--hf-token", "abc", "--data", "x"], ["--hf-token", "***", "--data", "x"]),
        (["--api-key=abc"], ["--api-key=***"]),
        (["--openai_api_key", "abc"], ["--openai_api_key", "***"]),
        (["--PASSWORD", "abc"], ["--PASSWORD", "***"]),
        (["--secret", "--data", "x"], ["--secret", "--data", "x"]),
        (["--tokenizer", "Qwen/Qwen3-8B"], ["--tokenizer", "Qwen/Qwen3-8B"]),
        (["--max-new-tokens", "256"], ["--max-new-tokens", "256"]),
        (["--llm-host", "http://me:pw@host:1/v1"], ["--llm-host", "http://***@host:1/v1"]),
        (["--llm-host=https://u:p@h"], ["--llm-host=https://***@h"]),
        (["a@b.example"], ["a@b.example"]),
        ([], []),
    ],
)
def test_secrets_are_hidden_and_nothing_else(arguments: list[str], clean: list[str]) -> None:
    assert redact(arguments) == clean


def test_versions_are_read_without_importing() -> None:
    versions = package_versions(("torch", "no-such-package"))
    assert re.match(r"\d+\.\d+", versions["torch"] or "")
    assert versions["no-such-package"] is None


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_revision_says_when_files_differ(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "x").write_text("1", "utf-8")
    git(tmp_path, "add", "x")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git_revision(tmp_path)
    assert commit is not None
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    (tmp_path / "untracked").write_text("", "utf-8")
    assert git_revision(tmp_path) == commit
    (tmp_path / "x").write_text("2", "utf-8")
    assert git_revision(tmp_path) == commit + "+dirty"


def test_the_header_names_command_code_packages_machine_and_time() -> None:
    header = run_header(["--data", "x", "--hf-token", "abc"])
    assert header["command"][1:] == ["--data", "x", "--hf-token", "***"]
    assert set(header) == {"command", "git_revision", "python", "packages", "hardware", "started_at"}
    assert header["hardware"]["cpu_cores"] >= 1
    json.dumps(header)


def test_hardware_without_a_gpu() -> None:
    assert "gpu" not in hardware()


def test_times_have_an_offset() -> None:
    assert now().endswith("+00:00")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(now())).total_seconds() < 5


def test_times_of_all_zones_are_in_one_order() -> None:
    written = ["2026-01-01T09:30:00+09:00", "2026-01-01T01:00:00+00:00", None, "yesterday", "2025-12-31T23:00:00-05:00"]
    assert sorted(written, key=moment) == [None, "yesterday", *(written[place] for place in (0, 1, 4))]


def test_peak_memory_is_in_bytes() -> None:
    peak = peak_rss_bytes()
    assert peak is not None
    assert 10 * 2**20 < peak < 2**40


def test_an_adapter_manifest_is_an_object(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run\.json: ファイルがありません"):
        read_adapter_manifest(tmp_path)
    (tmp_path / "run.json").write_text("[]", "utf-8")
    with pytest.raises(DataError, match="オブジェクトではありません"):
        read_adapter_manifest(tmp_path)
    (tmp_path / "run.json").write_text('{"kind": "adapter"}', "utf-8")
    assert read_adapter_manifest(tmp_path) == {"kind": "adapter"}


@pytest.mark.parametrize("part", ["chat", "base_model", "trained_question_ids", "dev_question_hashes"])
def test_a_part_of_another_type_is_named(tmp_path: Path, part: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({part: True}), "utf-8")
    with pytest.raises(DataError, match=rf"run\.json: {part} の型が違います（bool）"):
        read_adapter_manifest(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({part: None}), "utf-8")
    assert read_adapter_manifest(tmp_path) == {part: None}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"base_model": {"name": 3}}, r"base_model\.name の型が違います（int）"),
        ({"chat": {"template_sha256": ["x"]}}, r"chat\.template_sha256 の型が違います（list）"),
        ({"quantization": {"load_in_4bit": "yes"}}, r"quantization\.load_in_4bit の型が違います（str）"),
        ({"files": {"adapter_config.json": None}}, "files.*の型が違います（NoneType）"),
        ({"few_shot": "no"}, r"few_shot の型が違います（str）"),
    ],
)
def test_what_is_inside_a_part_has_its_type(tmp_path: Path, value: dict[str, object], named: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(DataError, match=rf"run\.json: {named}。学習の出力が壊れています。$"):
        read_adapter_manifest(tmp_path)


def test_what_a_later_version_adds_is_left_alone(tmp_path: Path) -> None:
    value = {"base_model": {"name": "m", "later": [1]}, "later": True}
    (tmp_path / "run.json").write_text(json.dumps(value), "utf-8")
    assert read_adapter_manifest(tmp_path) == value


def test_files_that_changed_after_the_training_are_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}", "utf-8")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    files = {name: sha256_file(tmp_path / name) for name in ADAPTER_FILES}
    (tmp_path / "run.json").write_text(json.dumps({"files": files}), "utf-8")
    assert read_adapter_manifest(tmp_path) == {"files": files}
    for name, text in (("adapter_config.json", '{"lora_alpha": 3200}'), ("adapter_model.safetensors", "weightz")):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(DataError, match=f"{name}: 学習が終わった後に内容が変わっています"):
            read_adapter_manifest(tmp_path)
        (tmp_path / name).write_bytes(before)
    (tmp_path / "adapter_config.json").unlink()  # named by whoever looks for it
    assert read_adapter_manifest(tmp_path) == {"files": files}
