"""The application on the ferry law with a scripted model, and a folder of experiments."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.files import sha256_file
from app.evaluation.results.file import write_result
from app.serving.application import create_app
from app.serving.desk import Desk

_ANSWERING = runpy.run_path(str(Path(__file__).resolve().parents[1] / "answering/conftest.py"))
ferry_index, model_of, session_with = (_ANSWERING[name] for name in ("ferry_index", "model_of", "session_with"))


@pytest.fixture
def page(session_with: Callable[..., Any]) -> Iterator[Callable[..., TestClient]]:
    """``page(model, token=…)``: a browser without scripts, at http://127.0.0.1."""
    clients: list[TestClient] = []

    def made(model: Any = None, *, feedback: Path | None = None, waiting: int = 32, **options: Any) -> TestClient:
        desk = Desk(session_with(model), feedback=feedback, most_waiting=waiting)
        client = TestClient(create_app(desk, **options), base_url="http://127.0.0.1")
        clients.append(client.__enter__())
        return client

    yield made
    for client in clients:
        client.__exit__(None, None, None)


_EVALUATION = runpy.run_path(str(Path(__file__).resolve().parents[1] / "evaluation/conftest.py"))
make_question, make_outcome = _EVALUATION["make_question"], _EVALUATION["make_outcome"]
PLAN = {"context": "gold", "top_k": 0, "scoring": "letter", "cot": False, "few_shot": False, "orders": 4}
TRAINED: dict[str, list[str]] = {"by_id": [], "by_content": [], "dev": []}


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def result(path: Path, right: int, *, questions: int = 20, adapter: Any = None, **more: Any) -> str:
    """A result of ``questions`` questions (right: c) of which the last ``right`` are right; returns its name."""
    asked = [make_question(number, **more.get("question", {})) for number in range(1, questions + 1)]
    outcomes = [
        make_outcome(one, ("c" if number >= questions - right else "a") * 4) for number, one in enumerate(asked)
    ]
    run = {
        "prompt_version": "1", "plan": PLAN, "adapter": adapter, "distrust": more.get("distrust", []),
        "model": {"backend": "hf", "model": "tiny", "base_model": {"name": "tiny", "config_sha256": "c"}},
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_result(path, run=run, summary={"total": questions, "correct": right}, outcomes=outcomes)
    return str(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    run = {
        "base_model": {"name": "tiny"}, "form": "choice", "train_file": {"questions": 7, "records": 28},
        "training": {
            "steps": 3, "loss_history": [{"step": step, "loss": 4.0 - step} for step in (1, 2, 3)],
            "dev_history": [
                {"step": 0, "accuracy": 0.25, "gold_logprob": -1.4}, {"step": 3, "accuracy": 0.75, "gold_logprob": -0.5},
            ],
            "best": {"step": 3}, "verdict": {"better": "adapter", "reasons": []},
        },
    }  # fmt: skip
    manifest = write(folder / "adapter/run.json", run)
    adapter = {"path": "adapter", "run_sha256": sha256_file(manifest), "trained_on": TRAINED}
    result(folder / "eval/base.json", 5)
    result(folder / "eval/tuned.json", 19, adapter=adapter)
    return folder
