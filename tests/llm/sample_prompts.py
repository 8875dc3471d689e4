"""Prompts of the sample's first questions, by letter and by choice: what every server is held against the local model on."""

from __future__ import annotations

from pathlib import Path

from app.core.prompts import build_choice_prompt, build_mc_prompt_direct
from app.data.lawqa import load_questions

QUESTIONS = load_questions(Path(__file__).resolve().parents[2] / "sample" / "selection.json")[:3]
LETTER_PROMPTS = [build_mc_prompt_direct(one.question, one.choices, one.context, few_shot=False) for one in QUESTIONS]
CHOICE_PROMPTS = [
    build_choice_prompt(one.question, text, one.context) for one in QUESTIONS for text in one.choices.values()
]
