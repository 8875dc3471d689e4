"""Every program, asked to write over what it reads or over what is not its own: refused, and every byte is still there."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from pathlib import Path

import pytest

from app.core.cli import run_program
from app.core.errors import BusyError
from app.core.locks import file_lock, folder_lock
from app.data.egov.download import download_bulk, download_laws

ROOT = Path(__file__).resolve().parents[2]
RESULT = {"kind": "evaluation", "run": {}, "summary": {}, "results": []}
Q, R, MINE = "q.json", "r.json", "mine.txt"  # questions, a result, a file of the user's

# program, its options: each file is in the working folder
OVER_INPUT = [
    ("split_selection_dataset", "--lawqa-path train.json --output-dir ."),
    ("import_questions", "questions.json --output-dir ."),
    ("build_finetune_dataset", f"--lawqa-path {Q} --no-rag --output-path {Q}"),
    ("build_finetune_dataset", "--lawqa-path q.manifest.json --no-rag --output-path q.jsonl"),
    ("build_finetune_dataset", f"--lawqa-path {Q} --few-shot-path shots.jsonl --no-rag --output-path shots.jsonl"),
    ("evaluate_multiple_choice", f"--data {Q} --output {Q} --context none"),
    ("evaluate_multiple_choice", f"--data {Q} --output x.json --report ./sub/../{Q} --context none"),
    ("evaluate_multiple_choice", "--data p.progress.jsonl --output p --context none"),
    ("compare_runs", f"{R} {R} --report {R}"),
    ("compare_runs", f"{R} {R} --data {Q} --report {Q}"),
    ("import_results", f"{R} --output {R}"),
    ("import_results", f"{R} --data {Q} --output {Q}"),
    ("generate_rationales", f"--data {Q} --output-path {Q}"),
    ("generate_rationales", f"--data {Q} --output-path {Q} --context gold --samples 1"),
    ("export_lm_eval", "--data horei_lawqa.jsonl --output-dir ."),
    ("cross_fit", f"--data {Q} --model-name m --output-dir new --report {Q}"),
]
OVER_MINE = [
    ("split_selection_dataset", f"--lawqa-path {Q} --output-dir ."),
    ("import_questions", f"{MINE} --output-dir ."),
    ("build_finetune_dataset", f"--lawqa-path {Q} --no-rag --output-path {MINE}"),
    ("build_finetune_dataset", f"--lawqa-path {Q} --no-rag --output-path new.jsonl"),  # new.manifest.json is the user's
    ("evaluate_multiple_choice", f"--data {Q} --output {MINE} --context none"),
    ("evaluate_multiple_choice", f"--data {Q} --output x.json --report {MINE} --context none"),
    ("evaluate_multiple_choice", f"--data {Q} --output sub --context none"),
    ("compare_runs", f"{R} {R} --report {MINE}"),
    ("import_results", f"{R} --output {MINE}"),
    ("generate_rationales", f"--data {Q} --output-path {MINE}"),
    ("export_lm_eval", f"--data {Q} --output-dir . --name task"),
    ("build_sample", "--output ."),
    ("pretrain_tiny_model", "--output . --steps 1"),
    ("pretrain_tiny_model", f"--output new --steps 1 --history {MINE}"),
    ("build_index", f"--source {ROOT / 'sample' / 'laws'} --index-dir ."),
    ("train_retriever", "--output mine_retriever"),
]


# What lies in one of two folders under a new name: they are read, replaced and deleted as wholes.
INSIDE = [
    ("split_selection_dataset", f"--lawqa-path {Q} --output-dir WHERE"),
    ("import_questions", f"{MINE} --output-dir WHERE/new"),
    ("build_finetune_dataset", f"--lawqa-path {Q} --no-rag --output-path WHERE/x.jsonl"),
    ("generate_questions", f"--source {ROOT / 'sample' / 'laws'} --law-type all --count 1 --output WHERE"),
    ("evaluate_multiple_choice", f"--data {Q} --output WHERE/x.json --context none"),
    ("evaluate_multiple_choice", f"--data {Q} --output x.json --report WHERE/x.html --context none"),
    ("compare_runs", f"{R} {R} --report WHERE/x.html"),
    ("import_results", f"{R} --output WHERE/x.json"),
    ("generate_rationales", f"--data {Q} --output-path WHERE/x.jsonl"),
    ("export_lm_eval", f"--data {Q} --output-dir WHERE --name other"),
    ("train_qwen_law_ft", "--model-name m --train-file t.jsonl --output-dir WHERE/new"),
    ("cross_fit", f"--data {Q} --model-name m --output-dir WHERE/new"),
    ("two_stages", f"--data {Q} --laws {ROOT / 'sample' / 'laws'} --model-name m --output-dir WHERE"),
    ("submit_shards", f"--shards 2 --gpus 0 evaluate --data {Q} --output WHERE/x.json"),
    ("build_index", f"--source {ROOT / 'sample' / 'laws'} --index-dir WHERE/new"),
    ("train_retriever", "--output WHERE/new"),
    ("export_adapter", "--lora-path a --output-dir WHERE --recheck 0"),
    ("download_data", "--lawqa --output WHERE"),
    ("download_data", "--all --output WHERE/x.zip"),
    ("download_data", "--all --output WHERE"),
    ("serve", "--feedback WHERE/x.jsonl"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sample = ROOT / "sample" / "selection.json"
    names = (
        Q,
        "train.json",
        "q.manifest.json",
        "shots.jsonl",
        "p.progress.jsonl",
        "horei_lawqa.jsonl",
        "questions.json",
    )
    for name in names:
        shutil.copy(sample, tmp_path / name)
    (tmp_path / R).write_text(json.dumps(RESULT), "utf-8")
    for name in (MINE, "new.manifest.json", "task.jsonl", "task.yaml"):
        (tmp_path / name).write_text("mine", "utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine_retriever").mkdir()
    (tmp_path / "mine_retriever" / "query.safetensors").write_text("mine", "utf-8")
    (tmp_path / "selection.json").write_text("mine", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("program", "options"), [*OVER_INPUT, *OVER_MINE])
def test_nothing_is_written_over(place: Path, capsys: pytest.CaptureFixture[str], program: str, options: str) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    main = importlib.import_module(f"scripts.{program}").main
    assert run_program(main, options.split()) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("エラー: --")
    words = (
        "と同じファイルです"
        if (program, options) in OVER_INPUT
        else "既にあり|はフォルダです|索引のフォルダではなく|原稿と違うファイル|極小モデルではない"
    )
    assert any(word in said for word in words.split("|")), said
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(("where", "what"), [("index/gen-1", "索引"), ("model", "モデル")])
@pytest.mark.parametrize(("program", "options"), INSIDE)
def test_nothing_new_is_written_into_an_index_or_a_model(
    place: Path, capsys: pytest.CaptureFixture[str], program: str, options: str, where: str, what: str
) -> None:
    for file in ("index/gen-1/store.sqlite", "model/config.json", "model/tokenizer.json"):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text('{"model_type": "qwen3"}', "utf-8")
    before = sorted(str(path) for path in place.rglob("*"))
    main = importlib.import_module(f"scripts.{program}").main
    assert run_program(main, options.replace("WHERE", where).split()) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("エラー: --")
    assert f"は{what}のフォルダ（{(place / where).resolve()}）に入ります。" in said
    assert sorted(str(path) for path in place.rglob("*")) == before


TINY = f"--hf-model-name {ROOT / 'sample' / 'tiny-qwen3'} --no-hf-load-in-4bit"
LAWS = ROOT / "sample" / "laws"
WRITTEN_BY_ANOTHER = [  # program, its options, the folder or (with an ending) file that another process holds
    ("train_qwen_law_ft", "--model-name m --train-file t.jsonl --output-dir new", "new"),
    ("train_qwen_law_ft", "--model-name m --train-file t.jsonl --output-dir new --resume", "new"),
    ("evaluate_multiple_choice", f"--data {Q} --output new/x.json --context none {TINY}", "new/x.json"),
    ("evaluate_multiple_choice", f"--data {Q} --output new/x.json --context none {TINY} --resume", "new/x.json"),
    ("generate_rationales", f"--data {Q} --output-path new/x.jsonl --samples 1 {TINY}", "new/x.jsonl"),
    ("cross_fit", f"--data {Q} --model-name m --output-dir new", "new"),
    ("two_stages", f"--data {Q} --laws {LAWS} --model-name m --output-dir new", "new"),
    ("split_selection_dataset", f"--lawqa-path {Q} --output-dir new", "new"),
    ("generate_questions", f"--source {LAWS} --law-type all --count 1 --output new", "new"),
    ("build_index", f"--source {LAWS} --index-dir new", "new"),
    ("train_retriever", "--output new", "new"),
    ("export_adapter", "--lora-path a --output-dir new --recheck 0", "new"),
]


@pytest.mark.parametrize(("program", "options", "held"), WRITTEN_BY_ANOTHER)
def test_what_another_process_writes_is_left_to_it(
    place: Path, capsys: pytest.CaptureFixture[str], program: str, options: str, held: str
) -> None:
    main = importlib.import_module(f"scripts.{program}").main
    with (file_lock if Path(held).suffix else folder_lock)(Path(held)):
        before = sorted(Path("new").iterdir())
        assert run_program(main, options.split()) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"{held}: 別の処理が書いています（" in said
        assert f"PID {os.getpid()}、" in said
        assert sorted(Path("new").iterdir()) == before
    assert not Path("new").exists()


def test_a_download_that_another_process_makes_is_left_to_it(tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(BusyError, match="別の処理が書いています"):
        download_laws(None, [], tmp_path)  # type: ignore[arg-type]  # it is not asked
    with file_lock(tmp_path / "all.zip"), pytest.raises(BusyError, match="別の処理が書いています"):
        download_bulk(None, tmp_path / "all.zip")  # type: ignore[arg-type]  # it is not asked


def test_a_split_may_be_made_again_and_after_a_kill(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.commands import split_selection_dataset as program

    def split(*more: str) -> int:
        return run_program(program.main, ["--lawqa-path", Q, "--output-dir", "split", *more])

    assert split() == 0
    real, written = program.write_text, []

    def killed_after_the_first(path: Path, text: str) -> None:
        if written:
            raise KeyboardInterrupt
        real(path, text)
        written.append(path)

    monkeypatch.setattr(program, "write_text", killed_after_the_first)
    assert split("--seed", "7") == 130
    monkeypatch.undo()
    monkeypatch.chdir(place)
    assert split("--seed", "8") == 0
    assert sorted(path.name for path in (place / "split").iterdir()) == [
        "dev.json",
        "split.json",
        "test.json",
        "train.json",
    ]
    (place / "split" / "test.json").write_text("{}", "utf-8")  # edited since
    assert split("--seed", "9") == 1
    assert "test.json は既にあり" in capsys.readouterr().err
    assert (place / "split" / "test.json").read_text("utf-8") == "{}"
