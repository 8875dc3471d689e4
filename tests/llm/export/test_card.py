"""The model card and run.json of an exported folder: their numbers, and what of a training travels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from app.core.files import read_json, sha256_text, write_json
from app.llm.export.card import Measured, model_card
from app.llm.export.folder import begin, exported_manifest, finished, key_of

CHECK = {
    "differences": [
        {"form": "letter", "largest": 0.01234, "median": 0.001, "flips": 1, "questions": 40, "compared": 160}
    ],
    "tolerance": {"largest": 0.2, "median": 0.02},
    "passed": True,
}
EXPORT = {
    "kind": "merged", "key": "k", "dtype": "bfloat16", "checks": {"merged": CHECK},
    "quantization": {"quant_type": "nf4"}, "adapter": {"weights_sha256": "ab" * 32},
}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "kind": "adapter", "base_model": {"name": "Qwen/Qwen3-8B", "revision": "0123456789abcdef"}, "train_mode": "direct",
    "objective": "letter", "lora": {"r": 16, "alpha": 32}, "seed": 42, "prompt_version": "1",
    "trained_question_ids": ["q1", "q2"], "train_file": {"sha256": "cd" * 32}, "chat": {"format": "auto"},
}  # fmt: skip


def test_the_card_says_it_in_both_languages() -> None:
    results = [
        Measured("base.json", False, 10, 40, (0.142, 0.402), "test.json (0123…)", "rag", ()),
        Measured("tuned.json", True, 22, 40, (0.397, 0.692), "a|b.json", "rag", ("偏り",)),
    ]
    text = model_card({**MANIFEST, "export": EXPORT}, results, name="m", commands=[("vLLM", "vllm serve m")])
    assert text.startswith("---\nlanguage: [ja]\nlibrary_name: transformers\nbase_model: 'Qwen/Qwen3-8B'\n")
    assert "| 調整前 | 10/40 | 25.0% | 14.2%–40.2% | test.json (0123…) | rag | – |" in text
    assert "| tuned | 22/40 | 55.0% | 39.7%–69.2% | a\\|b.json | rag | 偏り |" in text
    assert "| 統合先 | 4bit から戻した重み (nf4) |" in text
    assert "| Merged onto | dequantised 4-bit weights (nf4) |" in text
    assert text.count("| merged | letter | 0.0123 | 0.0010 | 1/40 | 0.2, 0.02 |") == 2
    assert "vllm serve m" in text
    assert "2 問 (SHA-256 cdcdcdcdcdcd…)" in text


def test_the_card_of_an_unchecked_export_says_so() -> None:
    export = {**EXPORT, "kind": "gguf", "checks": {}, "quantization": None}
    text = model_card({**MANIFEST, "export": export}, [], name="m", commands=[])
    for words in (
        "まだ確かめていません。",
        "Not checked yet.",
        "評価の結果は付いていません",
        "元の重み",
        "library_name: gguf",
    ):
        assert words in text


def test_what_any_training_saw_travels() -> None:
    base = {
        "trained_question_ids": ["q0", "q1"],
        "trained_question_hashes": ["h0"],
        "dev_question_ids": ["d"],
        "seed": 7,
    }
    adapter = {**MANIFEST, "trained_question_hashes": ["h1"], "trained_clusters": ["c"]}
    made = exported_manifest(adapter, base, EXPORT)
    assert made["trained_question_ids"] == ["q1", "q2", "q0"]
    assert made["trained_question_hashes"] == ["h1", "h0"]
    assert (made["trained_clusters"], made["dev_question_ids"], made["seed"]) == (["c"], ["d"], 42)
    assert (made["kind"], made["export"]) == ("merged", EXPORT)
    assert "trained_clusters" not in exported_manifest(MANIFEST, None, EXPORT)  # an older run does not say: left unsaid


W = {"bytes": 1, "sha256": sha256_text("w")}


def test_a_folder_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target, key = tmp_path / "out" / "merged", key_of({"a": 1})
    writing = begin(target, key)
    (writing.partial / "w").write_text("w")
    writing.add("w", W)
    (writing.partial / ".x.gguf.part").write_text("half")
    (writing.partial / ".run.json.ab12cd_x.tmp").write_text("half")
    again = begin(target, key)
    assert again.done == {"w": W}
    assert not target.exists()
    assert sorted(entry.name for entry in again.partial.iterdir()) == ["export.unfinished.json", "w"]
    with pytest.raises(ConfigError, match="別の設定で中断した書き出し"):
        begin(target, key_of({"a": 2}))
    write_json(again.partial / "run.json", {"export": {"key": key, "files": {"w": W}}})
    again.finish()
    assert sorted(entry.name for entry in target.iterdir()) == ["run.json", "w"]
    assert finished(target, key) == read_json(target / "run.json")
    assert finished(tmp_path / "other", key) is None
    with pytest.raises(ConfigError, match="別のファイルがあります"):
        finished(target, key_of({"a": 2}))
    with pytest.raises(ConfigError, match="別のファイルがあります"):
        finished(tmp_path, key)
    for strange in ([], {"export": "x"}, {"export": None}):
        write_json(tmp_path / "run.json", strange)
        with pytest.raises(ConfigError, match="別のファイルがあります"):
            finished(tmp_path, key)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")  # a folder cannot be renamed to it in the end
    with pytest.raises(ConfigError, match="別のファイルがあります"):
        finished(tmp_path / "link", key)


def test_a_kill_between_the_name_and_the_end_leaves_a_finished_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, key = tmp_path / "merged", key_of({"a": 1})
    writing = begin(target, key)
    (writing.partial / "w").write_text("w")
    writing.add("w", W)
    write_json(writing.partial / "run.json", {"export": {"key": key, "files": {"w": W}}})
    for killed_at in ("rename", "unlink"):
        with monkeypatch.context() as kill:
            kill.setattr(Path, killed_at, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                (begin(target, key) if killed_at == "rename" else writing).finish()
    assert finished(target, key) == read_json(target / "run.json")
    assert sorted(entry.name for entry in target.iterdir()) == ["run.json", "w"]


def test_files_that_changed_are_written_again_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, key = tmp_path / "merged", key_of({"a": 1})
    writing = begin(target, key)
    (writing.partial / "w").write_text("w")
    writing.add("w", W)
    writing.add("gone", W)
    (writing.partial / "w").write_text("v")
    assert begin(target, key).done == {}
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "中断した前回に書いたものと違うので、書き直します。"
    ] * 2
    (writing.partial / "w").write_text("w")
    writing.add("w", W)
    write_json(writing.partial / "run.json", {"export": {"key": key, "files": {"w": W}}})
    writing.finish()
    (target / "w").write_text("v")
    with pytest.raises(ConfigError, match="w は書き出した後に変わったか、なくなっています"):
        finished(target, key)
    (target / "w").unlink()
    with pytest.raises(ConfigError, match="w は書き出した後に変わったか、なくなっています"):
        finished(target, key)


def test_a_kill_between_folder_and_first_file_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / ".x.partial").mkdir()
    (tmp_path / ".x.partial" / ".export.unfinished.json.ab12_9cd.tmp").write_text("{")
    assert begin(tmp_path / "x", key_of({"a": 1})).done == {}
