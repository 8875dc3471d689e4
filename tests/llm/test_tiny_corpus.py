"""Generated rules, statements and exercises of the tiny model's pretraining."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from app.llm.tiny_corpus import ITEM_TEMPLATES, TEMPLATES, kanji_number, random_rule, restate, rule_text
from app.llm.tiny_exercises import (
    NO,
    YES,
    Exercise,
    chat,
    draw_exercise,
    judge,
    random_context,
    recall,
    select,
    trial_exercises,
)

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "〇"), (1, "一"), (10, "十"), (11, "十一"), (20, "二十"), (32, "三十二"), (100, "百"), (205, "二百五"), (1000, "千"), (9999, "九千九百九十九")],
)  # fmt: skip
def test_kanji_numbers(value: int, text: str) -> None:
    assert kanji_number(value) == text


@pytest.mark.parametrize("templates", [TEMPLATES, ITEM_TEMPLATES])
def test_every_template_fills_and_restates(templates: tuple[str, ...]) -> None:
    rng = random.Random(0)
    for template in templates:
        for _ in range(20):
            rule = random_rule(rng, [template])
            text = rule_text(rule)
            assert not re.search(r"[{}\[\]]", text)
            plain = restate(rng, rule, true=True, others=[rule], freedom=0.0)
            assert plain.true
            assert plain.text == text.rstrip("。、")
            false = restate(rng, rule, true=False, others=[rule], freedom=0.0)
            assert not false.true
            assert false.altered is not None
            start, end = false.altered
            assert false.text != plain.text
            assert text.startswith(false.text[:start])
            assert plain.text.endswith(false.text[end:])


def test_a_shortened_true_statement_is_made_of_clauses_of_its_rule() -> None:
    rng = random.Random(1)
    for _ in range(300):
        rule = random_rule(rng, ["{subject}は、{place}において、{object}の{verb}をしてはならない。"])
        statement = restate(rng, rule, true=True, others=[rule], freedom=1.0)
        position = 0
        for clause in statement.text.split("、"):
            position = rule_text(rule).index(clause, position) + len(clause)


def marked(exercise: Exercise, role: str) -> list[str]:
    return [exercise.text[mark.start : mark.end] for mark in exercise.marks if mark.role == role]


def test_judge_marks_its_verdicts_and_every_departure() -> None:
    exercise = judge(random.Random(2), rules=2, statements=6, freedom=0.5, headings=True)
    verdicts = marked(exercise, "judge")
    assert len(verdicts) == 6
    assert set(verdicts) <= {YES, NO}
    lines = exercise.text.split("\n\n")[-1].splitlines()
    assert [line[-1] for line in lines] == verdicts
    rules = exercise.text.split("\n\n")[0]
    for line, verdict in zip(lines, verdicts, strict=True):
        if verdict == YES and "、" not in line:
            assert line[:-1][:4] in rules


def test_select_names_exactly_one_of_its_labels() -> None:
    for seed in range(50):
        exercise = select(random.Random(seed), rules=2, choices=4, freedom=0.5, headings=False)
        (answer,) = marked(exercise, "select")
        offered = [line.split(" ")[0] for line in exercise.text.split("\n\n")[1].splitlines()[1:-1]]
        assert len(offered) == 4
        assert offered.count(answer) == 1


def test_chat_answers_after_an_empty_thought_and_stops() -> None:
    exercise = chat(random.Random(4), rules=3, choices=4, freedom=0.5, headings=True)
    (answer,) = marked(exercise, "chat")
    assert marked(exercise, "stop") == ["<|im_end|>"]
    assert exercise.text.endswith(f"<|im_start|>assistant\n<think>\n\n</think>\n\n{answer}<|im_end|>")
    assert len(answer) == 1


def test_recall_asks_for_the_label_of_a_statement_shown_before() -> None:
    for seed in range(30):
        exercise = recall(random.Random(seed), statements=4)
        listed = dict(line.split(" ", 1)[::-1] for line in exercise.text.split("\n\n")[0].splitlines())
        asked = re.findall(r"^「(.*)」→(.)$", exercise.text, re.M)
        assert [listed[text] for text, _ in asked] == [label for _, label in asked] == marked(exercise, "recall")


def test_headings_number_paragraphs_from_one_in_every_article() -> None:
    text = random_context(random.Random(5), 8, headings=True).text
    assert text.startswith("## ")
    for article in re.split(r"### 第\d+条(?:の\d)?\n", text)[1:]:
        numbers = [int(number) for number in re.findall(r"^#### 第(\d+)項$", article, re.M)]
        assert numbers in ([], list(range(1, len(numbers) + 1)), list(range(2, len(numbers) + 2)))


def test_exercises_follow_from_the_seed_alone() -> None:
    for progress in (0.0, 0.3, 0.9):
        first = [draw_exercise(random.Random("1/7"), progress) for _ in range(3)]
        assert first == [draw_exercise(random.Random("1/7"), progress) for _ in range(3)]
    assert trial_exercises(4) == trial_exercises(4)


def test_no_sentence_of_the_sample_is_generated() -> None:
    samples = json.loads(SAMPLE.read_text("utf-8"))["samples"]
    sentences = {line for sample in samples for line in sample["コンテキスト"].splitlines() if not line.startswith("#")}
    choices = {line[2:] for sample in samples for line in sample["選択肢"].splitlines() if len(line) > 12}
    rng = random.Random(6)
    for step in range(400):
        text = draw_exercise(rng, step / 400).text
        lines = {line.lstrip("abcd①②③④アイウエオ甲乙丙丁 ") for line in text.splitlines()} | set(text.splitlines())
        assert not lines & (sentences | choices)
