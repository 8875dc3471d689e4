"""The evaluation on a real llama.cpp server gives the numbers of the local one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.commands import evaluate_multiple_choice
from app.core.cli import run_program
from app.core.files import write_json
from app.core.rag_config import environment_names
from app.evaluation.results.file import read_result

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def evaluated(name: str, *options: object) -> Any:
    arguments = ["--data", ROOT / "sample" / "selection.json", "--output", name, "--context", "gold", *options]
    assert run_program(evaluate_multiple_choice.main, [str(one) for one in arguments]) in (0, 3)
    return read_result(Path(name))


@pytest.mark.parametrize("scoring", ["letter", "choice"])
def test_the_numbers_are_those_of_the_local_model(llamacpp_server: Any, scoring: str) -> None:
    asked = ("--samples", 3, "--scoring", scoring)
    here = evaluated("here.json", *asked, "--hf-model-name", llamacpp_server.folder, "--no-hf-load-in-4bit")
    server = ("--llm-backend", "llamacpp", "--llm-host", llamacpp_server.url, "--llm-model", "tiny")
    there = evaluated("there.json", *asked, *server, "--tokenizer", llamacpp_server.folder, "--llm-concurrency", 2)
    for one, other in zip(here.outcomes, there.outcomes, strict=True):
        assert other.predicted == one.predicted
        for mine, theirs in zip(one.answers, other.answers, strict=True):
            assert theirs.prompt_sha256 == mine.prompt_sha256
            assert theirs.prompt_tokens == mine.prompt_tokens
            values = (mine.logprobs, theirs.logprobs) if scoring == "letter" else (mine.log_odds, theirs.log_odds)
            np.testing.assert_allclose(values[1], values[0], atol=1e-4)
    assert there.run["model"]["server"]["same_tokens"] is True
    assert there.run["model"]["tokenizer"] == str(llamacpp_server.folder)


def test_the_run_json_of_the_tokenizer_guards_what_was_trained(
    llamacpp_server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.core.chat import chat_template_hash
    from app.core.prompts import PROMPT_VERSION
    from app.data.lawqa import load_questions
    from app.llm.loading import load_tokenizer

    tokenizer = load_tokenizer(str(llamacpp_server.folder))
    tokenizer.save_pretrained(tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    question = load_questions(ROOT / "sample" / "selection.json")[0]
    write_json(tmp_path / "adapter" / "run.json", {
        "kind": "adapter", "prompt_version": PROMPT_VERSION, "form": "letter", "few_shot": False,
        "chat": {"format": "auto", "template_sha256": chat_template_hash(tokenizer)},
        "trained_question_ids": [question.id], "trained_question_hashes": [], "trained_clusters": [],
        "dev_question_ids": [], "dev_question_hashes": [],
    })  # fmt: skip
    arguments = [
        "--data",
        ROOT / "sample" / "selection.json",
        "--output",
        "x.json",
        "--no-rag",
        "--tokenizer",
        "adapter",
    ]
    server = ["--llm-backend", "llamacpp", "--llm-host", llamacpp_server.url]
    assert run_program(evaluate_multiple_choice.main, [str(one) for one in [*arguments, *server]]) == 1
    assert "1 問はこのアダプタの学習に使われています" in capsys.readouterr().err
