"""Generated rules, statements and contexts of the tiny model's pretraining."""

from __future__ import annotations

import random
import re

import pytest

from tools.tiny_model.contexts import Layout, random_context
from tools.tiny_model.corpus import ITEM_TEMPLATES, TEMPLATES, any_rule, free_rule, random_rule, rule_text
from tools.tiny_model.names import kanji_number
from tools.tiny_model.statements import name_statement, restate


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
            assert 0 <= start <= end


def test_a_free_rule_is_one_sentence_of_parts_that_can_be_exchanged() -> None:
    rng = random.Random(2)
    for _ in range(200):
        rule = free_rule(rng)
        assert rule_text(rule).count("。") == 1
        false = restate(rng, rule, true=False, others=(), freedom=0.0)
        assert false.text != rule_text(rule).rstrip("。")


def is_made_of(statement: str, text: str) -> bool:
    """Whether the signs of ``statement`` stand in ``text`` in this order."""
    found = iter(text)
    return all(sign in found for sign in statement)


def test_a_true_statement_with_something_left_out_keeps_the_words_of_its_rule_in_order() -> None:
    rng = random.Random(1)
    template = "{subject}は、{place}において、{object}の{verb}をしてはならない。"
    shorter = 0
    for _ in range(300):
        rule = random_rule(rng, [template])
        statement = restate(rng, rule, true=True, others=[rule], freedom=1.0)
        assert statement.text
        assert is_made_of(statement.text, rule_text(rule))
        shorter += statement.text != rule_text(rule).rstrip("。")
    assert shorter > 200


def test_a_bare_name_is_true_where_the_text_holds_it() -> None:
    rng = random.Random(4)
    for _ in range(200):
        context = random_context(rng, 3, "headings")
        if not any(part.kind in ("item", "word") for rule in context.rules for part in rule):
            continue
        held = name_statement(rng, context.rules, true=True)
        assert held.text in context.text
        stranger = name_statement(rng, context.rules, true=False)
        assert not any(stranger.text in rule_text(rule) for rule in context.rules)
        assert stranger.altered == (0, len(stranger.text))


@pytest.mark.parametrize("layout", ["lines", "headings", "articles"])
def test_a_context_shows_all_its_rules(layout: Layout) -> None:
    rng = random.Random(7)
    for count in (1, 2, 5):
        context = random_context(rng, count, layout)
        assert len(context.rules) >= count
        assert all(rule_text(rule) in context.text for rule in context.rules)


def test_headings_number_paragraphs_from_one_in_every_article() -> None:
    text = random_context(random.Random(5), 8, "headings").text
    assert text.startswith("## ")
    for article in re.split(r"### 第\d+条(?:の\d)?\n", text)[1:]:
        numbers = [int(number) for number in re.findall(r"^#### 第(\d+)項$", article, re.M)]
        assert numbers in ([], list(range(1, len(numbers) + 1)), list(range(2, len(numbers) + 2)))


def test_articles_stand_apart_each_under_its_name() -> None:
    text = random_context(random.Random(6), 6, "articles").text
    blocks = text.split("\n\n")
    assert 2 <= len(blocks) <= 3
    assert all(re.search(r" 第\d+条(（.+）)?$", block.splitlines()[0]) for block in blocks)


def test_rules_follow_from_the_seed_alone() -> None:
    assert [any_rule(random.Random(3)) for _ in range(2)] == [any_rule(random.Random(3))] * 2
