"""Generating rationales: records of a scripted model, nothing kept, resume after kill -9, other settings refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.commands import generate_rationales as program
from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.files import sha256_file
from app.core.questions import LETTERS
from app.data.lawqa import load_questions
from app.data.provisions import parse_provisions
from app.data.records import read_records
from app.llm.backend import Generation
from app.training.rows.examples import check_mode

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample" / "selection.json"


class Scholar:
    """Knows every answer and quotes the article; of question 2 it knows nothing; it counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.questions = load_questions(SAMPLE)

    def facts(self) -> dict[str, Any]:
        return {"backend": "scholar"}

    def generate(self, prompts: Any, *, max_new_tokens: Any = None, temperature: Any = None) -> list[Generation]:
        return [self.one(prompt) for prompt in prompts]

    def one(self, prompt: str) -> Generation:
        self.asked.append(prompt)
        asked = next(one for one in self.questions if one.question in prompt and one.choices["a"] in prompt)
        assert asked.context is not None
        letter = next(letter for letter in LETTERS if f"\n{letter} {asked.choices[asked.correct]}" in prompt)
        if asked.id == self.questions[1].id:
            letter = "a"
        quote = max((one.text for one in parse_provisions(asked.context)), key=len)
        return Generation(f"Reasoning: 条文に「{quote}」とある。\nAnswer: {letter}", 10, 10, truncated=False)


@pytest.fixture
def scholar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scholar:
    made = Scholar()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "create_backend", lambda *arguments: made)
    return made


def few(count: int, tmp_path: Path) -> Path:
    path = tmp_path / "few.json"
    samples = json.loads(SAMPLE.read_text("utf-8"))["samples"][:count]
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def run(data: Path, *more: object) -> int:
    return run_program(program.main, ["--data", str(data), "--output-path", "out/r.jsonl", *map(str, more)])


def test_a_models_own_reasoning_becomes_records(
    scholar: Scholar, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(few(6, tmp_path)) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == "out/r.manifest.json"
    assert (
        "6 問・24 件の回答のうち、5 問・20 件を残しました（除いたもの: 誤答 3、正解の並びが 3 通り未満 1）"
        in printed.err
    )
    records = read_records(Path("out/r.jsonl"))
    assert check_mode(records, "auto", Path("out/r.jsonl")) == "cot"
    assert [record.input for record in records] == [prompt for n, prompt in enumerate(scholar.asked) if n // 4 != 1]
    assert {record.meta["generated"]["right_orders"] for record in records} == {4}
    manifest = json.loads(Path("out/r.manifest.json").read_text("utf-8"))
    assert manifest["file"] == {"sha256": sha256_file(Path("out/r.jsonl")), "records": 20}
    assert manifest["model"]["backend"] == "scholar"
    assert (manifest["plan"]["context"], manifest["min_quote"]) == ("gold", program.MIN_QUOTE)
    fates = {fate: count for fate, count in manifest["counts"]["fates"].items() if count}
    assert fates == {"wrong": 3, "too_few_right": 1, "kept": 20}
    assert sum(manifest["counts"]["kept_by_letter"].values()) == 20


def test_training_takes_them_and_says_how_many_were_generated(
    scholar: Scholar, tiny_model_dir: Path, tmp_path: Path
) -> None:
    assert run(few(3, tmp_path)) == 0
    options = ["--model-name", str(tiny_model_dir), "--train-file", "out/r.jsonl", "--output-dir", "adapter"]
    short = ["--max-steps", "1", "--batch-size", "2", "--gradient-accumulation-steps", "1", "--train-mode", "cot"]
    assert run_program(train_qwen_law_ft.main, [*options, *short]) == 0
    manifest = json.loads(Path("adapter/run.json").read_text("utf-8"))
    assert (manifest["generated"], manifest["context_source"], manifest["train_mode"]) == (8, "gold", "cot")
    assert len(manifest["trained_question_ids"]) == 2


def test_what_is_stored_is_judged_again_without_asking(scholar: Scholar, tmp_path: Path) -> None:
    data = few(3, tmp_path)
    assert run(data) == 0
    asked, before = len(scholar.asked), Path("out/r.jsonl").read_bytes()
    assert run(data, "--resume") == 0
    assert Path("out/r.jsonl").read_bytes() == before
    # A longer quote is wanted than any article has: nothing is left, and the old file stands aside.
    assert run(data, "--resume", "--min-quote", 5000) == 3
    assert not Path("out/r.jsonl").exists()
    assert Path("out/r.jsonl.1").read_bytes() == before
    assert json.loads(Path("out/r.manifest.json").read_text("utf-8"))["file"] is None
    assert len(scholar.asked) == asked


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--max-new-tokens", "9"], "別の設定で始めた評価の記録です（違い: 尋ね方（budget_tokens 512 → 9））"),
        (["--context", "rag", "--index-dir", "none"], "索引がありません"),
        (["--min-quote", "0"], "--min-quote 0: 1 以上"),
        (["--samples", "99"], "--samples は 1 から 3 まで"),
        (["--llm-backend", "ollama", "--hf-lora-path", "x"], "--hf-lora-path は --llm-backend hf だけ"),
    ],
)
def test_refusals(
    scholar: Scholar, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    data = few(3, tmp_path)
    assert run(data) == 0
    before = Path("out/r.jsonl").read_bytes()
    assert run(data, "--resume", *more) == 1
    assert message in capsys.readouterr().err
    assert Path("out/r.jsonl").read_bytes() == before


def test_distractors_as_context(scholar: Scholar, tmp_path: Path) -> None:
    from app.commands import build_index

    assert run_program(build_index.main, ["--source", str(SAMPLE.parent / "laws"), "--index-dir", "index"]) == 0
    assert run(few(3, tmp_path), "--context", "distractors", "--top-k", 3, "--index-dir", "index") == 0
    records = read_records(Path("out/r.jsonl"))
    assert {record.meta["context_source"] for record in records} == {"distractors"}
    assert all(record.meta["gold_in_context"] and len(record.meta["doc_ids"]) == 3 for record in records)


def command(data: Path, out: Path, model: Path) -> list[str]:
    return [
        "--data", str(data), "--output-path", str(out / "r.jsonl"), "--hf-model-name", str(model),
        "--no-hf-load-in-4bit", "--max-new-tokens", "24",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_a_killed_run_goes_on_where_it_stopped(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = few(8, tmp_path), tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "scripts/generate_rationales.py", *command(data, out, tiny_model_dir)], cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stored = out / "r.jsonl.progress.jsonl"
    for _ in range(1200):
        if stored.exists() and stored.read_bytes().count(b"\n") >= 3:  # the settings and two questions
            break
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    before = stored.read_bytes()
    assert before.count(b"\n") < 9
    # A random model: what it writes is never kept, which is said, and the manifest tells why.
    assert run_program(program.main, [*command(data, out, tiny_model_dir), "--resume"]) == 3
    assert "残せる理由が一つもなく" in capsys.readouterr().err
    assert stored.read_bytes().startswith(before[: before.rindex(b"\n") + 1])
    whole = tmp_path / "whole"
    assert run_program(program.main, command(data, whole, tiny_model_dir)) == 3
    assert (whole / stored.name).read_bytes() == stored.read_bytes()
    manifests = [json.loads((folder / "r.manifest.json").read_text("utf-8")) for folder in (out, whole)]
    assert manifests[0]["counts"] == manifests[1]["counts"]
    assert (manifests[0]["counts"]["questions"], manifests[0]["counts"]["fates"]["kept"]) == (8, 0)
    assert sum(manifests[0]["counts"]["fates"].values()) == 32
