"""Contexts made as long as lawqa_jp's."""

from __future__ import annotations

import random
from dataclasses import replace

from app.data.generation.kinds.drafts import Draft, render_context
from app.data.generation.kinds.filling_up import LENGTHS, filled_up
from tests.data.generation.laws import lighthouse, pilotage


def draft_of(kind: str, shown: int = 1) -> Draft:
    book = lighthouse()
    passages = book.passages[:shown]
    return Draft(kind, ("正しいものはどれですか。",), "correct", (), render_context(book.title, passages), book.title, book.revision_id, passages, "1")  # fmt: skip


def test_paragraphs_around_are_added_and_none_is_longer_than_may_be() -> None:
    book, before = lighthouse(), draft_of("statement")
    for seed in range(40):
        after = filled_up(before, book.passages, (), random.Random(seed), 400)
        assert after.passages[0] == before.passages[0]
        assert len(before.context) < len(after.context) <= 400
        assert after.context == render_context("灯台法", after.passages)
        assert len({one.place for one in after.passages}) == len(after.passages)


def test_lists_stand_beside_no_other_list_that_is_not_asked_about() -> None:
    book = lighthouse()
    for seed in range(20):
        after = filled_up(draft_of("list"), book.passages, (), random.Random(seed), 700)
        assert all(not one.items for one in after.passages[1:])


def test_what_the_order_fills_in_comes_first() -> None:
    book = pilotage()
    shown = (book.passages[0],)
    draft = Draft("statement", ("正しいものはどれですか。",), "correct", (), render_context(book.title, shown), book.title, book.revision_id, shown, "1")  # fmt: skip
    orders = [one.order for one in book.fillings if one.act == book.passages[0]]
    after = filled_up(draft, book.passages, orders, random.Random(1), 700)
    assert after.passages[1].law == "水先法施行規則"
    assert after.context.index("## 水先法\n") < after.context.index("## 水先法施行規則\n### 第1条\n法第一条第一項")


def test_a_question_for_a_provision_or_one_that_is_long_stays_as_it_is() -> None:
    book = lighthouse()
    basis, long = draft_of("basis"), draft_of("statement", shown=4)
    assert filled_up(basis, book.passages, (), random.Random(1), 700) is basis
    assert filled_up(long, book.passages, (), random.Random(1), 100) is long


def test_a_paragraph_that_says_the_same_is_not_added() -> None:
    book = lighthouse()
    twin = replace(book.passages[0], article="2", paragraph="7")
    for seed in range(20):
        assert (
            twin
            not in filled_up(draft_of("statement"), (*book.passages[:1], twin), (), random.Random(seed), 700).passages
        )


def test_lengths_are_shares_in_order() -> None:
    assert list(LENGTHS) == sorted(LENGTHS)
    assert LENGTHS[0] > 0
    assert LENGTHS[-1] == 1.0
