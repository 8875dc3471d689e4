"""The evaluation program end to end on the sample with a random tiny model."""

from __future__ import annotations

import json
import shlex
import shutil
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.commands import build_index, evaluate_multiple_choice
from app.core.cli import run_program
from app.core.files import sha256_file
from app.core.prompts import CHOICE_PROMPT_VERSION, PROMPT_VERSION
from app.evaluation.results.file import read_result
from app.evaluation.running.progress_file import progress_path
from app.llm.model_files import files_sha256
from tests.local_server import LocalServer

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
DATA = SAMPLE / "selection.json"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's .env nor the environment may reach a test."""
    monkeypatch.chdir(tmp_path)
    for name in ("LORA_PATH", "HF_MODEL_NAME", "LLM_BACKEND", "LLM_MODEL", "OLLAMA_HOST", "RETRIEVER_INDEX_DIR"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object) -> int:
    return run_program(evaluate_multiple_choice.main, [str(argument) for argument in arguments])


def hf(model: Path, output: Path, *more: object) -> list[object]:
    return [
        "--data", DATA, "--output", output, "--hf-model-name", model, "--no-hf-load-in-4bit", "--samples", 2, *more,
    ]  # fmt: skip


def test_gold_context_in_four_orders(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.json"
    assert run(*hf(tiny_model_dir, output, "--context", "gold")) == 0
    result = read_result(output)
    assert result.run["plan"]["orders"] == 4
    assert result.run["data"]["questions"] == 2
    assert all(len(outcome.answers) == 4 and outcome.context for outcome in result.outcomes)
    captured = capsys.readouterr()
    assert captured.out.startswith("正解率（4 通りの並びの確率の平均） ")
    assert "2 問の対応ある比較" in captured.err


def test_the_settings_are_written_and_taken_back_and_typed_options_win(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "base.json"
    monkeypatch.setenv("HF_MODEL_NAME", str(tiny_model_dir))
    first = ["--data", DATA, "--output", output, "--no-hf-load-in-4bit", "--samples", 2, "--context", "gold"]
    report = tmp_path / "base.html"
    assert run(*first, "--orders", 1, "--seed", 3, "--report", report) == 0
    first_report = report.read_bytes()
    settings = tmp_path / "base.run.yaml"
    lines = settings.read_text("utf-8").splitlines()
    assert lines[0] == (
        f"# python scripts/evaluate_multiple_choice.py --config {settings} --output {tmp_path / 'base_2.json'}"
    )
    assert f"hf_model_name: {tiny_model_dir}" in lines  # as it took effect: another environment changes nothing
    assert {"context: gold", "orders: 1", "seed: 3", "samples: 2", "hf_load_in_4bit: false"} <= set(lines)
    monkeypatch.setenv("HF_MODEL_NAME", "elsewhere/model")
    assert run(*shlex.split(lines[0])[3:]) == 0
    assert report.read_bytes() == first_report  # of the first result, whatever is asked again
    one, two = read_result(output), read_result(tmp_path / "base_2.json")
    assert two.run["plan"] == one.run["plan"]
    assert [outcome.as_row() for outcome in two.outcomes] == [outcome.as_row() for outcome in one.outcomes]
    assert run("--config", settings, "--output", tmp_path / "other.json", "--seed", 4, "--samples", 1) == 0
    other = read_result(tmp_path / "other.json")
    assert (other.run["plan"]["seed"], len(other.outcomes)) == (4, 1)


def test_the_majority_on_request(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*hf(tiny_model_dir, tmp_path / "out.json", "--no-rag", "--majority")) == 0
    result = read_result(tmp_path / "out.json")
    assert result.run["plan"]["ensemble"] is False
    assert result.summary["ties"] is not None
    assert capsys.readouterr().out.startswith("正解率（4 通りの並びの多数決） ")


def test_weights_that_were_changed_between_are_not_resumed_with_and_another_spelling_is(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    from app.evaluation.running import evaluate as module

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    model, output = tmp_path / "model", tmp_path / "out.json"
    shutil.copytree(tiny_model_dir, model)
    (tmp_path / "link").symlink_to(model)
    monkeypatch.setattr(module, "write_result", killed)
    assert run(*hf(model, output, "--no-rag")) == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run(*hf(Path("link/../model/"), Path("out.json"), "--no-rag", "--resume")) == 0
    facts = read_result(output).run["model"]
    assert facts["base_model"]["weights_sha256"] == sha256_file(model / "model.safetensors")
    assert (facts["quantization"], facts["device"], facts["chat_format"]) == (None, "cpu", "auto")
    before = files_sha256(str(model)) or ""
    tensors = load_file(model / "model.safetensors")
    tensors[sorted(tensors)[0]].view(-1)[0] += 1
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    stored = progress_path(output).read_bytes()
    capsys.readouterr()
    assert run(*hf(model, output, "--no-rag", "--resume")) == 1
    change = f"files_sha256 {before[:12]}… → {(files_sha256(str(model)) or '')[:12]}…"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"エラー: {progress_path(output)}: 別の設定で始めた評価の記録です（違い: モデル（{change}））。"
        "同じ設定で --resume するか、このファイルを移して（または --resume を外して）はじめからやり直してください。"
    )
    assert progress_path(output).read_bytes() == stored


def test_every_choice_judged_by_itself(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.json"
    assert run(*hf(tiny_model_dir, output, "--context", "gold", "--scoring", "choice")) == 0
    result = read_result(output)
    assert result.run["plan"]["orders"] == 1
    assert result.run["prompt_version"] == CHOICE_PROMPT_VERSION
    for outcome in result.outcomes:
        (answer,) = outcome.answers
        assert answer.log_odds is not None
        assert len(answer.log_odds) == 4
        assert outcome.form == "choice"
    assert result.summary["statements"]["total"] == 8
    assert "選択肢を一つずつ数えると: 判断の正解率" in capsys.readouterr().out


def test_one_order_gives_the_first_answers_of_four(tiny_model_dir: Path, tmp_path: Path) -> None:
    run(*hf(tiny_model_dir, tmp_path / "four.json", "--no-rag"))
    run(*hf(tiny_model_dir, tmp_path / "one.json", "--no-rag", "--orders", 1))
    four, one = read_result(tmp_path / "four.json").outcomes, read_result(tmp_path / "one.json").outcomes
    for many, single in zip(four, one, strict=True):
        assert many.answers[0].logprobs is not None
        assert single.answers[0].logprobs is not None
        np.testing.assert_allclose(many.answers[0].logprobs, single.answers[0].logprobs, atol=1e-4)
        assert many.answers[0].prompt_sha256 == single.answers[0].prompt_sha256


def test_cot_and_text_are_written_and_scored(tiny_model_dir: Path, tmp_path: Path) -> None:
    output = tmp_path / "cot.json"
    arguments = ("--no-rag", "--use-cot", "--scoring", "both", "--max-new-tokens", 8)
    assert run(*hf(tiny_model_dir, output, *arguments)) == 0
    for outcome in read_result(output).outcomes:
        answer = outcome.answers[0]
        assert answer.predicted in "abcd"
        assert answer.text is not None
        assert answer.text_status in ("truncated", "unparsed", "ok", "ambiguous", "empty")


def test_rag_finds_articles_in_the_sample_index(tiny_model_dir: Path, tmp_path: Path) -> None:
    from app.commands import build_index

    index = tmp_path / "index"
    assert run_program(build_index.main, ["--source", str(SAMPLE / "laws"), "--index-dir", str(index)]) == 0
    output = tmp_path / "rag.json"
    assert run(*hf(tiny_model_dir, output, "--context", "rag", "--top-k", 2, "--index-dir", index)) == 0
    result = read_result(output)
    assert all(1 <= len(outcome.passages) <= 2 for outcome in result.outcomes)
    assert result.summary["retrieval"]["k"] == 2
    assert len(result.run["index"]["corpus_hash"]) == 64
    assert result.run["index"]["retriever"]["type"] == "bm25"
    assert result.run["index"]["law_since"] == "2026-01-01"  # the last revision of the sample to come into force


def test_a_missing_index_stops_the_run(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "rag.json"
    assert run(*hf(tiny_model_dir, output, "--index-dir", tmp_path / "none")) == 1
    assert "build_index.py" in capsys.readouterr().err
    assert not output.exists()


@pytest.fixture
def adapter(tiny_model_dir: Path, tmp_path: Path) -> Path:
    from peft import LoraConfig, get_peft_model

    from app.core.chat import chat_template_hash
    from app.llm.loading import base_model_facts, load_base_model, load_tokenizer

    folder = tmp_path / "adapter"
    base = load_base_model(str(tiny_model_dir), quantization=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for a name that will go in v6
        get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")).save_pretrained(folder)
    manifest = {
        "base_model": base_model_facts(str(tiny_model_dir), base),
        "chat": {"format": "auto", "template_sha256": chat_template_hash(load_tokenizer(str(tiny_model_dir)))},
        "prompt_version": PROMPT_VERSION, "few_shot": True, "train_mode": "direct",
        "trained_question_ids": [], "trained_question_hashes": [],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def change(folder: Path, **values: Any) -> None:
    manifest = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps({**manifest, **values}), "utf-8")


def test_an_adapter_is_asked_as_it_was_trained(tiny_model_dir: Path, tmp_path: Path, adapter: Path) -> None:
    output = tmp_path / "tuned.json"
    assert run(*hf(tiny_model_dir, output, "--no-rag", "--hf-lora-path", adapter)) == 0
    stored = read_result(output).run
    assert stored["plan"]["few_shot"] is True
    assert stored["adapter"]["path"] == str(adapter)
    assert stored["adapter"]["trained_on"] == {"by_id": [], "by_content": [], "dev": []}


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({}, ["--no-few-shot"], "--few-shot を指定するか"),
        ({}, ["--chat-format", "plain"], "--chat-format auto で学習"),
        ({"prompt_version": "0"}, [], "prompt_version"),
        ({"base_model": {"name": "Qwen/Qwen3-8B"}}, [], "--hf-model-name Qwen/Qwen3-8B"),
    ],
)
def test_an_adapter_asked_otherwise_is_refused_by_option(
    tiny_model_dir: Path, tmp_path: Path, adapter: Path, capsys: pytest.CaptureFixture[str],
    values: dict[str, Any], options: list[str], message: str,
) -> None:  # fmt: skip
    change(adapter, **values)
    output = tmp_path / "tuned.json"
    assert run(*hf(tiny_model_dir, output, "--no-rag", "--hf-lora-path", adapter, *options)) == 1
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_trained_questions_exit_1_and_with_leave_3(
    tiny_model_dir: Path, tmp_path: Path, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [sample["ファイル名"] for sample in json.loads(DATA.read_text("utf-8"))["samples"]]
    change(adapter, trained_question_ids=ids)
    output = tmp_path / "leak.json"
    arguments = hf(tiny_model_dir, output, "--no-rag", "--hf-lora-path", adapter)
    assert run(*arguments) == 1
    assert "2 問のうち 2 問はこのアダプタの学習に使われています" in capsys.readouterr().err
    assert not output.exists()
    assert run(*arguments, "--allow-trained") == 3
    assert read_result(output).run["distrust"] == ["TRAINED: 2 問はアダプタの学習に使われた問題です（--allow-trained）"]


def test_plan_says_what_can_be_shown_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", DATA, "--samples", 40, "--plan") == 0
    captured = capsys.readouterr()
    assert "約 22 ポイント以上" in captured.out
    assert captured.err == ""


def test_closed_book_stands_in_the_ladder_of_gold_context(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*hf(tiny_model_dir, tmp_path / "none.json", "--no-rag", "--orders", 1)) == 0
    assert run(*hf(tiny_model_dir, tmp_path / "gold.json", "--context", "gold", "--orders", 1)) == 0
    first, second = (read_result(tmp_path / f"{name}.json").summary for name in ("none", "gold"))
    assert first["other_contexts"] == []  # it was run first
    (rung,) = second["other_contexts"]
    assert (rung["context"], rung["accuracy"]) == ("none", first["accuracy"])
    assert "同じモデルの別の文脈: 文脈なし" in capsys.readouterr().out


def test_report_is_written_beside_the_result(tiny_model_dir: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    assert run(*hf(tiny_model_dir, tmp_path / "out.json", "--no-rag", "--report", report)) == 0
    assert report.read_text("utf-8").lstrip().startswith("<!")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", DATA], 2, "--data と --output"),
        (["--data", DATA, "--output", "x.json", "--context", "all"], 2, "invalid choice"),
        (["--data", "none.json", "--output", "x.json"], 1, "none.json: ファイルがありません"),
        (["--data", DATA, "--output", "x.json", "--samples", 0], 1, "--samples"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--context", "gold"], 1, "--no-rag と --context gold"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--reading-test"], 1, "--no-rag とは使えません"),
        (["--data", DATA, "--output", "x.json", "--context", "rag", "--reading-test"], 1, "--context rag とは使えません"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--scoring", "choice", "--orders", "4"], 1, "--orders 4 とは使えません"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--scoring", "choice", "--use-cot"], 1, "--use-cot とは使えません"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--ensemble", "--majority"], 2, "--majority"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--llm-backend", "ollama", "--scoring", "choice", "--think"], 1,
         "--think は答えの前に"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--llm-backend", "ollama", "--scoring", "letter",
          "--use-cot"], 1, "--use-cot は答えの前に理由を書かせ"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--hf-model-name", "./none"], 1, "モデルのフォルダがありません"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--hf-lora-path", "none"], 1, "アダプタのフォルダがありません"),
        (["--data", DATA, "--output", "x.json", "--no-rag", "--bnb-4bit-quant-type", "int4"], 1, "BNB_4BIT_QUANT_TYPE"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_line(
    arguments: list[object], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = run(*arguments)
    except SystemExit as stop:  # argparse's own
        found = int(stop.code or 0)
    assert found == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not Path("x.json").exists()


@pytest.fixture
def ollama() -> Iterator[str]:
    """A server that answers every question with b."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            data = json.dumps({"message": {"content": "回答: b"}, "prompt_eval_count": 9, "eval_count": 3}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = LocalServer(Handler)
    yield server.url
    server.close()


def test_ollama_is_read_from_its_text(ollama: str, tmp_path: Path) -> None:
    output = tmp_path / "ollama.json"
    arguments = ["--data", DATA, "--output", output, "--no-rag", "--samples", 3, "--llm-backend", "ollama"]
    assert run(*arguments, "--llm-model", "qwen3:8b", "--llm-host", ollama) == 0
    result = read_result(output)
    assert [outcome.predicted for outcome in result.outcomes] == ["b", "b", "b"]
    assert result.run["model"]["num_ctx"] == 8192
    assert result.run["model"]["think"] is False
    assert result.summary["tokens"] == {"prompt": 27, "new": 9}


def test_a_server_without_probabilities_cannot_judge(
    ollama: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "ollama.json"
    arguments = ["--data", DATA, "--output", output, "--no-rag", "--samples", 4, "--llm-backend", "ollama"]
    assert run(*arguments, "--llm-model", "m", "--llm-host", ollama, "--scoring", "choice") == 1
    assert "トークンの確率（logprobs、top_logprobs）がありません" in capsys.readouterr().err
    assert not output.exists()


def test_a_tokenizer_without_the_pair_is_refused_and_nothing_written(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "no-circle"
    shutil.copytree(tiny_model_dir, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    circle = "âĹĭ"  # ○ in the byte-level alphabet
    merges = tokenizer["model"]["merges"]
    kept = [pair for pair in merges if circle not in "".join(pair)]
    assert len(kept) < len(merges)
    tokenizer["model"]["merges"] = kept
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    assert run(*hf(folder, tmp_path / "out" / "x.json", "--no-rag", "--scoring", "choice")) == 1
    assert "トークナイザに「○」を表す単独のトークンがありません" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
    assert run(*hf(folder, tmp_path / "x.json", "--no-rag", "--orders", 1)) == 0  # letters need no pair


def test_an_examination_is_evaluated_per_statement_and_by_years(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = tmp_path / "exam.jsonl"
    rows = [
        {"id": f"{number}", "year": 2018 + number, "question": f"問{number}で正しいのはどれか。", "choices": list("一二三四五"), "answer": answer}
        for number, answer in enumerate(([1], [2, 4], [5]))
    ]  # fmt: skip
    exam.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    arguments = ["--data", exam, "--no-rag", "--hf-model-name", tiny_model_dir, "--no-hf-load-in-4bit"]
    assert run(*arguments, "--output", tmp_path / "letter.json") == 1
    assert (
        "1: 正解が 2 つある問題なので、--scoring letter では採点できません。--scoring choice" in capsys.readouterr().err
    )
    assert not (tmp_path / "letter.json").exists()
    assert run(*arguments, "--output", tmp_path / "both.json", "--both-forms") == 1
    assert "1: 正解が 2 つある問題なので、二つの形では尋ねられません。--both-forms" in capsys.readouterr().err
    assert run(*arguments, "--output", tmp_path / "x.json", "--scoring", "choice", "--report", tmp_path / "x.html") == 0
    summary = read_result(tmp_path / "x.json").summary
    assert summary["statements"]["total"] == 15
    assert {name: group["total"] for name, group in summary["by_law"].items()} == {"2019 年以前": 2, "2020 年以降": 1}
    assert {name: group["total"] for name, group in summary["by_right_count"].items()} == {"1": 2, "2": 1}
    assert "正解の数別" in (tmp_path / "x.html").read_text("utf-8")


def test_both_forms_are_asked_and_put_together(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "both.json"
    arguments = hf(tiny_model_dir, output, "--context", "gold", "--both-forms")
    assert run(*arguments) in (0, 3)  # an untrained model may answer one letter only
    printed = capsys.readouterr().out
    assert "一つずつの判断と文字を合わせると（both_letter.json" in printed
    choice, letter = read_result(output), read_result(tmp_path / "both_letter.json")
    assert [one.run["plan"]["scoring"] for one in (choice, letter)] == ["choice", "letter"]
    assert [len(one.answers) for one in letter.outcomes] == [4] * len(choice.outcomes)
    row = choice.summary["both_forms"]
    assert [row[name]["accuracy"] for name in ("choice", "letter")] == [
        one.summary["accuracy"] for one in (choice, letter)
    ]
    before = {path.name: path.read_bytes() for path in tmp_path.glob("both*.json")}
    assert run(*arguments, "--resume") in (0, 3)  # nothing is asked twice
    after = {name: read_result(tmp_path / name).outcomes for name in before}
    assert after == {"both.json": choice.outcomes, "both_letter.json": letter.outcomes}
    # The letters come first, and do not speak of what the same run is about to replace.
    assert read_result(tmp_path / "both_letter.json").summary["both_forms"] is None


def test_the_reading_test_asks_in_three_contexts(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index"
    assert run_program(build_index.main, ["--source", str(SAMPLE / "laws"), "--index-dir", str(index)]) == 0
    output = tmp_path / "read.json"
    arguments = hf(tiny_model_dir, output, "--scoring", "choice", "--reading-test", "--index-dir", index)
    capsys.readouterr()
    assert run(*arguments) == 0
    assert "条文を読んでいるか" in capsys.readouterr().out
    plans = {
        name: read_result(tmp_path / name).run["plan"] for name in ("read_none.json", "read_removed.json", "read.json")
    }
    assert [(plan["context"], plan["top_k"]) for plan in plans.values()] == [("none", 0), ("removed", 3), ("gold", 0)]
    removed = read_result(tmp_path / "read_removed.json").outcomes
    assert all(len(outcome.passages) == 3 and not any(p.gold for p in outcome.passages) for outcome in removed)
    assert [row["context"] for row in read_result(output).summary["reading"]] == ["none", "removed"]
