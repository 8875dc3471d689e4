"""Results of twelve questions that are right or wrong as a test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.evaluation.results.file import Result

QUESTIONS = 12
RUN: dict[str, Any] = {"prompt_version": "1", "plan": {"scoring": "letter"}, "adapter": None, "distrust": []}


@pytest.fixture
def result_of(question_of: Any, outcome_of: Any) -> Any:
    def make(name: str, right: set[int]) -> Result:
        questions = [question_of(number, "abcd"[number % 4]) for number in range(QUESTIONS)]
        outcomes = [
            outcome_of(one, [one.correct if number in right else "abcd"[number % 4 - 1]] * 4)
            for number, one in enumerate(questions)
        ]
        share = len(right) / QUESTIONS
        summary = {
            "accuracy": share,
            "correct": len(right),
            "total": QUESTIONS,
            "orders": {"accuracy": share},
            "gold_logprob": None,
            "statements": None,
        }
        return Result(Path(f"{name}.json"), RUN, summary, tuple(outcomes))

    return make
