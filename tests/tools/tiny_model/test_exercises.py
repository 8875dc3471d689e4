"""Exercises of the tiny model's pretraining: what they mark, and what must not be in them."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from app.core.chat import CHATML_TEMPLATE
from app.core.prompts import (
    CHOICE_INSTRUCTION,
    COT_INSTRUCTIONS,
    DIRECT_CONTEXT_NOTE,
    DIRECT_INSTRUCTION,
    FITS,
    FITS_NOT,
    build_choice_prompt,
    build_mc_prompt_direct,
)
from tools.tiny_model.contexts import random_context
from tools.tiny_model.exercises import (
    FAILS,
    HOLDS,
    Exercise,
    dialogue,
    draw_exercise,
    judge,
    tokenizer_texts,
    trial_exercises,
)

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "selection.json"


def marked(exercise: Exercise, role: str) -> list[str]:
    return [exercise.text[mark.start : mark.end] for mark in exercise.marks if mark.role == role]


def test_judge_marks_its_verdicts_and_every_departure() -> None:
    rng = random.Random(2)
    for _ in range(30):
        exercise = judge(rng, random_context(rng, 2, "headings"), statements=6, freedom=0.5)
        verdicts = marked(exercise, "judge")
        assert len(verdicts) == 6
        assert set(verdicts) <= {HOLDS, FAILS}
        lines = exercise.text.rpartition("\n\n")[2].splitlines()
        assert [line[-1] for line in lines] == verdicts
        assert len(marked(exercise, "departs")) == verdicts.count(FAILS)


def test_a_dialogue_answers_after_an_empty_thought_and_stops_each_time() -> None:
    rng = random.Random(4)
    for _ in range(30):
        exercise = dialogue(rng, random_context(rng, 3, "articles"), statements=4, freedom=0.5)
        turns = exercise.text.split("<|im_start|>")[1:]
        assert [turn.partition("\n")[0] for turn in turns] == ["user", "assistant"] * 4
        answers = marked(exercise, "chat")
        assert [turn for turn in turns if turn.startswith("assistant")] == [
            f"assistant\n<think>\n\n</think>\n\n{answer}<|im_end|>" + "\n" * (index < 3)
            for index, answer in enumerate(answers)
        ]
        assert set(answers) <= {HOLDS, FAILS}
        assert marked(exercise, "stop") == ["<|im_end|>"] * 4


def test_signs_are_shared_out_evenly_over_true_and_false_statements() -> None:
    rng = random.Random(9)
    truths: dict[str, list[bool]] = {}
    for _ in range(300):
        exercise = dialogue(rng, random_context(rng, 2, "headings"), statements=4, freedom=0.5, signs=True)
        departed = [mark.start for mark in exercise.marks if mark.role == "departs"]
        places = [mark.start for mark in exercise.marks if mark.role == "sign"]
        assert len(places) == 4
        for low, high in zip([0, *places[:-1]], places, strict=True):
            truths.setdefault(exercise.text[high], []).append(not any(low < place < high for place in departed))
    assert set(truths) == {FITS, FITS_NOT, *"abcd①②③④⑤"}
    for sign in (FITS, FITS_NOT):
        assert len(truths[sign]) > 200
        assert 0.44 < sum(truths[sign]) / len(truths[sign]) < 0.56


def test_exercises_follow_from_the_seed_alone() -> None:
    for progress in (0.0, 0.3, 0.9):
        first = [draw_exercise(random.Random("1/7"), progress) for _ in range(3)]
        assert first == [draw_exercise(random.Random("1/7"), progress) for _ in range(3)]
    assert trial_exercises(2) == trial_exercises(2)


@pytest.fixture(scope="module")
def generated() -> list[str]:
    rng = random.Random(6)
    drawn = [draw_exercise(rng, step / 600).text for step in range(600)]
    trials = [exercise.text for exercises in trial_exercises(4).values() for exercise in exercises]
    return [*drawn, *trials, *tokenizer_texts(1, count=200)]


def test_no_sentence_of_the_sample_is_generated(generated: list[str]) -> None:
    samples = json.loads(SAMPLE.read_text("utf-8"))["samples"]
    sentences = {line for sample in samples for line in sample["コンテキスト"].splitlines() if not line.startswith("#")}
    choices = {line[2:] for sample in samples for line in sample["選択肢"].splitlines() if len(line) > 12}
    questions = {sample["問題文"] for sample in samples}
    for text in generated:
        lines = {re.sub(rf"[{HOLDS}{FAILS}]$", "", line) for line in text.splitlines()} | set(text.splitlines())
        assert not lines & (sentences | choices | questions)


def test_the_product_s_prompts_are_not_generated(generated: list[str]) -> None:
    prompts = (
        build_choice_prompt("〓", "〓", "〓"),
        build_mc_prompt_direct("〓", dict.fromkeys("abcd", "〓"), "〓", few_shot=True),
    )
    headings = {heading for prompt in prompts for heading in re.findall("【.+?】", prompt)}
    assert {"【参照条文】", "【問題】", "【候補】", "【選択肢】"} <= headings
    orders = (CHOICE_INSTRUCTION, DIRECT_INSTRUCTION, DIRECT_CONTEXT_NOTE, *COT_INSTRUCTIONS.values())
    sentences = {sentence for order in orders for sentence in re.findall("[^。]+。", order)}
    assert len(sentences) >= 8
    for text in generated:
        assert not [wording for wording in headings | sentences if wording in text]
        assert CHATML_TEMPLATE not in text


def test_the_product_s_answers_are_never_verdicts(generated: list[str]) -> None:
    rng = random.Random(8)
    for step in range(300):
        exercise = draw_exercise(rng, step / 300)
        assert not {FITS, FITS_NOT} & {*marked(exercise, "judge"), *marked(exercise, "chat")}
