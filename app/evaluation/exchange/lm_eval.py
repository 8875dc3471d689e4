"""The questions as a task of lm-evaluation-harness, so that the field's own evaluator can check our numbers.

https://github.com/EleutherAI/lm-evaluation-harness. A row is one question in one order; the harness compares the
log-probabilities of the four letters as the continuation of the prompt, which is what ``score_letters`` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import sha256_bytes, sha256_text, to_json
from ...core.outputs import Ours
from ...core.prompts import PROMPT_VERSION
from ...core.questions import LETTERS, Question, reorder
from ..running.asking import check_questions, prompts_of
from ..running.plan import RETRIEVED, EvaluationPlan

_MARK = "# horei-ft export_lm_eval.py sha256:"


def lm_eval_rows(questions: Sequence[Question], plan: EvaluationPlan) -> list[dict[str, Any]]:
    """One row per question and order, with the prompt that our own evaluation asks.

    ``plan.context`` is none or gold. Raises ValueError for the others, whose context depends on an index, and DataError for a
    question that has not four choices, one of them right.
    """
    if plan.context in RETRIEVED:
        raise ValueError("a retrieved context is not part of the questions")
    check_questions(questions, plan)
    rows = []
    for question in questions:
        if len(question.choices) != len(LETTERS):
            raise DataError(
                f"{question.id}: 選択肢が {len(question.choices)} 個の問題は書き出せません（課題の答えは a、b、c、d の四つ）。"
                "四択の問題だけのファイルを指定してください。"
            )
        prompts = prompts_of(question, question.context if plan.context == "gold" else None, plan)
        for order, prompt in zip(plan.orders_for(question), prompts, strict=True):
            shown = question if order == question.order else reorder(question, order)
            rows.append({
                "id": question.id,
                "order": order,
                "prompt": prompt,
                "label": LETTERS.index(shown.correct),
                "law": question.law,
                "polarity": question.polarity,
                "prompt_sha256": sha256_text(prompt),
            })  # fmt: skip
    return rows


def task_yaml(task: str, rows_path: Path) -> str:
    """The task file: a comment that names this program and the SHA-256 of the rest, by which ``own_task`` knows it."""
    fields = _task_fields(task, rows_path)
    return f"{_MARK}{sha256_text(fields)}\n{fields}"


def own_task(task: str, rows_path: Path) -> Ours:
    """Whether a task file is one that ``task_yaml`` wrote and nobody has edited since. Those of a version that wrote no
    mark are known where they are this very task."""

    def ours(path: Path) -> bool:
        text = path.read_bytes()
        mark, _, fields = text.partition(b"\n")
        return mark == f"{_MARK}{sha256_bytes(fields)}".encode() or text == _task_fields(task, rows_path).encode()

    return ours


def _task_fields(task: str, rows_path: Path) -> str:
    """What the task file says. Values are written as JSON, which is YAML too.

    ``target_delimiter`` is empty because the harness would otherwise put a space before the letter; ``doc_to_text`` and
    ``doc_to_target`` are names of fields, so that braces in a statute are not taken for a template.
    """
    fields: dict[str, Any] = {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows_path.resolve())}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "prompt",
        "doc_to_choice": list(LETTERS),
        "doc_to_target": "label",
        "target_delimiter": "",
        "num_fewshot": 0,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": f"prompts-{PROMPT_VERSION}"},
    }
    return "".join(f"{name}: {to_json(value)}\n" for name, value in fields.items())
