"""The generating program: files that every other program takes, a manifest that vouches for them, refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.commands import generate_questions as program
from app.core.cli import run_program
from app.core.files import sha256_file, write_json
from app.data.generation.writing import WRITING
from app.data.lawqa import load_questions
from app.llm.backend import Generation
from app.retrieval.index.building import build_index

ROOT = Path(__file__).resolve().parents[2]
LAWS = ROOT / "sample" / "laws"
SELECTION = ROOT / "sample" / "selection.json"


def run(output: Path, *arguments: object) -> int:
    source = [] if "--index-dir" in arguments else ["--source", LAWS]
    options = [*source, "--law-type", "all", "--output", output, *arguments]
    return run_program(program.main, [str(option) for option in options])


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    assert run(folder, "--count", 48, "--holdout-laws", 2) == 0
    return folder


def test_a_set_and_what_vouches_for_it(generated: Path) -> None:
    manifest = manifest_of(generated)
    assert manifest["kind"] == "generated_questions"
    assert list(manifest["files"]) == ["questions.json", "unseen.json"]
    for name, facts in manifest["files"].items():
        questions = load_questions(generated / name)
        assert facts["sha256"] == sha256_file(generated / name)
        assert facts["questions"] == len(questions)
        assert max(len(question.context or "") for question in questions) == facts["context_chars"]["max"] <= 700
        assert sum(facts["kinds"].values()) == len(questions)
    gates = manifest["files"]["questions.json"]["gates"]
    assert len(gates) == 6
    assert all(gate["least"] <= gate["value"] <= gate["most"] for gate in gates.values())
    assert [path.name for path in sorted(generated.iterdir())] == ["manifest.json", "questions.json", "unseen.json"]


def test_laws_held_out_give_no_question_for_training(generated: Path) -> None:
    def laws(name: str) -> set[str]:
        samples = json.loads((generated / name).read_text(encoding="utf-8"))["samples"]
        return {sample["generated"]["law_id"] for sample in samples}

    assert len(laws("unseen.json")) == 2
    assert not laws("questions.json") & laws("unseen.json")


def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(tmp_path / name, "--count", 20, "--seed", 5) == 0
    assert (tmp_path / "one" / "questions.json").read_bytes() == (tmp_path / "two" / "questions.json").read_bytes()


def test_articles_of_excluded_questions_are_not_asked_about(tmp_path: Path, generated: Path) -> None:
    assert run(tmp_path, "--count", 15, "--exclude-questions", generated / "unseen.json") == 0
    manifest = manifest_of(tmp_path)
    assert manifest["excluded"][0]["sha256"] == sha256_file(generated / "unseen.json")
    kept_away = {ref.article_key for one in load_questions(generated / "unseen.json") for ref in one.articles}
    shown = {ref.article_key for one in load_questions(tmp_path / "questions.json") for ref in one.articles}
    assert not kept_away & shown
    nearest = manifest["files"]["questions.json"]["nearest_to_excluded"]
    assert 0 < nearest["similarity"] < 1


def test_named_laws_only_and_an_index_gives_what_its_source_gives(tmp_path: Path) -> None:
    law = load_questions(SELECTION)[0].articles[0].law
    assert run(tmp_path / "files", "--laws", law, "--count", 8) == 0
    build_index(LAWS, tmp_path / "index")
    assert run(tmp_path / "stored", "--index-dir", tmp_path / "index", "--laws", law, "--count", 8) == 0
    one, other = (load_questions(tmp_path / name / "questions.json") for name in ("files", "stored"))
    assert {question.law for question in one} == {law}
    assert [question.choices for question in one] == [question.choices for question in other]


def test_a_later_run_takes_the_place_of_an_earlier_one(tmp_path: Path, generated: Path) -> None:
    shutil.copytree(generated, tmp_path / "set")
    assert run(tmp_path / "set", "--count", 12) == 0
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["manifest.json", "questions.json"]
    assert len(load_questions(tmp_path / "set" / "questions.json")) == 12


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--count", "0"], "--count は 1 以上です（0）"),
        (["--max-context-chars", "9"], "--max-context-chars は 100 以上です（9）"),
        (["--exclude-questions", "no-such-file.json"], "no-such-file.json"),
        (["--laws", "灯台法"], "法令「灯台法」がありません"),
        (["--count", "9999"], "（--count 9999）"),
        (["--count", "5", "--holdout-laws", "99"], "（--holdout-laws 99）"),
        (["--index-dir", "no-such-index"], "no-such-index"),
        (
            ["--hf-model-name", "X"],
            "エラー: --hf-model-name は言い換えるモデルのものです。--reword-backend を指定するか、",
        ),
        (
            ["--think", "--llm-model", "q", "--device", "cpu"],
            "--llm-model、--think、--device は言い換えるモデルのものです",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert run(tmp_path / "set", *arguments) == 1
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert error.startswith("エラー: ")
    assert line in error
    assert not (tmp_path / "set").exists() or list((tmp_path / "set").iterdir()) == []


def test_source_and_index_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--source", str(LAWS), "--index-dir", str(tmp_path), "--output", str(tmp_path / "set")]
    assert run_program(program.main, arguments) == 1
    assert "どちらか一つ" in capsys.readouterr().err


def test_a_gate_that_fails_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.evaluation.results.floors.longest_choice", lambda questions: 0.5)
    assert run(tmp_path / "set", "--count", 12) == 1
    assert "最も長い選択肢を選んだ正答率 50.0%" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_files_of_the_user_are_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "questions.json"
    write_json(mine, {"samples": ["mine"]})
    assert run(tmp_path, "--count", 12) == 1
    assert "このプログラムがここに書いたものではありません" in capsys.readouterr().err
    assert json.loads(mine.read_text(encoding="utf-8")) == {"samples": ["mine"]}


@pytest.mark.parametrize("seconds", [0.8, 1.6, 2.4])
def test_a_killed_run_leaves_a_whole_set_or_none(tmp_path: Path, seconds: float) -> None:
    """However far it came: a manifest stands for files that are there as it says, and without one they are in the ledger."""
    folder = tmp_path / "set"
    command = [sys.executable, str(ROOT / "scripts" / "generate_questions.py"), "--source", str(LAWS), "--law-type", "all",
               "--count", "48", "--output", str(folder)]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ})
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    if (folder / "manifest.json").exists():
        listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        assert {name: sha256_file(folder / name) for name in listed} == {
            name: facts["sha256"] for name, facts in listed.items()
        }
    else:
        assert process.returncode != 0
        assert not (folder / "questions.json").exists() or (folder / WRITING).exists()


def test_a_kill_between_the_files_leaves_none_that_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, "--count", 20, "--holdout-laws", 2) == 0
    kept = (tmp_path / "unseen.json").read_bytes()
    monkeypatch.setattr("app.data.generation.writing.write_text", lambda *_: pytest.fail("killed here"))
    with pytest.raises(pytest.fail.Exception):
        program.main(["--source", str(LAWS), "--law-type", "all", "--count", "20", "--output", str(tmp_path)])
    # Killed earlier still: the old unseen.json is there, and no manifest says whose it is.
    (tmp_path / "unseen.json").write_bytes(kept)
    monkeypatch.undo()
    assert run(tmp_path, "--count", 20) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "questions.json"]


def test_statutes_that_change_meanwhile_are_not_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(LAWS, tmp_path / "laws")
    write, excluded = program._made, tmp_path / "old.json"
    samples = json.loads(SELECTION.read_text(encoding="utf-8"))["samples"]
    write_json(excluded, {"samples": samples[:2]})
    before = sha256_file(excluded)

    def made(*given: Any, **more: Any) -> Any:
        excluded.write_text("[]", "utf-8")
        return write(*given, **more)

    monkeypatch.setattr(program, "_made", made)
    words = ["--source", str(tmp_path / "laws"), "--law-type", "all", "--count", "12"]
    out = tmp_path / "set"
    assert run_program(program.main, [*words, "--exclude-questions", str(excluded), "--output", str(out)]) == 0
    assert manifest_of(out)["excluded"][0]["sha256"] == before

    def changed(*given: Any, **more: Any) -> Any:
        found = write(*given, **more)
        law = next((tmp_path / "laws").rglob("*.xml"))
        law.write_bytes(law.read_bytes() + b"\n")
        return found

    monkeypatch.setattr(program, "_made", changed)
    assert run_program(program.main, [*words, "--output", str(tmp_path / "other")]) == 1
    assert "laws: 問題を作っている間に中身が変わりました" in capsys.readouterr().err
    assert not list((tmp_path / "other").glob("*.json"))


class Echo:
    """Says every sentence again with another ending, which survives the check."""

    def generate(self, prompts: list[str], **_: Any) -> list[Generation]:
        return [Generation(prompt.rsplit("\n", 1)[-1] + "とされる", 1, 1, False) for prompt in prompts]


def test_rewording_by_a_model_is_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.evaluation.running.resolving.create_backend", lambda *_: Echo())
    arguments = ("--count", 20, "--reword-backend", "ollama", "--llm-model", "echo:1b")
    assert run(tmp_path, *arguments) == 0
    manifest = manifest_of(tmp_path)
    assert manifest["reword_model"]["model"] == "echo:1b"
    samples = json.loads((tmp_path / "questions.json").read_text(encoding="utf-8"))["samples"]
    reworded = [sample for sample in samples if sample["generated"]["reworded"]]
    assert len(reworded) == manifest["files"]["questions.json"]["reworded"] > 0
    assert all(line.endswith("とされる") for sample in reworded for line in sample["選択肢"].split("\n"))


def test_an_option_that_the_rewording_backend_does_not_take_is_refused_by_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--count", 20, "--reword-backend", "openai", "--llm-model", "m", "--num-ctx", 4096)
    assert run(tmp_path / "q", *arguments) == 1
    assert "--num-ctx は --reword-backend ollama だけで使えます（指定は openai）" in capsys.readouterr().err


def test_a_rewording_backend_that_does_not_answer_is_found_out_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pause(_: float) -> None:
        pass

    monkeypatch.setattr("app.llm.http.pause", pause)
    arguments = ("--count", 20, "--reword-backend", "openai", "--llm-model", "m", "--llm-host", "http://127.0.0.1:9/v1")
    assert run(tmp_path / "set", *arguments, "--llm-timeout", 1) == 1
    assert "http://127.0.0.1:9/v1" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_an_outside_examination_can_be_kept_away_from_too(tmp_path: Path) -> None:
    exam = tmp_path / "exam.jsonl"
    row = {"id": "e1", "year": 2024, "question": "鳥について正しいものはどれか。", "choices": ["届出は要らない", "届出が要る"], "answer": [2]}  # fmt: skip
    exam.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert run(tmp_path / "set", "--count", 12, "--exclude-questions", exam) == 0
    (entry,) = manifest_of(tmp_path / "set")["excluded"]
    assert entry == {"path": str(exam), "sha256": sha256_file(exam), "questions": 1}
