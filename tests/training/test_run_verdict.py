"""Which model a run's dev file calls the better one, and the evaluation that its run.json leads to."""

from __future__ import annotations

from typing import Any

import pytest

from app.commands import evaluate_multiple_choice
from app.core.options import from_arguments
from app.evaluation.running.resolving import config_of, resolve_plan
from app.evaluation.running.settings import EvaluationSettings
from app.training.run_verdict import context_to_ask_with, evaluation_command, outcome_lines, untuned_note, verdict
from tools.pages.commands import shell_commands


def row(step: int, accuracy: float, logprob: float, *, collapsed: bool = False) -> dict[str, Any]:
    return {"step": step, "accuracy": accuracy, "gold_logprob": logprob, "collapsed": collapsed}


@pytest.mark.parametrize(
    ("accuracy", "questions", "part"),
    [
        (0.5, 12, None),
        (0.8, 30, None),  # six wrong: all put right is p = .031
        (0.9, 30, "学習前の誤答は 3 問だけ"),
        (1.0, 30, "学習前の誤答は 0 問だけ"),
        (0.0, 5, "dev は 5 問しかない"),
    ],
)
def test_what_a_dev_file_can_show(accuracy: float, questions: int, part: str | None) -> None:
    note = untuned_note(accuracy, questions)
    assert note is None if part is None else note is not None and part in note


@pytest.mark.parametrize(
    ("history", "questions", "better", "reasons"),
    [
        ([row(0, 0.3, -1.4), row(5, 0.5, -1.2)], 20, "adapter", []),
        ([row(0, 0.3, -1.2), row(5, 0.5, -1.3), row(9, 0.6, -1.2)], 20, "start", ["below_start"]),
        ([row(0, 0.9, -0.4), row(5, 1.0, -0.2)], 20, "start", ["saturated"]),
        ([row(0, 0.3, -1.4), row(5, 0.3, -1.2, collapsed=True)], 20, "start", ["collapsed"]),
        ([row(0, 0.9, -0.1), row(5, 0.9, -0.2)], 20, "start", ["saturated", "below_start"]),
        ([row(0, 1.0, -1.4), row(5, 1.0, -1.2)], 4, "adapter", []),
    ],
)
def test_the_verdict(history: list[dict[str, Any]], questions: int, better: str, reasons: list[str]) -> None:
    made = verdict(history, history[-1], questions)
    assert made == {"better": better, "reasons": reasons, "questions": questions, "too_few": questions < 6}


def test_a_step_that_was_not_kept_speaks_for_nothing() -> None:
    """It gave the right answers more, by giving one letter nearly always; what is kept is worse than the start."""
    history = [row(0, 0.3, -2.0), row(20, 0.25, -1.39, collapsed=True), row(40, 0.3, -2.6)]
    made = verdict(history, history[-1], 20)
    assert made == {"better": "start", "reasons": ["below_start"], "questions": 20, "too_few": False}


@pytest.mark.parametrize(
    ("quantization", "options"),
    [
        ({"compute_dtype": "bfloat16", "quant_type": "nf4"}, ""),
        (
            {"compute_dtype": "float16", "quant_type": "fp4"},
            "--bnb-4bit-quant-type fp4 --bnb-4bit-compute-dtype float16 ",
        ),
        ({"compute_dtype": "float16", "quant_type": "nf4"}, "--bnb-4bit-compute-dtype float16 "),
        (None, ""),
    ],
)
def test_the_evaluation_is_of_the_base_as_it_was_stored(quantization: Any, options: str) -> None:
    command = evaluation_command(manifest(quantization=quantization))
    assert f"--context gold {options}--output" in command


def test_no_dev_no_verdict() -> None:
    assert verdict([], None, 0) is None


def manifest(**more: Any) -> dict[str, Any]:
    history = [row(0, 0.3, -1.2), row(5, 0.5, -1.4)]
    made: dict[str, Any] = {
        "config": {"model_name": "org/model", "output_dir": "runs/my run", "use_4bit": True},
        "form": "letter", "train_mode": "direct", "few_shot": False, "few_shot_path": None, "context_source": "gold",
        "retriever_type": "gold", "top_k": 0, "index_dir": None, "init_adapter": None,
        "training": {
            "steps": 9, "best": history[1], "dev_history": history,
            "verdict": {"better": "start", "reasons": ["below_start"], "questions": 20, "too_few": False},
        },
    }  # fmt: skip
    return made | more


def test_the_outcome_names_the_step_and_the_better_model() -> None:
    assert outcome_lines(manifest()) == [
        "残したアダプタ: 5 ステップ目（dev の正答の対数確率 -1.400、学習前 -1.200、正答率 50.0%）",
        "注意: 使うなら、このアダプタではなく調整前のモデルです。dev の正答の対数確率が、学習前（-1.200）を上回っていません。",
    ]
    second = outcome_lines(manifest(init_adapter={"path": "runs/one"}))
    assert "--init-adapter のアダプタです" in second[1]
    plain = {"steps": 9, "best": None, "dev_history": [], "verdict": None}
    assert outcome_lines(manifest(training=plain)) == ["残したアダプタ: 最後の 9 ステップ目"]


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, {"context": "gold", "scoring": "letter", "few_shot": False, "cot": False}),
        ({"form": "choice", "context_source": "none"}, {"context": "none", "scoring": "choice"}),
        (
            {"form": "choice", "context_source": "rag", "top_k": 5, "index_dir": "data/my index"},
            {"context": "rag", "top_k": 5, "scoring": "choice"},
        ),
        ({"context_source": "distractors", "top_k": 3}, {"context": "rag", "top_k": 3, "scoring": "letter"}),
        ({"train_mode": "cot", "few_shot": True}, {"cot": True, "few_shot": False}),
        ({"few_shot": True}, {"few_shot": True}),
        ({"form": "choice", "cited_words": True}, {"scoring": "choice", "cited_words": True}),
        ({"context_source": None, "retriever_type": "bm25", "top_k": [0, 3]}, {"context": "rag", "top_k": 3}),
    ],
)
def test_the_evaluation_command_asks_as_the_adapter_learned(more: dict[str, Any], asked: dict[str, Any]) -> None:
    whole = manifest(**more)
    (command,) = shell_commands(f"```bash\n{evaluation_command(whole)}\n```", "log")
    arguments = evaluate_multiple_choice.parser().parse_args(command.arguments)
    assert str(arguments.output) == "runs/my run/eval.json"
    assert str(arguments.hf_lora_path) == "runs/my run"
    assert arguments.hf_load_in_4bit is True
    assert arguments.index_dir is None or str(arguments.index_dir) == whole["index_dir"]
    settings = from_arguments(EvaluationSettings, arguments)
    plan = resolve_plan(settings, config_of(settings), None)
    assert {name: getattr(plan, name) for name in asked} == asked


def test_examples_from_a_file_are_named() -> None:
    text = evaluation_command(manifest(few_shot=True, few_shot_path="data/例題.json"))
    assert "--few-shot-path data/例題.json --output" in text


@pytest.mark.parametrize(
    ("sources", "kinds", "context"),
    [(["gold", "none"], "gold", "gold"), (["gold", "rag"], ["bm25", "gold"], "rag"), (None, "none", "none")],
)
def test_mixed_contexts_are_asked_with_the_one_that_is_searched(sources: Any, kinds: Any, context: str) -> None:
    assert context_to_ask_with({"context_source": sources, "retriever_type": kinds}) == context
